//! Stocks: the issued units of a reward, spread over counters (`spread`) so that many redemptions can take units at once.
//!
//! Only a redemption that has read all counters may take the last unit of one: the condition of any other fails, and its next
//! attempt reads them. So the commit that takes the last unit of a stock knows it, and no other redemption pays for finding
//! out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::decide::Supply;
use tessera_domain::ids::{ProgramId, RewardId};

use super::budget::Budgets;
use super::spread::{Counters, MAX_SHARDS, Part, Spread, SpreadCounter};
use crate::items::{Reader, name};
use crate::writes::Write;
use crate::{Store, StoreError, keys};

const READ: &str = "reading a stock";
const BALANCE: &str = "balancing a stock";

/// Units of a reward that one counter gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    pub reward: RewardId,
    pub part: Part,
}

/// What one commit knows of stocks, and what it lets each party give away.
#[derive(Debug, Default)]
pub(super) struct Stocks {
    /// The counters of the rewards whose counters had to be read.
    issued: BTreeMap<RewardId, Vec<i64>>,
    /// What each party's decision may give away; `left` holds the rewards whose stock turned out to be short.
    pub supplies: Vec<Supply>,
    /// What is known of budgets.
    pub budgets: Budgets,
}

/// The counters that the units of lapsed reservations return to. `held`: the counters that they were taken from.
///
/// A counter that was balanced since may have fewer units than were taken from it: others have them.
pub(super) fn returns(counters: &[SpreadCounter], held: &[u32]) -> BTreeMap<u32, u32> {
    let mut left: Vec<i64> = counters.iter().map(|counter| counter.given.unwrap_or(0)).collect();
    let mut returns = BTreeMap::new();
    for own in held {
        let has_units = |shard: &u32| left.get(*shard as usize).is_some_and(|left| *left > 0);
        let shard = Some(*own).filter(has_units).or_else(|| (0..MAX_SHARDS).find(has_units));
        if let Some(shard) = shard {
            *returns.entry(shard).or_default() += 1;
            left[shard as usize] -= 1;
        }
    }
    returns
}

impl Take {
    /// The write of the counter.
    pub(super) fn write(&self, table: &str, program: &ProgramId) -> Write {
        self.part.write(table, &keys::stock(program, &self.reward, self.part.shard), name::ISSUED)
    }
}

impl Stocks {
    /// Chooses the counters that give `units` of a reward, beginning at `start`.
    ///
    /// # Errors
    /// How many units are left, when those are fewer.
    fn choose(&self, reward: &RewardId, stock: u32, units: u32, start: u32) -> Result<Vec<Take>, u32> {
        let issued = self.issued.get(reward).map(Vec::as_slice);
        let parts = Spread::of_stock(stock).choose(issued, i64::from(units), start);
        let parts = parts.map_err(|left| u32::try_from(left).unwrap_or(0))?;
        let take = |part: Part| {
            // One unit stays, so that whoever takes the last one has read the counters.
            let max_before = part.max_before - i64::from(!part.fills);
            Take { reward: reward.clone(), part: Part { max_before, ..part } }
        };
        Ok(parts.into_iter().map(take).collect())
    }

    /// Chooses the counters for all rewards that the parties' decisions take (one for each unit). `None` when a stock is
    /// short: the units left are then shared out in the order of the parties, and all have to decide again.
    pub(super) fn choose_all(
        &mut self,
        wanted: &[&[RewardId]],
        stock_of: impl Fn(&RewardId) -> Option<u32>,
        start: u32,
    ) -> Option<Vec<Take>> {
        let mut units: BTreeMap<&RewardId, u32> = BTreeMap::new();
        for reward in wanted.iter().copied().flatten() {
            *units.entry(reward).or_default() += 1;
        }
        let mut takes = Some(Vec::new());
        for (reward, units) in units {
            // Without a stock nothing has to be counted.
            let Some(stock) = stock_of(reward) else { continue };
            match self.choose(reward, stock, units, start) {
                Ok(chosen) => takes.iter_mut().for_each(|takes| takes.extend(chosen.iter().cloned())),
                Err(left) => {
                    self.share_out(reward, left, wanted);
                    takes = None;
                }
            }
        }
        takes
    }

    /// Tells each party how many of the last units of a reward it may take.
    fn share_out(&mut self, reward: &RewardId, mut left: u32, wanted: &[&[RewardId]]) {
        for (supply, wanted) in self.supplies.iter_mut().zip(wanted) {
            let wants = wanted.iter().filter(|other| *other == reward).count();
            let share = left.min(u32::try_from(wants).unwrap_or(u32::MAX));
            supply.left.insert(reward.clone(), share);
            left -= share;
        }
    }

    /// Takes the room for `excess` coupons from the parties that use it, the last party first. `None` when all of them
    /// together (`deferrable`, by party) use less.
    pub(super) fn give_room_back(&mut self, excess: usize, deferrable: &[usize]) -> Option<()> {
        let mut excess = excess;
        for (supply, coupons) in self.supplies.iter_mut().zip(deferrable).rev() {
            let less = excess.min(*coupons);
            if less > 0 {
                supply.coupons = coupons - less;
                excess -= less;
            }
        }
        (excess == 0).then_some(())
    }
}

impl Store {
    /// Reads all counters of a reward, after one of them had too few units or was balanced for another stock. When all have none
    /// left, the units of lapsed reservations are freed first.
    pub(super) async fn refresh_stock(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        stock: u32,
        now: Timestamp,
        stocks: &mut Stocks,
    ) -> Result<(), StoreError> {
        let (counters, spread) = (stock_counters(program, reward), Spread::of_stock(stock));
        let mut issued = self.balance(&counters, spread).await?;
        if spread.is_used_up(&issued) && self.free_lapsed(program, reward, now).await? > 0 {
            issued = self.balance(&counters, spread).await?;
        }
        if spread.is_used_up(&issued) {
            // The commit that took the last unit may have stopped before it added the reward to the list.
            self.note_sold_out(program, reward, stock).await?;
        }
        stocks.issued.insert(reward.clone(), spread.given(&issued));
        Ok(())
    }

    /// One counter of a stock, strongly consistent.
    pub(crate) async fn stock_counter(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        shard: u32,
    ) -> Result<i64, StoreError> {
        let counter = self.get(READ, &self.tables.members, &keys::stock(program, reward, shard), true).await?;
        counter.map_or(Ok(0), |counter| Reader::new(READ, &counter).number(name::ISSUED))
    }

    /// All counters of a reward, also those that its stock of today does not use, strongly consistent.
    pub(crate) async fn stock_counters(
        &self,
        program: &ProgramId,
        reward: &RewardId,
    ) -> Result<Vec<SpreadCounter>, StoreError> {
        self.counters(&stock_counters(program, reward)).await
    }
}

/// The counters of a reward.
fn stock_counters(program: &ProgramId, reward: &RewardId) -> Counters {
    let keys = (0..MAX_SHARDS).map(|shard| keys::stock(program, reward, shard)).collect();
    Counters { keys, given: name::ISSUED, read: READ, balance: BALANCE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reward() -> RewardId {
        RewardId::new("five-off").unwrap()
    }

    fn of_one(stocks: Stocks) -> Stocks {
        Stocks { supplies: vec![Supply::default()], ..stocks }
    }

    #[test]
    fn units_are_taken_wherever_there_are_some() {
        let mut stocks = of_one(Stocks::default());
        let takes = stocks.choose_all(&[&vec![reward(); 5]], |_| Some(5), 3).unwrap();
        assert_eq!(takes.iter().map(|take| take.part.shard).collect::<Vec<_>>(), [3, 4, 0, 1, 2]);
        assert!(takes.iter().all(|Take { part, .. }| part.amount == 1 && part.max_before == 0 && part.fills));
        let takes = stocks.choose_all(&[&vec![reward(); 3]], |_| Some(1000), 20).unwrap();
        let part = Part { shard: 4, amount: 3, total: 1000, max_before: 59, fills: false };
        assert_eq!(takes, [Take { reward: reward(), part }]);
    }

    #[test]
    fn only_who_has_read_the_counters_takes_the_last_unit() {
        // Sixteen counters of three units: unread, only the first two of each are taken.
        let unread = Stocks::default().choose_all(&[&[reward()]], |_| Some(48), 0).unwrap();
        assert_eq!((unread[0].part.max_before, unread[0].part.fills), (1, false));
        let mut read = Stocks { issued: BTreeMap::from([(reward(), vec![2; 16])]), ..Stocks::default() };
        let last = read.choose_all(&[&[reward()]], |_| Some(48), 0).unwrap();
        assert_eq!((last[0].part.max_before, last[0].part.fills), (2, true));
    }

    #[test]
    fn a_lapse_returns_units_to_counters_that_have_some() {
        let counters = [2, 1, 0, 0].map(|issued| SpreadCounter { given: Some(issued), ..SpreadCounter::default() });
        assert_eq!(returns(&counters, &[1]), BTreeMap::from([(1, 1)]));
        // The second unit of the second counter, and those of the others, were balanced away.
        assert_eq!(returns(&counters, &[1, 1]), BTreeMap::from([(0, 1), (1, 1)]));
        assert_eq!(returns(&counters, &[3, 3]), BTreeMap::from([(0, 2)]));
        assert_eq!(returns(&counters, &[3, 3, 3, 3]), BTreeMap::from([(0, 2), (1, 1)]));
    }

    #[test]
    fn a_short_stock_says_how_many_units_are_left() {
        let mut stocks = of_one(Stocks::default());
        assert_eq!(stocks.choose_all(&[&vec![reward(); 6]], |_| Some(5), 0), None);
        assert_eq!(stocks.supplies[0].left, BTreeMap::from([(reward(), 5)]));
        let issued = BTreeMap::from([(reward(), vec![1, 1, 0, 1, 1])]);
        let mut stocks = of_one(Stocks { issued, ..Stocks::default() });
        let part = Part { shard: 2, amount: 1, total: 5, max_before: 0, fills: true };
        assert_eq!(stocks.choose_all(&[&[reward()]], |_| Some(5), 4).unwrap(), [Take { reward: reward(), part }]);
        assert_eq!(stocks.choose_all(&[&vec![reward(); 2]], |_| Some(5), 4), None);
        assert_eq!(stocks.supplies[0].left, BTreeMap::from([(reward(), 1)]));
    }

    #[test]
    fn every_short_stock_is_found_at_once() {
        let other = RewardId::new("ten-off").unwrap();
        let mut stocks = of_one(Stocks::default());
        let wanted = [reward(), reward(), reward(), other.clone(), other.clone()];
        let stock_of = |id: &RewardId| Some(if *id == other { 1 } else { 2 });
        assert_eq!(stocks.choose_all(&[&wanted], stock_of, 0), None);
        assert_eq!(stocks.supplies[0].left, BTreeMap::from([(reward(), 2), (other, 1)]));
    }

    #[test]
    fn parties_share_the_last_units() {
        let mut stocks = Stocks { supplies: vec![Supply::default(); 3], ..Stocks::default() };
        let (two, one) = (vec![reward(); 2], vec![reward()]);
        let wanted: [&[RewardId]; 3] = [&two, &one, &one];
        assert_eq!(stocks.choose_all(&wanted, |_| Some(3), 0), None);
        let shares: Vec<u32> = stocks.supplies.iter().map(|supply| supply.left[&reward()]).collect();
        assert_eq!(shares, [2, 1, 0]);
        assert_eq!(stocks.choose_all(&[&two, &one, &[]], |_| Some(3), 0).unwrap().len(), 3);
    }

    #[test]
    fn the_last_party_gives_its_room_back_first() {
        let mut stocks = Stocks { supplies: vec![Supply::default(); 2], ..Stocks::default() };
        assert_eq!(stocks.give_room_back(50, &[60, 40]), Some(()));
        assert_eq!(stocks.supplies.iter().map(|supply| supply.coupons).collect::<Vec<_>>(), [50, 0]);
        assert_eq!(stocks.give_room_back(5, &[4, 0]), None);
    }

    #[test]
    fn a_reward_without_a_stock_is_not_counted() {
        assert_eq!(Stocks::default().choose_all(&[&[reward()]], |_| None, 0).unwrap(), []);
    }
}
