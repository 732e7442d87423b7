//! Budgets: the points that a rule, or all rules together, may still give, spread over counters like a stock.
//!
//! A decision draws in the transaction that gives the points, on condition that its counters stay within their shares, so
//! no budget is exceeded. A commit that finds a counter short reads all of them: it then draws wherever there are points,
//! or tells the decision how many are left. What a refund returns lowers one counter, which may fall below zero.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::decide::{BudgetDraws, Supply};
use tessera_domain::ids::{ProgramId, RuleId};
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::points::Points;
use tessera_domain::program::CompiledProgram;
use tessera_domain::rule::{Budget, BudgetPeriod};

use crate::items::{Reader, moment, name, number};
use crate::writes::{ABSENT, Write};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a budget";
const NOTE: &str = "noting that a budget is used up";
/// The most counters of a budget, and the fewest points that one of several has.
const MAX_SHARDS: u32 = 16;
const POINTS_PER_SHARD: i64 = 1_000;

/// Points that one counter gives, or takes back when negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BudgetTake {
    pub period: BudgetPeriod,
    pub shard: u32,
    pub points: i64,
    /// Condition: what may be used of the counter at most before. `None` for points that come back.
    pub max_before: Option<i64>,
}

/// What one commit knows of budgets.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    /// What is used by counter, of the budgets whose counters had to be read.
    used: BTreeMap<BudgetPeriod, Vec<i64>>,
}

/// The budget that a period belongs to.
pub(crate) fn budget_of(config: &CompiledProgram, rule: Option<&RuleId>) -> Option<Budget> {
    match rule {
        None => config.program.budget,
        Some(rule) => config.rules.get(rule).and_then(|rule| rule.rule.budget),
    }
}

fn shards(points: i64) -> u32 {
    u32::try_from(points / POINTS_PER_SHARD).unwrap_or(MAX_SHARDS).clamp(1, MAX_SHARDS)
}

/// The share of a counter.
fn share(points: i64, shard: u32) -> i64 {
    let shards = i64::from(shards(points));
    let shard = i64::from(shard);
    if shard >= shards { 0 } else { points / shards + i64::from(shard < points % shards) }
}

impl Budgets {
    /// Chooses the counters for what the parties' decisions draw. `None` when a budget is short: the supplies
    /// then say what is left, and the parties decide again in their order.
    pub(super) fn choose(
        &self,
        draws: &[&BudgetDraws],
        config: &CompiledProgram,
        start: u32,
        supplies: &mut [Supply],
    ) -> Option<Vec<BudgetTake>> {
        let mut wanted: BTreeMap<&BudgetPeriod, i64> = BTreeMap::new();
        for (period, points) in draws.iter().copied().flatten() {
            *wanted.entry(period).or_default() += points;
        }
        let mut takes = Some(Vec::new());
        for (period, points) in wanted {
            let Some(budget) = budget_of(config, period.rule.as_ref()) else { continue };
            match self.choose_of(period, budget.points.get(), points, start) {
                Ok(chosen) => takes.iter_mut().for_each(|takes| takes.extend(chosen.iter().cloned())),
                Err(mut left) => {
                    takes = None;
                    for (supply, draws) in supplies.iter_mut().zip(draws) {
                        supply.budgets.insert(period.clone(), left);
                        left -= left.min(draws.get(period).copied().unwrap_or(0).max(0));
                    }
                }
            }
        }
        takes
    }

    /// The counters that give some points.
    ///
    /// # Errors
    /// How many points are left, when those are fewer.
    fn choose_of(&self, period: &BudgetPeriod, total: i64, points: i64, start: u32) -> Result<Vec<BudgetTake>, i64> {
        let count = shards(total);
        let take = |shard, points, max_before| BudgetTake { period: period.clone(), shard, points, max_before };
        if points <= 0 {
            let back = (points < 0).then(|| take(start % count, points, None));
            return Ok(back.into_iter().collect());
        }
        let Some(used) = self.used.get(period) else {
            // Unread, one counter gives all; its condition finds out whether it can.
            let shard = start % count;
            return Ok(vec![take(shard, points, Some(share(total, shard) - points))]);
        };
        // Counters that a larger budget had count too.
        let left = (total - used.iter().sum::<i64>()).max(0);
        if left < points {
            return Err(left);
        }
        let (mut missing, mut takes) = (points, Vec::new());
        for shard in (0..count).map(|step| (start % count + step) % count) {
            let before = used.get(shard as usize).copied().unwrap_or(0);
            let part = (share(total, shard) - before).min(missing);
            if part > 0 {
                takes.push(take(shard, part, Some(share(total, shard) - part)));
                missing -= part;
            }
            if missing == 0 {
                break;
            }
        }
        // A counter above its share, because the budget was lowered, hides what the others have too much.
        if missing > 0 { Err(points - missing) } else { Ok(takes) }
    }
}

impl BudgetTake {
    /// The write of the counter.
    pub(super) fn write(&self, table: &str, program: &ProgramId) -> Write {
        let counter = keys::budget(program, &self.period, self.shard);
        let write = Write::update(table, &counter, "ADD drawn :points").value(":points", number(self.points));
        match self.max_before {
            None => write,
            // A counter that does not exist yet has drawn nothing.
            Some(most) if most < 0 => write.when("drawn <= :most").value(":most", number(most)),
            Some(most) => write.when("attribute_not_exists(drawn) OR drawn <= :most").value(":most", number(most)),
        }
    }
}

impl Store {
    /// Reads all counters of a budget, after one of them had too few points. The first commit that finds a budget used up
    /// gives notice of it.
    pub(super) async fn refresh_budget(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
        period: &BudgetPeriod,
        now: Timestamp,
        budgets: &mut Budgets,
    ) -> Result<(), StoreError> {
        let (used, is_noted) = self.budget_counters(program, period).await?;
        if let Some(budget) = budget_of(config, period.rule.as_ref())
            && !is_noted
            && used.iter().sum::<i64>() >= budget.points.get()
        {
            self.note_used_up(program, period, budget.points, now).await?;
        }
        budgets.used.insert(period.clone(), used);
        Ok(())
    }

    /// What is used of some budgets in their periods, in one read.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn budgets_used(&self, program: &ProgramId, periods: &[BudgetPeriod]) -> Result<Vec<i64>, StoreError> {
        let keys_of = |period| (0..MAX_SHARDS).map(move |shard| keys::budget(program, period, shard));
        let places: BTreeMap<String, usize> =
            (0..).zip(periods).flat_map(|(place, period)| keys_of(period).map(move |key| (key.pk, place))).collect();
        let keys: Vec<_> = periods.iter().flat_map(keys_of).collect();
        let mut used = vec![0; periods.len()];
        for item in self.get_many(READ, &self.tables.members, &keys, false).await? {
            let reader = Reader::new(READ, &item);
            if let Some(place) = places.get(reader.text(name::PK)?).filter(|_| reader.has(name::DRAWN)) {
                used[*place] += reader.number::<i64>(name::DRAWN)?;
            }
        }
        Ok(used)
    }

    /// All counters of a budget, and whether notice was given that it is used up.
    async fn budget_counters(
        &self,
        program: &ProgramId,
        period: &BudgetPeriod,
    ) -> Result<(Vec<i64>, bool), StoreError> {
        let keys: Vec<_> = (0..MAX_SHARDS).map(|shard| keys::budget(program, period, shard)).collect();
        let mut used = vec![0; keys.len()];
        let mut is_noted = false;
        for item in self.get_many(READ, &self.tables.members, &keys, true).await? {
            let reader = Reader::new(READ, &item);
            let partition = reader.text(name::PK)?;
            if let Some(shard) = keys.iter().position(|key| key.pk == partition) {
                used[shard] = if reader.has(name::DRAWN) { reader.number(name::DRAWN)? } else { 0 };
                is_noted |= reader.has(name::SINCE);
            }
        }
        Ok((used, is_noted))
    }

    async fn note_used_up(
        &self,
        program: &ProgramId,
        period: &BudgetPeriod,
        points: Points,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let content = NoticeContent::Budget { rule: period.rule.clone(), period: period.start, points };
        let mark = Write::update(&self.tables.members, &keys::budget(program, period, 0), "SET t = :now")
            .when("attribute_not_exists(t)")
            .value(":now", moment(now));
        let notice =
            Write::put(&self.tables.members, crate::notices::notice_item(program, &Notice { at: now, content })?);
        // Who comes second finds the mark, and gives no notice.
        self.transact_patiently(NOTE, vec![mark, notice.when(ABSENT)]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period() -> BudgetPeriod {
        BudgetPeriod { rule: None, start: None }
    }

    fn read(used: Vec<i64>) -> Budgets {
        Budgets { used: BTreeMap::from([(period(), used)]) }
    }

    #[test]
    fn the_shares_are_the_budget() {
        for points in [1, 999, 1_000, 2_001, 17_003, 2_000_000] {
            assert_eq!((0..MAX_SHARDS).map(|shard| share(points, shard)).sum::<i64>(), points);
        }
        assert_eq!([shards(1), shards(1_999), shards(5_000), shards(1_000_000)], [1, 1, 5, 16]);
    }

    #[test]
    fn unread_one_counter_gives_all() {
        let takes = Budgets::default().choose_of(&period(), 16_000, 300, 35).unwrap();
        assert_eq!(takes, [BudgetTake { period: period(), shard: 3, points: 300, max_before: Some(700) }]);
    }

    #[test]
    fn the_last_points_are_found_in_the_other_counters() {
        let takes = read(vec![950, 990, 1_000]).choose_of(&period(), 3_000, 55, 1).unwrap();
        let parts: Vec<(u32, i64)> = takes.iter().map(|take| (take.shard, take.points)).collect();
        assert_eq!(parts, [(1, 10), (0, 45)]);
        assert_eq!(read(vec![950, 990, 1_000]).choose_of(&period(), 3_000, 61, 1), Err(60));
        // A lowered budget counts what its former counters gave.
        assert_eq!(read(vec![0, 900]).choose_of(&period(), 1_000, 101, 0), Err(100));
    }

    #[test]
    fn points_come_back_without_a_condition() {
        let takes = read(vec![0]).choose_of(&period(), 500, -20, 7).unwrap();
        assert_eq!(takes, [BudgetTake { period: period(), shard: 0, points: -20, max_before: None }]);
    }
}
