//! Orders and what is stored of them: edits, refunds and cancellations in any order, any number of times.

use proptest::prelude::*;
use tessera_domain::fact::{read_receipt, read_refund_of};
use tessera_domain::money::Currency;

use super::*;

fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn money(minor: i64) -> String {
    Money::new(minor, eur()).to_string()
}

/// An order with these lines: name, amount.
fn order(lines: &[(&str, i64)], updated: i64) -> ShopOrder {
    let total: i64 = lines.iter().map(|(_, amount)| amount).sum();
    let lines: Vec<Value> =
        lines.iter().map(|(id, amount)| json!({ "id": id, "quantity": "2", "amount": money(*amount) })).collect();
    ShopOrder {
        receipt: json!({
            "id": "shopify:1", "occurred_at": "2026-03-01T10:00:00Z", "member": { "id": "7", "verified": [] },
            "channel": "web", "currency": "EUR", "total": money(total), "lines": lines,
        }),
        is_paid: true,
        updated_at: Timestamp::from_second(1_772_400_000 + updated).unwrap(),
        cancelled_at: None,
        refunds: Vec::new(),
    }
}

fn refund(id: &str, lines: &[(&str, i64)], amount: i64) -> ShopRefund {
    let line = |(line, amount): &(&str, i64)| RefundedLine {
        line: (*line).to_owned(),
        quantity: Some(Decimal::ONE),
        amount: *amount,
    };
    let occurred_at = Timestamp::from_second(1_772_500_000).unwrap();
    ShopRefund { id: id.to_owned(), occurred_at, lines: lines.iter().map(line).collect(), amount }
}

/// What is stored of an order.
#[derive(Debug, Clone, Default, PartialEq)]
struct Stored(Vec<SoldReceipt>, Option<Timestamp>);

impl Stored {
    /// Stores what an order lacks, as the worker does.
    fn follow(&mut self, order: &ShopOrder) -> Vec<ShopFact> {
        let mut all = Vec::new();
        for _ in 0..2 {
            let facts = next_facts(order, &self.0, self.1);
            for fact in &facts {
                self.put(fact);
            }
            all.extend(facts);
        }
        if !all.is_empty() {
            self.1 = self.1.max(Some(order.updated_at));
        }
        all
    }

    fn put(&mut self, fact: &ShopFact) {
        match fact {
            ShopFact::Receipt(body) => {
                let receipt = read_receipt(body, eur()).unwrap_or_else(|faults| panic!("{body}: {faults:?}")).receipt;
                self.0.push(SoldReceipt { receipt, refunds: Vec::new() });
            }
            ShopFact::Refund { receipt, body } => {
                let sold = self.0.iter_mut().find(|sold| sold.receipt.id.as_str() == receipt).unwrap();
                let refund = read_refund_of(body, &sold.receipt).unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
                assert!(Remaining::after(&sold.receipt, &sold.refunds).less(&refund).is_ok(), "{body}");
                sold.refunds.push(refund);
            }
            ShopFact::Interaction(body) => panic!("{body}"),
        }
    }

    fn left(&self) -> i64 {
        self.0.iter().map(|sold| Remaining::after(&sold.receipt, &sold.refunds).net_total()).sum()
    }
}

#[test]
fn an_unpaid_order_is_nothing_and_a_paid_one_a_receipt() {
    let mut unpaid = order(&[("1", 1_000)], 0);
    unpaid.is_paid = false;
    assert_eq!(Stored::default().follow(&unpaid), []);
    let mut stored = Stored::default();
    assert_eq!(stored.follow(&order(&[("1", 1_000)], 0)).len(), 1);
    assert_eq!(stored.follow(&order(&[("1", 1_000)], 5)), []);
}

#[test]
fn an_increase_is_a_receipt_with_the_lines_that_grew() {
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000)], 0));
    let facts = stored.follow(&order(&[("1", 1_500), ("2", 300)], 10));
    let [ShopFact::Receipt(edit)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((&edit["id"], &edit["total"]), (&json!("shopify:1:edit-1"), &json!("8.00")));
    assert_eq!(
        edit["lines"],
        json!([{ "id": "1", "amount": "5.00" }, { "id": "2", "quantity": "2", "amount": "3.00" }])
    );
    assert_eq!(edit["member"]["id"], "7");
    // Returned, the new line is found where it was sold, and the old one in both receipts.
    let mut returned = order(&[("1", 1_500), ("2", 300)], 20);
    returned.refunds = vec![refund("shopify:r", &[("2", 300), ("1", 1_200)], 0)];
    stored.follow(&returned);
    assert_eq!(stored.left(), 300);
}

#[test]
fn a_decrease_is_a_refund_and_an_older_state_changes_nothing() {
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000), ("2", 500)], 0));
    let facts = stored.follow(&order(&[("1", 1_000), ("2", 200)], 10));
    let [ShopFact::Refund { receipt, body }] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((receipt.as_str(), &body["id"]), ("shopify:1", &json!("shopify:1:edit-1")));
    assert_eq!(body["lines"], json!([{ "line": "2", "amount": "3.00" }]));
    for late in [order(&[("1", 1_000), ("2", 500)], 5), order(&[("1", 1), ("2", 2)], 10)] {
        assert_eq!(stored.follow(&late), []);
    }
    // Lines that grew and shrank cancel each other out: only the difference is known to be paid.
    let facts = stored.follow(&order(&[("1", 600), ("2", 200), ("3", 100)], 20));
    let [ShopFact::Refund { body, .. }] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((&body["id"], &body["amount"]), (&json!("shopify:1:edit-2"), &json!("3.00")));
    assert_eq!(stored.left(), 900);
}

#[test]
fn refunds_are_taken_by_line_and_the_rest_as_an_amount() {
    let mut stored = Stored::default();
    let mut seen = order(&[("1", 1_000), ("2", 500)], 0);
    stored.follow(&seen);
    seen.refunds = vec![refund("shopify:r1", &[("1", 500)], 200), refund("shopify:r2", &[], 100)];
    let facts = stored.follow(&seen);
    let ids: Vec<&Value> = facts
        .iter()
        .map(|fact| match fact {
            ShopFact::Refund { body, .. } => &body["id"],
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["shopify:r1", "shopify:r1:amount", "shopify:r2"]);
    assert_eq!(stored.left(), 700);
    // A line that no receipt has, and more than there is.
    seen.refunds.push(refund("shopify:r3", &[("9", 10_000)], 0));
    stored.follow(&seen);
    assert_eq!(stored.left(), 0);
}

#[test]
fn a_cancelled_order_returns_what_remains_once() {
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000)], 0));
    stored.follow(&order(&[("1", 1_000), ("2", 400)], 10));
    let mut cancelled = order(&[("1", 1_000), ("2", 400)], 20);
    cancelled.refunds = vec![refund("shopify:r1", &[("1", 250)], 0)];
    cancelled.cancelled_at = Some(Timestamp::from_second(1_772_600_000).unwrap());
    assert_eq!(stored.follow(&cancelled).len(), 3);
    assert_eq!(stored.left(), 0);
    assert_eq!(stored.follow(&cancelled), []);
    // Cancelled before anything else came, and free of charge.
    let mut free = order(&[("1", 0)], 20);
    free.cancelled_at = cancelled.cancelled_at;
    let mut stored = Stored::default();
    assert_eq!(stored.follow(&free).len(), 2);
    assert!(Remaining::after(&stored.0[0].receipt, &stored.0[0].refunds).is_empty());
}

#[test]
fn a_restored_order_is_ordered_anew_and_may_be_cancelled_again() {
    let mut stored = Stored::default();
    let lines = [("1", 1_000), ("2", 400)];
    let mut returned = order(&lines, 0);
    returned.refunds = vec![refund("woocommerce:8", &[("1", 250)], 0)];
    stored.follow(&returned);
    let cancelled = |updated| {
        let state = order(&lines, updated);
        ShopOrder { cancelled_at: Some(state.updated_at), refunds: returned.refunds.clone(), ..state }
    };
    let restored = |updated| ShopOrder { refunds: returned.refunds.clone(), ..order(&lines, updated) };
    for round in 0..3 {
        stored.follow(&cancelled(20 * round + 10));
        assert_eq!(stored.left(), 0);
        // A retry of the state before the cancellation restores nothing, also when no marker was stored.
        assert_eq!(stored.follow(&restored(20 * round + 5)), []);
        let marker = stored.1.take();
        assert_eq!(next_facts(&restored(20 * round + 5), &stored.0, None), []);
        stored.1 = marker;
        let facts = stored.follow(&restored(20 * round + 20));
        let [ShopFact::Receipt(edit)] = facts.as_slice() else { panic!("{facts:?}") };
        assert_eq!(edit["id"], format!("shopify:1:edit-{}", round + 1));
        let amounts: Vec<&Value> = edit["lines"].as_array().unwrap().iter().map(|line| &line["amount"]).collect();
        assert_eq!((&edit["total"], amounts), (&json!("11.50"), vec![&json!("7.50"), &json!("4.00")]));
        assert_eq!(stored.left(), 1_150);
        assert_eq!(stored.follow(&restored(20 * round + 20)), []);
        assert_eq!(stored.follow(&cancelled(20 * round + 10)), [], "a retry of the state before it was restored");
    }
}

#[test]
fn a_refund_that_the_shop_has_no_more_is_named() {
    let mut seen = order(&[("1", 1_000)], 0);
    seen.receipt["id"] = json!("woocommerce:1");
    let mut stored = Stored::default();
    stored.follow(&seen);
    let refunds = vec![refund("woocommerce:8", &[("1", 100)], 200), refund("woocommerce:9", &[], 100)];
    let returned = ShopOrder { refunds, ..seen.clone() };
    stored.follow(&returned);
    let cancelled_at = Some(Timestamp::from_second(1_772_600_000).unwrap());
    stored.follow(&ShopOrder { cancelled_at, ..returned.clone() });
    let named = |order: &ShopOrder, is_current| -> Vec<String> {
        deleted_refunds(order, &stored.0, is_current).into_keys().collect()
    };
    assert_eq!(named(&returned, true), [""; 0]);
    let deleted = ShopOrder { refunds: vec![refund("woocommerce:9", &[], 100)], ..seen.clone() };
    assert_eq!(named(&deleted, true), ["woocommerce:8"]);
    // The payload may be older than the refunds.
    assert_eq!(named(&seen, false), [""; 0]);
    let later = ShopOrder { updated_at: Timestamp::from_second(1_772_500_001).unwrap(), ..seen };
    assert_eq!(named(&later, false), ["woocommerce:8", "woocommerce:9"]);
}

#[test]
fn an_order_with_too_many_lines_can_only_be_cancelled() {
    let ids: Vec<String> = (0..=MAX_LINES).map(|n| n.to_string()).collect();
    let lines: Vec<(&str, i64)> = ids.iter().map(|id| (id.as_str(), 100)).collect();
    assert!(Box::new(order(lines.get(1..).unwrap(), 0)).storable().is_ok());
    let long = Box::new(order(&lines, 10));
    assert_eq!(long.clone().storable(), Err("the order has 1001 lines; a receipt has at most 1000".to_owned()));
    let cancelled = Box::new(ShopOrder { cancelled_at: Some(long.updated_at), ..*long }).storable().unwrap();
    assert_eq!(Stored::default().follow(&cancelled), []);
    let mut stored = Stored::default();
    stored.follow(&order(lines.get(1..).unwrap(), 0));
    stored.follow(&cancelled);
    assert_eq!(stored.left(), 0);
}

proptest! {
    /// However the states of an order come, cancelled and restored ones among them, the last one decides: what is left is what was
    /// ordered less what was refunded.
    #[test]
    fn any_order_and_repetition_of_deliveries_ends_alike(
        edits in prop::collection::vec(prop::collection::vec(0_i64..2_000, 3), 1..5),
        refunds in prop::collection::vec((0_usize..3, 1_i64..300), 0..4),
        cancelled in prop::collection::vec(any::<bool>(), 5),
        arrivals in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let names = ["1", "2", "3"];
        let refunds: Vec<ShopRefund> = refunds.iter().enumerate()
            .map(|(n, (line, amount))| refund(&format!("shopify:r{n}"), &[(names[*line], *amount)], 0)).collect();
        let states: Vec<ShopOrder> = edits.iter().zip(cancelled).zip(0_i64..).map(|((amounts, is_cancelled), n)| {
            let lines: Vec<(&str, i64)> = names.into_iter().zip(amounts.iter().copied()).collect();
            let mut state = order(&lines, n * 10);
            state.refunds = refunds.iter().take(usize::try_from(n).unwrap()).cloned().collect();
            state.cancelled_at = is_cancelled.then_some(state.updated_at);
            state
        }).collect();
        let last = states.last().unwrap();
        let mut stored = Stored::default();
        for arrival in &arrivals {
            let state = &states[arrival.index(states.len())];
            stored.follow(state);
            prop_assert_eq!(next_facts(state, &stored.0, stored.1), vec![]);
        }
        stored.follow(last);
        prop_assert_eq!(stored.follow(last), vec![]);
        let ordered: i64 = if last.cancelled_at.is_some() { 0 } else { edits.last().unwrap().iter().sum() };
        prop_assert!(stored.left() <= ordered);
        if last.refunds.is_empty() {
            prop_assert_eq!(stored.left(), ordered);
        }
    }
}
