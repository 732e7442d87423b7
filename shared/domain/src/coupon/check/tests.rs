//! Discounts on baskets, with worked numbers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::coupon::change::tests::{at, coupon};
use crate::coupon::read_basket;
use crate::money::Currency;

const NOW: &str = "2026-03-01T09:30:00Z";

fn euro() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn discount(value: Value) -> Discount {
    serde_json::from_value(value).unwrap()
}

fn coupon_with(value: Value) -> Coupon {
    Coupon { discount: discount(value), ..coupon(CouponStatus::Available) }
}

fn check(coupon: &Coupon, body: &Value) -> BasketCheck {
    let basket = read_basket(body, euro()).unwrap().basket;
    check_basket(coupon, &basket, &BasketContext::default(), at(NOW))
}

/// The amount taken off, and the share of each line; an invalid check panics.
fn off(coupon: &Coupon, body: &Value) -> (String, Vec<String>) {
    let check = check(coupon, body);
    assert_eq!((check.valid, check.reason), (true, None), "{body}");
    (check.amount_off, check.lines.into_iter().map(|line| line.amount_off).collect())
}

fn takes(total: &str, lines: &[&str]) -> (String, Vec<String>) {
    (total.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect())
}

fn refused(coupon: &Coupon, body: &Value) -> &'static str {
    let check = check(coupon, body);
    assert!(!check.valid && check.amount_off == "0.00" && check.lines.iter().all(|line| line.amount_off == "0.00"));
    check.reason.unwrap()
}

fn line(sku: &str, amount: &str) -> Value {
    json!({ "id": format!("line {sku} {amount}"), "sku": sku, "amount": amount })
}

#[test]
fn an_amount_takes_at_most_the_basket() {
    let five = coupon(CouponStatus::Available);
    assert_eq!(off(&five, &json!({ "total": "42.00" })), takes("5.00", &[]));
    assert_eq!(off(&five, &json!({ "total": "3.20" })), takes("3.20", &[]));
    assert_eq!(off(&five, &json!({ "total": "0.00" })), takes("0.00", &[]));
}

#[test]
fn a_percentage_is_rounded_half_even_once() {
    let coupon = coupon_with(json!({ "type": "percent_off", "percent": "12.5", "currency": "EUR" }));
    assert_eq!(off(&coupon, &json!({ "total": "100.00" })), takes("12.50", &[]));
    assert_eq!(off(&coupon, &json!({ "total": "0.20" })), takes("0.02", &[]));
    assert_eq!(off(&coupon, &json!({ "total": "0.28" })), takes("0.04", &[]));
    // Rounded by line, it would be 0.01 + 0.01 + 0.01.
    let lines = json!([line("A", "0.08"), line("B", "0.08"), line("C", "0.08")]);
    assert_eq!(off(&coupon, &json!({ "total": "0.24", "lines": lines })), takes("0.03", &["0.01", "0.01", "0.01"]));
}

#[test]
fn the_most_bounds_the_amount_before_the_eligible_sum_does() {
    let coupon =
        coupon_with(json!({ "type": "percent_off", "percent": "50", "max_discount": "20.00", "currency": "EUR" }));
    assert_eq!(off(&coupon, &json!({ "total": "30.00" })), takes("15.00", &[]));
    assert_eq!(off(&coupon, &json!({ "total": "100.00" })), takes("20.00", &[]));
    let five =
        coupon_with(json!({ "type": "amount_off", "amount": "5.00", "max_discount": "4.00", "currency": "EUR" }));
    assert_eq!(off(&five, &json!({ "total": "42.00" })), takes("4.00", &[]));
    assert_eq!(off(&five, &json!({ "total": "3.00" })), takes("3.00", &[]));
}

#[test]
fn eligible_lines_bear_the_discount_by_largest_remainder() {
    let ten = coupon_with(json!({ "type": "amount_off", "amount": "10.00", "currency": "EUR" }));
    let lines = json!([line("A", "33.33"), line("B", "33.33"), line("C", "33.34")]);
    assert_eq!(off(&ten, &json!({ "total": "100.00", "lines": lines })), takes("10.00", &["3.33", "3.33", "3.34"]));
    let some = coupon_with(json!({ "type": "percent_off", "percent": "10", "skus": ["A", "C"], "currency": "EUR" }));
    assert_eq!(off(&some, &json!({ "total": "100.00", "lines": lines })), takes("6.67", &["3.33", "0.00", "3.34"]));
    // Free lines have no share, wherever they stand.
    let lines = json!([line("A", "0.00"), line("A", "8.00"), line("C", "0.00")]);
    assert_eq!(off(&ten, &json!({ "total": "8.00", "lines": lines })), takes("8.00", &["0.00", "8.00", "0.00"]));
    let free = json!([line("A", "0.00"), line("C", "0.00")]);
    assert_eq!(off(&ten, &json!({ "total": "0.00", "lines": free })), takes("0.00", &["0.00", "0.00"]));
    // What a discount on the order took off already is not taken off again.
    let lines = json!([line("A", "6.00"), line("B", "6.00")]);
    assert_eq!(off(&ten, &json!({ "total": "4.00", "lines": lines })), takes("4.00", &["2.00", "2.00"]));
}

#[test]
fn the_minimum_looks_at_the_eligible_lines() {
    let coupon = coupon_with(json!({ "type": "percent_off", "percent": "50", "currency": "EUR", "skus": ["A"],
                                     "minimum_spend": "20.00" }));
    let lines = |a: &str| json!([line("A", a), line("B", "30.00")]);
    assert_eq!(off(&coupon, &json!({ "total": "50.00", "lines": lines("20.00") })), takes("10.00", &["10.00", "0.00"]));
    assert_eq!(refused(&coupon, &json!({ "total": "49.99", "lines": lines("19.99") })), "minimum_spend");
    assert_eq!(refused(&coupon, &json!({ "total": "50.00" })), "lines_needed");
    assert_eq!(refused(&coupon, &json!({ "total": "50.00", "lines": [] })), "lines_needed");
    assert_eq!(refused(&coupon, &json!({ "total": "25.00", "lines": [line("B", "25.00")] })), "no_matching_line");
}

#[test]
fn a_free_product_is_the_dearest_single_unit() {
    let coupon = coupon_with(json!({ "type": "free_product", "skus": ["A", "B"], "currency": "EUR" }));
    let mut three = line("A", "30.00");
    three["quantity"] = json!("3");
    let body = json!({ "total": "62.00", "lines": [three, line("C", "32.00")] });
    assert_eq!(off(&coupon, &body), takes("10.00", &["10.00", "0.00"]));
    let body = json!({ "total": "42.00", "lines": [three, line("B", "12.00")] });
    assert_eq!(off(&coupon, &body), takes("12.00", &["8.57", "3.43"]));
    // A weighed line is one item.
    let mut weighed = line("A", "4.35");
    weighed["quantity"] = json!("0.435");
    assert_eq!(off(&coupon, &json!({ "total": "4.35", "lines": [weighed] })), takes("4.35", &["4.35"]));
    assert_eq!(off(&coupon, &json!({ "total": "1.00" })), takes("0.00", &[]), "it may still be added");
    assert_eq!(refused(&coupon, &json!({ "total": "32.00", "lines": [line("C", "32.00")] })), "no_matching_line");
}

#[test]
fn what_is_not_money_takes_nothing_off_the_goods() {
    let shipping = coupon_with(json!({ "type": "free_shipping", "minimum_spend": "20.00", "currency": "EUR" }));
    assert_eq!(off(&shipping, &json!({ "total": "20.00", "lines": [line("A", "20.00")] })), takes("0.00", &["0.00"]));
    assert_eq!(refused(&shipping, &json!({ "total": "19.00" })), "minimum_spend");
}

#[test]
fn only_available_and_applied_coupons_are_valid() {
    let total = json!({ "total": "42.00" });
    assert!(check(&coupon(CouponStatus::Applied), &total).valid);
    for (status, reason) in [
        (CouponStatus::Reserved, "reserved"),
        (CouponStatus::Used, "used"),
        (CouponStatus::Expired, "expired"),
        (CouponStatus::Cancelled, "cancelled"),
        (CouponStatus::Lapsed, "lapsed"),
    ] {
        assert_eq!(refused(&coupon(status), &total), reason);
    }
}

#[test]
fn a_bound_coupon_is_not_valid_on_anothers_basket() {
    let basket = read_basket(&json!({ "total": "42.00" }), euro()).unwrap().basket;
    let bound = coupon_with(json!({ "type": "amount_off", "amount": "5.00", "bind": "member", "currency": "EUR" }));
    let reason = |coupon: &Coupon, is_of_another| {
        check_basket(coupon, &basket, &BasketContext { is_of_another, with: Vec::new() }, at(NOW)).reason
    };
    assert_eq!((reason(&bound, true), reason(&bound, false)), (Some("other_member"), None));
    assert_eq!(reason(&coupon(CouponStatus::Available), true), None, "others are bearer coupons");
}

#[test]
fn two_discounts_combine_when_each_allows_the_other() {
    let basket = read_basket(&json!({ "total": "42.00" }), euro()).unwrap().basket;
    let order =
        |with: Value| json!({ "type": "percent_off", "percent": "10", "currency": "EUR", "combines_with": with });
    let ours = coupon_with(order(json!({ "order": false, "product": true, "shipping": true })));
    let product = |with: Value| {
        discount(
            json!({ "type": "amount_off", "amount": "1.00", "skus": ["A"], "currency": "EUR", "combines_with": with }),
        )
    };
    let all = json!({ "order": true, "product": true, "shipping": true });
    let combines = |coupon: &Coupon, with: Vec<Option<Discount>>| {
        check_basket(coupon, &basket, &BasketContext { is_of_another: false, with }, at(NOW)).combines
    };
    assert!(combines(&ours, Vec::new()), "there is nothing to combine with");
    assert!(combines(&ours, vec![Some(product(all.clone()))]));
    assert!(!combines(&ours, vec![Some(product(json!({ "order": false, "product": true, "shipping": true })))]));
    assert!(!combines(&ours, vec![Some(discount(order(all.clone())))]), "it allows no other on the order");
    let shipping = discount(json!({ "type": "free_shipping", "currency": "EUR", "combines_with": all }));
    assert!(combines(&ours, vec![Some(shipping.clone()), Some(product(all.clone()))]));
    assert!(!combines(&ours, vec![Some(shipping), None]), "a promotion of the shop is on the order");
    assert!(combines(&coupon_with(order(all.clone())), vec![None]));
    // A reward that says nothing combines with nothing.
    assert!(!combines(&coupon(CouponStatus::Available), vec![Some(product(all))]));
}

#[test]
fn every_fault_of_a_basket_is_reported() {
    let body = json!({ "total": 42.0, "lines": [{ "sku": 7, "amount": "-1", "price": "1", "quantity": 2 }], "curency": "EUR",
                       "member": "c-1", "with": ["x".repeat(300)] });
    let faults = read_basket(&body, euro()).unwrap_err();
    let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    let lines = ["/lines/0/amount", "/lines/0/price", "/lines/0/quantity", "/lines/0/sku"];
    assert_eq!(pointers, [&["/curency"], &lines[..], &["/member", "/total", "/with/0"]].concat());
    let twice = json!({ "total": "2.00", "lines": [{ "amount": "1.00" }, { "id": "1", "amount": "1.00" }] });
    assert!(read_basket(&twice, euro()).is_err());
}

proptest! {
    /// On any basket: never more than the eligible lines or the most, and the shares add up to the amount.
    #[test]
    fn shares_add_up_and_stay_within_their_lines(
        lines in prop::collection::vec((0_usize..3, 0_i64..100_000, 1_u32..9), 0..12),
        percent in 1_i64..=10_000,
        most in proptest::option::of(1_i64..50_000),
        kind in 0_usize..3,
        some_skus in any::<bool>(),
    ) {
        let money = |minor: i64| Money::new(minor, euro()).to_string();
        let skus = ["A", "B", "C"];
        let total: i64 = lines.iter().map(|(_, amount, _)| amount).sum();
        let body = lines.iter().map(|(sku, amount, quantity)| {
            json!({ "sku": skus[*sku], "amount": money(*amount), "quantity": quantity.to_string() })
        });
        let body = json!({ "total": money(total), "lines": body.collect::<Vec<_>>() });
        let mut of = match kind {
            0 => json!({ "type": "amount_off", "amount": money(percent) }),
            1 => json!({ "type": "percent_off", "percent": Decimal::new(percent, 2).to_string() }),
            _ => json!({ "type": "free_product" }),
        };
        of["currency"] = json!("EUR");
        if some_skus {
            of["skus"] = json!(["A", "B"]);
        }
        if let Some(most) = most {
            of["max_discount"] = json!(money(most));
        }
        let check = check(&coupon_with(of), &body);
        let minor = |text: &str| Money::parse(text, euro()).unwrap().minor();
        let off = minor(&check.amount_off);
        let eligible = |sku: usize| !some_skus || sku < 2;
        let sum: i64 = lines.iter().filter(|(sku, ..)| eligible(*sku)).map(|(_, amount, _)| amount).sum();
        prop_assert!((0..=sum).contains(&off) && most.is_none_or(|most| off <= most));
        prop_assert_eq!(check.lines.iter().map(|line| minor(&line.amount_off)).sum::<i64>(), off);
        for (line, (sku, amount, _)) in check.lines.iter().zip(&lines) {
            let share = minor(&line.amount_off);
            prop_assert!((0..=*amount).contains(&share), "{line:?}");
            prop_assert!(share == 0 || eligible(*sku));
        }
    }
}
