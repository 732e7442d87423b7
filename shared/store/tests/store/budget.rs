//! Budgets: exact whoever draws at once, also when the merchant changes them.

use std::convert::Infallible;

use futures::future::join_all;
use serde_json::json;
use tessera_domain::ids::ReceiptId;
use tessera_domain::program::CompiledProgram;
use tessera_domain::rule::BudgetPeriod;
use tessera_store::{Commit, Committed, EntryKey, Party};

use crate::bench::Bench;
use crate::interference::Used;
use crate::shop::{document, for_receipt, member, noon, one_point, program, read};

/// The period of the programme's own budget.
const LIFETIME: BudgetPeriod = BudgetPeriod { rule: None, start: None };

/// A program with a budget of its own.
fn config(budget: i64) -> CompiledProgram {
    let mut document = document(1);
    document["budget"] = json!({ "points": budget, "per": "lifetime" });
    CompiledProgram::new(read(&document), 1)
}

/// Gives a member points, as far as the budget has them; returns how many. Negative points come back.
async fn draw(bench: &Bench, budget: i64, points: i64, who: &str) -> i64 {
    let (program, config, member) = (program(), config(budget), member(who));
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap());
    let end = bench
        .store
        .commit(&Commit::for_one(&program, &config, Party::new(&member, &key)), |seen| {
            let mut decision = one_point(seen.account, for_receipt("r"));
            let left = seen.supply.budgets.get(&LIFETIME).copied().unwrap_or(i64::MAX);
            decision.budgets.insert(LIFETIME, points.min(left));
            Ok::<_, Infallible>(decision)
        })
        .await
        .unwrap();
    match end {
        Committed::Now(decision) => decision.budgets[&LIFETIME],
        Committed::Already(_) => panic!("{who} had them already"),
    }
}

async fn used(bench: &Bench) -> i64 {
    bench.store.budgets_used(&program(), &[LIFETIME]).await.unwrap()[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_never_exceeded_by_sixty_four_at_once_and_wholly_used() {
    for budget in [350, 3_250, 40_000] {
        let bench = Bench::start().await;
        let names: Vec<String> = (0..64).map(|number| format!("m_{number}")).collect();
        let given: i64 = join_all(names.iter().map(|who| draw(&bench, budget, 100, who))).await.into_iter().sum();
        assert_eq!(given, budget.min(6_400), "of {budget}");
        assert_eq!(used(&bench).await, given);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_that_is_raised_and_lowered_is_never_exceeded() {
    let bench = Bench::start().await;
    let (bench, mut given, mut before, mut round) = (&bench, 0, 16_000, 0);
    // Half of the first budget, then less than that, then up and down.
    let budgets = [(16_000, 18), (8_000, 12), (11_000, 8), (900, 6), (40_000, 20), (33_000, 16), (1, 3), (52_000, 8)];
    for (budget, takers) in budgets {
        // Two who still have the version before take part, at the same time.
        let late = if round == 0 { 0 } else { 2 };
        let names: Vec<String> = (0..takers + late).map(|number| format!("m_{round}-{number}")).collect();
        let draws = (0..).zip(&names).map(|(n, who)| draw(bench, if n < late { before } else { budget }, 500, who));
        let more: i64 = join_all(draws).await.into_iter().sum();
        let most = given.max(budget).max(if late > 0 { before } else { 0 });
        assert!(given + more <= most, "{more} points more than {given}, of {budget}");
        given += more;
        assert_eq!(used(bench).await, given);
        // Whoever comes now has the new version: they get all that it has left, and no more.
        let left = (budget - given).max(0);
        if budget > before {
            assert_eq!(draw(bench, budget, left + 1, &format!("m_{round}-rest")).await, left, "of {budget}");
            given += left;
        } else if left == 0 {
            assert_eq!(draw(bench, budget, 1, &format!("m_{round}-rest")).await, 0, "of {budget}");
        }
        (before, round) = (budget, round + 1);
    }
}

#[tokio::test]
async fn a_lowered_budget_gives_nothing_until_enough_has_come_back() {
    let bench = Bench::start().await;
    for number in 0..9 {
        assert_eq!(draw(&bench, 16_000, 1_000, &format!("m_{number}")).await, 1_000);
    }
    // Each of the eight counters of the lowered budget has room of its own, and together they have none.
    for number in 0..16 {
        assert_eq!(draw(&bench, 8_000, 100, &format!("m_late-{number}")).await, 0);
    }
    // Refunds that are decided by the versions before and after, on counters with and without a share.
    for number in 0..15 {
        let budget = if number % 2 == 0 { 16_000 } else { 8_000 };
        assert_eq!(draw(&bench, budget, -100, &format!("m_back-{number}")).await, -100);
    }
    assert_eq!(used(&bench).await, 7_500);
    assert_eq!(draw(&bench, 8_000, 300, "m_first").await, 300);
    assert_eq!(draw(&bench, 8_000, 300, "m_second").await, 200);
    // What comes back after the counters were balanced is given again, wherever it is.
    for number in 0..16 {
        assert_eq!(draw(&bench, 16_000, -10, &format!("m_more-{number}")).await, -10);
    }
    assert_eq!(draw(&bench, 8_000, 161, "m_third").await, 160);
    assert_eq!(used(&bench).await, 8_000);
}

#[tokio::test]
async fn points_that_came_back_first_are_given_on_top() {
    let bench = Bench::start().await;
    assert_eq!(draw(&bench, 500, -20, "m_1").await, -20);
    assert_eq!(draw(&bench, 500, 600, "m_2").await, 520);
    assert_eq!(draw(&bench, 500, 1, "m_3").await, 0);
}

#[tokio::test]
async fn a_budget_is_balanced_once() {
    let bench = Bench::start().await;
    bench.wire.forget();
    assert_eq!(draw(&bench, 100_000, 10, "m_0").await, 10);
    let first = bench.wire.used()["TransactWriteItems"];
    assert_eq!(first.calls, 3, "one that finds no counter, one that balances all, and the decision");
    for number in 1..20 {
        assert_eq!(draw(&bench, 100_000, 10, &format!("m_{number}")).await, 10);
        // Two units each: for the entry, the account and one counter.
        assert_eq!(bench.wire.used()["TransactWriteItems"], Used { calls: 1, halves: 12 });
    }
}
