//! The import of one row.

use jiff::Timestamp;
use rust_decimal::Decimal;
use tessera_domain::account::Status;
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{
    ImportFault, Imported, ImportedBalance, ImportedRow, decide_import, find_reward, find_tier,
};
use tessera_domain::ids::{CouponCode, MemberId};
use tessera_domain::input::Fault;
use tessera_domain::member::{MemberRef, Profile};
use tessera_domain::points::Points;
use tessera_domain::time::Day;
use tessera_import::{CouponRow, ImportMode, ImportRow, MemberRow, OrderRow, RowFault, SpendRow, TierRow};
use tessera_intake::{Intake, TimeLimit};
use tessera_store::{
    Commit, CommitError, EntryKey, IdentityError, ImportedCode, Party, ProfileNews, PutFact, Snapshot, StoreError,
};

use crate::ImportError;
use crate::pass::{Pass, name};

/// How often a profile is read again that others keep changing.
const TRIES: u32 = 8;

/// Why a row about somebody whose erasure has begun is refused.
const ERASED: &str = "erased";

/// A row was imported, or the reasons why it was not.
pub(crate) type RowResult = Result<(), Vec<RowFault>>;

/// Which row is imported.
#[derive(Debug, Clone, Copy)]
struct RowPlace {
    /// Its number in the file.
    row: u64,
    /// True when nobody was known by its id and identifiers a moment ago.
    is_new: bool,
}

#[allow(clippy::needless_pass_by_value, reason = "most reasons are made for the call")]
pub(crate) fn refused(reason: impl ToString) -> RowResult {
    Err(vec![RowFault::of_row(reason.to_string())])
}

impl Pass<'_> {
    /// Imports a row, or checks it in a dry run. `is_new`: nobody was known by its id or identifiers a moment ago.
    pub(crate) async fn import_row(
        &self,
        row: u64,
        content: &ImportRow,
        is_new: bool,
    ) -> Result<RowResult, ImportError> {
        let at = RowPlace { row, is_new };
        let taken = match content {
            ImportRow::Member(member) => self.member(at, member).await,
            ImportRow::Tier(tier) => self.tier(at, tier).await,
            ImportRow::Coupon(coupon) => self.coupon(at, coupon).await,
            ImportRow::Spend(spend) => self.spend(at, spend).await,
            ImportRow::Order(order) => self.order(order).await,
            ImportRow::ReferralCode { reference, code } => self.referral_code(reference, code).await,
        };
        match taken {
            Err(ImportError::Identity(IdentityError::TooMany(error))) => Ok(refused(error)),
            Err(ImportError::Identity(IdentityError::Taken { identifier })) => {
                Ok(refused(format!("the {identifier} belongs to another member")))
            }
            Err(
                ImportError::Store(StoreError::AccountFull { what, .. })
                | ImportError::Identity(IdentityError::Store(StoreError::AccountFull { what, .. })),
            ) => Ok(refused(format!("the member has no room for {what}"))),
            // Trying again would not help, however long an interrupted erasure takes.
            Err(
                ImportError::Store(StoreError::Erased { .. })
                | ImportError::Identity(IdentityError::Store(StoreError::Erased { .. })),
            ) => Ok(refused(ERASED)),
            taken => taken,
        }
    }

    /// The reference with the identifiers that count as verified by the program's default.
    pub(crate) fn verified(&self, reference: &MemberRef) -> MemberRef {
        let default = &self.program.compiled.program.identity.verified;
        MemberRef { verified: Some(default.iter().copied().collect()), ..reference.clone() }
    }

    fn today(&self) -> Day {
        Day::of(self.services.clock.now(), &self.program.compiled.zone)
    }

    async fn member(&self, at: RowPlace, member: &MemberRow) -> Result<RowResult, ImportError> {
        let (details, now) = (&member.enrollment.details, self.services.clock.now());
        let reference = self.verified(&member.enrollment.reference);
        let mut complete = Profile::new(&reference, now);
        let checked = details.check_birth_date(self.today().date());
        if let Err(faults) = checked.and_then(|()| details.clone().apply(&mut complete)) {
            return Ok(Err(faults.into_iter().map(fault).collect()));
        }
        let imported = Imported::Balance(ImportedBalance {
            status: member.status,
            sets: self.plan.request.mode == ImportMode::Set,
            points: member.points.map(Points::new),
            qualifying: member.qualifying.map(Points::new),
            expires: member.expires.map(Day::from_date),
        });
        if let Err(refusal) = self.check(at.row, &imported) {
            return Ok(refused(refusal));
        }
        if self.dry_run {
            return Ok(Ok(()));
        }
        let enrols = member.status == Status::Member;
        let finish = |profile: &mut Profile| {
            profile.take_over(&complete);
            if enrols {
                profile.enrolled(now);
            }
        };
        if let Some(taken) = self.commit_new(at, &reference, &finish, &imported).await? {
            return Ok(taken);
        }
        let found =
            self.services.store.find_or_create_with(self.program, &reference, now, ProfileNews::None, &finish).await?;
        if !found.created {
            self.complete_profile(&found.member, &finish).await?;
        }
        self.commit(at.row, &found.member, &imported).await
    }

    /// Fills what a known member's profile lacks.
    async fn complete_profile(
        &self,
        member: &MemberId,
        finish: &(dyn Fn(&mut Profile) + Sync),
    ) -> Result<(), ImportError> {
        let (store, program) = (&self.services.store, &self.program.id);
        for _ in 0..TRIES {
            let Some(opened) = store.open_member(program, member).await? else { return Ok(()) };
            let mut after = opened.profile.clone();
            finish(&mut after);
            // What is older than the import stays older.
            after.created_at = opened.profile.created_at;
            if opened.account.status == Status::Excluded {
                after.enrolled_at = opened.profile.enrolled_at;
            }
            if after == opened.profile {
                return Ok(());
            }
            let key = &self.program.head.identity_key;
            match store
                .replace_profile(program, key, &opened.member, [&opened.profile, &after], ProfileNews::None)
                .await
            {
                Ok(()) => return Ok(()),
                Err(IdentityError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ImportError::Contended)
    }

    async fn tier(&self, at: RowPlace, tier: &TierRow) -> Result<RowResult, ImportError> {
        let Some(id) = find_tier(&self.program.compiled, &tier.tier) else {
            return Ok(refused(format!("there is no tier {:?}", tier.tier)));
        };
        let imported =
            Imported::Tier { tier: id, since: tier.since.map(Day::from_date), until: tier.until.map(Day::from_date) };
        self.check_and_commit(at, &tier.reference, &imported).await
    }

    async fn spend(&self, at: RowPlace, spend: &SpendRow) -> Result<RowResult, ImportError> {
        let rate = self.plan.request.points_per_unit.unwrap_or(Decimal::ZERO);
        let exact = spend.amount.checked_mul(rate);
        let points = exact.and_then(|exact| self.program.compiled.program.points.rounding.round(exact));
        let Some(points) = points else { return Ok(refused("the points are beyond any balance")) };
        let imported = Imported::Balance(ImportedBalance {
            status: Status::Visitor,
            sets: self.plan.request.mode == ImportMode::Set,
            points: Some(points),
            qualifying: None,
            expires: None,
        });
        self.check_and_commit(at, &spend.reference, &imported).await
    }

    async fn coupon(&self, at: RowPlace, coupon: &CouponRow) -> Result<RowResult, ImportError> {
        let Some(reward) = find_reward(&self.program.compiled, &coupon.reward) else {
            return Ok(refused(format!("there is no reward {:?}", coupon.reward)));
        };
        let code = match CouponCode::new(coupon.code.trim()) {
            Ok(code) if FoldedCode::is_picture(code.as_str()) => {
                return Ok(refused("the code must not end in .svg: the API reads that as a picture"));
            }
            Ok(code) => code,
            Err(error) => return Ok(refused(format!("the code {error}"))),
        };
        let last = coupon.expires.map(Day::from_date);
        let imported = Imported::Coupon {
            code: code.clone(),
            reward: reward.id.clone(),
            expires_at: last.map(|day| day.plus_days(1).start(&self.program.compiled.zone)),
            used: coupon.used,
        };
        if let Some(existing) = self.find_coupon(&code).await?
            && !self.is_of_row(at.row, &existing).await?
        {
            return Ok(refused(format!("the code {code} exists already")));
        }
        let taken = self.check_and_commit(at, &coupon.reference, &imported).await?;
        if self.dry_run && taken.is_ok() && !self.codes.is_first_of(FoldedCode::from(&code), at.row.to_string()) {
            return Ok(refused(format!("the code {code} exists already")));
        }
        Ok(taken)
    }

    async fn referral_code(&self, reference: &MemberRef, code: &str) -> Result<RowResult, ImportError> {
        let is_plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        let code = match CouponCode::new(code) {
            Ok(code) if is_plain && code.as_str().len() <= 64 => code,
            _ => return Ok(refused("the code must be 1 to 64 letters, digits, dashes and underscores")),
        };
        let taken = || refused(format!("the code {code} leads to another member"));
        let (store, now) = (&self.services.store, self.services.clock.now());
        let reference = self.verified(reference);
        if self.dry_run {
            return Ok(if self.is_free(&code, &reference).await? { Ok(()) } else { taken() });
        }
        let found = store.find_or_create_with(self.program, &reference, now, ProfileNews::None, &|_| {}).await?;
        let member = store.current_member(&self.program.id, &found.member).await?;
        Ok(match store.import_referral_code(&self.program.id, &member, &code, now).await? {
            ImportedCode::Done => Ok(()),
            ImportedCode::Taken => taken(),
            ImportedCode::TooMany(error) => refused(error),
        })
    }

    /// True if a referral code leads to nobody else, and no earlier row of a dry run gave it to somebody else.
    async fn is_free(&self, code: &CouponCode, reference: &MemberRef) -> Result<bool, ImportError> {
        let (store, program, folded) = (&self.services.store, &self.program.id, FoldedCode::from(code));
        if let Some(found) = store.referral_code(program, &folded, true).await? {
            let known = store.resolve(program, &self.program.head.identity_key, reference, true).await?;
            let Some(member) = known.member else { return Ok(false) };
            if !store.is_one_member(program, &found.member, &member).await? {
                return Ok(false);
            }
        }
        Ok(self.codes.is_first_of(folded, name(reference)))
    }

    pub(crate) async fn find_coupon(&self, code: &CouponCode) -> Result<Option<Coupon>, StoreError> {
        self.services.store.get_coupon(&self.program.id, &FoldedCode::from(code)).await
    }

    /// True when an earlier attempt of this row issued the coupon.
    async fn is_of_row(&self, row: u64, coupon: &Coupon) -> Result<bool, StoreError> {
        let key = self.key(row, false);
        Ok(self.services.store.get_entry(&self.program.id, &coupon.member, &key).await?.is_some())
    }

    /// An order becomes a receipt, and its points follow from the rules.
    async fn order(&self, order: &OrderRow) -> Result<RowResult, ImportError> {
        let mut receipt = match order.receipt(self.program.compiled.program.currency) {
            Ok(receipt) => receipt,
            Err(faults) => return Ok(Err(faults)),
        };
        receipt.history = true;
        let now = self.services.clock.now();
        if let Err(reason) = TimeLimit::days_ahead(now, 0).check(receipt.occurred_at) {
            return Ok(refused(format!("the order's date {reason}")));
        }
        let Pass { services, program, .. } = self;
        let intake = Intake { store: &services.store, programs: &services.programs, program, now };
        let reference = self.verified(&order.reference);
        let is_other = if self.dry_run {
            intake.conflicts(receipt, &reference).await?
        } else {
            matches!(intake.receipt(receipt, Some(&reference)).await?.put, PutFact::Different)
        };
        Ok(if is_other { refused(format!("there is an order {} with other content", order.id)) } else { Ok(()) })
    }

    /// Decides for somebody new, so that a row that is wrong for everybody creates nobody.
    fn check(&self, row: u64, imported: &Imported) -> Result<(), ImportFault> {
        let (supply, nobody) = (tessera_domain::decide::Supply::default(), MemberId::new("m_nobody"));
        let Ok(nobody) = nobody else { return Ok(()) };
        let context = tessera_domain::decide::Context {
            program: &self.program.compiled,
            member: &nobody,
            profile: None,
            now: self.services.clock.now(),
            seed: tessera_domain::decide::Seed([0; 32]),
            supply: &supply,
        };
        let row = ImportedRow { import: self.id, row };
        decide_import(&context, &tessera_domain::account::Account::default(), &row, imported).map(drop)
    }

    async fn check_and_commit(
        &self,
        at: RowPlace,
        reference: &MemberRef,
        imported: &Imported,
    ) -> Result<RowResult, ImportError> {
        if let Err(refusal) = self.check(at.row, imported) {
            return Ok(refused(refusal));
        }
        if self.dry_run {
            return Ok(Ok(()));
        }
        let (store, now) = (&self.services.store, self.services.clock.now());
        let reference = self.verified(reference);
        if let Some(taken) = self.commit_new(at, &reference, &|_| {}, imported).await? {
            return Ok(taken);
        }
        let found = store.find_or_create_with(self.program, &reference, now, ProfileNews::None, &|_| {}).await?;
        self.commit(at.row, &found.member, imported).await
    }

    /// Imports a row about somebody new in one transaction; `None`, and nothing done, when somebody is known.
    async fn commit_new(
        &self,
        at: RowPlace,
        reference: &MemberRef,
        complete: &(dyn Fn(&mut Profile) + Sync),
        imported: &Imported,
    ) -> Result<Option<RowResult>, ImportError> {
        if !at.is_new {
            return Ok(None);
        }
        let (config, now) = (&*self.program.compiled, self.services.clock.now());
        let (key, row) = (self.key(at.row, false), ImportedRow { import: self.id, row: at.row });
        let decide = |seen: &Snapshot<'_>| decide_import(&seen.context(config, now), seen.account, &row, imported);
        let committed = self.services.store.commit_new(self.program, reference, now, complete, &key, decide);
        match committed.await {
            Ok(committed) => Ok(committed.map(|_| Ok(()))),
            Err(CommitError::Refused(refusal)) => Ok(Some(refused(refusal))),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    async fn commit(&self, row: u64, member: &MemberId, imported: &Imported) -> Result<RowResult, ImportError> {
        let (config, now) = (&*self.program.compiled, self.services.clock.now());
        let key = self.key(row, false);
        let commit = Commit::for_one(&self.program.id, config, Party::new(member, &key));
        let row = ImportedRow { import: self.id, row };
        let decide = |seen: &Snapshot<'_>| decide_import(&seen.context(config, now), seen.account, &row, imported);
        match self.services.store.commit(&commit, decide).await {
            Ok(_) => Ok(Ok(())),
            Err(CommitError::Refused(refusal)) => Ok(refused(refusal)),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// The key of the entry of a row, or of its undoing.
    pub(crate) fn key(&self, row: u64, undone: bool) -> EntryKey {
        EntryKey::import(self.created_at(), self.id, row, undone)
    }

    const fn created_at(&self) -> Timestamp {
        self.import.created_at
    }
}

/// A fault of a profile: the first part of its pointer is the field.
fn fault(fault: Fault) -> RowFault {
    let column = fault.pointer.split('/').nth(1).filter(|name| !name.is_empty()).map(str::to_owned);
    RowFault { column, reason: fault.detail }
}
