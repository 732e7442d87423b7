//! The transaction of a decision, and what it means when it is cancelled.

use std::collections::BTreeSet;

use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::Decision;
use tessera_domain::ids::RewardId;
use tessera_domain::ledger::Entry;

use super::stock::Take;
use super::{Commit, EntryKey, Loaded, lapse, mark_key};
use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::writes::{ABSENT, MOST_WRITES, Obstacle, Transacted, Write};
use crate::{Store, StoreError, indexes, keys};

const WRITE: &str = "committing a decision";
const CLAIM: &str = "claiming codes";

/// The condition that a code is free, or was claimed for this very coupon.
const FREE_OR_OWN: &str = "attribute_not_exists(pk) OR (m = :m AND k = :k)";
/// The most bytes of all items of a transaction: DynamoDB takes 4 MB, keys and names of attributes included.
const MOST_BYTES: usize = 4_000_000;
/// The most bytes of an item's body: DynamoDB takes items of 400 KB, keys and names of attributes included.
const MOST_BODY: usize = 400_000;

/// What one write of the transaction is for, at the same place.
#[derive(Debug)]
enum Part {
    Entry,
    /// The account, a mark, a guard or a coupon: when its condition does not hold, what was seen has changed.
    Seen,
    Stock(RewardId),
}

/// How an attempt to write a decision ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is written.
    Written,
    /// There is an entry under the key, and this is it.
    Exists(Box<Entry>),
    /// What it was decided from has changed, or someone was in the way.
    Again,
    /// Counters of these rewards were used up.
    UsedUp(Vec<RewardId>),
}

/// The writes of a decision.
#[derive(Debug)]
pub(super) struct Plan {
    /// The key of the decision's entry: the commit's own, or that of a step before the last.
    key: EntryKey,
    writes: Vec<(Part, Write)>,
    /// Guards of new codes that the transaction has no room for: they are written before it. A guard whose coupon is
    /// never written leads nowhere, and only keeps its code from being drawn again.
    claims: Vec<Write>,
    /// The bytes of all items of the transaction, and of each new or changed coupon in it.
    bytes: usize,
    coupons: Vec<usize>,
    /// The rewards of which it takes the last unit of a counter.
    last_units: BTreeSet<RewardId>,
}

impl Plan {
    const fn new(key: EntryKey) -> Self {
        let last_units = BTreeSet::new();
        Self { key, writes: Vec::new(), claims: Vec::new(), bytes: 0, coupons: Vec::new(), last_units }
    }

    /// True when codes have to be claimed before the transaction.
    pub(super) const fn claims_codes(&self) -> bool {
        !self.claims.is_empty()
    }

    /// The rewards whose last unit it may take.
    pub(super) const fn last_units(&self) -> &BTreeSet<RewardId> {
        &self.last_units
    }

    /// How many coupons fewer would fit into the transaction; 0 when all of it fits.
    pub(super) fn coupons_too_many(&self) -> usize {
        let by_count = self.writes.len().saturating_sub(MOST_WRITES);
        let mut over = self.bytes.saturating_sub(MOST_BYTES);
        let mut by_bytes = 0;
        for bytes in self.coupons.iter().rev() {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*bytes);
            by_bytes += 1;
        }
        // What remains is not the coupons' fault: no number of them is few enough.
        if over > 0 { usize::MAX } else { by_count.max(by_bytes) }
    }

    fn push(&mut self, part: Part, write: Write, bytes: usize) {
        self.writes.push((part, write));
        self.bytes += bytes;
    }
}

impl Store {
    /// Claims the codes that the transaction has no room to guard; false when one of them is taken.
    pub(super) async fn claim_codes(&self, plan: &Plan) -> Result<bool, StoreError> {
        if plan.claims.is_empty() {
            return Ok(true);
        }
        Ok(matches!(self.transact_patiently(CLAIM, plan.claims.clone()).await?, Transacted::Done))
    }

    /// Writes a decision that was made from what was loaded.
    pub(super) async fn write_plan(&self, commit: &Commit<'_>, plan: Plan) -> Result<Attempt, StoreError> {
        let (parts, writes): (Vec<Part>, Vec<Write>) = plan.writes.into_iter().unzip();
        match self.transact(WRITE, writes).await? {
            Transacted::Done => Ok(Attempt::Written),
            // An engine that tells that the entry is there, but not what it is.
            Transacted::Cancelled(obstacles) if obstacles.first() == Some(&Obstacle::Condition(None)) => {
                let entry = self.get_entry(commit.program, commit.member, &plan.key).await?;
                Ok(entry.map_or(Attempt::Again, |entry| Attempt::Exists(Box::new(entry))))
            }
            Transacted::Cancelled(obstacles) => judge(&parts, obstacles),
        }
    }

    pub(super) fn writes(
        &self,
        commit: &Commit<'_>,
        loaded: &Loaded,
        decision: &Decision,
        takes: &[Take],
    ) -> Result<Plan, StoreError> {
        let Commit { program, member, .. } = commit;
        let key = decision.entry.step.map_or_else(|| commit.key.clone(), |step| commit.key.step(step));
        let table = &*self.tables.members;
        let mut plan = Plan::new(key.clone());

        let body = body(&decision.entry)?;
        let size = body.len();
        let entry = item(&keys::entry(program, member, key.as_str()), [(name::BODY, bytes(body))]);
        plan.push(Part::Entry, Write::put(table, entry).when(ABSENT), size);

        let body = self::body(&decision.account)?;
        let size = body.len();
        let mut account = item(
            &keys::account(program, member),
            [(name::VERSION, number(decision.account.version)), (name::BODY, bytes(body))],
        );
        let due = indexes::due(program, member, &decision.account);
        account.extend(due.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let account = Write::put(table, account);
        let version = loaded.account.version;
        let account = if version == 0 {
            account.when(ABSENT)
        } else {
            account.when("v = :before").value(":before", number(version))
        };
        plan.push(Part::Seen, account, size);

        let due = decision.due.iter().map(|entry| (EntryKey::event(entry.at, entry.sequence), entry));
        let changes = (1..).zip(&decision.tier_changes).map(|(place, entry)| (key.tier_change(place), entry));
        for (key, entry) in due.chain(changes) {
            let body = self::body(entry)?;
            let size = body.len();
            let entry = item(&keys::entry(program, member, key.as_str()), [(name::BODY, bytes(body))]);
            plan.push(Part::Seen, Write::put(table, entry).when(ABSENT), size);
        }
        if let Some(text_of_mark) = commit.mark.filter(|_| decision.marks && !loaded.marked) {
            let mark = item(&mark_key(program, member, text_of_mark), [(name::LEADS_TO, text(key.as_str()))]);
            plan.push(Part::Seen, Write::put(table, mark).when(ABSENT), 0);
        }
        for (before, after) in &decision.changed {
            // The bytes that were read: another version of this code may pack the same coupon differently.
            let before = match loaded.packed.get(&before.code) {
                Some(bytes) => bytes.clone(),
                None => packed(WRITE, before)?,
            };
            let size = before.len();
            plan.coupons.push(size);
            plan.push(Part::Seen, self.coupon_write(WRITE, program, before, after)?, size);
        }
        let mut guards = Vec::new();
        for coupon in &decision.issued {
            let place = keys::coupon(program, &coupon.member, coupon.issued_at, &coupon.code);
            let lead = [(name::MEMBER, text(coupon.member.as_str())), (name::LEADS_TO, text(&*place.sk))];
            let [(_, member), (_, sk)] = lead.clone();
            let guard = Write::put(table, item(&keys::coupon_guard(program, &FoldedCode::from(&coupon.code)), lead));
            guards.push(guard.when(FREE_OR_OWN).value(":m", member).value(":k", sk));
            let body = packed(WRITE, coupon)?;
            let size = body.len();
            plan.coupons.push(size);
            let mut new = item(&place, [(name::BODY, bytes(body))]);
            let held = takes.iter().find(|take| take.reward == coupon.reward);
            new.extend(held.into_iter().flat_map(|take| lapse::held(program, coupon, take.shard)));
            plan.push(Part::Seen, Write::put(table, new).when(ABSENT), size);
        }
        for take in takes {
            let update = Write::update(table, &keys::stock(program, &take.reward, take.shard), "ADD issued :units")
                .when("attribute_not_exists(issued) OR issued <= :most")
                .value(":units", number(take.units))
                .value(":most", number(take.most_before));
            plan.push(Part::Stock(take.reward.clone()), update, 0);
            if take.fills {
                plan.last_units.insert(take.reward.clone());
            }
        }
        if plan.writes.len() + guards.len() <= MOST_WRITES {
            guards.into_iter().for_each(|guard| plan.push(Part::Seen, guard, 0));
        } else {
            plan.claims = guards;
        }
        Ok(plan)
    }
}

/// Packs the body of an item.
///
/// # Errors
/// [`StoreError::AccountFull`] for more than an item can hold.
fn body<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let packed = packed(WRITE, value)?;
    if packed.len() > MOST_BODY {
        let what = format!("an item of {} bytes", packed.len());
        return Err(StoreError::AccountFull { operation: WRITE, what });
    }
    Ok(packed)
}

/// What it means that something stood in the way. An entry that exists ends the matter, whatever else there is.
fn judge(parts: &[Part], obstacles: Vec<Obstacle>) -> Result<Attempt, StoreError> {
    let mut used_up = Vec::new();
    let mut changed = false;
    for (part, obstacle) in parts.iter().zip(obstacles) {
        match (part, obstacle) {
            (Part::Entry, Obstacle::Condition(Some(item))) => return entry(&item).map(Attempt::Exists),
            (_, Obstacle::None) => {}
            (Part::Stock(reward), Obstacle::Condition(_)) => used_up.push(reward.clone()),
            (_, Obstacle::Condition(_) | Obstacle::Passing) => changed = true,
        }
    }
    // When the account has changed as well, the stock is looked at again after that.
    if used_up.is_empty() || changed { Ok(Attempt::Again) } else { Ok(Attempt::UsedUp(used_up)) }
}

fn entry(item: &Item) -> Result<Box<Entry>, StoreError> {
    Reader::new(WRITE, item).body().map(Box::new)
}
