//! Coupons between their owners, their receipts and the returns of those.

use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;
use tessera_domain::decide::{CouponMoveFault, RedemptionFault};
use tessera_domain::ids::CouponCode;
use tessera_domain::ledger::{Cause, MovementType};

use crate::book::Book;

const START: &str = "2026-03-01T12:00:00+01:00";

fn reward(id: &str, more: &Value) -> Value {
    let mut reward = json!({ "id": id, "name": id, "type": "amount_off", "value": "5.00", "cost": 100,
                             "code": { "pattern": "ADA-########" } });
    reward.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    reward
}

/// A program without rules: points come by hand.
fn open() -> Book {
    let program = json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome",
        "points": { "name": { "one": "p", "other": "p" }, "returned_redemption": "prorata" },
        "rewards": [
            reward("five", &json!({})),
            reward("once", &json!({ "per_member_limit": 1 })),
            reward("few", &json!({ "stock": 3 })),
            reward("short", &json!({ "valid_days": 29 })),
            reward("bound", &json!({ "bind": "member" })),
            json!({ "id": "pay", "name": "Pay", "type": "amount_off", "code": { "pattern": "ADA-########" },
                    "cost_per": { "points": 10, "value": "0.07", "min": 100, "max": 600, "step": 25 } }),
        ],
    });
    Book::open(&program, START.parse().unwrap()).unwrap()
}

fn member(book: &mut Book, id: &str, points: i64) {
    book.enroll(&json!({ "id": id }));
    book.adjust(id, &json!({ "award": points, "reason": "opening" })).unwrap();
}

fn at(book: &mut Book, time: &str) {
    book.now = time.parse().unwrap();
}

fn buy(book: &mut Book, id: &str, who: &str, date: &str, total: &str, codes: &[&str]) -> Vec<(String, String)> {
    let body = json!({ "id": id, "occurred_at": date, "member": { "id": who }, "currency": "EUR", "total": total,
                       "coupons": codes });
    let entry = book.receipt(&body).unwrap().unwrap();
    entry.ignored.into_iter().map(|(code, reason)| (code.to_string(), reason)).collect()
}

fn give_back(book: &mut Book, receipt: &str, id: &str, amount: &str) {
    let body = json!({ "id": id, "occurred_at": "2026-04-01T10:00:00+02:00", "amount": amount });
    assert_eq!(book.refund(receipt, &body).unwrap().unwrap().rejected, None);
}

fn points(book: &mut Book, member: &str) -> (i64, i64) {
    book.check();
    let account = book.view(member);
    (account.available().get(), account.debt.get())
}

fn ignored(code: &CouponCode, reason: &str) -> Vec<(String, String)> {
    vec![(code.to_string(), reason.to_owned())]
}

#[test]
fn what_lapsed_or_was_cancelled_does_not_count_against_the_limit_per_member() {
    let mut book = open();
    member(&mut book, "c-1", 1_000);
    book.redeem("c-1", "once", Some(30)).unwrap();
    assert_eq!(book.redeem("c-1", "once", None), Err(RedemptionFault::LimitReached));
    at(&mut book, "2026-03-01T12:40:00+01:00");
    let code = book.redeem("c-1", "once", None).unwrap();
    book.coupon(&code, "cancel", None).unwrap();
    let code = book.redeem("c-1", "once", Some(30)).unwrap();
    book.coupon(&code, "cancel", None).unwrap();
    let code = book.redeem("c-1", "once", None).unwrap();
    assert_eq!(book.redeem("c-1", "once", None), Err(RedemptionFault::LimitReached));
    // A return restores the points of a used one; it was had all the same.
    buy(&mut book, "r-1", "c-1", START, "80.00", &[code.as_str()]);
    give_back(&mut book, "r-1", "f-1", "80.00");
    assert_eq!(points(&mut book, "c-1"), (1_000, 0));
    assert_eq!(book.redeem("c-1", "once", None), Err(RedemptionFault::LimitReached));
}

#[test]
fn reservations_have_limits() {
    let mut book = open();
    member(&mut book, "c-1", 10_000);
    let refused = |book: &mut Book, reward: &str, minutes: u32, by_member: bool| {
        matches!(book.redeem_as("c-1", reward, Some(minutes), by_member), Err(RedemptionFault::ReservationLimit(_)))
    };
    assert!(refused(&mut book, "five", 31, true));
    book.redeem_as("c-1", "few", Some(30), true).unwrap();
    assert!(refused(&mut book, "few", 30, true), "one reservation per reward with stock");
    book.redeem_as("c-1", "five", Some(30), true).unwrap();
    book.redeem_as("c-1", "five", Some(30), true).unwrap();
    book.redeem_as("c-1", "few", Some(60), false).unwrap();
    for _ in 4..20 {
        book.redeem("c-1", "five", Some(30)).unwrap();
    }
    assert!(refused(&mut book, "five", 30, false), "20 are open");
    assert!(book.redeem("c-1", "five", None).is_ok(), "only reservations are bounded");
    at(&mut book, "2026-03-01T12:30:00+01:00");
    assert!(book.redeem("c-1", "five", Some(30)).is_ok(), "all but one have lapsed");
    book.check();
}

#[test]
fn a_reservation_that_the_account_saw_lapse_is_not_committed_by_a_slow_clock() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", Some(30)).unwrap();
    at(&mut book, "2026-03-01T12:30:00+01:00");
    book.adjust("c-1", &json!({ "award": 1, "reason": "looked" })).unwrap();
    at(&mut book, "2026-03-01T12:29:59+01:00");
    assert_eq!(book.coupon(&code, "commit", None).unwrap_err().status, CouponStatus::Lapsed);
    assert_eq!(book.coupon(&code, "cancel", None).unwrap_err().status, CouponStatus::Lapsed);
    assert_eq!(points(&mut book, "c-1"), (101, 0));
}

#[test]
fn the_days_of_a_reserved_coupon_begin_at_its_commit() {
    let mut book = open();
    member(&mut book, "c-1", 1_000);
    let code = book.redeem("c-1", "short", Some(43_200)).unwrap();
    let end = |book: &Book| book.coupons[&code].expires_at.unwrap().to_string();
    assert_eq!(end(&book), "2026-03-30T22:00:00Z");
    // On the last of its thirty days. The clocks went forward meanwhile.
    at(&mut book, "2026-03-31T12:59:00+02:00");
    book.coupon(&code, "commit", None).unwrap();
    assert_eq!(book.coupons[&code].status_at(book.now), CouponStatus::Available);
    assert_eq!(end(&book), "2026-04-29T22:00:00Z");
    // Of one that is committed on the day of its reservation, nothing changes.
    let code = book.redeem("c-1", "short", Some(30)).unwrap();
    let before = book.coupons[&code].expires_at;
    book.coupon(&code, "commit", None).unwrap();
    assert_eq!(book.coupons[&code].expires_at, before);
}

#[test]
fn one_code_in_any_spelling_is_one_use() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", None).unwrap();
    let typed = code.as_str().to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    let reasons = buy(&mut book, "r-1", "c-1", START, "80.00", &[&typed, code.as_str(), &format!(" {typed}")]);
    assert_eq!(reasons, []);
    let entry = book.entries["c-1"].last().unwrap();
    assert_eq!(entry.coupons.iter().map(|coupon| &coupon.code).collect::<Vec<_>>(), [&code]);
    assert_eq!(book.coupons[&code].status, CouponStatus::Used);
}

#[test]
fn a_receipt_uses_a_coupon_as_of_its_own_date() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "short", None).unwrap();
    at(&mut book, "2026-03-31T09:00:00+02:00");
    assert_eq!(book.coupons[&code].status_at(book.now), CouponStatus::Expired);
    let late = buy(&mut book, "r-2", "c-1", "2026-03-31T00:00:00+02:00", "80.00", &[code.as_str()]);
    assert_eq!(late, ignored(&code, "expired"));
    assert_eq!(buy(&mut book, "r-1", "c-1", "2026-03-30T10:00:00+02:00", "80.00", &[code.as_str()]), []);
    assert_eq!(book.coupons[&code].status, CouponStatus::Used);
}

#[test]
fn a_coupon_cancelled_after_the_receipts_date_is_used_and_its_points_are_taken_again() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "once", None).unwrap();
    at(&mut book, "2026-03-31T09:00:00+02:00");
    book.coupon(&code, "cancel", None).unwrap();
    let same_time = buy(&mut book, "r-0", "c-1", "2026-03-31T09:00:00+02:00", "10.00", &[code.as_str()]);
    assert_eq!(same_time, ignored(&code, "cancelled"));
    // 60 of the points that came back are spent.
    book.adjust("c-1", &json!({ "deduct": 60, "reason": "spent" })).unwrap();
    assert_eq!(buy(&mut book, "r-1", "c-1", "2026-03-30T10:00:00+02:00", "80.00", &[code.as_str()]), []);
    assert_eq!(points(&mut book, "c-1"), (0, 60));
    assert_eq!(book.coupons[&code].status, CouponStatus::Used);
    assert_eq!(book.redeem("c-1", "once", None), Err(RedemptionFault::LimitReached));
    give_back(&mut book, "r-1", "f-1", "40.00");
    assert_eq!(points(&mut book, "c-1"), (0, 10));
    give_back(&mut book, "r-1", "f-2", "40.00");
    assert_eq!(points(&mut book, "c-1"), (40, 0));
    assert!(!book.settle_coupon(&code), "the refunds settled it");
}

#[test]
fn a_cancelled_reservation_is_used_by_no_receipt() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", Some(30)).unwrap();
    at(&mut book, "2026-03-01T12:10:00+01:00");
    book.coupon(&code, "cancel", None).unwrap();
    let reasons = buy(&mut book, "r-1", "c-1", "2026-03-01T12:05:00+01:00", "80.00", &[code.as_str()]);
    assert_eq!(reasons, ignored(&code, "cancelled"));
    assert_eq!(points(&mut book, "c-1"), (100, 0));
}

#[test]
fn a_use_that_is_reported_after_returns_restores_what_they_owe() {
    for (before, after) in [(&["40.00"][..], &["40.00"][..]), (&["80.00"], &[]), (&["30.00", "50.00"], &[])] {
        let mut book = open();
        member(&mut book, "c-1", 100);
        let code = book.redeem("c-1", "five", None).unwrap();
        buy(&mut book, "r-1", "c-1", START, "80.00", &[]);
        for amount in before {
            give_back(&mut book, "r-1", &format!("before-{amount}"), amount);
        }
        assert_eq!(points(&mut book, "c-1"), (0, 0));
        book.coupon(&code, "use", Some("r-1")).unwrap();
        assert!(book.settle_coupon(&code));
        assert!(!book.settle_coupon(&code), "settling twice changes nothing");
        for amount in after {
            give_back(&mut book, "r-1", &format!("after-{amount}"), amount);
        }
        assert_eq!(points(&mut book, "c-1"), (100, 0), "{before:?}, {after:?}");
    }
}

#[test]
fn a_coupon_used_without_a_receipt_is_tied_to_the_first_that_names_it() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", None).unwrap();
    book.coupon(&code, "use", None).unwrap();
    assert_eq!(buy(&mut book, "r-1", "c-1", START, "80.00", &[code.as_str()]), []);
    assert_eq!(buy(&mut book, "r-2", "c-1", START, "80.00", &[code.as_str()]), ignored(&code, "used"));
    give_back(&mut book, "r-2", "f-1", "80.00");
    assert_eq!(points(&mut book, "c-1"), (0, 0));
    give_back(&mut book, "r-1", "f-2", "80.00");
    assert_eq!(points(&mut book, "c-1"), (100, 0));
}

#[test]
fn what_a_strangers_return_restores_goes_to_the_coupons_owner() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    member(&mut book, "c-2", 5);
    let code = book.redeem("c-1", "five", None).unwrap();
    assert_eq!(buy(&mut book, "r-1", "c-2", START, "80.00", &[code.as_str()]), []);
    assert!(!book.settle_coupon(&code));
    give_back(&mut book, "r-1", "f-1", "20.00");
    assert!(book.settle_coupon(&code));
    assert_eq!((points(&mut book, "c-1"), points(&mut book, "c-2")), ((25, 0), (5, 0)));
    give_back(&mut book, "r-1", "f-2", "60.00");
    assert!(book.settle_coupon(&code) && !book.settle_coupon(&code));
    assert_eq!((points(&mut book, "c-1"), points(&mut book, "c-2")), ((100, 0), (5, 0)));
}

#[test]
fn a_cancelled_coupon_on_a_strangers_earlier_receipt_is_paid_by_its_owner() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    member(&mut book, "c-2", 5);
    let code = book.redeem("c-1", "five", None).unwrap();
    at(&mut book, "2026-03-31T09:00:00+02:00");
    book.coupon(&code, "cancel", None).unwrap();
    assert_eq!(buy(&mut book, "r-1", "c-2", "2026-03-30T10:00:00+02:00", "80.00", &[code.as_str()]), []);
    give_back(&mut book, "r-1", "f-1", "40.00");
    // Both steps in one: the cost is taken, half of it comes back.
    assert!(book.settle_coupon(&code) && !book.settle_coupon(&code));
    assert_eq!((points(&mut book, "c-1"), points(&mut book, "c-2")), ((50, 0), (5, 0)));
}

#[test]
fn a_bound_coupon_works_on_its_owners_receipts_alone() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    member(&mut book, "c-2", 5);
    let code = book.redeem("c-1", "bound", None).unwrap();
    assert_eq!(buy(&mut book, "r-1", "c-2", START, "80.00", &[code.as_str()]), ignored(&code, "foreign"));
    assert_eq!(buy(&mut book, "r-2", "c-1", START, "80.00", &[code.as_str()]), []);
}

#[test]
fn where_nothing_was_paid_the_shares_are_those_of_the_lines() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", None).unwrap();
    let lines = json!([{ "id": "1", "amount": "3.00" }, { "id": "2", "amount": "1.00" }]);
    let body = json!({ "id": "r-1", "occurred_at": START, "member": { "id": "c-1" }, "currency": "EUR", "total": "0.00",
                       "discount": "4.00", "lines": lines, "coupons": [code] });
    book.receipt(&body).unwrap().unwrap();
    let back =
        json!({ "id": "f-1", "occurred_at": START, "lines": [{ "line": "1", "quantity": "1", "amount": "3.00" }] });
    book.refund("r-1", &back).unwrap().unwrap();
    assert_eq!(points(&mut book, "c-1"), (75, 0));
}

#[test]
fn a_debt_is_missing_too() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", None).unwrap();
    at(&mut book, "2026-03-31T09:00:00+02:00");
    book.coupon(&code, "cancel", None).unwrap();
    book.adjust("c-1", &json!({ "deduct": 100, "reason": "spent" })).unwrap();
    buy(&mut book, "r-1", "c-1", "2026-03-30T10:00:00+02:00", "80.00", &[code.as_str()]);
    assert_eq!(points(&mut book, "c-1"), (0, 100));
    let missing = tessera_domain::points::Points::new(200);
    assert_eq!(book.redeem("c-1", "five", None), Err(RedemptionFault::InsufficientPoints { missing }));
}

#[test]
fn the_shopper_chooses_how_many_points_to_pay_with() {
    let mut book = open();
    member(&mut book, "c-1", 1_000);
    let invalid =
        |result: Result<CouponCode, RedemptionFault>| matches!(result, Err(RedemptionFault::InvalidPoints(_)));
    assert_eq!(book.pay("c-1", "pay", None), Err(RedemptionFault::PointsMissing));
    for wrong in [0, -100, 50, 160, 625] {
        assert!(invalid(book.pay("c-1", "pay", Some(wrong))), "{wrong}");
    }
    assert!(invalid(book.pay("c-1", "five", Some(99))), "the cost is fixed");
    book.pay("c-1", "five", Some(100)).unwrap();
    // 150 points at 0.07 for each 10: 1.05.
    let code = book.pay("c-1", "pay", Some(150)).unwrap();
    let coupon = &book.coupons[&code];
    assert_eq!((coupon.cost.get(), coupon.discount.amount.as_deref()), (150, Some("1.05")));
    assert_eq!(points(&mut book, "c-1"), (750, 0));
    // A return gives back what was paid, in proportion.
    buy(&mut book, "r-1", "c-1", START, "80.00", &[code.as_str()]);
    give_back(&mut book, "r-1", "f-1", "20.00");
    assert_eq!(points(&mut book, "c-1"), (787, 0));
    give_back(&mut book, "r-1", "f-2", "60.00");
    assert_eq!(points(&mut book, "c-1"), (900, 0));
    let missing = tessera_domain::points::Points::new(50);
    book.adjust("c-1", &json!({ "deduct": 350, "reason": "less" })).unwrap();
    assert_eq!(book.pay("c-1", "pay", Some(600)), Err(RedemptionFault::InsufficientPoints { missing }));
}

#[test]
fn the_return_of_a_free_order_without_lines_restores_everything() {
    let mut book = open();
    member(&mut book, "c-1", 100);
    let code = book.redeem("c-1", "five", None).unwrap();
    buy(&mut book, "r-1", "c-1", START, "0.00", &[code.as_str()]);
    assert_eq!(points(&mut book, "c-1"), (0, 0), "the order is not returned yet");
    give_back(&mut book, "r-1", "f-1", "0.00");
    assert_eq!(points(&mut book, "c-1"), (100, 0));
    // Of an order that was paid for, an amount of 0 is no return.
    let code = book.redeem("c-1", "five", None).unwrap();
    buy(&mut book, "r-2", "c-1", START, "1.00", &[code.as_str()]);
    let body = json!({ "id": "f-2", "occurred_at": START, "amount": "0.00" });
    assert!(book.refund("r-2", &body).is_err());
    assert_eq!(points(&mut book, "c-1"), (0, 0));
}

#[test]
fn a_moved_coupon_takes_its_cost_along() {
    let mut book = open();
    member(&mut book, "c-1", 250);
    member(&mut book, "c-2", 120);
    let code = book.redeem("c-1", "once", None).unwrap();
    book.move_coupon(&code, "c-2").unwrap();
    assert_eq!((points(&mut book, "c-1"), points(&mut book, "c-2")), ((250, 0), (20, 0)));
    assert_eq!(book.coupons[&code].member.as_str(), "c-2");
    // It counts for its new owner.
    book.redeem("c-1", "once", None).unwrap();
    book.adjust("c-2", &json!({ "award": 200, "reason": "more" })).unwrap();
    assert_eq!(book.redeem("c-2", "once", None), Err(RedemptionFault::LimitReached));
    let sources = |book: &Book, member: &str| {
        let entry = book.entries[member].iter().rev().find(|entry| matches!(entry.cause, Cause::Move { .. })).unwrap();
        entry.movements.iter().map(|movement| movement.kind).collect::<Vec<_>>()
    };
    assert_eq!(sources(&book, "c-1"), [MovementType::Restore]);
    assert_eq!(sources(&book, "c-2"), [MovementType::Redeem]);
    // What a return restores goes to whoever owns the coupon.
    buy(&mut book, "r-1", "c-1", START, "80.00", &[code.as_str()]);
    give_back(&mut book, "r-1", "f-1", "80.00");
    book.settle_coupon(&code);
    assert_eq!(points(&mut book, "c-2"), (320, 0));
}

#[test]
fn only_a_coupon_that_can_be_used_is_moved_and_only_to_who_can_pay() {
    let mut book = open();
    member(&mut book, "c-1", 1_000);
    member(&mut book, "c-2", 99);
    let code = book.redeem("c-1", "five", None).unwrap();
    let missing = tessera_domain::points::Points::new(1);
    assert_eq!(book.move_coupon(&code, "c-2"), Err(CouponMoveFault::InsufficientPoints { missing }));
    book.adjust("c-2", &json!({ "award": 1, "reason": "one more" })).unwrap();
    let state = |result: Result<(), CouponMoveFault>| match result {
        Err(CouponMoveFault::State(fault)) => fault.status,
        other => panic!("{other:?}"),
    };
    let reserved = book.redeem("c-1", "five", Some(30)).unwrap();
    assert_eq!(state(book.move_coupon(&reserved, "c-2")), CouponStatus::Reserved);
    let used = book.redeem("c-1", "five", None).unwrap();
    book.coupon(&used, "use", None).unwrap();
    assert_eq!(state(book.move_coupon(&used, "c-2")), CouponStatus::Used);
    let short = book.redeem("c-1", "short", None).unwrap();
    book.coupon(&code, "apply", None).unwrap();
    book.move_coupon(&code, "c-2").unwrap();
    at(&mut book, "2026-03-31T12:00:00+02:00");
    assert_eq!(state(book.move_coupon(&short, "c-2")), CouponStatus::Expired);
    assert_eq!((points(&mut book, "c-1"), points(&mut book, "c-2")), ((800, 0), (0, 0)));
}
