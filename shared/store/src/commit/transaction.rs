//! The transaction of a decision, and what it means when it is cancelled.

use tessera_domain::decide::Decision;
use tessera_domain::ids::RewardId;
use tessera_domain::ledger::Entry;

use super::stock::Take;
use super::{Commit, EntryKey, Loaded, mark_key};
use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{Store, StoreError, indexes, keys};

const WRITE: &str = "committing a decision";

/// What one write of the transaction is for, at the same place.
#[derive(Debug)]
enum Part {
    Entry,
    /// The account, a mark, the guard of a new code, a new coupon, a changed one: when its condition does not hold, what was seen
    /// has changed.
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

impl Store {
    /// Writes a decision that was made from what was loaded.
    pub(super) async fn write_decision(
        &self,
        commit: &Commit<'_>,
        loaded: &Loaded,
        decision: &Decision,
        takes: &[Take],
    ) -> Result<Attempt, StoreError> {
        let (parts, writes): (Vec<Part>, Vec<Write>) =
            self.writes(commit, loaded, decision, takes)?.into_iter().unzip();
        match self.transact(WRITE, writes).await? {
            Transacted::Done => Ok(Attempt::Written),
            // An engine that tells that the entry is there, but not what it is.
            Transacted::Cancelled(obstacles) if obstacles.first() == Some(&Obstacle::Condition(None)) => {
                let entry = self.get_entry(commit.program, commit.member, commit.key).await?;
                Ok(entry.map_or(Attempt::Again, |entry| Attempt::Exists(Box::new(entry))))
            }
            Transacted::Cancelled(obstacles) => judge(&parts, obstacles),
        }
    }

    fn writes(
        &self,
        commit: &Commit<'_>,
        loaded: &Loaded,
        decision: &Decision,
        takes: &[Take],
    ) -> Result<Vec<(Part, Write)>, StoreError> {
        let Commit { program, member, key, .. } = commit;
        let table = &*self.tables.members;

        let entry =
            item(&keys::entry(program, member, key.as_str()), [(name::BODY, bytes(packed(WRITE, &decision.entry)?))]);
        let mut writes = vec![(Part::Entry, Write::put(table, entry).when(ABSENT))];

        let mut account = item(
            &keys::account(program, member),
            [(name::VERSION, number(decision.account.version)), (name::BODY, bytes(packed(WRITE, &decision.account)?))],
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
        writes.push((Part::Seen, account));

        let due = decision.due.iter().map(|entry| (EntryKey::event(entry.at, entry.sequence), entry));
        let changes = (1..).zip(&decision.tier_changes).map(|(place, entry)| (key.tier_change(place), entry));
        for (key, entry) in due.chain(changes) {
            let key = keys::entry(program, member, key.as_str());
            let entry = item(&key, [(name::BODY, bytes(packed(WRITE, entry)?))]);
            writes.push((Part::Seen, Write::put(table, entry).when(ABSENT)));
        }
        if let Some(text_of_mark) = commit.mark.filter(|_| decision.marks && !loaded.marked) {
            let mark = item(&mark_key(program, member, text_of_mark), [(name::LEADS_TO, text(key.as_str()))]);
            writes.push((Part::Seen, Write::put(table, mark).when(ABSENT)));
        }
        for coupon in &decision.issued {
            let place = keys::coupon(program, &coupon.member, coupon.issued_at, &coupon.code);
            let guard = [(name::MEMBER, text(coupon.member.as_str())), (name::LEADS_TO, text(&*place.sk))];
            let guard = item(&keys::coupon_guard(program, &coupon.code), guard);
            writes.push((Part::Seen, Write::put(table, guard).when(ABSENT)));
            let coupon = item(&place, [(name::BODY, bytes(packed(WRITE, coupon)?))]);
            writes.push((Part::Seen, Write::put(table, coupon).when(ABSENT)));
        }
        for (before, after) in &decision.changed {
            // The bytes that were read: another version of this code may pack the same coupon differently.
            let before = match loaded.packed.get(&before.code) {
                Some(bytes) => bytes.clone(),
                None => packed(WRITE, before)?,
            };
            writes.push((Part::Seen, self.coupon_write(WRITE, program, before, after)?));
        }
        for take in takes {
            let update = Write::update(table, &keys::stock(program, &take.reward, take.shard), "ADD issued :units")
                .when("attribute_not_exists(issued) OR issued <= :most")
                .value(":units", number(take.units))
                .value(":most", number(take.most_before));
            writes.push((Part::Stock(take.reward.clone()), update));
        }
        Ok(writes)
    }
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
