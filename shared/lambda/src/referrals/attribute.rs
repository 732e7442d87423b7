//! Attribution: a friend named an advocate's code.

use jiff::Timestamp;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{FriendChange, ReferralChange, decide_referral};
use tessera_domain::ids::{MemberId, ReferralId};
use tessera_domain::program::{Asked, CompiledReferral};
use tessera_domain::referral::{FriendReferrals, MAX_REFERRALS, Referral, ReferralStatus};
use tessera_domain::time::Day;
use tessera_store::{
    ActiveProgram, Commit, CommitError, EntryKey, FriendUpdate, OpenedMember, Party, StoreError, StoredFriend,
};

use super::suspect::{Pair, day_of, weight};
use super::{AttributionError, ReferralFault, may_recommend};
use crate::services::Services;

/// How often an attribution is tried when others change the friend's referrals.
const TRIES: u32 = 8;

/// A code that a friend named.
#[derive(Debug, Clone)]
pub struct NamedCode {
    /// The code.
    pub code: FoldedCode,
    /// When.
    pub at: Timestamp,
    /// The click on the advocate's link that led to it.
    pub click: Option<String>,
    /// What the shop knows of the friend.
    pub context: ReferralContext,
}

/// What the shop knows of a friend, for the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferralContext {
    /// The network.
    pub ip: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// The means of payment.
    pub payment: Option<String>,
    /// The postal address.
    pub address: Option<String>,
}

/// A code that may be named now.
#[derive(Debug, Clone)]
pub struct ValidCode<'a> {
    referral: &'a CompiledReferral,
    /// The code, as it was issued.
    code: String,
    advocate: OpenedMember,
}

/// The result of an attribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// The referral.
    pub referral: ReferralId,
    /// True if it is new.
    pub is_new: bool,
}

impl Services {
    /// Attributes a friend to the owner of a code. Naming a code again moves its attribution days.
    ///
    /// # Errors
    /// [`AttributionError::Fault`] for a code that cannot be taken; nothing changed.
    pub async fn attribute(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        named: &NamedCode,
    ) -> Result<Attributed, AttributionError> {
        let valid = self.check_code(program, named).await?;
        self.attribute_to(program, friend, named, &valid).await
    }

    /// Checks a code before anything is written: whose it is, and whether it may be named now.
    ///
    /// # Errors
    /// [`AttributionError::Fault`] for a code that cannot be taken.
    pub async fn check_code<'a>(
        &self,
        program: &'a ActiveProgram,
        named: &NamedCode,
    ) -> Result<ValidCode<'a>, AttributionError> {
        let referral = program.compiled.referral.as_ref().filter(|referral| referral.program.enabled);
        let referral = referral.ok_or(ReferralFault::NoReferrals)?;
        let store = &self.store;
        let code = store.referral_code(&program.id, &named.code, true).await?.ok_or(ReferralFault::UnknownCode)?;
        let zone = &program.compiled.zone;
        let (first, last) = referral.program.code.validity(code.issued_at, zone);
        let day = Day::of(named.at, zone);
        if day < first {
            return Err(ReferralFault::NotStarted.into());
        }
        if last.is_some_and(|last| day > last) {
            return Err(ReferralFault::Expired.into());
        }
        let advocate = store.open_member(&program.id, &code.member).await?.ok_or(ReferralFault::UnknownCode)?;
        if !may_recommend(referral, &advocate.account) {
            return Err(ReferralFault::AdvocateNotEligible.into());
        }
        Ok(ValidCode { referral, code: code.code, advocate })
    }

    /// Refuses a friend who is known and has named as many codes as one can.
    ///
    /// # Errors
    /// [`ReferralFault::TooManyCodes`]; when the store fails.
    pub async fn check_room(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        valid: &ValidCode<'_>,
    ) -> Result<(), AttributionError> {
        let owners = self.store.owners(&program.id, friend).await?;
        let friends = self.store.friend_referrals(&program.id, &owners).await?;
        let advocates = valid.advocate.owners();
        let mut all = friends.iter().flat_map(|friend| &friend.known.referrals);
        let is_known = all.any(|one| advocates.contains(&one.advocate));
        let is_full = friends.first().is_some_and(|first| first.known.referrals.len() >= MAX_REFERRALS);
        if is_full && !is_known { Err(ReferralFault::TooManyCodes.into()) } else { Ok(()) }
    }

    /// As [`Services::attribute`], with a code that was checked.
    ///
    /// # Errors
    /// As [`Services::attribute`].
    pub async fn attribute_to(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        named: &NamedCode,
        valid: &ValidCode<'_>,
    ) -> Result<Attributed, AttributionError> {
        let ValidCode { referral, code, advocate } = valid;
        let store = &self.store;
        let click = match &named.click {
            Some(click) => store.click_on(&program.id, &named.code, click).await?,
            None => None,
        };
        for _ in 0..TRIES {
            let opened = store.open_member(&program.id, friend).await?;
            let opened = opened.ok_or(StoreError::Item { operation: "attributing a friend", attribute: "profile" })?;
            let friends = store.friend_referrals(&program.id, &opened.owners()).await?;
            let owners = advocate.owners();
            let known = friends.iter().find_map(|friend| {
                let place = friend.known.referrals.iter().position(|one| owners.contains(&one.advocate))?;
                Some((friend, place))
            });
            let clicked_at = click.as_ref().map(|click| click.at);
            let pair = Pair { program, advocate, friend: &opened };
            let zone = &program.compiled.zone;
            let checks = referral.program.checks;
            let Some((before, place)) = known else {
                let Some(before) = friends.into_iter().next() else { break };
                if before.known.referrals.len() >= MAX_REFERRALS {
                    return Err(ReferralFault::TooManyCodes.into());
                }
                let suspicion = self.suspect(pair, named, click.as_ref(), None).await?;
                self.note(pair, &before, &suspicion, day_of(None, named, zone)).await?;
                let mut new = Referral::new(new_id()?, code.to_owned(), advocate.member.clone(), named.at);
                new.clicked_at = clicked_at;
                new.refused = suspicion.refused;
                new.suspect(&suspicion.evidence, |sign| weight(checks, sign));
                if new.refused.is_some() {
                    (new.status, new.reason) = (ReferralStatus::Rejected, new.refused);
                } else if new.score >= referral.program.review_at_score {
                    new.status = ReferralStatus::Flagged;
                }
                let id = new.id.clone();
                let mut after = before.known.clone();
                after.referrals.push(new);
                after.add_signs(&suspicion.signs);
                if self.write_attribution(program, referral, &opened, &before, after, &id).await? {
                    return Ok(Attributed { referral: id, is_new: true });
                }
                continue;
            };
            // What becomes known later counts as if it had been known at once. The evaluation that follows sets the status.
            let one = &before.known.referrals[place];
            let suspicion = self.suspect(pair, named, click.as_ref(), Some(one)).await?;
            self.note(pair, before, &suspicion, day_of(Some(one), named, zone)).await?;
            let mut after = before.known.clone();
            after.add_signs(&suspicion.signs);
            let one = &mut after.referrals[place];
            one.name_again(named.at, clicked_at);
            one.refused = one.refused.or(suspicion.refused);
            one.suspect(&suspicion.evidence, |sign| weight(checks, sign));
            let id = one.id.clone();
            if after == before.known || self.write_attribution(program, referral, &opened, before, after, &id).await? {
                return Ok(Attributed { referral: id, is_new: false });
            }
        }
        Err(StoreError::Contended { operation: "attributing a friend", tries: TRIES }.into())
    }

    /// Writes the friend's referrals with an entry that lets later purchases be recognized. False when something changed.
    async fn write_attribution(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        friend: &OpenedMember,
        before: &StoredFriend,
        after: FriendReferrals,
        id: &ReferralId,
    ) -> Result<bool, StoreError> {
        let config = &program.compiled;
        let days = referral.program.attribution_days;
        let until = after.referrals.iter().map(|one| one.until(days, &config.zone)).max();
        let now = self.clock.now();
        let due = super::evaluate::next_due(&after, referral, config, now);
        let update = FriendUpdate { after, due, at: now };
        if friend.account.referred_until >= until {
            return self.store.update_friend(&program.id, before, &update).await;
        }
        let key = EntryKey::referral(now, &format!("{id}#{}", before.version));
        let profile = config.asks_profile(Asked::Tier);
        let party = Party { profile, ..Party::new(&friend.member, &key) };
        let commit = Commit::for_one(&program.id, config, party);
        let change = ReferralChange {
            friend: Some(FriendChange { until, ..FriendChange::default() }),
            ..ReferralChange::default()
        };
        let committed = self.store.commit_referral(
            &commit,
            before,
            |_| update.clone(),
            |[seen]| {
                let context = seen.context(config, now);
                decide_referral(&context, seen.account, id, &change, &[]).map(|decision| [decision])
            },
        );
        match committed.await {
            Ok(Some(_)) => Ok(true),
            Ok(None) | Err(CommitError::Refused(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

fn new_id() -> Result<ReferralId, StoreError> {
    let id = ReferralId::new(format!("ref_{}", uuid::Uuid::now_v7().simple()));
    id.map_err(|_| StoreError::Item { operation: "naming a referral", attribute: "id" })
}
