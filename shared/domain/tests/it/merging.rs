//! Merging: two accounts become one; nothing fires, nothing is lost, and later returns reverse only what was given.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::account::Status;
use tessera_domain::decide::MergeFault;
use tessera_domain::ledger::{Bucket, Cause, MemberAudit, MovementType, Totals};
use tessera_domain::points::Kind;

use crate::book::Book;
use crate::rules::{program, rule};

/// Somebody who buys as a guest and as a member.
fn book(rules: &Value) -> Book {
    with_program(&program(rules))
}

fn with_program(program: &Value) -> Book {
    let mut book = Book::open(program, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book.enroll(&json!({ "id": "guest" }));
    book
}

fn every_50() -> Value {
    rule("every-50", &json!({ "receipt": { "spend": { "every": "50.00" } } }), &json!([{ "credit": { "points": 10 } }]))
}

fn receipt(id: &str, member: &str, day: u8, total: &str) -> Value {
    json!({ "id": id, "occurred_at": format!("2026-02-{day:02}T10:00:00Z"), "member": { "id": member },
            "currency": "EUR", "total": total })
}

fn buy(book: &mut Book, id: &str, member: &str, total: &str) {
    book.receipt(&receipt(id, member, 20, total)).unwrap();
}

fn give_back(book: &mut Book, receipt: &str, amount: &str) {
    let body = json!({ "id": format!("f-{receipt}"), "occurred_at": "2026-03-01T11:00:00Z", "amount": amount });
    book.refund(receipt, &body).unwrap();
}

fn balance(book: &mut Book, member: &str) -> i64 {
    let member = book.current(member);
    book.view(&member).balance().get()
}

/// What all entries of all members put into the bucket between them.
fn in_transit(book: &Book, kind: Kind) -> i64 {
    let mut totals = Totals::default();
    book.entries.values().flatten().for_each(|entry| totals.add(entry));
    totals.of(Bucket::Moved, kind)
}

#[test]
fn counters_add_up_and_fire_nothing() {
    // ME5.
    let mut book = book(&json!([every_50()]));
    buy(&mut book, "r1", "guest", "40.00");
    buy(&mut book, "r2", "c", "30.00");
    book.merge("guest", "c").unwrap();
    assert_eq!(balance(&mut book, "c"), 0);
    buy(&mut book, "r3", "c", "1.00");
    assert_eq!(balance(&mut book, "c"), 0);
    // 71 and 29 are 100: the second step is the first that fires.
    buy(&mut book, "r4", "guest", "29.00");
    assert_eq!(balance(&mut book, "c"), 10);
    give_back(&mut book, "r4", "29.00");
    assert_eq!(balance(&mut book, "c"), 0);
    // What never fired is never reversed.
    give_back(&mut book, "r1", "40.00");
    assert_eq!(balance(&mut book, "c"), 0);
    book.check();
}

#[test]
fn a_return_reverses_the_firing_that_it_undoes() {
    let mut book = book(&json!([every_50()]));
    buy(&mut book, "r1", "guest", "60.00");
    buy(&mut book, "r2", "c", "45.00");
    book.merge("guest", "c").unwrap();
    assert_eq!(balance(&mut book, "c"), 10);
    // 95 left: the guest alone would have kept the firing too.
    give_back(&mut book, "r1", "10.00");
    assert_eq!(balance(&mut book, "c"), 10);
    give_back(&mut book, "r2", "45.00");
    assert_eq!(balance(&mut book, "c"), 10);
    book.check();
}

#[test]
fn what_both_reached_stays_until_the_sum_is_below_it() {
    let once = json!({ "receipt": { "spend": { "total_at_least": "100.00" } } });
    let mut book = book(&json!([rule("once", &once, &json!([{ "credit": { "points": 7 } }]))]));
    buy(&mut book, "r1", "guest", "150.00");
    buy(&mut book, "r2", "c", "100.00");
    book.merge("guest", "c").unwrap();
    assert_eq!(balance(&mut book, "c"), 14);
    give_back(&mut book, "r1", "1.00");
    assert_eq!(balance(&mut book, "c"), 14);
    give_back(&mut book, "r2", "100.00");
    buy(&mut book, "r3", "c", "500.00");
    assert_eq!(balance(&mut book, "c"), 14);
    book.check();
}

#[test]
fn the_soonest_expiring_points_of_both_are_spent_first() {
    // ME2.
    let mut document = program(&json!([every_50()]));
    document["points"]["expiry"] = json!({ "after_months": 1 });
    let mut book = with_program(&document);
    book.adjust("guest", &json!({ "award": 60, "reason": "test" })).unwrap();
    book.now = "2026-03-11T12:00:00Z".parse().unwrap();
    book.adjust("c", &json!({ "award": 60, "reason": "test" })).unwrap();
    book.merge("guest", "c").unwrap();
    let code = book.redeem("c", "five", None).unwrap();
    let ends: Vec<_> = book.coupons[&code].taken.iter().map(|lot| lot.key.last_day().unwrap().to_string()).collect();
    assert_eq!(ends, ["2026-04-01"]);
    assert_eq!(balance(&mut book, "c"), 70);
    book.check();
}

#[test]
fn a_debt_is_paid_with_the_points_of_the_other() {
    for (debtor, creditor) in [("guest", "c"), ("c", "guest")] {
        let mut book = book(&json!([every_50()]));
        buy(&mut book, "r1", debtor, "250.00");
        book.redeem(debtor, "five", None).unwrap();
        give_back(&mut book, "r1", "250.00");
        assert_eq!(balance(&mut book, debtor), -50);
        book.adjust(creditor, &json!({ "award": 80, "reason": "test" })).unwrap();
        book.merge("guest", "c").unwrap();
        let account = book.view("c");
        assert_eq!((account.available().get(), account.debt.get()), (30, 0));
        book.check();
    }
}

#[test]
fn the_higher_tier_stays_or_what_the_sums_reach_and_no_rule_fires() {
    let tiers = json!({ "ladder": [ { "id": "base", "name": "Base", "threshold": 0 },
                                    { "id": "silver", "name": "Silver", "threshold": 50 },
                                    { "id": "gold", "name": "Gold", "threshold": 100 } ],
                        "window": "calendar_year", "downgrade": "one_down" });
    let per_euro = json!([{ "credit": { "per_unit": "1", "kind": "both" } }]);
    let up = json!({ "tier_change": { "direction": "upgrade" } });
    let rules = json!([
        rule("per-euro", &json!({ "receipt": {} }), &per_euro),
        rule("up", &up, &json!([{ "credit": { "points": 1000 } }]))
    ]);
    for (guest, own, tier, gifts) in [
        ("60.00", "10.00", "silver", 1),
        ("10.00", "60.00", "silver", 1),
        ("60.00", "60.00", "gold", 2),
        ("10.00", "10.00", "base", 0),
    ] {
        let mut document = program(&rules);
        document["tiers"] = tiers.clone();
        let mut book = with_program(&document);
        buy(&mut book, "r1", "guest", guest);
        buy(&mut book, "r2", "c", own);
        let before = balance(&mut book, "guest") + balance(&mut book, "c");
        book.merge("guest", "c").unwrap();
        assert_eq!(book.view("c").tier.current().unwrap().as_str(), tier);
        assert_eq!(balance(&mut book, "c"), before);
        // What both reached goes again, with all that was given for it.
        give_back(&mut book, "r1", guest);
        give_back(&mut book, "r2", own);
        assert_eq!(book.view("c").tier.current().unwrap().as_str(), "base", "{guest} {own}");
        assert_eq!(balance(&mut book, "c"), 0, "{gifts} gifts");
        book.check();
    }
}

#[test]
fn no_rule_gives_points_to_an_account_that_ends() {
    let rules = json!([
        rule("per-euro", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
        rule("moved", &json!({ "tier_change": {} }), &json!([{ "credit": { "points": 1000 } }]))
    ]);
    let ladder = |middle: &str| {
        let mut document = program(&rules);
        document["tiers"] = json!({ "ladder": [ { "id": "base", "name": "Base", "threshold": 0 },
                                                { "id": middle, "name": "Middle", "threshold": 50 } ],
                                    "window": "calendar_year", "downgrade": "one_down" });
        document
    };
    let mut book = with_program(&ladder("silver"));
    buy(&mut book, "r1", "guest", "60.00");
    let before = balance(&mut book, "guest");
    // The guest's tier is gone: its account has a change of tier to review.
    book.publish(&ladder("gold"));
    book.merge("guest", "c").unwrap();
    assert_eq!((book.view("guest").balance().get(), balance(&mut book, "c")), (0, before));
    book.check();
}

#[test]
fn limits_are_shared_from_now_on() {
    let mut once_a_day = rule("a", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 10 } }]));
    once_a_day["limit"] = json!({ "times": 2, "per": "day" });
    let mut book = book(&json!([once_a_day]));
    buy(&mut book, "r1", "guest", "5.00");
    buy(&mut book, "r2", "c", "5.00");
    book.merge("guest", "c").unwrap();
    buy(&mut book, "r3", "c", "5.00");
    assert_eq!(balance(&mut book, "c"), 20);
}

#[test]
fn whoever_is_excluded_or_has_open_reservations_stays_apart() {
    let mut book = book(&json!([every_50()]));
    book.adjust("guest", &json!({ "award": 60, "reason": "test" })).unwrap();
    book.redeem("guest", "five", Some(30)).unwrap();
    assert_eq!(book.merge("guest", "c"), Err(MergeFault::OpenReservations));
    // Two members stay apart whichever of them reserves; a contact joins whoever does.
    for (source, target) in [("guest", "c"), ("c", "guest")] {
        assert_eq!(book.merge_by_support(source, target), Err(MergeFault::OpenReservations), "{source}");
    }
    book.merge("contact", "guest").unwrap();
    book.now = "2026-03-01T13:00:00Z".parse().unwrap();
    book.merge("guest", "c").unwrap();
    assert_eq!(book.merge("guest", "c"), Err(MergeFault::MergedMeanwhile));
    assert_eq!(balance(&mut book, "guest"), 60);
    let mut excluded = book.account("other");
    excluded.status = Status::Excluded;
    book.accounts.insert("other".to_owned(), excluded);
    assert_eq!(book.merge("other", "c"), Err(MergeFault::MemberExcluded));
}

#[test]
fn both_have_an_entry_that_names_both() {
    let mut book = book(&json!([every_50()]));
    buy(&mut book, "r1", "guest", "60.00");
    book.merge("guest", "c").unwrap();
    for (member, delta) in [("guest", -10), ("c", 10)] {
        let entry = book.entries[member].last().unwrap();
        assert!(
            matches!(&entry.cause, Cause::Merge { source, target, .. } if (source.as_str(), target.as_str()) == ("guest", "c"))
        );
        let [movement] = entry.movements.as_slice() else { panic!("{:?}", entry.movements) };
        assert_eq!((movement.kind, movement.delta().redeemable.get()), (MovementType::Merge, delta));
        assert!(entry.outcomes.is_empty());
    }
}

#[derive(Debug, Clone)]
struct Purchase {
    by_guest: bool,
    cents: u32,
    day: u8,
}

fn purchases(most: usize) -> impl Strategy<Value = Vec<Purchase>> {
    let purchase = (any::<bool>(), 1..20_000u32, 1..28u8);
    prop::collection::vec(purchase.prop_map(|(by_guest, cents, day)| Purchase { by_guest, cents, day }), 0..most)
}

/// Measures whose firings follow from what was bought in all, or on one receipt, or within days.
fn triggers() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({ "receipt": {} }),
        json!({ "receipt": { "spend": { "every": "50.00" } } }),
        json!({ "receipt": { "spend": { "total_at_least": "100.00" } } }),
        json!({ "receipt": { "spend": { "every_per_receipt": "30.00" } } }),
        json!({ "receipt": { "receipts": { "every": 3 } } }),
        json!({ "receipt": { "receipts": { "total_at_least": 2 } } }),
        json!({ "receipt": { "spend": { "every": "40.00" }, "within": { "days": 10 } } }),
        json!({ "receipt": { "spend": { "every": "25.00" }, "within": { "starts_on": "2026-02-05", "ends_on": "2026-02-20" } } }),
        json!({ "receipt": { "spend": { "every": "10.00", "from": "50.00", "up_to": "300.00", "range": "band" } } }),
        json!({ "receipt": { "spend": { "every": "10.00", "from": "50.00", "up_to": "300.00" } } }),
    ])
}

fn effects() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!([{ "credit": { "points": 10, "kind": "both" } }]),
        json!([{ "credit": { "points": 3 } }, { "reward": "gift" }]),
        json!([{ "credit": { "per_unit": "0.7", "kind": "both" } }]),
        json!([{ "multiply": { "factor": "2", "kind": "both" } }]),
    ])
}

fn take(book: &mut Book, first: usize, purchases: &[Purchase]) {
    for (n, purchase) in purchases.iter().enumerate() {
        let total = format!("{}.{:02}", purchase.cents / 100, purchase.cents % 100);
        let member = if purchase.by_guest { "guest" } else { "c" };
        book.receipt(&receipt(&format!("r{}", first + n), member, purchase.day, &total)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The sums of both before are the target's afterwards; the source has nothing; returning everything leaves nothing.
    #[test]
    fn merging_moves_everything_once(
        parts in prop::collection::vec((triggers(), effects()), 1..5),
        before in purchases(8),
        after in purchases(5),
        returns in any::<prop::sample::Index>(),
    ) {
        let rules: Vec<Value> =
            parts.iter().enumerate().map(|(n, (on, then))| rule(&format!("rule-{n}"), on, then)).collect();
        let Ok(_) = Book::open(&program(&json!(rules)), "2026-03-01T12:00:00Z".parse().unwrap()) else { return Ok(()) };
        let mut book = book(&json!(rules));
        take(&mut book, 0, &before);
        let (guest, own) = (book.view("guest"), book.view("c"));
        book.merge("guest", "c").unwrap();
        let both = book.view("c");
        prop_assert_eq!(both.balance(), guest.balance().plus(own.balance()));
        prop_assert_eq!(both.qualifying_total(), guest.qualifying_total().plus(own.qualifying_total()));
        prop_assert_eq!(both.lifetime_earned, guest.lifetime_earned.plus(own.lifetime_earned));
        prop_assert_eq!(book.view("guest").balance().get(), 0);
        prop_assert_eq!((in_transit(&book, Kind::Redeemable), in_transit(&book, Kind::Qualifying)), (0, 0));
        book.check();

        take(&mut book, before.len(), &after);
        book.check();
        let all: Vec<Purchase> = before.iter().chain(&after).cloned().collect();
        let first = if all.is_empty() { 0 } else { returns.index(all.len()) };
        for place in (first..all.len()).chain(0..first) {
            let cents = all[place].cents;
            give_back(&mut book, &format!("r{place}"), &format!("{}.{:02}", cents / 100, cents % 100));
        }
        book.check();
        let left = book.view("c");
        prop_assert_eq!((left.balance().get(), left.qualifying_total().get()), (0, 0));
        let mut audit = MemberAudit::default();
        book.entries["guest"].iter().for_each(|entry| audit.add(entry));
        prop_assert_eq!(audit.compare(&book.accounts["guest"]), Vec::<String>::new());
    }
}
