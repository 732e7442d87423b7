//! Rewards given by rules: as many as the transaction and the stock hold, in the order of rules and firings.

use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;
use tessera_domain::decide::MOST_COUPONS;
use tessera_domain::ledger::{Entry, SkipReason};

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn open(rules: &Value, stock: Option<u32>) -> Book {
    let mut document = program(rules);
    if let Some(stock) = stock {
        document["rewards"][0]["stock"] = stock.into();
    }
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

/// A rule that gives rewards and a point for every 10.00 of a receipt.
fn every_ten(id: &str, rewards: &[&str]) -> Value {
    let rewards = rewards.iter().map(|reward| json!({ "reward": reward }));
    let then: Vec<Value> = rewards.chain([json!({ "credit": { "points": 1 } })]).collect();
    rule(id, &json!({ "receipt": { "spend": { "every_per_receipt": "10.00" } } }), &json!(then))
}

/// What each rule gave: firings and coupons.
fn given(entry: &Entry) -> Vec<(i64, usize)> {
    entry.outcomes.iter().map(|outcome| (outcome.firings, outcome.coupons.len())).collect()
}

fn reasons(entry: &Entry) -> Vec<(&str, SkipReason)> {
    entry.skipped.iter().map(|skipped| (skipped.rule.as_str(), skipped.reason)).collect()
}

#[test]
fn a_fact_gives_ninety_coupons_and_credits_all_firings() {
    let mut book = open(&json!([every_ten("a", &["gift"]), every_ten("b", &["five"])]), None);
    let entry = book.receipt(&receipt("r", "600.00")).unwrap().unwrap();
    assert_eq!(given(&entry), [(60, 60), (60, 30)]);
    assert_eq!(reasons(&entry), [("b", SkipReason::RewardLimit)]);
    assert_eq!(book.view("c").available().get(), 120);
    let entry = book.receipt(&receipt("s", "2500.00")).unwrap().unwrap();
    assert_eq!(given(&entry), [(250, MOST_COUPONS), (250, 0)]);
    assert_eq!(reasons(&entry), [("a", SkipReason::RewardLimit), ("b", SkipReason::RewardLimit)]);
    assert_eq!(book.view("c").available().get(), 620);
    book.check();
}

#[test]
fn a_short_stock_is_given_out_in_the_order_of_the_rules() {
    let mut book = open(&json!([every_ten("a", &["gift"]), every_ten("b", &["gift"])]), Some(7));
    let entry = book.receipt(&receipt("r", "50.00")).unwrap().unwrap();
    assert_eq!(given(&entry), [(5, 5), (5, 2)]);
    assert_eq!(reasons(&entry), [("b", SkipReason::OutOfStock)]);
    let entry = book.receipt(&receipt("s", "50.00")).unwrap().unwrap();
    assert_eq!(given(&entry), [(5, 0), (5, 0)]);
    assert_eq!(book.view("c").available().get(), 20);
}

#[test]
fn each_firing_gets_all_its_rewards_before_the_next() {
    let mut book = open(&json!([every_ten("a", &["gift", "five"])]), Some(2));
    let entry = book.receipt(&receipt("r", "40.00")).unwrap().unwrap();
    let rewards = entry.outcomes[0].coupons.iter().map(|coupon| coupon.reward.as_str());
    assert_eq!(rewards.collect::<Vec<_>>(), ["gift", "five", "gift", "five", "five", "five"]);
}

#[test]
fn a_cumulative_rule_remembers_which_firings_got_coupons() {
    let every = json!({ "receipt": { "spend": { "every": "10.00" } } });
    let mut book = open(&json!([rule("a", &every, &json!([{ "reward": "gift" }]))]), Some(3));
    book.receipt(&receipt("r", "50.00")).unwrap();
    let account = book.account("c");
    let runs = &account.counters.values().next().unwrap().runs;
    assert_eq!(runs.iter().map(|run| (run.count, run.coupons.len())).collect::<Vec<_>>(), [(3, 3), (2, 0)]);
}

/// The coupons in each state.
fn coupons(book: &Book, status: CouponStatus) -> usize {
    book.coupons.values().filter(|coupon| coupon.status == status).count()
}

#[test]
fn a_refund_reverses_the_latest_firings_and_in_a_fact_those_without_coupons_first() {
    let every = json!({ "receipt": { "spend": { "every": "10.00" } } });
    let then = json!([{ "reward": "gift" }, { "credit": { "points": 1 } }]);
    let mut book = open(&json!([rule("a", &every, &then)]), None);
    book.receipt(&receipt("r", "2500.00")).unwrap();
    for n in 0..5 {
        book.receipt(&receipt(&format!("s{n}"), "250.00")).unwrap();
    }
    assert_eq!((book.coupons.len(), book.view("c").available().get()), (215, 375));
    let last = book.refund("r", &json!({ "id": "f", "occurred_at": "2026-03-01T11:00:00Z", "amount": "2500.00" }));
    assert_eq!(last.unwrap().unwrap().step, None);
    let (left, cancelled) = (coupons(&book, CouponStatus::Available), coupons(&book, CouponStatus::Cancelled));
    assert_eq!((left, cancelled, book.view("c").available().get()), (90, 125, 125));
    let steps: Vec<Option<u32>> = book.entries["c"].iter().rev().take(2).map(|entry| entry.step).collect();
    assert_eq!(steps, [None, Some(0)]);
    // All that is left goes with the other receipts.
    for n in 0..5 {
        let refund = json!({ "id": "f", "occurred_at": "2026-03-01T11:00:00Z", "amount": "250.00" });
        book.refund(&format!("s{n}"), &refund).unwrap();
    }
    assert_eq!((coupons(&book, CouponStatus::Available), book.view("c").available().get()), (0, 0));
    book.check();
}

#[test]
fn rules_per_receipt_take_back_the_coupons_of_their_firings() {
    let rules = json!([every_ten("a", &["gift"]), every_ten("b", &["gift", "five"])]);
    let mut book = open(&rules, None);
    let refund =
        |amount: &str| json!({ "id": format!("f-{amount}"), "occurred_at": "2026-03-01T11:00:00Z", "amount": amount });
    // Ninety coupons for each of two receipts: forty and fifty.
    for id in ["r", "s"] {
        let entry = book.receipt(&receipt(id, "400.00")).unwrap().unwrap();
        assert_eq!(given(&entry), [(40, 40), (40, 50)]);
    }
    book.refund("r", &refund("300.00")).unwrap();
    assert_eq!(book.view("c").available().get(), 100);
    assert_eq!(coupons(&book, CouponStatus::Cancelled), 60);
    book.refund("r", &refund("100.00")).unwrap();
    book.refund("s", &refund("400.00")).unwrap();
    assert_eq!((coupons(&book, CouponStatus::Available), book.view("c").available().get()), (0, 0));
    book.check();
}

/// A ladder of `steps` tiers whose every step gives the qualifying points that reach the next one.
fn ladder(steps: usize) -> Value {
    let tier = |n: usize| json!({ "id": format!("t{n}"), "name": "T", "threshold": n * 10 });
    let rise = |n: usize| {
        let on = json!({ "tier_change": { "to": [format!("t{n}")] } });
        rule(&format!("rise-{n}"), &on, &json!([{ "credit": { "points": 10, "kind": "both" } }]))
    };
    let start =
        rule("start", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 10, "kind": "qualifying" } }]));
    let mut document = program(&json!([start].into_iter().chain((1..steps).map(rise)).collect::<Vec<_>>()));
    document["tiers"] = json!({ "ladder": (0..steps).map(tier).collect::<Vec<_>>(), "window": "lifetime" });
    document
}

#[test]
fn a_member_climbs_the_whole_ladder_with_one_fact() {
    let mut book = Book::open(&ladder(20), "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book.receipt(&receipt("r", "1.00")).unwrap();
    let account = book.view("c");
    assert_eq!(account.tier.current().unwrap().as_str(), "t19");
    assert_eq!(account.available().get(), 190);
    book.check();
}
