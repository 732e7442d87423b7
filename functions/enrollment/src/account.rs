//! What happens to a member's profile and account, in the order that loses nothing: the profile first, then the account.
//! Whoever finds the account unchanged after a fault does both again; whoever finds it changed has nothing left to do.

use jiff::Timestamp;
use tessera_domain::account::{Account, Status};
use tessera_domain::decide::{Context, Decision, decide_enrollment, decide_invitation, decide_profile};
use tessera_domain::ids::MemberId;
use tessera_domain::member::{IdentifierKind, MemberRef, Profile, ProfilePatch};
use tessera_domain::rule::{CompiledRule, RuleStatus, Trigger};
use tessera_domain::time::Day;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, NaturalKey, Response};
use tessera_lambda::referrals::ReferralMessage;
use tessera_lambda::{Problem, Services};
use tessera_store::{
    ActiveProgram, Commit, CommitError, Committed, EntryKey, IdentityError, OpenedMember, Party, ProfileNews, Snapshot,
};

/// How often a profile is read again that others keep changing.
pub(crate) const TRIES: u32 = 8;

/// The result of verifying the identifiers of a request.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Unverified identifiers at which the points of a contact without an id wait.
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that stay with another member, who has an id.
    pub conflict: Vec<IdentifierKind>,
}

/// A member whose profile and account a request changes.
pub(crate) struct EnrollmentContext<'a> {
    pub services: &'a Services,
    pub program: &'a ActiveProgram,
    pub member: &'a MemberId,
}

impl EnrollmentContext<'_> {
    /// The member as it is now: another one if somebody merged it meanwhile.
    pub async fn read(&self) -> Result<OpenedMember, Problem> {
        let found = self.services.store.open_member(&self.program.id, self.member).await?;
        found.ok_or_else(Problem::unknown_member)
    }

    /// Changes the profile. When somebody else changes it meanwhile, reads it again and retries.
    pub async fn rewrite(&self, change: impl Fn(&mut Profile) -> Result<(), Problem>) -> Result<Profile, Problem> {
        let (store, key) = (&self.services.store, &self.program.head.identity_key);
        for _ in 0..TRIES {
            let before = store.get_profile(&self.program.id, self.member).await?.ok_or_else(Problem::unknown_member)?;
            let mut after = before.clone();
            change(&mut after)?;
            after.note_changes(&before, self.services.clock.now());
            if after == before {
                return Ok(after);
            }
            match store
                .replace_profile(&self.program.id, key, self.member, [&before, &after], ProfileNews::Changes)
                .await
            {
                Ok(()) => return Ok(after),
                Err(IdentityError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::unavailable())
    }

    /// Makes the verified identifiers of a reference keys of the member.
    pub async fn verify(&self, reference: &MemberRef) -> Result<Notes, Problem> {
        let now = self.services.clock.now();
        let verified = self.services.store.verify_identifiers(self.program, self.member, reference, now).await?;
        Ok(Notes { claimable: verified.claimable, conflict: verified.conflict })
    }

    /// Makes a member of a contact; a change for the one request that did it, however often it is repeated.
    pub async fn enrol(&self, natural: &NaturalKey) -> Result<AccountCommit, Problem> {
        self.commit(&EntryKey::enrollment(natural.started_at, &natural.key), decide_enrollment).await
    }

    /// Lets the rules for lists and attributes fire that wait for what the profile has become; the caller reads the member again.
    /// Whoever repeats a change after a fault does this again: what has fired does not fire twice.
    pub async fn react(&self, natural: &NaturalKey) -> Result<AccountCommit, Problem> {
        let waits = |rule: &CompiledRule| {
            rule.rule.status == RuleStatus::Active
                && matches!(rule.rule.on, Trigger::ListSubscription { .. } | Trigger::Profile(_))
        };
        if !self.program.compiled.rules.iter().any(waits) {
            return Ok(AccountCommit::Unchanged);
        }
        self.commit(&EntryKey::profile(natural.started_at, &natural.key), decide_profile).await
    }

    /// Asks for the attribution of the member to the owner of a code.
    pub async fn ask_referral(&self, code: &str, click: Option<&str>, at: Timestamp) -> Result<(), Problem> {
        if self.program.compiled.referral.is_none() {
            return Ok(());
        }
        let mut message = ReferralMessage::new(self.program.id.clone(), self.member.clone());
        (message.code, message.click, message.at) = (Some(code.to_owned()), click.map(ToOwned::to_owned), Some(at));
        let asked = self.services.ask_referral(&message, "enrollment").await;
        asked.map_err(|error| Problem::internal(&error))
    }

    /// Gives the member a referral code, unless there is one.
    pub async fn assign_code(&self) -> Result<(), Problem> {
        if self.program.compiled.referral.is_none() {
            return Ok(());
        }
        let opened = self.read().await?;
        self.services.referral_code_of(self.program, &opened.member, &opened.account).await?;
        Ok(())
    }

    /// Notes that a visitor was invited.
    pub async fn invite(&self, started_at: Timestamp, actor: &str) -> Result<AccountCommit, Problem> {
        let key = EntryKey::adjustment(started_at, "invitation");
        self.commit(&key, |context, account| decide_invitation(context, account, actor)).await
    }

    /// Finds out whether somebody has merged the member into another one since it was read.
    pub async fn stays(&self) -> Result<AccountCommit, Problem> {
        let current = self.services.store.current_member(&self.program.id, self.member).await?;
        Ok(if current == *self.member { AccountCommit::Unchanged } else { AccountCommit::Merged })
    }

    /// Commits for this member and nobody else: where it is part of another one by now, that one's profile lacks what was written.
    async fn commit(
        &self,
        key: &EntryKey,
        decide: impl Fn(&Context<'_>, &Account) -> Option<Decision>,
    ) -> Result<AccountCommit, Problem> {
        let (config, now) = (&self.program.compiled, self.services.clock.now());
        // Read with the account, and after the profile was written: what it has become.
        let commit = Commit::for_one(&self.program.id, config, Party { profile: true, ..Party::new(self.member, key) });
        let decide = |seen: &Snapshot<'_>| {
            if seen.member != self.member {
                return Err(AccountCommit::Merged);
            }
            decide(&seen.context(config, now), seen.account).ok_or(AccountCommit::Unchanged)
        };
        match self.services.store.commit(&commit, decide).await {
            Ok(Committed::Now(_) | Committed::Already(_)) => Ok(AccountCommit::Changed),
            Err(CommitError::Refused(done)) => Ok(done),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Responds with the current state of the member.
    pub async fn respond(&self, request: &ApiRequest, status: u16, notes: Notes) -> Result<Response, Problem> {
        Ok(self.respond_with(request, status, &self.read().await?, notes))
    }

    /// Responds with a member who was read now.
    pub fn respond_with(&self, request: &ApiRequest, status: u16, opened: &OpenedMember, notes: Notes) -> Response {
        let OpenedMember { member, profile, account } = opened;
        let (config, now) = (&self.program.compiled, self.services.clock.now());
        let language = request.language(self.program, Some(profile));
        let view = MemberView::in_language(config, member, profile, account, now, language);
        http::json(status, &view.with_identity(notes.claimable, notes.conflict))
    }
}

/// What became of a change of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountCommit {
    /// It was committed, now or by an earlier attempt.
    Changed,
    /// There was nothing to change.
    Unchanged,
    /// The member is part of another one by now. What was written of the profile is to be written of that one's.
    Merged,
}

/// Refuses to enrol someone who is shut out.
pub(crate) fn refuse_excluded(status: Status) -> Result<(), Problem> {
    if status == Status::Excluded {
        return Err(Problem::not_allowed("member_excluded", "this member is excluded from the program"));
    }
    Ok(())
}

/// Refuses a day of birth that has not come yet.
pub(crate) fn check_birth_date(
    services: &Services,
    program: &ActiveProgram,
    details: &ProfilePatch,
) -> Result<(), Problem> {
    let today = Day::of(services.clock.now(), &program.compiled.zone).date();
    details.check_birth_date(today).map_err(Problem::malformed)
}
