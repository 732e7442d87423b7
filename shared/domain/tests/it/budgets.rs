//! Budgets: what is cut, in which order, and what comes back.

use serde_json::{Value, json};
use tessera_domain::ledger::SkipReason;
use tessera_domain::program::SubmittedProgram;
use tessera_domain::rule::BudgetPeriod;

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn credit(points: i64) -> Value {
    json!([{ "credit": { "points": points } }])
}

fn per_euro() -> Value {
    json!([{ "credit": { "per_unit": "1", "kind": "both" } }])
}

fn with_budget(mut rule: Value, points: i64, per: &str) -> Value {
    rule["budget"] = json!({ "points": points, "per": per });
    rule
}

fn open(rules: &Value, budget: Option<Value>) -> Book {
    let mut document = program(rules);
    if let Some(budget) = budget {
        document["budget"] = budget;
    }
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

fn available(book: &mut Book) -> i64 {
    book.view("c").available().get()
}

fn return_of(id: &str, amount: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T11:00:00Z", "amount": amount })
}

#[test]
fn a_credit_that_does_not_fit_is_cut_and_a_return_takes_what_is_due_less() {
    let on = json!({ "receipt": {} });
    let mut book = open(&json!([with_budget(rule("base", &on, &per_euro()), 60, "month")]), None);
    let entry = book.receipt(&receipt("1", "100.00")).unwrap().unwrap();
    assert_eq!((available(&mut book), entry.delta().qualifying.get()), (60, 100));
    assert_eq!(entry.skipped[0].reason, SkipReason::BudgetExhausted);
    // 100 due, 60 granted, 30 returned: 60 stay, and all qualifying points of the rest.
    book.refund("1", &return_of("a", "30.00")).unwrap();
    assert_eq!(available(&mut book), 60);
    // The rest goes back to the budget, which gives it to the next receipt.
    book.refund("1", &return_of("b", "30.00")).unwrap();
    assert_eq!(available(&mut book), 40);
    book.receipt(&receipt("2", "50.00")).unwrap();
    assert_eq!(available(&mut book), 60);
    book.check();
}

#[test]
fn a_rules_budget_comes_first_and_then_the_programmes_in_rule_order() {
    let on = json!({ "receipt": {} });
    let rules = json!([with_budget(rule("a", &on, &credit(50)), 30, "day"), rule("b", &on, &credit(50))]);
    let mut book = open(&rules, Some(json!({ "points": 70, "per": "lifetime" })));
    let entry = book.receipt(&receipt("1", "10.00")).unwrap().unwrap();
    let given: Vec<i64> = entry.outcomes.iter().map(|outcome| outcome.credits().redeemable.get()).collect();
    assert_eq!(given, [30, 40]);
    let drawn = |rule: Option<&str>| {
        let rule = rule.map(|id| tessera_domain::ids::RuleId::new(id).unwrap());
        book.drawn
            .iter()
            .find(|(period, _)| period.rule == rule)
            .map(|(BudgetPeriod { start, .. }, drawn)| (start.is_some(), *drawn))
    };
    assert_eq!((drawn(Some("a")), drawn(None), drawn(Some("b"))), (Some((true, 30)), Some((false, 70)), None));
    assert!(book.receipt(&receipt("2", "10.00")).unwrap().unwrap().delta().is_zero());
}

#[test]
fn the_extra_of_a_multiplier_draws_on_its_own_budget() {
    let on = json!({ "receipt": {} });
    let double = with_budget(rule("double", &on, &json!([{ "multiply": { "factor": "2" } }])), 25, "year");
    let mut book = open(&json!([with_budget(rule("base", &on, &per_euro()), 90, "year"), double]), None);
    let entry = book.receipt(&receipt("1", "100.00")).unwrap().unwrap();
    let given: Vec<i64> = entry.outcomes.iter().map(|outcome| outcome.credits().redeemable.get()).collect();
    // The base is cut to 90, so the multiplier would add 90 and has 25.
    assert_eq!((given, available(&mut book)), (vec![90, 25], 115));
    book.refund("1", &return_of("a", "80.00")).unwrap();
    assert_eq!(available(&mut book), 40);
    book.refund("1", &return_of("b", "20.00")).unwrap();
    assert_eq!(available(&mut book), 0);
    book.check();
}

#[test]
fn a_cut_firing_of_a_running_total_is_reversed_as_it_was_granted() {
    let on = json!({ "receipt": { "spend": { "every": "50.00" } } });
    let mut book = open(&json!([with_budget(rule("every", &on, &credit(10)), 25, "month")]), None);
    let entry = book.receipt(&receipt("1", "200.00")).unwrap().unwrap();
    assert_eq!((entry.outcomes[0].firings, available(&mut book)), (4, 25));
    book.refund("1", &return_of("a", "110.00")).unwrap();
    assert_eq!(available(&mut book), 10);
    book.check();
}

#[test]
fn what_returns_to_a_closed_period_is_lost() {
    let on = json!({ "receipt": {} });
    let mut book = open(&json!([with_budget(rule("base", &on, &credit(10)), 10, "day")]), None);
    book.receipt(&receipt("1", "20.00")).unwrap();
    let before = book.drawn.clone();
    book.pass("2026-03-02T12:00:00Z".parse().unwrap());
    book.refund("1", &json!({ "id": "a", "occurred_at": "2026-03-02T11:00:00Z", "amount": "20.00" })).unwrap();
    assert_eq!((available(&mut book), book.drawn.clone()), (0, before));
    // A late receipt draws on the budget of its own date, which has nothing left.
    assert!(book.receipt(&receipt("2", "20.00")).unwrap().unwrap().delta().is_zero());
}

#[test]
fn awards_and_fixed_rewards_use_no_budget() {
    let on = json!({ "receipt": {} });
    let mut book = open(&json!([rule("base", &on, &credit(10))]), Some(json!({ "points": 10, "per": "month" })));
    book.adjust("c", &json!({ "award": 100, "reason": "sorry" })).unwrap();
    book.receipt(&receipt("1", "20.00")).unwrap();
    assert_eq!(available(&mut book), 110);
}

#[test]
fn a_budget_is_read_stored_and_refused_with_its_place() {
    let on = json!({ "receipt": {} });
    let mut document = program(&json!([with_budget(rule("base", &on, &credit(10)), 10, "week")]));
    document["budget"] = json!({ "points": 2_000_000, "per": "month" });
    let read = SubmittedProgram::read(&document).unwrap();
    let shown = serde_json::to_value(read.program()).unwrap();
    assert_eq!(
        (&shown["budget"], &shown["rules"][0]["budget"]),
        (&document["budget"], &document["rules"][0]["budget"])
    );
    for (budget, pointer) in [
        (json!({ "points": 0, "per": "month" }), "/budget/points"),
        (json!({ "points": 10, "per": "hour" }), "/budget/per"),
        (json!({ "points": 10 }), "/budget/per"),
        (json!({ "points": 10, "per": "day", "every": 2 }), "/budget/every"),
    ] {
        document["budget"] = budget;
        let faults = SubmittedProgram::read(&document).unwrap_err();
        assert!(faults.iter().any(|fault| fault.pointer == pointer), "{faults:?}");
    }
}
