//! Stocks: the issued units of a reward, spread over counters so that many redemptions can take units at once.
//!
//! A stock of `n` is given by min(16, n) of 16 counters, each with a share of `n`. A redemption raises one counter, on condition
//! that it stays within its share, so no stock is oversold. Only a redemption that has read all counters may take the last unit
//! of one: the condition of any other fails, and its next attempt reads them. So the commit that takes the last unit of a stock
//! knows it, and no other redemption pays for finding out.
//!
//! Each counter also stores the stock that it is balanced for, and a redemption takes units of its own stock alone. The first
//! one after a stock was set, raised or lowered balances all 16 counters in one transaction: their sum stays, and each is
//! brought within its share. What was issued beyond a lowered stock stays on the first counter, until the stock is raised again
//! or reservations lapse. While versions of a program overlap, each side balances the counters for its own stock, and the sum
//! bounds both.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::decide::Supply;
use tessera_domain::ids::{ProgramId, RewardId};

use super::budget::Budgets;
use crate::items::{Reader, name, number};
use crate::writes::{Transacted, Write};
use crate::{Store, StoreError, keys, retry};

const READ: &str = "reading a stock";
const BALANCE: &str = "balancing a stock";
const MAX_SHARDS: u32 = 16;

/// Units of a reward that one counter gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    pub reward: RewardId,
    pub shard: u32,
    pub units: u32,
    /// Condition: the stock that the counter is balanced for.
    pub stock: u32,
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

pub(super) const fn shards(stock: u32) -> u32 {
    if stock < MAX_SHARDS { stock } else { MAX_SHARDS }
}

/// The share of a counter; zero for one that a stock does not have.
pub(super) const fn share(stock: u32, shard: u32) -> u32 {
    let shards = shards(stock);
    if shard >= shards { 0 } else { stock / shards + (shard < stock % shards) as u32 }
}

/// A counter as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StockCounter {
    /// The units that it issued; `None` for one that does not exist yet.
    pub issued: Option<u32>,
    /// The stock that it is balanced for; `None` before that was stored.
    pub stock: Option<u32>,
}

/// The units that counters issued, in all.
pub(super) fn issued_by(counters: &[StockCounter]) -> u64 {
    counters.iter().filter_map(|counter| counter.issued).map(u64::from).sum()
}

/// Spreads what counters issued for another stock: the sum stays, and each counter is within its share if the stock has room.
fn balanced(issued: &[u32], stock: u32) -> Vec<u32> {
    let mut after: Vec<u32> = (0..).zip(issued).map(|(shard, issued)| (*issued).min(share(stock, shard))).collect();
    let mut surplus = issued.iter().zip(&after).map(|(before, after)| before - after).fold(0, u32::saturating_add);
    for (shard, counter) in (0..).zip(&mut after) {
        let units = (share(stock, shard) - *counter).min(surplus);
        *counter += units;
        surplus -= units;
    }
    if let Some(first) = after.first_mut() {
        *first = first.saturating_add(surplus);
    }
    after
}

/// The counters that the units of lapsed reservations return to. `held`: the counters that they were taken from.
///
/// What was issued beyond the stock goes first, so that a lapse frees no unit that the stock does not have. A counter that was
/// balanced since may have fewer units than were taken from it: others have them.
pub(super) fn returns(counters: &[StockCounter], held: &[u32]) -> BTreeMap<u32, u32> {
    let mut left: Vec<u32> = counters.iter().map(|counter| counter.issued.unwrap_or(0)).collect();
    let mut returns = BTreeMap::new();
    for own in held {
        let is_above = |shard: u32| {
            let Some(StockCounter { stock: Some(stock), .. }) = counters.get(shard as usize) else { return false };
            left.get(shard as usize).is_some_and(|left| *left > share(*stock, shard))
        };
        let has_units = |shard: &u32| left.get(*shard as usize).is_some_and(|left| *left > 0);
        let above = (0..MAX_SHARDS).find(|shard| is_above(*shard));
        let shard = above.or_else(|| Some(*own).filter(has_units)).or_else(|| (0..MAX_SHARDS).find(has_units));
        if let Some(shard) = shard {
            *returns.entry(shard).or_default() += 1;
            left[shard as usize] -= 1;
        }
    }
    returns
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
                takes.push(Take { reward: reward.clone(), shard, units, stock, max_before, fills });
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
        let mut issued = self.balance_stock(program, reward, stock).await?;
        if is_used_up(&issued, stock) && self.free_lapsed(program, reward, now).await? > 0 {
            issued = self.balance_stock(program, reward, stock).await?;
        }
        if is_used_up(&issued, stock) {
            // The commit that took the last unit may have stopped before it added the reward to the list.
            self.note_sold_out(program, reward, stock).await?;
        }
        stocks.issued.insert(reward.clone(), issued);
        Ok(())
    }

    /// What each counter of a reward issued, once all of them are balanced for a stock.
    async fn balance_stock(&self, program: &ProgramId, reward: &RewardId, stock: u32) -> Result<Vec<u32>, StoreError> {
        for attempt in 1..=retry::TRIES {
            let counters = self.stock_counters(program, reward).await?;
            let issued: Vec<u32> = counters.iter().map(|counter| counter.issued.unwrap_or(0)).collect();
            if counters.iter().all(|counter| counter.stock == Some(stock)) {
                return Ok(issued);
            }
            let after = balanced(&issued, stock);
            let writes = (0..).zip(counters).zip(&after).map(|((shard, counter), after)| {
                let place = keys::stock(program, reward, shard);
                let write = Write::update(&self.tables.members, &place, "SET issued = :after, st = :stock")
                    .value(":after", number(after))
                    .value(":stock", number(stock));
                match counter.issued {
                    None => write.when("attribute_not_exists(issued)"),
                    Some(before) => write.when("issued = :before").value(":before", number(before)),
                }
            });
            if self.transact(BALANCE, writes.collect()).await? == Transacted::Done {
                return Ok(after);
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: BALANCE, tries: retry::TRIES })
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

    /// All counters of a reward, also those that its stock of today does not use, strongly consistent.
    pub(crate) async fn stock_counters(
        &self,
        program: &ProgramId,
        reward: &RewardId,
    ) -> Result<Vec<StockCounter>, StoreError> {
        let keys: Vec<_> = (0..MAX_SHARDS).map(|shard| keys::stock(program, reward, shard)).collect();
        let mut counters = vec![StockCounter::default(); keys.len()];
        for item in self.get_many(READ, &self.tables.members, &keys, true).await? {
            let reader = Reader::new(READ, &item);
            let partition = reader.text(name::PK)?;
            if let Some(shard) = keys.iter().position(|key| key.pk == partition) {
                let stock = reader.has(name::STOCK).then(|| reader.number(name::STOCK)).transpose()?;
                counters[shard] = StockCounter { issued: Some(reader.number(name::ISSUED)?), stock };
            }
        }
        Ok(counters)
    }
}

/// True when counters have issued a whole stock, or more.
fn is_used_up(issued: &[u32], stock: u32) -> bool {
    issued.iter().copied().map(u64::from).sum::<u64>() >= u64::from(stock)
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
        assert_eq!(takes, [Take { reward: reward(), shard: 4, units: 3, stock: 1000, max_before: 59, fills: false }]);
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
    fn balancing_keeps_the_sum_and_the_shares() {
        // Nine of sixteen single units, and a stock of eight: no counter has room.
        let issued = [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0];
        assert_eq!(balanced(&issued, 8), [2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        for stock in [0, 1, 5, 9, 10, 16, 17, 1_000] {
            let after = balanced(&issued, stock);
            assert_eq!(after.iter().sum::<u32>(), 9, "{stock}");
            let room: u32 = (0..).zip(&after).map(|(shard, issued)| share(stock, shard).saturating_sub(*issued)).sum();
            assert_eq!(room, stock.saturating_sub(9), "{stock}");
        }
    }

    #[test]
    fn a_lapse_frees_first_what_was_issued_beyond_the_stock() {
        let counter = |issued| StockCounter { issued: Some(issued), stock: Some(2) };
        let counters = [counter(2), counter(1), counter(0), counter(0)];
        assert_eq!(returns(&counters, &[1]), BTreeMap::from([(0, 1)]));
        assert_eq!(returns(&counters, &[1, 1]), BTreeMap::from([(0, 1), (1, 1)]));
        // The unit of the third counter was balanced away.
        assert_eq!(returns(&counters, &[3, 3]), BTreeMap::from([(0, 2)]));
        let old = [StockCounter { issued: Some(1), stock: None }, StockCounter { issued: Some(3), stock: None }];
        assert_eq!(returns(&old, &[1, 1]), BTreeMap::from([(1, 2)]));
    }

    #[test]
    fn a_short_stock_says_how_many_units_are_left() {
        let mut stocks = of_one(Stocks::default());
        assert_eq!(stocks.choose_all(&[&vec![reward(); 6]], |_| Some(5), 0), None);
        assert_eq!(stocks.supplies[0].left, BTreeMap::from([(reward(), 5)]));
        let issued = BTreeMap::from([(reward(), vec![1, 1, 0, 1, 1])]);
        let mut stocks = of_one(Stocks { issued, ..Stocks::default() });
        let take = Take { reward: reward(), shard: 2, units: 1, stock: 5, max_before: 0, fills: true };
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
