//! The transaction of one or more decisions, and what it means when it is cancelled.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode, PoolId};
use tessera_domain::decide::Decision;
use tessera_domain::ids::{MemberId, ProgramId, RewardId};
use tessera_domain::ledger::Entry;
use tessera_domain::rule::BudgetPeriod;

use super::budget::BudgetTake;
use super::load::{LoadedParty, mark_key};
use super::stock::Take;
use super::{Commit, EntryKey, Party, PartyAccount, lapse};
use crate::coupons::expiring;
use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::listing::{moved_listing, new_listing};
use crate::pools::PoolCodes;
use crate::writes::{ABSENT, MAX_WRITES, Obstacle, Transacted, Write};
use crate::{Store, StoreError, indexes, keys};

const WRITE: &str = "committing a decision";
const CLAIM: &str = "claiming codes";

/// The condition that a code is free, or was claimed for this very coupon.
const FREE_OR_OWN: &str = "attribute_not_exists(pk) OR (m = :m AND k = :k)";
/// Limit for all items of a transaction: DynamoDB takes 4 MB, keys and names of attributes included.
const MAX_BYTES: usize = 4_000_000;
/// Limit for one item's body: DynamoDB takes items of 400 KB, keys and names of attributes included.
const MAX_BODY_BYTES: usize = 400_000;

/// What one write of the transaction is for; says what a failed condition means.
#[derive(Debug)]
enum Part {
    /// The entry of a party, by its place: the decision is written already.
    Entry(usize),
    /// An account, marker, guard or coupon: it changed after it was loaded.
    Loaded,
    /// Units of a reward: the counter has too few.
    Stock(RewardId),
    /// Points of a budget: the counter has too few.
    Budget(BudgetPeriod),
    /// A write that the caller added: what it was made from has changed.
    Further,
}

/// How an attempt to write a transaction ended.
#[derive(Debug)]
pub(super) enum Attempt<const N: usize> {
    /// Everything is written.
    Written,
    /// Entries stand under the keys already.
    EntryExists([Entry; N]),
    /// Something changed after it was loaded, or somebody else is writing it.
    Conflict,
    /// What the caller's further writes were made from has changed.
    Outdated,
    /// Counters of these rewards have too few units.
    OutOfStock(Vec<RewardId>),
    /// Counters of these budgets have too few points.
    OverBudget(Vec<BudgetPeriod>),
}

/// What a coupon takes of a transaction.
#[derive(Debug, Clone, Copy)]
struct CouponSize {
    bytes: usize,
    writes: usize,
}

/// The writes of one or more decisions.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The place of each party's entry: under the party's own key, or under that of a step before the last.
    entries: Vec<(MemberId, EntryKey)>,
    writes: Vec<(Part, Write)>,
    /// Guards of new codes that the transaction has no room for: they are written before it. A guard whose coupon is
    /// never written leads nowhere, and only keeps its code from being drawn again.
    claims: Vec<Write>,
    /// The bytes of all items, and what each new or changed coupon among them takes.
    bytes: usize,
    coupons: Vec<CouponSize>,
    /// The rewards of which it takes the last unit of a counter.
    last_units: BTreeSet<RewardId>,
    /// The units that it takes of stocks, and the codes that it draws, by pool.
    takes: Vec<Take>,
    drawn: BTreeMap<PoolId, u64>,
}

impl Transaction {
    /// True when codes have to be claimed before the transaction.
    pub(super) const fn claims_codes(&self) -> bool {
        !self.claims.is_empty()
    }

    /// The rewards whose last unit it may take.
    pub(super) const fn last_units(&self) -> &BTreeSet<RewardId> {
        &self.last_units
    }

    /// The units that it takes, and the codes that it draws.
    pub(super) fn taken(&self) -> (Vec<Take>, BTreeMap<PoolId, u64>) {
        (self.takes.clone(), self.drawn.clone())
    }

    /// How many coupons too many it has; 0 when everything fits.
    pub(super) fn excess_coupons(&self) -> usize {
        let mut writes = self.writes.len().saturating_sub(MAX_WRITES);
        let mut bytes = self.bytes.saturating_sub(MAX_BYTES);
        let mut excess = 0;
        for coupon in self.coupons.iter().rev() {
            if writes == 0 && bytes == 0 {
                break;
            }
            writes = writes.saturating_sub(coupon.writes);
            bytes = bytes.saturating_sub(coupon.bytes);
            excess += 1;
        }
        // Without any coupon it would still be too large.
        if writes > 0 || bytes > 0 { usize::MAX } else { excess }
    }

    /// Adds writes that the caller made.
    ///
    /// # Errors
    /// [`StoreError::AccountFull`] when they do not fit.
    pub(super) fn add_further(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.writes.extend(writes.iter().map(|write| (Part::Further, write.clone())));
        let count = self.writes.len();
        if count > MAX_WRITES {
            let what = format!("a transaction of {count} writes");
            return Err(StoreError::AccountFull { operation: WRITE, what });
        }
        Ok(())
    }

    fn push(&mut self, part: Part, write: Write, bytes: usize) {
        self.writes.push((part, write));
        self.bytes += bytes;
    }
}

impl Store {
    /// Claims the codes that the transaction has no room to guard; false when one of them is taken.
    pub(super) async fn claim_codes(&self, transaction: &Transaction) -> Result<bool, StoreError> {
        if transaction.claims.is_empty() {
            return Ok(true);
        }
        Ok(matches!(self.transact_patiently(CLAIM, transaction.claims.clone()).await?, Transacted::Done))
    }

    /// Sends a transaction, once.
    pub(super) async fn write_transaction<const N: usize>(
        &self,
        program: &ProgramId,
        transaction: Transaction,
    ) -> Result<Attempt<N>, StoreError> {
        let (parts, writes): (Vec<Part>, Vec<Write>) = transaction.writes.into_iter().unzip();
        let obstacles = match self.transact(WRITE, writes).await? {
            Transacted::Done => return Ok(Attempt::Written),
            Transacted::Cancelled(obstacles) => obstacles,
        };
        let exists = |(part, obstacle): (&Part, &Obstacle)| {
            matches!(part, Part::Entry(_)) && matches!(obstacle, Obstacle::Condition(_))
        };
        // An entry that exists ends the matter, whatever else stands in the way.
        if parts.iter().zip(&obstacles).any(exists) {
            let mut known = vec![None; N];
            for (part, obstacle) in parts.iter().zip(&obstacles) {
                // Some engines report that the entry is there, but not what it is.
                if let (Part::Entry(party), Obstacle::Condition(Some(item))) = (part, obstacle) {
                    known[*party] = Some(read_entry(item)?);
                }
            }
            let standing = self.standing_entries(program, transaction.entries, known).await?;
            return Ok(standing.map_or(Attempt::Conflict, Attempt::EntryExists));
        }
        Ok(cause_of_cancellation(parts, &obstacles))
    }

    /// Builds the transaction of decisions that were made from what was loaded.
    pub(super) fn transaction<const N: usize>(
        &self,
        commit: &Commit<'_, N>,
        loaded: &[LoadedParty; N],
        decisions: &[Decision; N],
        takes: &[Take],
        codes: &PoolCodes,
        drawn: &[BudgetTake],
    ) -> Result<Transaction, StoreError> {
        let mut transaction = Transaction::default();
        let mut guards = Vec::new();
        for ((party, loaded), decision) in commit.parties.iter().zip(loaded).zip(decisions) {
            self.push_party(&mut transaction, commit, party, loaded, decision, codes)?;
            guards.extend(self.push_issued(&mut transaction, commit.program, decision, takes, codes)?);
        }
        for take in takes {
            let update = take.write(&self.tables.members, commit.program);
            transaction.push(Part::Stock(take.reward.clone()), update, 0);
            if take.part.fills {
                transaction.last_units.insert(take.reward.clone());
            }
        }
        transaction.takes = takes.to_vec();
        for take in drawn {
            let update = take.write(&self.tables.members, commit.program);
            transaction.push(Part::Budget(take.period.clone()), update, 0);
        }
        if transaction.writes.len() + guards.len() <= MAX_WRITES {
            for guard in guards {
                transaction.push(Part::Loaded, guard, 0);
            }
        } else {
            transaction.claims = guards;
        }
        Ok(transaction)
    }

    /// Adds one party's entries, account, place in the lists, marker and changed coupons.
    fn push_party<const N: usize>(
        &self,
        transaction: &mut Transaction,
        commit: &Commit<'_, N>,
        party: &Party<'_>,
        loaded: &LoadedParty,
        decision: &Decision,
        codes: &PoolCodes,
    ) -> Result<(), StoreError> {
        let (member, table, program) = (&loaded.member, &*self.tables.members, commit.program);
        let key = decision.entry.step.map_or_else(|| party.key.clone(), |step| party.key.step(step));
        let (entry, size) = self.entry_write(program, member, &key, &decision.entry)?;
        transaction.push(Part::Entry(transaction.entries.len()), entry, size);
        transaction.entries.push((member.clone(), key.clone()));

        let (account, size) = self.account_write(program, loaded, decision)?;
        transaction.push(Part::Loaded, account, size);

        if let Some(target) = decision.account.merged_into.as_ref().filter(|_| loaded.account.merged_into.is_none()) {
            let alias = item(&keys::alias(program, member), [(name::MEMBER, text(target.as_str()))]);
            transaction.push(Part::Loaded, Write::put(table, alias).when(ABSENT), 0);
        }
        if loaded.account.merged_into.is_some() && decision.account.merged_into.is_none() {
            transaction.push(Part::Loaded, Write::delete(table, &keys::alias(program, member)), 0);
        }
        let (accounts, decided_at) = ((&loaded.account, &decision.account), decision.entry.decided_at);
        let zone = &commit.config.zone;
        let moved = moved_listing(table, program, member, accounts, decided_at, zone);
        let is_new = party.account == PartyAccount::New;
        let new = || is_new.then(|| new_listing(table, program, member, decided_at, zone));
        if let Some(listing) = moved.or_else(new) {
            transaction.push(Part::Loaded, listing, 0);
        }
        let due = decision.due.iter().map(|entry| (EntryKey::event(entry.at, entry.sequence), entry));
        let changes = (1..).zip(&decision.tier_changes).map(|(place, entry)| (key.tier_change(place), entry));
        for (key, entry) in due.chain(changes) {
            let (entry, size) = self.entry_write(program, member, &key, entry)?;
            transaction.push(Part::Loaded, entry, size);
        }
        if let Some(once) = party.mark.filter(|_| decision.marks && !loaded.marked) {
            let mark = item(&mark_key(program, member, once), [(name::LEADS_TO, text(key.as_str()))]);
            transaction.push(Part::Loaded, Write::put(table, mark).when(ABSENT), 0);
        }
        for (stored, after) in &decision.changed {
            // The bytes that were read: another version of this code may pack the same coupon differently.
            let before = match loaded.packed.get(&stored.code) {
                Some(bytes) => bytes.clone(),
                None => packed(WRITE, stored)?,
            };
            let size = before.len();
            let earlier = transaction.writes.len();
            if stored.member == after.member {
                transaction.push(Part::Loaded, self.coupon_write(WRITE, program, before, after)?, size);
            } else {
                self.push_moved(transaction, program, stored, before, after)?;
            }
            if stored.code != after.code {
                self.push_drawn(transaction, program, after, codes);
            }
            transaction.coupons.push(CouponSize { bytes: size, writes: transaction.writes.len() - earlier });
        }
        Ok(())
    }

    /// Adds the writes that draw a coupon's code from a pool; false when its code is not from a pool.
    fn push_drawn(
        &self,
        transaction: &mut Transaction,
        program: &ProgramId,
        coupon: &Coupon,
        codes: &PoolCodes,
    ) -> bool {
        let pool = match coupon.provider {
            None => PoolId::loaded(coupon.reward.clone()),
            Some(_) => PoolId::created(coupon.reward.clone(), &coupon.discount),
        };
        let Some(free) = codes.find(&pool, &coupon.code) else { return false };
        let place = keys::coupon(program, &coupon.member, coupon.issued_at, coupon.issued_code());
        for write in self.draw_writes(program, &pool, free, &coupon.member, &place) {
            transaction.push(Part::Loaded, write, 0);
        }
        *transaction.drawn.entry(pool).or_default() += 1;
        true
    }

    /// Adds the writes that give a coupon to another member: its item leaves one partition for the other, and its code leads
    /// there.
    fn push_moved(
        &self,
        transaction: &mut Transaction,
        program: &ProgramId,
        stored: &Coupon,
        before: Vec<u8>,
        after: &Coupon,
    ) -> Result<(), StoreError> {
        let table = &*self.tables.members;
        let from = keys::coupon(program, &stored.member, stored.issued_at, stored.issued_code());
        let into = keys::coupon(program, &after.member, after.issued_at, after.issued_code());
        let body = body(after)?;
        let size = body.len();
        let delete = Write::delete(table, &from).when("b = :before").value(":before", bytes(before));
        transaction.push(Part::Loaded, delete, size);
        let mut moved = item(&into, [(name::BODY, bytes(body))]);
        moved.extend(expiring(program, after));
        transaction.push(Part::Loaded, Write::put(table, moved).when(ABSENT), size);
        // The handle of its reservation leads to it as well.
        for code in [Some(&after.code), after.handle.as_ref()].into_iter().flatten() {
            // An update, because the guard keeps the code's place in a shop.
            let guard = keys::coupon_guard(program, &FoldedCode::from(code));
            let guard = Write::update(table, &guard, "SET m = :into, k = :k")
                .when("m = :m")
                .value(":m", text(stored.member.as_str()))
                .value(":into", text(after.member.as_str()))
                .value(":k", text(&*into.sk));
            transaction.push(Part::Loaded, guard, 0);
        }
        Ok(())
    }

    fn entry_write(
        &self,
        program: &ProgramId,
        member: &MemberId,
        key: &EntryKey,
        entry: &Entry,
    ) -> Result<(Write, usize), StoreError> {
        let body = body(entry)?;
        let size = body.len();
        let entry = item(&keys::entry(program, member, key.as_str()), [(name::BODY, bytes(body))]);
        Ok((Write::put(&self.tables.members, entry).when(ABSENT), size))
    }

    /// The write of a party's account, on condition that it is the one that was loaded.
    fn account_write(
        &self,
        program: &ProgramId,
        loaded: &LoadedParty,
        decision: &Decision,
    ) -> Result<(Write, usize), StoreError> {
        let body = body(&decision.account)?;
        let size = body.len();
        let mut account = item(
            &keys::account(program, &loaded.member),
            [(name::VERSION, number(decision.account.version)), (name::BODY, bytes(body))],
        );
        let due = indexes::due(program, &loaded.member, &decision.account);
        account.extend(due.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let write = Write::put(&self.tables.members, account);
        let write = match loaded.account.version {
            0 => write.when(ABSENT),
            version => write.when("v = :before").value(":before", number(version)),
        };
        Ok((write, size))
    }

    /// Adds the coupons that a decision issues; returns the guards of their codes.
    fn push_issued(
        &self,
        transaction: &mut Transaction,
        program: &ProgramId,
        decision: &Decision,
        takes: &[Take],
        codes: &PoolCodes,
    ) -> Result<Vec<Write>, StoreError> {
        let table = &*self.tables.members;
        let mut guards = Vec::new();
        for coupon in &decision.issued {
            let earlier = transaction.writes.len();
            let place = keys::coupon(program, &coupon.member, coupon.issued_at, coupon.issued_code());
            if !self.push_drawn(transaction, program, coupon, codes) {
                let lead = [(name::MEMBER, text(coupon.member.as_str())), (name::LEADS_TO, text(&*place.sk))];
                let [(_, member), (_, sk)] = lead.clone();
                let guard = keys::coupon_guard(program, &FoldedCode::from(&coupon.code));
                let guard = Write::put(table, item(&guard, lead));
                guards.push(guard.when(FREE_OR_OWN).value(":m", member).value(":k", sk));
            }
            let body = packed(WRITE, coupon)?;
            let size = body.len();
            let mut new = item(&place, [(name::BODY, bytes(body))]);
            let counted = takes.iter().find(|take| take.reward == coupon.reward);
            new.extend(lapse::held(program, coupon, counted.map(|take| take.part.shard)));
            new.extend(expiring(program, coupon));
            new.extend(issued_by_shop(coupon));
            transaction.push(Part::Loaded, Write::put(table, new).when(ABSENT), size);
            transaction.coupons.push(CouponSize { bytes: size, writes: transaction.writes.len() - earlier });
        }
        Ok(guards)
    }
}

/// The attribute of a coupon whose code a shop created: its issue is relayed, because the pool may have run low. A reservation has
/// no such code yet.
fn issued_by_shop(coupon: &Coupon) -> Option<(String, AttributeValue)> {
    let is_drawn = coupon.provider.is_some() && coupon.status != CouponStatus::Reserved;
    is_drawn.then(|| (name::SHOP_ISSUED.to_owned(), text("1")))
}

/// Packs the body of an item.
///
/// # Errors
/// [`StoreError::AccountFull`] for more than an item can hold.
fn body<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let packed = packed(WRITE, value)?;
    if packed.len() > MAX_BODY_BYTES {
        let what = format!("an item of {} bytes", packed.len());
        return Err(StoreError::AccountFull { operation: WRITE, what });
    }
    Ok(packed)
}

/// Why a transaction was cancelled, when no entry exists under its keys.
fn cause_of_cancellation<const N: usize>(parts: Vec<Part>, obstacles: &[Obstacle]) -> Attempt<N> {
    let (mut out_of_stock, mut over_budget) = (Vec::new(), Vec::new());
    let mut conflict = false;
    for (part, obstacle) in parts.into_iter().zip(obstacles) {
        match (part, obstacle) {
            (_, Obstacle::None) => {}
            (Part::Further, Obstacle::Condition(_)) => return Attempt::Outdated,
            (Part::Stock(reward), Obstacle::Condition(_)) => out_of_stock.push(reward),
            (Part::Budget(period), Obstacle::Condition(_)) => over_budget.push(period),
            (_, Obstacle::Condition(_) | Obstacle::Passing) => conflict = true,
        }
    }
    // When an account has changed as well, the stock is looked at after the next attempt.
    match (conflict, out_of_stock.is_empty(), over_budget.is_empty()) {
        (true, _, _) | (false, true, true) => Attempt::Conflict,
        (false, false, _) => Attempt::OutOfStock(out_of_stock),
        // A short stock is looked at first.
        (false, true, false) => Attempt::OverBudget(over_budget),
    }
}

fn read_entry(item: &Item) -> Result<Entry, StoreError> {
    Reader::new(WRITE, item).body()
}
