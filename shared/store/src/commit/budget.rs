//! Budgets: the points that a rule, or all rules together, may still give, spread over counters like a stock.
//!
//! A decision draws in the transaction that gives the points, so no budget is exceeded (`spread`). A commit that finds a
//! counter short reads all of them: it then draws wherever there are points, or tells the decision how many are left. What a
//! refund returns lowers one counter, whatever total that is balanced for, and may bring it below zero.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::decide::{BudgetDraws, Decision, Supply};
use tessera_domain::ids::{ProgramId, RuleId};
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::points::Points;
use tessera_domain::program::CompiledProgram;
use tessera_domain::rule::{Budget, BudgetPeriod};

use super::spread::{Counters, MAX_SHARDS, Part, Spread};
use crate::items::{Reader, moment, name, number};
use crate::writes::{ABSENT, Write};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a budget";
const NOTE: &str = "noting that a budget is used up";
const BALANCE: &str = "balancing a budget";

/// A change of one counter of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BudgetTake {
    pub period: BudgetPeriod,
    pub change: BudgetChange,
}

/// What a counter gives or gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BudgetChange {
    Draw(Part),
    /// Points that come back, without a condition.
    Return {
        shard: u32,
        points: i64,
    },
}

/// What one commit knows of budgets.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    /// What is used of each counter, of the budgets whose counters had to be read.
    used: BTreeMap<BudgetPeriod, Vec<i64>>,
}

/// The budget that a period belongs to.
pub(crate) fn budget_of(config: &CompiledProgram, rule: Option<&RuleId>) -> Option<Budget> {
    match rule {
        None => config.program.budget,
        Some(rule) => config.rules.get(rule).and_then(|rule| rule.rule.budget),
    }
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
        let (spread, take) = (Spread::of_budget(total), |change| BudgetTake { period: period.clone(), change });
        if points < 0 {
            let back = BudgetChange::Return { shard: start % spread.shards(), points: -points };
            return Ok(vec![take(back)]);
        }
        let used = self.used.get(period).map(Vec::as_slice);
        let parts = match (spread.choose(used, points, start), used) {
            // More may be left than the whole budget, because points came back: the counter's condition finds it out.
            (Err(_), None) => vec![spread.one_part(points, start)],
            (parts, _) => parts?,
        };
        Ok(parts.into_iter().map(|part| take(BudgetChange::Draw(part))).collect())
    }
}

impl BudgetTake {
    /// The write of the counter.
    pub(super) fn write(&self, table: &str, program: &ProgramId) -> Write {
        let key = |shard| keys::budget(program, &self.period, shard);
        match &self.change {
            BudgetChange::Draw(part) => part.write(table, &key(part.shard), name::DRAWN),
            BudgetChange::Return { shard, points } => {
                Write::update(table, &key(*shard), "ADD drawn :points").value(":points", number(-points))
            }
        }
    }
}

/// The counters of a budget.
fn budget_counters(program: &ProgramId, period: &BudgetPeriod) -> Counters {
    let keys = (0..MAX_SHARDS).map(|shard| keys::budget(program, period, shard)).collect();
    Counters { keys, given: name::DRAWN, read: READ, balance: BALANCE }
}

impl Store {
    /// Reads all counters of a budget, after one of them had too few points or was balanced for another total. The first
    /// commit that finds a budget used up gives notice of it.
    pub(super) async fn refresh_budget(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
        period: &BudgetPeriod,
        now: Timestamp,
        budgets: &mut Budgets,
    ) -> Result<(), StoreError> {
        let Some(budget) = budget_of(config, period.rule.as_ref()) else { return Ok(()) };
        let spread = Spread::of_budget(budget.points.get());
        let counters = self.balance(&budget_counters(program, period), spread).await?;
        if spread.is_used_up(&counters) && !counters.iter().any(|counter| counter.is_noted) {
            self.note_used_up(program, period, budget.points, now).await?;
        }
        budgets.used.insert(period.clone(), spread.given(&counters));
        Ok(())
    }

    /// Gives notice of the budgets that a commit has used up, of those whose counters it had to read. The next commit that finds a
    /// budget used up does so for the others.
    pub(super) async fn note_used_up_budgets(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
        budgets: &Budgets,
        decisions: &[Decision],
        now: Timestamp,
    ) {
        for (period, used) in &budgets.used {
            let Some(budget) = budget_of(config, period.rule.as_ref()) else { continue };
            let drawn: i64 = decisions.iter().filter_map(|decision| decision.budgets.get(period)).sum();
            if drawn > 0
                && used.iter().sum::<i64>() + drawn >= budget.points.get()
                && let Err(error) = self.note_used_up(program, period, budget.points, now).await
            {
                tracing::warn!(%program, %error, "no notice of a budget was given");
            }
        }
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

    /// Makes a decision that is not committed, within the budgets that it draws on. Its entries list every skipped rule.
    ///
    /// One eventually consistent read; none for a decision that draws on no budget. `supply` then says what was left.
    ///
    /// # Errors
    /// When DynamoDB fails; within that, the error of `decide`.
    pub async fn decide_only<E>(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
        supply: &mut Supply,
        decide: impl Fn(&Supply) -> Result<Decision, E>,
    ) -> Result<Result<Decision, E>, StoreError> {
        supply.lists_all_skipped = true;
        loop {
            let decision = match decide(supply) {
                Ok(decision) => decision,
                Err(refused) => return Ok(Err(refused)),
            };
            let drawn = decision.budgets.iter().filter(|(_, points)| **points > 0);
            let unread = drawn.map(|(period, _)| period).filter(|period| !supply.budgets.contains_key(*period));
            let unread: Vec<BudgetPeriod> = unread.cloned().collect();
            if unread.is_empty() {
                return Ok(Ok(decision));
            }
            let used = self.budgets_used(program, &unread).await?;
            for (period, used) in unread.into_iter().zip(used) {
                let Some(budget) = budget_of(config, period.rule.as_ref()) else { continue };
                supply.budgets.insert(period, budget.points.get().saturating_sub(used));
            }
            let fits =
                |(period, points): (&BudgetPeriod, &i64)| supply.budgets.get(period).is_none_or(|left| points <= left);
            if decision.budgets.iter().all(fits) {
                return Ok(Ok(decision));
            }
        }
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

    /// What each counter gives or, negative, gets back.
    fn changes(takes: &[BudgetTake]) -> Vec<(u32, i64)> {
        let change = |take: &BudgetTake| match take.change {
            BudgetChange::Draw(part) => (part.shard, part.amount),
            BudgetChange::Return { shard, points } => (shard, -points),
        };
        takes.iter().map(change).collect()
    }

    #[test]
    fn unread_one_counter_gives_all() {
        let takes = Budgets::default().choose_of(&period(), 16_000, 300, 35).unwrap();
        let part = Part { shard: 3, amount: 300, total: 16_000, max_before: 700, fills: false };
        assert_eq!(takes, [BudgetTake { period: period(), change: BudgetChange::Draw(part) }]);
    }

    #[test]
    fn more_than_the_budget_is_refused_only_when_it_was_read() {
        let takes = Budgets::default().choose_of(&period(), 500, 600, 0).unwrap();
        let part = Part { shard: 0, amount: 600, total: 500, max_before: -100, fills: true };
        assert_eq!(takes, [BudgetTake { period: period(), change: BudgetChange::Draw(part) }]);
        assert_eq!(read(vec![0]).choose_of(&period(), 500, 600, 0), Err(500));
    }

    #[test]
    fn the_last_points_are_found_in_the_other_counters() {
        let takes = read(vec![950, 990, 1_000]).choose_of(&period(), 3_000, 55, 1).unwrap();
        assert_eq!(changes(&takes), [(1, 10), (0, 45)]);
        assert_eq!(read(vec![950, 990, 1_000]).choose_of(&period(), 3_000, 61, 1), Err(60));
    }

    #[test]
    fn points_come_back_to_one_counter() {
        let takes = read(vec![0]).choose_of(&period(), 500, -20, 7).unwrap();
        assert_eq!(changes(&takes), [(0, -20)]);
        assert_eq!(read(vec![0]).choose_of(&period(), 500, 0, 7), Ok(vec![]));
    }
}
