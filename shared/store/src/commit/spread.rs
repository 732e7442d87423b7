//! Totals that many transactions take from at once: the stock of a reward, the budget of a rule.
//!
//! A total is spread over up to 16 counters, each with a share of it. Each counter also stores the total that it is balanced
//! for. A take raises counters on condition that they are balanced for its own total and stay within their shares, so a total
//! is never exceeded.
//!
//! The first taker after a total was set, raised or lowered balances all 16 counters in one transaction: their sum stays, and
//! each is brought within its share. Where a total is used up, or was lowered to less than was given, nothing is balanced and
//! nothing is taken until enough has come back. While versions of a program overlap, each side balances the counters for its
//! own total, and the sum bounds both.

use crate::items::{Reader, name, number};
use crate::keys::Key;
use crate::writes::{Transacted, Write};
use crate::{Store, StoreError, retry};

/// The most counters of a total.
pub(crate) const MAX_SHARDS: u32 = 16;
/// The fewest points that one of several counters of a budget has.
const POINTS_PER_SHARD: i64 = 1_000;

/// A total, and how many counters have a share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    total: i64,
    shards: u32,
}

/// What one counter gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub shard: u32,
    pub amount: i64,
    /// Condition: the total that the counter is balanced for.
    pub total: i64,
    /// Condition: what the counter may have given at most before.
    pub max_before: i64,
    /// True when this is the rest of the counter's share, as far as is known.
    pub fills: bool,
}

/// A counter as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SpreadCounter {
    /// What it gave, less what came back; `None` for one that does not exist yet.
    pub given: Option<i64>,
    /// The total that it is balanced for; `None` before that was stored.
    pub total: Option<i64>,
    /// True when notice was given that the total is used up.
    pub is_noted: bool,
}

/// Where the counters of one total are.
#[derive(Debug)]
pub(crate) struct Counters {
    /// The key of each counter, also of those that have no share of the total.
    pub keys: Vec<Key>,
    /// The attribute of what was given.
    pub given: &'static str,
    /// The names of the operations, for errors.
    pub read: &'static str,
    pub balance: &'static str,
}

/// What counters gave in all.
pub(crate) fn given_by(counters: &[SpreadCounter]) -> i64 {
    counters.iter().filter_map(|counter| counter.given).sum()
}

impl Spread {
    pub fn of_stock(units: u32) -> Self {
        Self { total: i64::from(units), shards: units.min(MAX_SHARDS) }
    }

    pub fn of_budget(points: i64) -> Self {
        let shards = u32::try_from(points / POINTS_PER_SHARD).unwrap_or(MAX_SHARDS).clamp(1, MAX_SHARDS);
        Self { total: points, shards }
    }

    /// The number of counters that have a share.
    pub const fn shards(self) -> u32 {
        self.shards
    }

    /// The share of a counter.
    pub fn share(self, shard: u32) -> i64 {
        if shard >= self.shards {
            return 0;
        }
        let shards = i64::from(self.shards);
        self.total / shards + i64::from(i64::from(shard) < self.total % shards)
    }

    fn shares(self) -> impl Iterator<Item = i64> {
        (0..MAX_SHARDS).map(move |shard| self.share(shard))
    }

    /// Chooses the counters that give an amount, beginning at `start`. `given`: what each gave, when they were read.
    ///
    /// # Errors
    /// How much is left, when that is less.
    pub fn choose(self, given: Option<&[i64]>, amount: i64, start: u32) -> Result<Vec<Part>, i64> {
        let with_share = (0..self.shards).map(|step| (start % self.shards + step) % self.shards);
        let (mut missing, mut parts) = (amount, Vec::new());
        // A counter without a share has what came back to it.
        for shard in with_share.chain(self.shards..MAX_SHARDS) {
            let before = given.and_then(|given| given.get(shard as usize)).copied().unwrap_or(0);
            let room = self.share(shard) - before;
            let amount = room.min(missing);
            if amount > 0 {
                let max_before = self.share(shard) - amount;
                parts.push(Part { shard, amount, total: self.total, max_before, fills: amount == room });
                missing -= amount;
            }
            if missing == 0 {
                break;
            }
        }
        if missing > 0 { Err(amount - missing) } else { Ok(parts) }
    }

    /// An amount from one counter, which may be more than its share. The total has a counter.
    pub fn one_part(self, amount: i64, start: u32) -> Part {
        let shard = start % self.shards;
        Part { shard, amount, total: self.total, max_before: self.share(shard) - amount, fills: true }
    }

    /// What each counter gave, for [`Spread::choose`]: their whole shares, when the total is used up.
    pub fn given(self, counters: &[SpreadCounter]) -> Vec<i64> {
        if self.is_used_up(counters) {
            return self.shares().collect();
        }
        counters.iter().map(|counter| counter.given.unwrap_or(0)).collect()
    }

    /// True when counters gave the whole total, or more.
    pub fn is_used_up(self, counters: &[SpreadCounter]) -> bool {
        given_by(counters) >= self.total
    }

    fn is_balanced(self, counters: &[SpreadCounter]) -> bool {
        counters.iter().all(|counter| counter.total == Some(self.total))
    }

    /// What each counter is to have given, so that the sum stays and each is within its share. The total is not used up.
    fn balanced(self, counters: &[SpreadCounter]) -> Vec<i64> {
        let given = || counters.iter().map(|counter| counter.given.unwrap_or(0));
        let mut after: Vec<i64> = given().zip(self.shares()).map(|(given, share)| given.min(share)).collect();
        let mut surplus = given().sum::<i64>() - after.iter().sum::<i64>();
        for (counter, share) in after.iter_mut().zip(self.shares()) {
            let moved = (share - *counter).min(surplus);
            *counter += moved;
            surplus -= moved;
        }
        after
    }
}

impl Part {
    /// The write that takes it from a counter.
    pub fn write(&self, table: &str, key: &Key, given: &str) -> Write {
        Write::update(table, key, "ADD #given :amount")
            // A counter that is balanced for another total, or for none yet, counts otherwise.
            .when("st = :total AND #given <= :most")
            .named("#given", given)
            .value(":amount", number(self.amount))
            .value(":total", number(self.total))
            .value(":most", number(self.max_before))
    }
}

impl Store {
    /// All counters of a total, once they are balanced for it; as they are, when it is used up.
    pub(super) async fn balance(&self, of: &Counters, spread: Spread) -> Result<Vec<SpreadCounter>, StoreError> {
        for attempt in 1..=retry::TRIES {
            let mut counters = self.counters(of).await?;
            if spread.is_used_up(&counters) || spread.is_balanced(&counters) {
                return Ok(counters);
            }
            let after = spread.balanced(&counters);
            let writes = of.keys.iter().zip(&counters).zip(&after).map(|((key, counter), after)| {
                let write = Write::update(&self.tables.members, key, "SET #given = :after, st = :total")
                    .named("#given", of.given)
                    .value(":after", number(after))
                    .value(":total", number(spread.total));
                match counter.given {
                    None => write.when("attribute_not_exists(#given)"),
                    Some(before) => write.when("#given = :before").value(":before", number(before)),
                }
            });
            if self.transact(of.balance, writes.collect()).await? == Transacted::Done {
                for (counter, after) in counters.iter_mut().zip(after) {
                    *counter = SpreadCounter { given: Some(after), total: Some(spread.total), ..*counter };
                }
                return Ok(counters);
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: of.balance, tries: retry::TRIES })
    }

    /// All counters of a total, also those that have no share of it, strongly consistent.
    pub(super) async fn counters(&self, of: &Counters) -> Result<Vec<SpreadCounter>, StoreError> {
        let mut counters = vec![SpreadCounter::default(); of.keys.len()];
        for item in self.get_many(of.read, &self.tables.members, &of.keys, true).await? {
            let reader = Reader::new(of.read, &item);
            let partition = reader.text(name::PK)?;
            let optional = |name| reader.has(name).then(|| reader.number(name)).transpose();
            if let Some(shard) = of.keys.iter().position(|key| key.pk == partition) {
                let (given, total) = (optional(of.given)?, optional(name::BALANCED_FOR)?);
                counters[shard] = SpreadCounter { given, total, is_noted: reader.has(name::SINCE) };
            }
        }
        Ok(counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gave(given: &[i64]) -> Vec<SpreadCounter> {
        given.iter().map(|given| SpreadCounter { given: Some(*given), ..SpreadCounter::default() }).collect()
    }

    fn spreads() -> impl Iterator<Item = Spread> {
        let stocks = [0, 1, 5, 9, 10, 15, 16, 17, 100, 1_000_003].map(Spread::of_stock);
        let budgets = [1, 999, 1_000, 2_001, 17_003, 2_000_000].map(Spread::of_budget);
        stocks.into_iter().chain(budgets)
    }

    #[test]
    fn the_shares_are_the_total() {
        for spread in spreads() {
            assert_eq!(spread.shares().sum::<i64>(), spread.total);
        }
        let shards = |points| Spread::of_budget(points).shards();
        assert_eq!([shards(1), shards(1_999), shards(5_000), shards(1_000_000)], [1, 1, 5, 16]);
    }

    #[test]
    fn balancing_keeps_the_sum_and_the_shares() {
        // Seven of sixteen single units, and a stock of eight.
        let issued = gave(&[1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]);
        let expected = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Spread::of_stock(8).balanced(&issued), expected);
        let returned = gave(&[-30, 2, 0, 1, 1, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, -9]);
        for counters in [issued, returned, vec![SpreadCounter::default(); 16]] {
            for spread in spreads().filter(|spread| !spread.is_used_up(&counters)) {
                let after = spread.balanced(&counters);
                assert_eq!(after.iter().sum::<i64>(), given_by(&counters), "{spread:?}");
                assert!(after.iter().zip(spread.shares()).all(|(given, share)| *given <= share), "{spread:?}");
            }
        }
    }

    #[test]
    fn nothing_is_taken_while_a_lowered_total_is_used_up() {
        // The last counter has more than all of the lowered stock: the others have nothing to give either.
        let mut counters = gave(&[0; 15]);
        counters.push(SpreadCounter { given: Some(9), ..SpreadCounter::default() });
        for (stock, left) in [(8, 0), (9, 0), (10, 1)] {
            let spread = Spread::of_stock(stock);
            assert_eq!(spread.is_used_up(&counters), left == 0);
            if left == 0 {
                assert_eq!(spread.choose(Some(&spread.given(&counters)), 1, 3), Err(0), "of {stock}");
            }
        }
    }

    #[test]
    fn what_came_back_to_a_counter_without_a_share_is_given() {
        let given = [1_000, 500, 0, -70];
        let parts = Spread::of_budget(2_000).choose(Some(&given), 560, 0).unwrap();
        let parts: Vec<_> = parts.iter().map(|part| (part.shard, part.amount, part.max_before, part.fills)).collect();
        assert_eq!(parts, [(1, 500, 500, true), (3, 60, -60, false)]);
        assert_eq!(Spread::of_budget(2_000).choose(Some(&given), 571, 0), Err(570));
    }
}
