//! Stocks: the issued units of a reward, spread over counters so that many redemptions can take units at once.
//!
//! A stock of `n` has min(16, n) counters, each with a share of `n`. A redemption raises one counter, on condition that it
//! stays within its share, so no stock is oversold. Only a redemption that has read all counters may take the last unit of
//! one: the condition of any other fails, and its next attempt reads them. So the commit that takes the last unit of a stock
//! knows it, and no other redemption pays for finding out. Raising a stock raises the shares. Lowering it lowers them, and
//! counts only what the remaining counters issued.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::decide::Supply;
use tessera_domain::ids::{ProgramId, RewardId};

use super::budget::Budgets;
use crate::items::{Reader, name};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a stock";
const MAX_SHARDS: u32 = 16;

/// Units of a reward that one counter gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    pub reward: RewardId,
    pub shard: u32,
    pub units: u32,
    /// Condition: what the counter may hold at most before.
    pub max_before: u32,
    /// True when these may be the counter's last units.
    pub fills: bool,
}

/// What one commit knows of stocks, and what it lets each party give away.
#[derive(Debug, Default)]
pub(super) struct Stocks {
    /// The counters of the rewards whose counters had to be read.
    issued: BTreeMap<RewardId, Vec<u32>>,
    /// What each party's decision may give away; `left` holds the rewards whose stock turned out to be short.
    pub supplies: Vec<Supply>,
    /// What is known of budgets.
    pub budgets: Budgets,
}

pub(crate) const fn shards(stock: u32) -> u32 {
    if stock < MAX_SHARDS { stock } else { MAX_SHARDS }
}

/// The share of a counter; zero for one that a stock does not have.
pub(crate) const fn share(stock: u32, shard: u32) -> u32 {
    let shards = shards(stock);
    if shard >= shards { 0 } else { stock / shards + (shard < stock % shards) as u32 }
}

impl Stocks {
    /// Chooses the counters that give `units` of a reward, beginning at `start`.
    ///
    /// # Errors
    /// How many units are left, when those are fewer.
    fn choose(&self, reward: &RewardId, stock: u32, units: u32, start: u32) -> Result<Vec<Take>, u32> {
        let issued = self.issued.get(reward);
        let mut missing = units;
        let mut takes = Vec::new();
        for shard in (0..shards(stock)).map(|step| (start % shards(stock) + step) % shards(stock)) {
            let before = issued.and_then(|issued| issued.get(shard as usize)).copied().unwrap_or(0);
            let share = share(stock, shard);
            let units = share.saturating_sub(before).min(missing);
            if units > 0 {
                missing -= units;
                let fills = before.saturating_add(units) >= share;
                let max_before = (share - units).saturating_sub(u32::from(!fills));
                takes.push(Take { reward: reward.clone(), shard, units, max_before, fills });
            }
            if missing == 0 {
                return Ok(takes);
            }
        }
        Err(units - missing)
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
    /// Reads all counters of a reward, after one of them had too few units. When all have none left, the units of lapsed
    /// reservations are freed first.
    pub(super) async fn refresh_stock(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        stock: u32,
        now: Timestamp,
        stocks: &mut Stocks,
    ) -> Result<(), StoreError> {
        let mut issued = self.stock_counters(program, reward, stock).await?;
        if is_used_up(&issued, stock) && self.free_lapsed(program, reward, now).await? > 0 {
            issued = self.stock_counters(program, reward, stock).await?;
        }
        if is_used_up(&issued, stock) {
            // The commit that took the last unit may have stopped before it added the reward to the list.
            self.note_sold_out(program, reward, stock).await?;
        }
        stocks.issued.insert(reward.clone(), issued);
        Ok(())
    }

    /// One counter of a stock, strongly consistent.
    pub(crate) async fn stock_counter(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        shard: u32,
    ) -> Result<u32, StoreError> {
        let counter = self.get(READ, &self.tables.members, &keys::stock(program, reward, shard), true).await?;
        counter.map_or(Ok(0), |counter| Reader::new(READ, &counter).number(name::ISSUED))
    }

    /// The counters of a stock, strongly consistent.
    pub(crate) async fn stock_counters(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        stock: u32,
    ) -> Result<Vec<u32>, StoreError> {
        let keys: Vec<_> = (0..shards(stock)).map(|shard| keys::stock(program, reward, shard)).collect();
        let items = self.get_many(READ, &self.tables.members, &keys, true).await?;
        let mut issued = vec![0; keys.len()];
        for item in &items {
            let reader = Reader::new(READ, item);
            let partition = reader.text(name::PK)?;
            if let Some(shard) = keys.iter().position(|key| key.pk == partition) {
                issued[shard] = reader.number(name::ISSUED)?;
            }
        }
        Ok(issued)
    }
}

/// True when no counter of a stock has a unit left.
pub(super) fn is_used_up(issued: &[u32], stock: u32) -> bool {
    let full = |shard: u32| issued.get(shard as usize).is_some_and(|issued| *issued >= share(stock, shard));
    (0..shards(stock)).all(full)
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
    fn the_shares_are_the_stock() {
        for stock in [0, 1, 5, 15, 16, 17, 100, 1_000_003] {
            assert_eq!((0..MAX_SHARDS).map(|shard| share(stock, shard)).sum::<u32>(), stock);
        }
    }

    #[test]
    fn units_are_taken_wherever_there_are_some() {
        let mut stocks = of_one(Stocks::default());
        let takes = stocks.choose_all(&[&vec![reward(); 5]], |_| Some(5), 3).unwrap();
        assert_eq!(takes.iter().map(|take| take.shard).collect::<Vec<_>>(), [3, 4, 0, 1, 2]);
        assert!(takes.iter().all(|take| take.units == 1 && take.max_before == 0 && take.fills));
        let takes = stocks.choose_all(&[&vec![reward(); 3]], |_| Some(1000), 20).unwrap();
        assert_eq!(takes, [Take { reward: reward(), shard: 4, units: 3, max_before: 59, fills: false }]);
    }

    #[test]
    fn only_who_has_read_the_counters_takes_the_last_unit() {
        // Sixteen counters of three units: unread, only the first two of each are taken.
        let unread = Stocks::default().choose_all(&[&[reward()]], |_| Some(48), 0).unwrap();
        assert_eq!((unread[0].max_before, unread[0].fills), (1, false));
        let mut read = Stocks { issued: BTreeMap::from([(reward(), vec![2; 16])]), ..Stocks::default() };
        let last = read.choose_all(&[&[reward()]], |_| Some(48), 0).unwrap();
        assert_eq!((last[0].max_before, last[0].fills), (2, true));
    }

    #[test]
    fn a_stock_is_used_up_when_all_its_counters_are() {
        assert!(is_used_up(&[1, 1, 1], 3) && is_used_up(&[1, 2, 1], 3) && is_used_up(&[], 0));
        assert!(!is_used_up(&[1, 0, 1], 3) && !is_used_up(&[1, 1], 3));
    }

    #[test]
    fn a_short_stock_says_how_many_units_are_left() {
        let mut stocks = of_one(Stocks::default());
        assert_eq!(stocks.choose_all(&[&vec![reward(); 6]], |_| Some(5), 0), None);
        assert_eq!(stocks.supplies[0].left, BTreeMap::from([(reward(), 5)]));
        let issued = BTreeMap::from([(reward(), vec![1, 1, 0, 1, 1])]);
        let mut stocks = of_one(Stocks { issued, ..Stocks::default() });
        let take = Take { reward: reward(), shard: 2, units: 1, max_before: 0, fills: true };
        assert_eq!(stocks.choose_all(&[&[reward()]], |_| Some(5), 4).unwrap(), [take]);
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
