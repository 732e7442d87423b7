//! Every template of a rule, put as it is into a program that has what it needs, and what it then does.

use serde_json::{Value, json};
use tessera_domain::points::{Both, Points};
use tessera_domain::rule::{RuleTemplate, TemplatePart, rule_templates};
use tessera_domain::time::Day;

use crate::book::Book;
use crate::rules::{program, receipt};

/// A Wednesday; the receipts of these tests are dated on it unless they say otherwise.
const NOW: &str = "2026-03-04T12:00:00Z";

fn templates() -> Vec<RuleTemplate> {
    rule_templates("en", Day::from_date(jiff::civil::date(2026, 3, 4))).unwrap()
}

/// A program with the rules of these templates and what they need.
fn document(ids: &[&str]) -> Value {
    let templates = templates();
    let chosen: Vec<&RuleTemplate> =
        ids.iter().map(|id| templates.iter().find(|template| template.id == *id).unwrap()).collect();
    let mut document = program(&json!(chosen.iter().map(|template| &template.rule).collect::<Vec<_>>()));
    document["tiers"] = json!({ "ladder": [{ "id": "base", "name": "Base", "threshold": 0 }], "vip": [] });
    for need in chosen.iter().flat_map(|template| &template.needs) {
        let list = match need.part {
            TemplatePart::Rewards => "/rewards",
            TemplatePart::Tiers => "/tiers/vip",
        };
        document.pointer_mut(list).and_then(Value::as_array_mut).unwrap().push(need.document.clone());
    }
    document
}

/// Such a program with the member `c`.
fn book(ids: &[&str]) -> Book {
    let mut book = Book::open(&document(ids), NOW.parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c", "birth_date": "1990-03-20" }));
    book
}

fn buy(book: &mut Book, id: &str, at: &str, total: &str) {
    let mut body = receipt(id, total);
    body["occurred_at"] = at.into();
    book.receipt(&body).unwrap().unwrap();
}

fn buy_lines(book: &mut Book, id: &str, total: &str, lines: &Value) {
    let mut body = receipt(id, total);
    body["occurred_at"] = NOW.into();
    body["lines"] = lines.clone();
    book.receipt(&body).unwrap().unwrap();
}

fn available(book: &mut Book) -> i64 {
    book.check();
    book.view("c").available().get()
}

fn coupons(book: &Book, reward: &str) -> usize {
    book.check();
    book.coupons.values().filter(|coupon| coupon.reward.as_str() == reward).count()
}

fn happened(book: &mut Book, id: &str, at: &str, name: &str) {
    let body = json!({ "id": id, "occurred_at": at, "member": { "id": "c" }, "name": name });
    book.interaction(&body).unwrap();
}

#[test]
fn all_of_them_fit_into_one_program_of_any_currency() {
    let ids: Vec<String> = templates().into_iter().map(|template| template.id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for currency in ["EUR", "JPY", "KWD"] {
        let mut document = document(&ids);
        document["currency"] = currency.into();
        // Its money has decimals that a yen has not.
        document["rewards"].as_array_mut().unwrap().retain(|reward| reward["id"] != "five");
        let book = Book::open(&document, NOW.parse().unwrap()).unwrap();
        assert_eq!(book.program.program.rules.len(), 14, "{currency}");
        // What is stored says what was sent.
        let stored = json!(book.program.program);
        for (sent, kept) in document["rules"].as_array().unwrap().iter().zip(stored["rules"].as_array().unwrap()) {
            for field in ["id", "name", "starts_at", "ends_at", "status"] {
                assert_eq!(sent[field], kept[field]);
            }
        }
    }
}

#[test]
fn without_what_it_needs_a_template_is_refused() {
    for template in templates() {
        let mut document = program(&json!([template.rule]));
        document["tiers"] = json!({ "ladder": [{ "id": "base", "name": "Base", "threshold": 0 }] });
        let read = Book::open(&document, NOW.parse().unwrap());
        assert_eq!(read.is_err(), !template.needs.is_empty(), "{}", template.id);
    }
}

#[test]
fn points_per_euro() {
    let mut book = book(&["points-per-euro"]);
    buy(&mut book, "r", NOW, "21.90");
    assert_eq!(book.moved_since("c", 0), Both { redeemable: Points::new(21), qualifying: Points::new(21) });
    assert_eq!(available(&mut book), 21);
}

#[test]
fn every_50_carries_what_is_left() {
    let mut book = book(&["every-50"]);
    for (id, total, expected) in [("1", "30.00", 0), ("2", "45.00", 10), ("3", "120.00", 30)] {
        buy(&mut book, id, NOW, total);
        assert_eq!(available(&mut book), expected);
    }
}

#[test]
fn welcome_bonus() {
    assert_eq!(available(&mut book(&["welcome-bonus"])), 100);
}

#[test]
fn first_purchase() {
    let mut book = book(&["first-purchase"]);
    assert_eq!(available(&mut book), 0);
    buy(&mut book, "1", NOW, "5.00");
    buy(&mut book, "2", NOW, "500.00");
    assert_eq!(available(&mut book), 50);
}

#[test]
fn birthday_gift() {
    let mut book = book(&["birthday-gift"]);
    for (day, expected) in [("2026-03-19", 0), ("2026-03-20", 1), ("2026-12-31", 1), ("2027-03-20", 2)] {
        book.pass(format!("{day}T12:00:00Z").parse().unwrap());
        assert_eq!(coupons(&book, "birthday-gift"), expected, "{day}");
    }
}

#[test]
fn buy_3_get_1() {
    let mut book = book(&["buy-3-get-1"]);
    let coffee = |quantity: &str| json!({ "id": "1", "category": "coffee", "quantity": quantity, "amount": "6.00" });
    let tea = json!({ "id": "2", "category": "tea", "quantity": "9", "amount": "9.00" });
    buy_lines(&mut book, "1", "15.00", &json!([coffee("2"), tea]));
    assert_eq!(coupons(&book, "free-coffee"), 0);
    buy_lines(&mut book, "2", "6.00", &json!([coffee("1")]));
    assert_eq!(coupons(&book, "free-coffee"), 1);
    buy_lines(&mut book, "3", "6.00", &json!([coffee("7")]));
    assert_eq!(coupons(&book, "free-coffee"), 3);
}

#[test]
fn double_points_weekend() {
    let mut book = book(&["points-per-euro", "double-points-weekend"]);
    // The weekend of 7 and 8 March in Rome, an hour ahead of UTC.
    for (id, at, expected) in [
        ("1", "2026-03-06T22:59:59Z", 10),
        ("2", "2026-03-06T23:00:00Z", 30),
        ("3", "2026-03-08T22:59:59Z", 50),
        ("4", "2026-03-08T23:00:00Z", 60),
    ] {
        book.pass(at.parse().unwrap());
        buy(&mut book, id, at, "10.00");
        assert_eq!(available(&mut book), expected, "{at}");
    }
}

#[test]
fn category_multiplier() {
    let mut book = book(&["points-per-euro", "category-multiplier"]);
    let lines = json!([{ "id": "1", "category": "winter", "amount": "108.00" }, { "id": "2", "category": "socks", "amount": "27.00" }]);
    buy_lines(&mut book, "1", "135.00", &lines);
    assert_eq!(available(&mut book), 3 * 108 + 27);
}

#[test]
fn vip_welcome() {
    let mut book = book(&["vip-welcome"]);
    book.adjust("c", &json!({ "vip": "vip", "reason": "a good customer" })).unwrap();
    assert_eq!(available(&mut book), 500);
    book.adjust("c", &json!({ "vip": null, "reason": "moved away" })).unwrap();
    book.adjust("c", &json!({ "vip": "vip", "reason": "came back" })).unwrap();
    assert_eq!(available(&mut book), 500);
}

#[test]
fn win_back() {
    let mut book = book(&["win-back"]);
    buy(&mut book, "1", NOW, "10.00");
    // 180 days after 4 March are 31 August.
    for (day, expected) in [("2026-08-30", 0), ("2026-09-01", 1), ("2026-12-31", 1)] {
        book.pass(format!("{day}T12:00:00Z").parse().unwrap());
        assert_eq!(coupons(&book, "come-back"), expected, "{day}");
    }
    buy(&mut book, "2", "2026-12-31T11:00:00Z", "10.00");
    book.pass("2027-07-01T12:00:00Z".parse().unwrap());
    assert_eq!(coupons(&book, "come-back"), 2);
}

#[test]
fn newsletter() {
    let mut book = book(&["newsletter"]);
    for (lists, expected) in
        [(json!(["other"]), 0), (json!(["newsletter"]), 50), (json!([]), 50), (json!(["newsletter"]), 50)]
    {
        book.patch("c", &json!({ "lists": lists }));
        assert_eq!(available(&mut book), expected);
    }
}

#[test]
fn wallet_pass() {
    let mut book = book(&["wallet-pass"]);
    happened(&mut book, "1", NOW, "wallet_pass_added");
    happened(&mut book, "2", NOW, "wallet_pass_added");
    assert_eq!(available(&mut book), 50);
}

#[test]
fn review() {
    let mut book = book(&["review"]);
    for (id, at, expected) in
        [("1", "2026-03-04T10:00:00Z", 20), ("2", "2026-03-04T11:00:00Z", 20), ("3", "2026-03-05T10:00:00Z", 40)]
    {
        book.pass(at.parse().unwrap());
        happened(&mut book, id, at, "review_written");
        assert_eq!(available(&mut book), expected);
    }
}

#[test]
fn referral_bonus() {
    use tessera_domain::rule::ReferralRole::{Advocate, Friend};
    let mut book = book(&["referral-bonus"]);
    book.referral("c", Friend, "friendship-1");
    assert_eq!(available(&mut book), 0);
    book.referral("c", Advocate, "friendship-2");
    assert_eq!(available(&mut book), 100);
}
