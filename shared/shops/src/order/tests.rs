//! Orders and what is stored of them: edits, refunds and cancellations in any order, any number of times.

use proptest::prelude::*;
use tessera_domain::fact::{Remaining, read_early_refund, read_receipt, read_refund_of};
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
struct Stored {
    sold: Vec<SoldReceipt>,
    decided_until: Option<Timestamp>,
    /// Refunds that came before their receipt.
    early: Vec<Refund>,
}

impl Stored {
    /// Stores what an order lacks, as the worker does.
    fn follow(&mut self, order: &ShopOrder) -> Vec<ShopFact> {
        self.follow_partly(order, usize::MAX)
    }

    /// As [`Stored::follow`], by a worker that fails when it has stored some facts.
    fn follow_partly(&mut self, order: &ShopOrder, most: usize) -> Vec<ShopFact> {
        let mut all = Vec::new();
        let is_new = self.sold.is_empty();
        for round in 0..3 {
            let facts = next_facts(order, &self.sold, self.decided_until);
            let has_receipt = facts.iter().any(|fact| matches!(fact, ShopFact::Receipt(_)));
            for fact in facts {
                if all.len() == most {
                    return all;
                }
                self.put(&fact);
                all.push(fact);
            }
            let is_first = is_new && round == 0;
            if (is_first && self.sold.is_empty()) || (!is_first && (order.refunds.is_empty() || !has_receipt)) {
                break;
            }
        }
        if !self.sold.is_empty() && (order.is_paid || order.cancelled_at.is_some()) {
            self.decided_until = self.decided_until.max(Some(order.updated_at));
        }
        all
    }

    /// Stores a refund that is delivered without its order.
    fn refund(&mut self, refund: &ShopRefund) {
        let facts = if self.sold.is_empty() {
            early_refund("shopify:1", refund, eur())
        } else {
            refund_facts(refund, &self.sold)
        };
        for fact in facts {
            self.put(&fact);
        }
    }

    fn put(&mut self, fact: &ShopFact) {
        match fact {
            ShopFact::Receipt(body) => {
                let receipt = read_receipt(body, eur()).unwrap_or_else(|faults| panic!("{body}: {faults:?}")).receipt;
                assert!(self.sold.iter().all(|sold| sold.receipt.id != receipt.id), "{body}");
                self.sold.push(SoldReceipt { receipt, refunds: std::mem::take(&mut self.early) });
            }
            ShopFact::Refund { body, .. } if self.sold.is_empty() => {
                let refund = read_early_refund(body).unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
                if self.early.iter().all(|early| early.id != refund.id) {
                    self.early.push(refund);
                }
            }
            ShopFact::Refund { receipt, body } => {
                let sold = self.sold.iter_mut().find(|sold| sold.receipt.id.as_str() == receipt).unwrap();
                let refund = read_refund_of(body, &sold.receipt).unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
                assert!(Remaining::after(&sold.receipt, &sold.refunds).less(&refund).is_ok(), "{body}");
                assert!(sold.refunds.iter().all(|stored| stored.id != refund.id), "{body}");
                sold.refunds.push(refund);
            }
            ShopFact::Interaction(body) => panic!("{body}"),
        }
    }

    /// What is left of a line.
    fn left_of(&self, line: &str) -> i64 {
        let left = |sold: &SoldReceipt| {
            let place = sold.receipt.lines.iter().position(|of| of.id.as_str() == line)?;
            Some(Remaining::after(&sold.receipt, &sold.refunds).net(place))
        };
        self.sold.iter().filter_map(left).sum()
    }

    fn left(&self) -> i64 {
        self.sold.iter().map(|sold| Remaining::after(&sold.receipt, &sold.refunds).net_total()).sum()
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
    // What went out is a refund, what came in is a receipt.
    let facts = stored.follow(&order(&[("1", 600), ("2", 200), ("3", 100)], 20));
    let [ShopFact::Refund { body, .. }, ShopFact::Receipt(edit)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((&body["id"], &edit["id"]), (&json!("shopify:1:edit-2"), &json!("shopify:1:edit-2")));
    assert_eq!(body["lines"], json!([{ "line": "1", "amount": "4.00" }]));
    assert_eq!((&edit["total"], &edit["lines"][0]["id"]), (&json!("1.00"), &json!("3")));
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
    assert!(Remaining::after(&stored.sold[0].receipt, &stored.sold[0].refunds).is_empty());
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
        let marker = stored.decided_until.take();
        assert_eq!(next_facts(&restored(20 * round + 5), &stored.sold, None), []);
        stored.decided_until = marker;
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
        deleted_refunds(order, &stored.sold, is_current).into_keys().collect()
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

#[test]
fn an_exchange_refunds_what_went_out_and_sells_what_came_in() {
    let shown = |lines: &[(&str, i64)], at: i64, refunds: &[ShopRefund]| ShopOrder {
        refunds: refunds.to_vec(),
        ..order(lines, at)
    };
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000), ("2", 700)], 0));
    stored.follow(&order(&[("1", 1_000), ("3", 200)], 10));
    assert_eq!((stored.left_of("1"), stored.left_of("2"), stored.left_of("3")), (1_000, 0, 200));
    let back = refund("shopify:r1", &[("1", 1_000)], 0);
    stored.refund(&back);
    stored.follow(&shown(&[("1", 1_000), ("3", 200)], 20, &[back]));
    assert_eq!(stored.left(), 200);

    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000), ("2", 700)], 0));
    stored.follow(&order(&[("1", 1_000), ("3", 900)], 10));
    let back = [refund("shopify:r1", &[("3", 900)], 0), refund("shopify:r2", &[("1", 1_000)], 0)];
    stored.follow(&shown(&[("1", 1_000), ("3", 900)], 20, &back[..1]));
    assert_eq!(stored.left(), 1_000);
    stored.follow(&shown(&[("1", 1_000), ("3", 900)], 30, &back));
    assert_eq!(stored.left(), 0);

    // An exchange for the same amount.
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000), ("2", 700)], 0));
    assert_eq!(stored.follow(&order(&[("1", 1_000), ("3", 700)], 10)).len(), 2);
    assert_eq!((stored.left_of("2"), stored.left_of("3")), (0, 700));
    assert_eq!(stored.follow(&order(&[("1", 1_000), ("3", 700)], 20)), []);
}

#[test]
fn an_exchange_of_what_was_refunded_already_sells_so_much_less() {
    let mut stored = Stored::default();
    let bare = refund("shopify:r1", &[], 400);
    stored.follow(&ShopOrder { refunds: vec![bare.clone()], ..order(&[("1", 1_000)], 0) });
    for at in [10, 20] {
        stored.follow(&ShopOrder { refunds: vec![bare.clone()], ..order(&[("2", 900)], at) });
        assert_eq!((stored.left_of("1"), stored.left_of("2"), stored.sold.len()), (0, 500, 2));
    }
    // What a known line does not have any more is taken from the rest of the order.
    let back = refund("shopify:r2", &[("2", 300)], 0);
    stored.follow(&ShopOrder { refunds: vec![bare.clone(), back.clone()], ..order(&[("2", 900), ("3", 800)], 30) });
    assert_eq!(stored.left(), 1_000);
    let more = refund("shopify:r3", &[("2", 600)], 0);
    stored.follow(&ShopOrder { refunds: vec![bare, back, more], ..order(&[("2", 900), ("3", 800)], 40) });
    assert_eq!((stored.left_of("2"), stored.left()), (0, 400));
}

#[test]
fn a_newest_state_that_changes_nothing_is_decided_too() {
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000)], 0));
    assert_eq!(stored.follow(&order(&[("1", 1_000)], 30)), []);
    assert_eq!(stored.follow(&order(&[("1", 1_000), ("2", 500)], 20)), []);
    assert_eq!(stored.left(), 1_000);
    // An order of which nothing was left when it was cancelled.
    let back = refund("shopify:r1", &[("1", 1_000), ("2", 500)], 0);
    let cancelled_at = Some(Timestamp::from_second(1_772_400_040).unwrap());
    stored.refund(&back);
    stored.follow(&ShopOrder { cancelled_at, refunds: vec![back], ..order(&[("1", 1_000), ("2", 500)], 40) });
    assert_eq!(stored.follow(&order(&[("1", 1_000), ("2", 500)], 35)), []);
    assert_eq!(stored.left(), 0);
}

#[test]
fn a_refund_of_a_line_that_is_added_later_is_taken_when_it_is() {
    let back = refund("shopify:r1", &[("1", 1_000), ("3", 500)], 0);
    let edited = |one: i64| ShopOrder { refunds: vec![back.clone()], ..order(&[("1", one), ("3", 500)], 10) };
    // Before the order: the refund names a line that the receipt does not have, and is rejected.
    let mut stored = Stored::default();
    stored.refund(&back);
    stored.follow(&order(&[("1", 2_000)], 0));
    assert_eq!(stored.left(), 2_000);
    for _ in 0..2 {
        stored.follow(&edited(2_000));
        assert_eq!((stored.left_of("1"), stored.left_of("3")), (1_000, 0));
    }
    // Between the order and the edit.
    let mut stored = Stored::default();
    stored.follow(&order(&[("1", 1_000), ("2", 700)], 0));
    stored.refund(&back);
    assert_eq!((stored.left_of("1"), stored.left_of("2")), (0, 700));
    let edited = ShopOrder { refunds: vec![back], ..order(&[("1", 1_000), ("2", 700), ("3", 500)], 10) };
    stored.follow(&edited);
    assert_eq!((stored.left_of("2"), stored.left_of("3")), (700, 0));
    // A line that nobody ever knows, such as a gift card, takes nothing.
    stored.refund(&refund("shopify:r2", &[("9", 700)], 0));
    assert_eq!(stored.left(), 700);
}

#[test]
fn an_order_of_woocommerce_is_cancelled_and_restored_within_a_second() {
    let state = |is_cancelled: bool| {
        let mut state = order(&[("1", 1_000)], 0);
        state.receipt["id"] = json!("woocommerce:1");
        ShopOrder { cancelled_at: is_cancelled.then_some(state.updated_at), ..state }
    };
    let mut stored = Stored::default();
    for (is_cancelled, left) in [(false, 1_000), (true, 0), (true, 0), (false, 1_000), (false, 1_000), (true, 0)] {
        stored.follow(&state(is_cancelled));
        assert_eq!(stored.left(), left);
    }
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
            prop_assert_eq!(next_facts(state, &stored.sold, stored.decided_until), vec![]);
        }
        stored.follow(last);
        prop_assert_eq!(stored.follow(last), vec![]);
        let ordered: i64 = if last.cancelled_at.is_some() { 0 } else { edits.last().unwrap().iter().sum() };
        let returned: i64 = last.refunds.iter().flat_map(|refund| &refund.lines).map(|line| line.amount).sum();
        prop_assert_eq!(stored.left(), (ordered - returned).max(0));
    }

    /// Lines are exchanged and returned one by one, until all is returned. States of the order and refunds come in any order and
    /// more than once, and the worker fails now and then. In the end nothing is left.
    #[test]
    fn exchanges_and_returns_in_any_order_end_alike(
        ordered in prop::collection::vec(1_i64..2_000, 1..4),
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 1_i64..2_000), 0..5),
        arrivals in prop::collection::vec((any::<prop::sample::Index>(), prop::option::weighted(0.3, 0_usize..4)), 0..12),
        is_in_turn in any::<bool>(),
    ) {
        let mut lines: Vec<(String, i64)> = (1..).map(|n: usize| n.to_string()).zip(ordered).collect();
        let (mut returned, mut refunds) = (Vec::new(), Vec::<ShopRefund>::new());
        let mut states = Vec::new();
        let mut number = lines.len();
        let show = |lines: &[(String, i64)], refunds: &[ShopRefund], states: &mut Vec<ShopOrder>| {
            let shown: Vec<(&str, i64)> = lines.iter().map(|(name, amount)| (name.as_str(), *amount)).collect();
            let at = i64::try_from(states.len()).unwrap() * 10;
            states.push(ShopOrder { refunds: refunds.to_vec(), ..order(&shown, at) });
        };
        show(&lines, &refunds, &mut states);
        let steps = steps.into_iter().map(Some).chain(std::iter::repeat_n(None, 9));
        for step in steps {
            let there: Vec<usize> = (0..lines.len()).filter(|at| !returned.contains(&lines[*at].0)).collect();
            let Some(first) = there.first() else { break };
            let at = step.as_ref().map_or(*first, |(of, ..)| there[of.index(there.len())]);
            if let Some((_, true, amount)) = step {
                lines.remove(at);
                number += 1;
                lines.push((number.to_string(), amount));
            } else {
                let (name, amount) = lines[at].clone();
                refunds.push(refund(&format!("shopify:r{name}"), &[(&name, amount)], 0));
                returned.push(name);
            }
            show(&lines, &refunds, &mut states);
        }
        let mut stored = Stored::default();
        for (arrival, fails_after) in arrivals {
            let at = arrival.index(states.len() + refunds.len());
            match states.get(at) {
                Some(state) => drop(stored.follow_partly(state, fails_after.unwrap_or(usize::MAX))),
                None => stored.refund(&refunds[at - states.len()]),
            }
        }
        if is_in_turn {
            // From the start: a state is older than what a worker stored before it failed.
            let mut stored = Stored::default();
            for state in &states {
                stored.follow(state);
                let ordered: i64 = state.receipt["lines"].as_array().unwrap().iter()
                    .map(|line| Money::parse(line["amount"].as_str().unwrap(), eur()).unwrap().minor()).sum();
                let returned: i64 = state.refunds.iter().flat_map(|refund| &refund.lines).map(|line| line.amount).sum();
                prop_assert_eq!(stored.left(), ordered - returned);
            }
        }
        stored.follow(states.last().unwrap());
        prop_assert_eq!(stored.left(), 0);
        prop_assert_eq!(stored.follow(states.last().unwrap()), vec![]);
    }
}
