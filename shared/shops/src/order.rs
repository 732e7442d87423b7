//! An order as its shop shows it now, and what is to be stored so that ours agree with it.
//!
//! An order that was edited after payment never becomes other content under the same id: an increase is a receipt of its
//! own, a decrease is a refund. Deliveries may be repeated and come in any order: [`next_facts`] returns nothing for what is
//! stored already, and nothing for a state that is older than the last edit.

mod plan;
mod sides;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tessera_domain::fact::{MAX_LINES, Receipt, Refund};
use tessera_domain::money::{Currency, Money};

use self::plan::{OrderPlan, RefundRest, base_of, rest_of};
use crate::ShopFact;

/// An order as its shop shows it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopOrder {
    /// The body of its receipt: everything that was ordered so far, before refunds.
    pub receipt: Value,
    /// Whether it is paid, so that it earns.
    pub is_paid: bool,
    /// When the shop last changed it.
    pub updated_at: Timestamp,
    /// When it was cancelled: what remains is returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// Its refunds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<ShopRefund>,
}

/// A refund of an order. Amounts are minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopRefund {
    /// Its id, such as `shopify:509562969`.
    pub id: String,
    /// When it was made.
    pub occurred_at: Timestamp,
    /// What was returned of single lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundedLine>,
    /// What was refunded besides, of no particular line.
    #[serde(default)]
    pub amount: i64,
}

/// The returned part of a line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundedLine {
    /// The line's id.
    pub line: String,
    /// The number of returned items, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// The refunded part of the line's amount.
    pub amount: i64,
}

/// A stored receipt of an order, with its refunds in the order of their decisions.
#[derive(Debug, Clone, PartialEq)]
pub struct SoldReceipt {
    /// The receipt: the order's first one, or that of an edit.
    pub receipt: Receipt,
    /// Its refunds.
    pub refunds: Vec<Refund>,
}

impl ShopOrder {
    /// The lines of its receipt.
    fn lines(&self) -> &[Value] {
        self.receipt.get("lines").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The order in a form that can be stored.
    ///
    /// # Errors
    /// Why there is none: it has more lines than a receipt may have. Cancelled, it still returns what is stored of it.
    pub fn storable(mut self: Box<Self>) -> Result<Box<Self>, String> {
        let count = self.lines().len();
        if count <= MAX_LINES {
            return Ok(self);
        }
        if self.cancelled_at.is_none() {
            return Err(format!("the order has {count} lines; a receipt has at most {MAX_LINES}"));
        }
        self.is_paid = false;
        if let Some(receipt) = self.receipt.as_object_mut() {
            receipt.remove("lines");
        }
        Ok(self)
    }

    /// When it was made.
    pub fn ordered_at(&self) -> Option<Timestamp> {
        self.receipt.get("occurred_at")?.as_str()?.parse().ok()
    }
}

/// The facts that are missing so that what is stored agrees with an order: refunds, then an edit, then a cancellation.
///
/// `sold`: the receipts of the order, the first one first and the edits in their order. Without any, the first receipt is
/// missing, and the function is called again when it is stored. It is also called again when a receipt of an edit is stored:
/// refunds may be of its lines.
///
/// `decided_until`: the latest state of the order that was decided. A retry may bring an older one.
pub fn next_facts(order: &ShopOrder, sold: &[SoldReceipt], decided_until: Option<Timestamp>) -> Vec<ShopFact> {
    let Some(first) = sold.first() else {
        return if order.is_paid { vec![ShopFact::Receipt(order.receipt.clone())] } else { Vec::new() };
    };
    let mut plan = OrderPlan::of(first, sold);
    let rests: Vec<RefundRest> = order.refunds.iter().map(|refund| plan.refund_lines(refund)).collect();
    if order.cancelled_at.is_none() && order.is_paid && plan.edit(order, decided_until) {
        // What the lines do not have may be of the new receipt.
        return plan.facts;
    }
    for (refund, rest) in order.refunds.iter().zip(rests) {
        plan.refund_rest(refund, rest.of_lines + rest.of_no_line);
    }
    if let Some(at) = order.cancelled_at {
        // The shop may have restored the order since: a retry of an older state cancels nothing.
        if decided_until.is_none_or(|until| order.updated_at.as_millisecond() >= until.as_millisecond()) {
            plan.cancel(at);
        }
    }
    plan.facts
}

/// The facts of a refund whose order is stored: none when the refund is stored too.
///
/// What our receipts do not have of its lines waits for the next state of the order, which brings the refund again: only that
/// tells a line of an edit from a gift card.
pub fn refund_facts(refund: &ShopRefund, sold: &[SoldReceipt]) -> Vec<ShopFact> {
    let Some(first) = sold.first() else { return Vec::new() };
    let mut plan = OrderPlan::of(first, sold);
    let rest = plan.refund_lines(refund);
    plan.refund_rest(refund, rest.of_no_line);
    plan.facts
}

/// The stored refunds that an order of WooCommerce does not have any more, because they were deleted there; and when they were made.
/// What they took stays taken: whether the goods came back is not known.
///
/// A payload may be older than a refund that it does not show. `is_current`: the order's refunds were fetched now.
pub fn deleted_refunds(order: &ShopOrder, sold: &[SoldReceipt], is_current: bool) -> BTreeMap<String, Timestamp> {
    let stored = sold.iter().flat_map(|sold| &sold.refunds);
    let deleted = stored.filter_map(|refund| {
        let id = base_of(refund.id.as_str());
        let number = id.strip_prefix("woocommerce:")?;
        let is_shops = number.bytes().all(|byte| byte.is_ascii_digit());
        let is_shown = order.refunds.iter().any(|shown| shown.id == id);
        let is_older = is_current || refund.occurred_at.as_second() < order.updated_at.as_second();
        (is_shops && !is_shown && is_older).then(|| (id.to_owned(), refund.occurred_at))
    });
    deleted.collect()
}

/// The facts of a refund that comes before its order.
pub fn early_refund(receipt: &str, refund: &ShopRefund, currency: Currency) -> Vec<ShopFact> {
    let money = |minor| Money::new(minor, currency).to_string();
    let body = |id: &str| json!({ "id": id, "occurred_at": refund.occurred_at.to_string() });
    let mut facts = Vec::new();
    let mut add = |body: Value| facts.push(ShopFact::Refund { receipt: receipt.to_owned(), body });
    if !refund.lines.is_empty() {
        let mut of_lines = body(&refund.id);
        let lines = refund.lines.iter().map(|line| {
            let mut body = json!({ "line": line.line, "amount": money(line.amount) });
            if let Some(quantity) = line.quantity {
                body["quantity"] = json!(quantity.normalize().to_string());
            }
            body
        });
        of_lines["lines"] = lines.collect();
        add(of_lines);
    }
    if refund.amount > 0 {
        let mut bare = if refund.lines.is_empty() { body(&refund.id) } else { body(&rest_of(&refund.id)) };
        bare["amount"] = json!(money(refund.amount));
        add(bare);
    }
    facts
}

#[cfg(test)]
mod tests;
