//! Opening balances, tiers and coupons of imported members, and the counter-entries that undo them.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, HeldTier, LotKey, Status, window_sum};
use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::ids::{CouponCode, RewardId, TierId};
use crate::ledger::{Bucket, Cause, Entry, Movement, MovementType};
use crate::points::{Both, Kind, Points};
use crate::program::{CompiledProgram, Reward, TierWindow};
use crate::time::Day;

/// Names one row of one import, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRow<'a> {
    /// The import.
    pub import: &'a str,
    /// The row, from 1.
    pub row: u64,
}

/// What a row brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// A balance.
    Balance(ImportedBalance),
    /// A tier.
    Tier {
        /// Which.
        tier: TierId,
        /// Since when; `None`: today.
        since: Option<Day>,
        /// The last day on which it is held; `None`: by the program's window.
        until: Option<Day>,
    },
    /// A coupon.
    Coupon {
        /// The code, as it was.
        code: CouponCode,
        /// Its reward.
        reward: RewardId,
        /// When it ends; `None`: by the reward.
        expires_at: Option<Timestamp>,
        /// True when it was used before the import.
        used: bool,
    },
}

/// Status and points of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedBalance {
    /// The status. A member stays one, and so does someone who is excluded.
    pub status: Status,
    /// True when the points are the balance afterwards; false when they are added.
    pub sets: bool,
    /// Redeemable points.
    pub points: Option<Points>,
    /// Qualifying points.
    pub qualifying: Option<Points>,
    /// The last day of the redeemable points; `None`: by the program's policy.
    pub expires: Option<Day>,
}

/// Why a row is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportFault {
    /// The points, the tier or the coupon ended before today.
    #[error("ended on {0}, before today")]
    Ended(Day),
    /// There is no such tier.
    #[error("there is no tier {0}")]
    UnknownTier(TierId),
    /// The tier stands outside the ladder, and an end is given.
    #[error("the tier {0} stands outside the ladder and never falls; leave its end empty")]
    EndOfVip(TierId),
    /// There is no such reward, or it has no fixed value.
    #[error("there is no reward {0} with a fixed value")]
    UnknownReward(RewardId),
    /// The member's partition has the entry of another row's undoing, or there is nothing to undo.
    #[error("there is nothing to undo")]
    NothingToUndo,
}

/// What of a row cannot be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotUndone {
    /// Points that were spent or have expired since.
    pub points: Points,
    /// The coupon was used since.
    pub coupon: bool,
}

/// The tier with an id or a name, whatever the case.
pub fn find_tier(program: &CompiledProgram, text: &str) -> Option<TierId> {
    let tiers = program.program.tiers.as_ref()?;
    let ladder = tiers.ladder.iter().map(|tier| (&tier.id, &tier.name));
    let mut all = ladder.chain(tiers.vip.iter().map(|tier| (&tier.id, &tier.name)));
    all.find(|(id, name)| is_called(id.as_str(), name, text)).map(|(id, _)| id.clone())
}

/// The reward with an id or a name, whatever the case.
pub fn find_reward<'p>(program: &'p CompiledProgram, text: &str) -> Option<&'p Reward> {
    program.program.rewards.iter().find(|reward| is_called(reward.id.as_str(), &reward.name, text))
}

fn is_called(id: &str, name: &crate::text::Text, text: &str) -> bool {
    let wanted = text.trim().to_lowercase();
    let names: Vec<&str> = match name {
        crate::text::Text::Plain(name) => vec![name],
        crate::text::Text::Localised(names) => names.values().map(String::as_str).collect(),
    };
    id.to_lowercase() == wanted || names.iter().any(|name| name.trim().to_lowercase() == wanted)
}

/// Decides on a row of an import.
///
/// # Errors
/// Why the row is refused. Nothing changes then.
pub fn decide_import(
    context: &Context<'_>,
    account: &Account,
    row: &ImportedRow<'_>,
    imported: &Imported,
) -> Result<Decision, ImportFault> {
    let mut draft = Draft::new(context, account, context.now, cause(row, false));
    match imported {
        Imported::Balance(balance) => import_balance(&mut draft, *balance)?,
        Imported::Tier { tier, since, until } => import_tier(&mut draft, tier, *since, *until)?,
        Imported::Coupon { code, reward, expires_at, used } => {
            import_coupon(&mut draft, code, reward, *expires_at, *used)?;
        }
    }
    Ok(draft.finish())
}

fn cause(row: &ImportedRow<'_>, undone: bool) -> Cause {
    Cause::Import { import: row.import.to_owned(), row: row.row, undone }
}

fn import_balance(draft: &mut Draft<'_>, balance: ImportedBalance) -> Result<(), ImportFault> {
    let today = draft.today();
    if let Some(end) = balance.expires.filter(|end| *end < today) {
        return Err(ImportFault::Ended(end));
    }
    match (draft.account.status, balance.status) {
        (Status::Visitor | Status::Pending, Status::Member) => {
            draft.account.status = Status::Member;
            draft.account.enrolled_at = Some(draft.context.now);
        }
        (Status::Visitor, Status::Pending) => draft.account.status = Status::Pending,
        (_, Status::Excluded) => draft.account.status = Status::Excluded,
        (_, Status::Visitor | Status::Pending | Status::Member) => {}
    }
    if let Some(points) = balance.points {
        let has = draft.account.available().minus(draft.account.debt);
        let delta = if balance.sets { points.minus(has) } else { points };
        let key = LotKey::new(today, draft.context.program.program.points.expiry);
        let key = balance.expires.map_or(key, |end| key.until(end));
        change_points(draft, delta, key);
        if delta.is_positive() {
            draft.entry.lot = Some(key);
        }
    }
    if let Some(points) = balance.qualifying {
        let window =
            draft.context.program.program.tiers.as_ref().map_or(TierWindow::CalendarYear, |tiers| tiers.window);
        let has = window_sum(window, &draft.account.qualifying, today);
        change_qualifying(draft, if balance.sets { points.minus(has) } else { points });
    }
    Ok(())
}

/// Adds points to a lot, or takes them; what is missing becomes a debt, as it was in the old program.
fn change_points(draft: &mut Draft<'_>, delta: Points, key: LotKey) {
    let movement = Movement::new(MovementType::Import);
    let movement = if delta.is_positive() {
        draft.account.deposit(movement, Bucket::Issued, key, delta)
    } else {
        let less = delta.negated();
        let taken: Points = draft.account.spend(less).iter().map(|lot| lot.points).sum();
        let owed = less.minus(taken);
        draft.account.debt = draft.account.debt.plus(owed);
        movement.post(Bucket::Available, Bucket::Removed, Kind::Redeemable, taken).post(
            Bucket::Debt,
            Bucket::Removed,
            Kind::Redeemable,
            owed,
        )
    };
    draft.push(movement);
}

fn change_qualifying(draft: &mut Draft<'_>, delta: Points) {
    let today = draft.today();
    let movement = Movement::new(MovementType::Import);
    if delta.is_positive() {
        draft.push(movement.post(Bucket::Issued, Bucket::Available, Kind::Qualifying, delta));
        draft.earn_qualifying(delta, today);
    } else {
        let less = delta.negated();
        let month = draft.account.qualifying.entry(today.month()).or_default();
        *month = month.minus(less);
        draft.account.tier.note_deducted(today.month(), less);
        draft.push(movement.post(Bucket::Available, Bucket::Removed, Kind::Qualifying, less));
    }
}

fn import_tier(
    draft: &mut Draft<'_>,
    tier: &TierId,
    since: Option<Day>,
    until: Option<Day>,
) -> Result<(), ImportFault> {
    let today = draft.today();
    if let Some(end) = until.filter(|end| *end < today) {
        return Err(ImportFault::Ended(end));
    }
    let unknown = || ImportFault::UnknownTier(tier.clone());
    let tiers = draft.context.program.program.tiers.as_ref().ok_or_else(unknown)?;
    let since = since.unwrap_or(today).min(today);
    if tiers.vip.iter().any(|vip| vip.id == *tier) {
        if until.is_some() {
            return Err(ImportFault::EndOfVip(tier.clone()));
        }
        draft.account.tier.vip = Some((tier.clone(), since));
        return Ok(());
    }
    let rank = tiers.rank(tier).ok_or_else(unknown)?;
    let by_window =
        (tiers.window == TierWindow::CalendarYear).then(|| today.first_of_year().plus_months(12).end_of_year());
    let until = until.or(by_window).filter(|_| rank > 0);
    // No tier before it: a refund of what the old program counted leads nowhere.
    draft.account.tier.before.clear();
    draft.account.tier.held = Some(HeldTier::new(tier.clone(), since, until, None));
    Ok(())
}

fn import_coupon(
    draft: &mut Draft<'_>,
    code: &CouponCode,
    reward: &RewardId,
    expires_at: Option<Timestamp>,
    used: bool,
) -> Result<(), ImportFault> {
    let context = draft.context;
    if let Some(end) = expires_at.filter(|end| *end <= context.now && !used) {
        // The coupon ended with the day before.
        let last = end.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(end);
        return Err(ImportFault::Ended(Day::of(last, &context.program.zone)));
    }
    let known = context.program.reward(reward).filter(|reward| reward.cost.chosen().is_none());
    let reward = known.ok_or_else(|| ImportFault::UnknownReward(reward.clone()))?;
    let by_reward =
        reward.valid_days.map(|days| draft.today().plus_days(days).plus_days(1).start(&context.program.zone));
    draft.issued.push(Coupon {
        code: code.clone(),
        handle: None,
        member: context.member.clone(),
        reward: reward.id.clone(),
        status: if used { CouponStatus::Used } else { CouponStatus::Available },
        cost: Points::ZERO,
        discount: Discount::of(reward, Points::ZERO, context.program.program.currency),
        issued_at: context.now,
        expires_at: expires_at.or(by_reward),
        until: None,
        taken: Vec::new(),
        receipt: None,
        ended_at: used.then_some(context.now),
        used_key: None,
        counted: false,
        restored: Points::ZERO,
        unpaid: false,
        provider: None,
        cancelling: None,
        drawn: false,
    });
    Ok(())
}

/// Decides on the undoing of a row: `done` is the entry that imported it, `coupon` the coupon that it brought, as it is now.
///
/// Points that were spent meanwhile are not taken back: an import that is undone leaves no debt.
///
/// # Errors
/// [`ImportFault::NothingToUndo`] when the entry is of another row.
pub fn decide_import_undo(
    context: &Context<'_>,
    account: &Account,
    row: &ImportedRow<'_>,
    done: &Entry,
    coupon: Option<&Coupon>,
) -> Result<Decision, ImportFault> {
    if done.cause != cause(row, false) {
        return Err(ImportFault::NothingToUndo);
    }
    let mut draft = Draft::new(context, account, context.now, cause(row, true));
    let delta = imported_points(done);
    if delta.redeemable.is_positive() {
        take_back(&mut draft, delta.redeemable, done.lot);
    } else if !delta.redeemable.is_zero() {
        let key = LotKey::new(draft.today(), context.program.program.points.expiry);
        change_points(&mut draft, delta.redeemable.negated(), key);
    }
    if !delta.qualifying.is_zero() {
        change_qualifying(&mut draft, delta.qualifying.negated());
    }
    if let Some(moved) = done.tier.as_ref().filter(|moved| !moved.is_unchanged()) {
        undo_tier(&mut draft, &moved.after);
    }
    if let Some(coupon) = coupon.filter(|coupon| draft.owns(coupon)) {
        match coupon.status_at(context.now) {
            CouponStatus::Available | CouponStatus::Applied | CouponStatus::Reserved => {
                let cancelled = Coupon {
                    status: CouponStatus::Cancelled,
                    until: None,
                    ended_at: Some(context.now),
                    ..coupon.clone()
                };
                draft.changed.push((coupon.clone(), cancelled));
            }
            CouponStatus::Used | CouponStatus::Expired | CouponStatus::Cancelled | CouponStatus::Lapsed => {}
        }
    }
    Ok(draft.finish())
}

/// What an entry's own movements changed, without what fell due with it.
fn imported_points(entry: &Entry) -> Both {
    let own = entry.movements.iter().filter(|movement| movement.kind == MovementType::Import);
    own.fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()))
}

impl NotUndone {
    /// Reads it from the entry of the return that undoes an order: the debt that was forgiven, and firings that stay because their
    /// coupon was used.
    pub fn of_return(entry: &Entry) -> Self {
        let forgiven = entry.movements.iter().filter(|movement| movement.kind == MovementType::WriteOff);
        let points = forgiven.fold(Both::ZERO, |sum, movement| sum.plus(movement.delta())).redeemable;
        let coupon = entry.outcomes.iter().any(|outcome| outcome.unrecoverable != 0);
        Self { points: if points.is_positive() { points } else { Points::ZERO }, coupon }
    }

    /// Compares the entry of a row with that of its undoing. `coupon`: the one that the row brought, as it is now.
    pub fn of(done: &Entry, undone: &Entry, coupon: Option<&Coupon>) -> Self {
        let left = imported_points(done).plus(imported_points(undone)).redeemable;
        let used = |coupon: &Coupon| coupon.status == CouponStatus::Used && coupon.ended_at != Some(coupon.issued_at);
        Self { points: if left.is_positive() { left } else { Points::ZERO }, coupon: coupon.is_some_and(used) }
    }
}

/// Takes imported points back that are still there, from their own lot first.
fn take_back(draft: &mut Draft<'_>, points: Points, lot: Option<LotKey>) {
    let today = draft.today();
    let fate = |key: LotKey| (key.last_day(), key.issued());
    let is_own = |key: LotKey| lot.is_some_and(|own| fate(own) == fate(key)) && key.spendable_from() <= today;
    let sum = |taken: Vec<crate::account::TakenLot>| taken.iter().map(|lot| lot.points).sum::<Points>();
    let own = sum(draft.account.lots.take(points, is_own));
    let others = sum(draft.account.spend(points.minus(own)));
    let taken = own.plus(others);
    let movement = Movement::new(MovementType::Import);
    draft.push(movement.post(Bucket::Available, Bucket::Removed, Kind::Redeemable, taken));
}

/// Takes an imported tier away, if it is still held: the ladder decides again.
fn undo_tier(draft: &mut Draft<'_>, imported: &TierId) {
    let today = draft.today();
    let tier = &mut draft.account.tier;
    if tier.vip.as_ref().is_some_and(|(vip, _)| vip == imported) {
        tier.vip = None;
    } else if tier.held.as_ref().is_some_and(|held| held.tier == *imported) {
        tier.held = None;
        tier.before.clear();
        tier.place(draft.context.program, &draft.account.qualifying, today);
    }
}
