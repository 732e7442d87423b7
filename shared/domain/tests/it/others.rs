//! Rules that wait for something other than receipts: interactions, e-mails, profiles, birthdays, lapses, referrals.

use serde_json::{Value, json};
use tessera_domain::ledger::{Cause, SkipReason};

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn open(rules: &Value, start: &str) -> Book {
    let mut document = program(rules);
    document["tiers"] = json!({ "ladder": [{ "id": "base", "name": "Base", "threshold": 0 }] });
    Book::open(&document, start.parse().unwrap()).unwrap()
}

fn points(n: i64) -> Value {
    json!([{ "credit": { "points": n } }])
}

fn available(book: &mut Book, member: &str) -> i64 {
    book.check();
    book.view(member).available().get()
}

fn interaction(id: &str, at: &str, name: &str, properties: &Value) -> Value {
    json!({ "id": id, "occurred_at": at, "member": { "id": "c" }, "name": name, "properties": properties })
}

const NOON: &str = "2026-03-01T12:00:00Z";

#[test]
fn an_interaction_fires_by_name_and_properties() {
    let milano = json!({ "interaction": { "name": "visit", "where": { "properties": { "city": ["Milano", "Roma"], "vip": ["true"] } } } });
    let mut once = rule("once", &json!({ "interaction": { "name": "visit" } }), &points(1));
    once["limit"] = json!({ "times": 1, "per": "day", "rolling": true });
    let mut book = open(&json!([rule("milano", &milano, &points(10)), once]), "2026-03-05T12:00:00Z");
    let visit = |id: &str, at: &str, city: Value| interaction(id, at, "visit", &json!({ "city": city, "vip": true }));
    book.interaction(&visit("1", "2026-03-01T10:00:00Z", json!("Milano")));
    assert_eq!(available(&mut book, "c"), 11);
    // A day later to the second the first is outside the rolling day; the far end is excluded.
    let entry = book.interaction(&visit("2", "2026-03-02T09:59:59Z", json!(["Bari", "Roma"]))).unwrap();
    assert_eq!(entry.skipped[0].reason, SkipReason::LimitReached);
    book.interaction(&visit("3", "2026-03-02T10:00:00Z", json!("Bari")));
    book.interaction(&interaction("4", "2026-03-04T10:00:00Z", "leave", &json!({ "city": "Milano" })));
    assert_eq!(available(&mut book, "c"), 22);
    assert!(book.interaction(&visit("3", "2026-03-02T10:00:00Z", json!("Bari"))).is_none());
}

#[test]
fn an_open_counts_once_per_message_and_a_machines_uses_nothing_up() {
    let rules = json!([
        rule("open", &json!({ "email_opened": { "campaign_categories": ["news"] } }), &points(5)),
        rule("any", &json!({ "email_opened": { "devices": ["mobile"] } }), &points(1)),
        rule("click", &json!({ "email_clicked": { "link_categories": ["shop"] } }), &points(7)),
    ]);
    let mut book = open(&rules, NOON);
    let open = |id: &str, message: &str, machine: bool, category: &str| {
        let properties =
            json!({ "message": message, "campaign_category": category, "device": "mobile", "machine_open": machine });
        interaction(id, NOON, "email_opened", &properties)
    };
    let click = |id: &str, link: &str| {
        let properties = json!({ "message": "m-1", "link": link, "link_category": "shop", "machine_open": true });
        interaction(id, NOON, "email_clicked", &properties)
    };
    for (fact, expected) in [
        (open("1", "m-1", true, "news"), 0),
        (open("2", "m-1", false, "news"), 6),
        (open("3", "m-1", false, "news"), 6),
        // It counted over all rules, whatever each of them asks.
        (open("4", "m-2", false, "offers"), 7),
        (open("5", "m-2", false, "news"), 7),
        (click("6", "a"), 14),
        (click("7", "a"), 14),
        (click("8", "b"), 21),
    ] {
        book.interaction(&fact);
        assert_eq!(available(&mut book, "c"), expected, "{fact}");
    }
    let entry = book.interaction(&open("9", "m-1", false, "news")).unwrap();
    assert!(entry.skipped.iter().all(|skipped| skipped.reason == SkipReason::Duplicate));
}

#[test]
fn lists_and_attributes_fire_once_for_each_value_and_never_for_what_came_before_the_rule() {
    let mut later = rule("later", &json!({ "list_subscription": { "list": "news" } }), &points(1_000));
    later["starts_at"] = "2026-03-05T00:00:00".into();
    let mut yearly = rule("yearly", &json!({ "list_subscription": { "list": "news" } }), &points(3));
    yearly["limit"] = json!({ "times": 2, "per": "year" });
    let rules = json!([
        rule("list", &json!({ "list_subscription": { "list": "news" } }), &points(10)),
        rule("store", &json!({ "profile": { "attribute": "store", "in": ["Milano", "Roma"] } }), &points(5)),
        later,
        yearly,
    ]);
    let mut book = open(&rules, NOON);
    // Enrolling with a list fires its rules.
    assert!(book.enroll(&json!({ "id": "c", "lists": ["news"] })));
    assert_eq!(available(&mut book, "c"), 13);
    let mut day = 2;
    let mut patch = |book: &mut Book, body: Value, expected: i64| {
        book.pass(format!("2026-03-{day:02}T12:00:00Z").parse().unwrap());
        day += 1;
        book.patch("c", &body);
        assert_eq!(available(book, "c"), expected, "{body}");
    };
    patch(&mut book, json!({ "attributes": { "store": "Milano" } }), 18);
    patch(&mut book, json!({ "attributes": { "store": "Roma" } }), 23);
    patch(&mut book, json!({ "attributes": { "store": "Milano" } }), 23);
    patch(&mut book, json!({ "lists": [] }), 23);
    patch(&mut book, json!({ "first_name": "Ada" }), 23);
    // Subscribed anew, after the start of `later`; `yearly` has a limit, and so fires for each time.
    patch(&mut book, json!({ "lists": ["news"] }), 1_026);
    patch(&mut book, json!({ "first_name": "Augusta" }), 1_026);
    patch(&mut book, json!({ "lists": [] }), 1_026);
    patch(&mut book, json!({ "lists": ["news"] }), 1_026);
}

#[test]
fn a_birthday_comes_once_a_year_even_if_it_is_moved() {
    let rules = json!([
        rule("day", &json!({ "birthday": {} }), &points(1)),
        rule("week", &json!({ "birthday": { "at": "week" } }), &points(10)),
        rule("month", &json!({ "birthday": { "at": "month" } }), &points(100)),
        rule("early", &json!({ "birthday": { "days_before": 7 } }), &points(1_000)),
    ]);
    let mut book = open(&rules, "2026-02-20T12:00:00Z");
    book.enroll(&json!({ "id": "c", "birth_date": "1990-03-11" }));
    let at = |book: &mut Book, when: &str, expected: i64| {
        book.pass(format!("{when}T12:00:00Z").parse().unwrap());
        assert_eq!(available(book, "c"), expected, "{when}");
    };
    at(&mut book, "2026-02-28", 0);
    at(&mut book, "2026-03-01", 100);
    at(&mut book, "2026-03-04", 1_100);
    at(&mut book, "2026-03-09", 1_110);
    at(&mut book, "2026-03-11", 1_111);
    book.patch("c", &json!({ "birth_date": "1990-05-20" }));
    let at = |book: &mut Book, when: &str, expected: i64| {
        book.pass(format!("{when}T12:00:00Z").parse().unwrap());
        assert_eq!(available(book, "c"), expected, "{when}");
    };
    at(&mut book, "2026-12-31", 1_111);
    at(&mut book, "2027-05-19", 2_221);
    at(&mut book, "2027-05-20", 2_222);
}

#[test]
fn who_enrols_on_the_birthday_waits_for_the_next() {
    let mut book = open(&json!([rule("day", &json!({ "birthday": {} }), &points(50))]), "2026-03-10T08:00:00Z");
    book.enroll(&json!({ "id": "c", "birth_date": "--03-10" }));
    book.pass("2026-03-12T08:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 0);
    book.pass("2027-03-10T08:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 50);
    // A visitor has no birthday.
    book.receipt(
        &json!({ "id": "r", "occurred_at": NOON, "member": { "id": "v" }, "currency": "EUR", "total": "5.00" }),
    )
    .unwrap();
    book.pass("2028-03-10T08:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "v"), 0);
}

#[test]
fn inactivity_counts_from_before_the_rule_and_from_the_last_purchase() {
    let mut win_back = rule("win-back", &json!({ "inactivity": { "days": 30 } }), &points(30));
    win_back["starts_at"] = "2026-03-20T00:00:00".into();
    let mut book = open(&json!([win_back]), "2026-02-01T12:00:00Z");
    book.enroll(&json!({ "id": "c" }));
    book.pass("2026-03-19T12:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 0);
    // It has been more than 30 days when the rule starts.
    book.pass("2026-03-20T12:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 30);
    let mut body = receipt("r", "10.00");
    body["occurred_at"] = "2026-03-25T10:00:00Z".into();
    book.receipt(&body).unwrap();
    // An interaction is no purchase.
    book.interaction(&interaction("i", "2026-04-10T10:00:00Z", "visit", &json!({})));
    book.pass("2026-04-23T12:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 30);
    book.pass("2026-04-24T12:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 60);
    book.pass("2027-04-24T12:00:00Z".parse().unwrap());
    assert_eq!(available(&mut book, "c"), 60);
    assert_eq!(book.accounts["c"].due, None);
}

#[test]
fn a_debit_stops_at_zero_and_a_reset_takes_this_facts_credits_with_it() {
    let rules = json!([
        rule(
            "fee",
            &json!({ "interaction": { "name": "fee" } }),
            &json!([{ "debit": { "points": 30, "kind": "both" } }])
        ),
        rule(
            "end",
            &json!({ "interaction": { "name": "end" } }),
            &json!([{ "credit": { "points": 5, "kind": "both" } }, { "reset": { "kind": "both" } }])
        ),
        rule("buy", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
    ]);
    let mut book = open(&rules, NOON);
    book.receipt(&receipt("r", "50.00")).unwrap();
    book.interaction(&interaction("1", NOON, "fee", &json!({})));
    assert_eq!(available(&mut book, "c"), 20);
    let entry = book.interaction(&interaction("2", NOON, "fee", &json!({}))).unwrap();
    assert_eq!((available(&mut book, "c"), entry.outcomes[0].debited.redeemable.get()), (0, 20));
    book.receipt(&receipt("r2", "50.00")).unwrap();
    let entry = book.interaction(&interaction("3", NOON, "end", &json!({}))).unwrap();
    assert_eq!(entry.outcomes[0].net().redeemable.get(), -50);
    assert_eq!((available(&mut book, "c"), book.view("c").qualifying_total().get()), (0, 0));
}

#[test]
fn a_debit_on_a_receipt_goes_back_to_its_lots_with_the_goods() {
    let rules = json!([
        rule(
            "buy",
            &json!({ "receipt": { "where": { "channels": ["web"] } } }),
            &json!([{ "credit": { "per_unit": "1" } }])
        ),
        rule(
            "fee",
            &json!({ "receipt": { "where": { "channels": ["pos"] } } }),
            &json!([{ "debit": { "per_unit": "0.5" } }])
        ),
    ]);
    let mut book = open(&rules, NOON);
    let mut web = receipt("w", "100.00");
    web["channel"] = "web".into();
    book.receipt(&web).unwrap();
    let mut pos = receipt("p", "60.00");
    pos["channel"] = "pos".into();
    book.receipt(&pos).unwrap();
    assert_eq!(available(&mut book, "c"), 70);
    let back = |id: &str, amount: &str| json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "amount": amount });
    book.refund("p", &back("1", "20.00")).unwrap();
    assert_eq!(available(&mut book, "c"), 80);
    book.refund("p", &back("2", "40.00")).unwrap();
    assert_eq!(available(&mut book, "c"), 100);
}

#[test]
fn a_referral_fires_for_its_side() {
    let rules = json!([
        rule("a", &json!({ "referral": { "role": "advocate" } }), &points(10)),
        rule("f", &json!({ "referral": { "role": "friend" } }), &points(3)),
    ]);
    let mut book = open(&rules, NOON);
    book.referral("c", tessera_domain::rule::ReferralRole::Friend, "ref-1");
    assert_eq!(available(&mut book, "c"), 3);
    assert!(matches!(&book.entries["c"][0].cause, Cause::Referral(id) if id == "ref-1"));
}

#[test]
fn conditions_ask_for_the_profile_and_what_is_unknown_holds_nothing() {
    let with = |id: &str, condition: Value| {
        let mut rule = rule(id, &json!({ "receipt": {} }), &points(1));
        rule["if"] = json!([condition]);
        rule
    };
    let rules = json!([
        with("birthday", json!({ "birthday": { "days_after": 3 } })),
        with("list", json!({ "list": "news" })),
        with("tag", json!({ "tag": "loud" })),
        with("city", json!({ "profile": { "attribute": "city", "in": ["Bari"] } })),
        with("referred", json!({ "referred": true })),
        with("not-referred", json!({ "referred": false })),
        with("enrolled", json!({ "enrolled": { "within": "day" } })),
    ]);
    let mut book = open(&rules, NOON);
    let entry = book.receipt(&receipt("r1", "1.00")).unwrap().unwrap();
    assert_eq!((entry.outcomes.len(), entry.skipped.len()), (0, 7));
    book.enroll(&json!({ "id": "c", "birth_date": "--02-27", "lists": ["news"], "tags": ["loud"],
        "attributes": { "city": ["Roma", "Bari"] }, "referral_code": "ABC" }));
    let entry = book.receipt(&receipt("r2", "1.00")).unwrap().unwrap();
    let fired: Vec<&str> = entry.outcomes.iter().map(|outcome| outcome.rule.as_str()).collect();
    assert_eq!(fired, ["birthday", "list", "tag", "city", "referred", "enrolled"]);
    assert_eq!(entry.skipped[0].reason, SkipReason::PredicateNotMet);
}
