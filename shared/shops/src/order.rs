//! An order as its shop shows it now, and what is to be stored so that ours agree with it.
//!
//! An order that was edited after payment never becomes other content under the same id: an increase is a receipt of its
//! own, a decrease is a refund. Deliveries may be repeated and come in any order: [`next_facts`] returns nothing for what is
//! stored already, and nothing for a state that is older than the last edit.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tessera_domain::fact::{MAX_LINES, Receipt, Refund, RefundAmount, RefundLine, Remaining};
use tessera_domain::ids::{LineId, RefundId};
use tessera_domain::money::{Currency, Money};

use crate::ShopFact;

/// Ends the id of the part of a refund that is of no particular line.
const AMOUNT: &str = ":amount";

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
/// missing, and the function is asked again when it is stored.
///
/// `decided_until`: the latest state of the order that was decided. A retry may bring an older one.
pub fn next_facts(order: &ShopOrder, sold: &[SoldReceipt], decided_until: Option<Timestamp>) -> Vec<ShopFact> {
    let Some(first) = sold.first() else {
        return if order.is_paid { vec![ShopFact::Receipt(order.receipt.clone())] } else { Vec::new() };
    };
    let mut plan = Plan::of(first, sold);
    for refund in &order.refunds {
        plan.refund(refund);
    }
    if let Some(at) = order.cancelled_at {
        // The shop may have restored the order since: a retry of an older state cancels nothing.
        if decided_until.is_none_or(|until| order.updated_at.as_millisecond() >= until.as_millisecond()) {
            plan.cancel(at);
        }
    } else if order.is_paid {
        plan.edit(order, decided_until);
    }
    plan.facts
}

/// The facts of a refund whose order is stored: none when the refund is stored too.
pub fn refund_facts(refund: &ShopRefund, sold: &[SoldReceipt]) -> Vec<ShopFact> {
    let Some(first) = sold.first() else { return Vec::new() };
    let mut plan = Plan::of(first, sold);
    plan.refund(refund);
    plan.facts
}

/// The stored refunds that an order of WooCommerce does not have any more, because they were deleted there; and when they were made.
/// What they took stays taken: whether the goods came back is not known.
///
/// A payload may be older than a refund that it does not show. `is_current`: the order's refunds were fetched now.
pub fn deleted_refunds(order: &ShopOrder, sold: &[SoldReceipt], is_current: bool) -> BTreeMap<String, Timestamp> {
    let stored = sold.iter().flat_map(|sold| &sold.refunds);
    let deleted = stored.filter_map(|refund| {
        let id = refund.id.as_str();
        let id = id.strip_suffix(AMOUNT).unwrap_or(id);
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

/// The id of the refund that returns what remains of a cancelled order.
fn cancellation_of(order: &str) -> String {
    format!("{order}:cancelled")
}

/// The id of the part of a refund that is of no particular line.
fn rest_of(refund: &str) -> String {
    format!("{refund}{AMOUNT}")
}

/// One receipt while a plan is made.
struct OrderPart<'a> {
    receipt: &'a Receipt,
    refunds: &'a [Refund],
    remaining: Remaining,
}

struct Plan<'a> {
    order: &'a str,
    parts: Vec<OrderPart<'a>>,
    facts: Vec<ShopFact>,
}

impl<'a> Plan<'a> {
    fn of(first: &'a SoldReceipt, sold: &'a [SoldReceipt]) -> Self {
        let part = |sold: &'a SoldReceipt| OrderPart {
            receipt: &sold.receipt,
            refunds: &sold.refunds,
            remaining: Remaining::after(&sold.receipt, &sold.refunds),
        };
        Self { order: first.receipt.id.as_str(), parts: sold.iter().map(part).collect(), facts: Vec::new() }
    }

    fn is_stored(&self, refund: &str) -> bool {
        self.parts.iter().any(|part| part.refunds.iter().any(|stored| stored.id.as_str() == refund))
    }

    /// Plans a refund: its lines where they were sold, the rest as a bare amount.
    fn refund(&mut self, refund: &ShopRefund) {
        let rest_id = rest_of(&refund.id);
        if self.is_stored(&refund.id) || self.is_stored(&rest_id) {
            return;
        }
        let mut unknown = 0;
        let mut lines: BTreeMap<usize, Vec<RefundLine>> = BTreeMap::new();
        for line in &refund.lines {
            let Ok(id) = LineId::new(line.line.as_str()) else { continue };
            let mut left = line.amount;
            let mut is_known = false;
            for (place, part) in self.parts.iter().enumerate() {
                let Some(position) = part.receipt.lines.iter().position(|sold| sold.id == id) else { continue };
                is_known = true;
                let planned: i64 =
                    lines.get(&place).into_iter().flatten().filter(|l| l.line == id).map(|l| l.amount).sum();
                // A decrease by an edit may have taken a part of it already.
                let amount = left.min(part.remaining.net(position) - planned);
                if amount > 0 || (line.amount == 0 && left == 0 && planned == 0) {
                    left -= amount;
                    let of_part = lines.entry(place).or_default();
                    match of_part.iter_mut().find(|l| l.line == id) {
                        Some(same) => {
                            same.amount += amount;
                            same.quantity = same.quantity.zip(line.quantity).map(|(one, other)| one + other);
                        }
                        None => of_part.push(RefundLine { line: id.clone(), quantity: line.quantity, amount }),
                    }
                }
                if left == 0 {
                    break;
                }
            }
            if !is_known {
                unknown += left;
            }
        }
        let has_lines = !lines.is_empty();
        for (place, lines) in lines {
            self.take(place, &refund.id, refund.occurred_at, RefundAmount::Lines(lines));
        }
        let rest_id = if has_lines { &rest_id } else { &refund.id };
        self.take_amount(rest_id, refund.occurred_at, refund.amount + unknown, false);
    }

    /// Plans a bare amount, over as many receipts as it takes.
    fn take_amount(&mut self, id: &str, at: Timestamp, amount: i64, is_newest_first: bool) {
        let mut left = amount;
        let count = self.parts.len();
        for step in 0..count {
            let place = if is_newest_first { count - 1 - step } else { step };
            let part = self.parts.get(place).map_or(0, |part| part.remaining.net_total()).min(left);
            if part > 0 {
                self.take(place, id, at, RefundAmount::Net(part));
                left -= part;
            }
        }
    }

    /// Plans a refund of one receipt. Quantities that do not fit are left out: the amounts decide.
    fn take(&mut self, place: usize, id: &str, at: Timestamp, amount: RefundAmount) {
        let Some(part) = self.parts.get_mut(place) else { return };
        let Ok(refund_id) = RefundId::new(id) else { return };
        let mut refund = Refund { id: refund_id, occurred_at: at, amount, is_raw: false, undoes_import: false };
        let mut left = part.remaining.less(&refund);
        if left.is_err()
            && let RefundAmount::Lines(lines) = &mut refund.amount
        {
            for line in lines {
                line.quantity = None;
            }
            left = part.remaining.less(&refund);
        }
        let Ok(left) = left else { return };
        part.remaining = left;
        let receipt = part.receipt.id.to_string();
        self.facts.push(ShopFact::Refund { receipt, body: refund_body(&refund, part.receipt) });
    }

    /// Plans the return of everything that remains.
    fn cancel(&mut self, at: Timestamp) {
        let id = cancellation_of(self.order);
        for place in 0..self.parts.len() {
            let Some(part) = self.parts.get(place) else { continue };
            if part.remaining.is_empty() || part.refunds.iter().any(|stored| stored.id.as_str() == id) {
                continue;
            }
            let amount = match part.remaining.net_total() {
                0 if part.receipt.lines.is_empty() => RefundAmount::Net(0),
                0 => RefundAmount::Lines(
                    part.receipt
                        .lines
                        .iter()
                        .map(|line| RefundLine { line: line.id.clone(), quantity: Some(line.quantity), amount: 0 })
                        .collect(),
                ),
                net => RefundAmount::Net(net),
            };
            self.take(place, &id, at, amount);
        }
    }

    /// Plans an edit: the difference between what was ordered and what our receipts of it carry.
    fn edit(&mut self, order: &ShopOrder, decided_until: Option<Timestamp>) {
        let Some(Wanted { total, lines }) = Wanted::of(order, self.parts.first().map(|part| part.receipt)) else {
            return;
        };
        let prefix = format!("{}:edit-", self.order);
        let cancellation = cancellation_of(self.order);
        let number = |id: &str| id.strip_prefix(&prefix).and_then(|number| number.parse::<u32>().ok());
        let mut carried = 0;
        let mut by_line: BTreeMap<&str, i64> = BTreeMap::new();
        let (mut edits, mut last) = (0, decided_until);
        for part in &self.parts {
            carried += part.receipt.total;
            for line in &part.receipt.lines {
                *by_line.entry(line.id.as_str()).or_default() += line.amount;
            }
            if let Some(number) = number(part.receipt.id.as_str()) {
                (edits, last) = (edits.max(number), last.max(Some(part.receipt.occurred_at)));
            }
            for (place, refund) in part.refunds.iter().enumerate() {
                if refund.id.as_str() == cancellation {
                    // What a cancellation took is ordered anew when the shop restores the order.
                    let before = Remaining::after(part.receipt, part.refunds.get(..place).unwrap_or_default());
                    carried -= before.net_total();
                    for (position, line) in part.receipt.lines.iter().enumerate() {
                        *by_line.entry(line.id.as_str()).or_default() -= before.net(position);
                    }
                    last = last.max(Some(refund.occurred_at));
                    continue;
                }
                let Some(number) = number(refund.id.as_str()) else { continue };
                (edits, last) = (edits.max(number), last.max(Some(refund.occurred_at)));
                match &refund.amount {
                    RefundAmount::Net(amount) => carried -= amount,
                    RefundAmount::Lines(lines) => {
                        for line in lines {
                            carried -= line.amount;
                            *by_line.entry(line.line.as_str()).or_default() -= line.amount;
                        }
                    }
                }
            }
        }
        // Stored times are truncated to milliseconds.
        let is_decided = last.is_some_and(|last| order.updated_at.as_millisecond() <= last.as_millisecond());
        let difference = total - carried;
        if is_decided || difference == 0 {
            return;
        }
        let id = format!("{prefix}{}", edits + 1);
        let changes: Vec<(&str, i64)> = {
            let names = lines.keys().map(String::as_str).chain(by_line.keys().copied());
            let names: BTreeSet<&str> = names.collect();
            let change =
                |name: &str| lines.get(name).map_or(0, |line| line.0) - by_line.get(name).copied().unwrap_or(0);
            names.into_iter().map(|name| (name, change(name))).filter(|(_, change)| *change != 0).collect()
        };
        // The lines tell what was changed only when all of them changed the same way.
        let is_by_line = changes.iter().all(|(_, change)| change.signum() == difference.signum())
            && changes.iter().map(|(_, change)| change).sum::<i64>() == difference;
        if difference > 0 {
            let lines = is_by_line.then(|| {
                changes
                    .iter()
                    .filter_map(|(name, change)| {
                        let mut line = lines.get(*name)?.1.clone();
                        let previous = by_line.get(*name).copied().unwrap_or(0);
                        if previous > 0
                            && let Some(object) = line.as_object_mut()
                        {
                            object.remove("quantity");
                        }
                        line["amount"] = json!(self.money(*change));
                        Some(line)
                    })
                    .collect::<Vec<Value>>()
            });
            self.increase(order, &id, difference, lines);
        } else {
            let refund = if is_by_line {
                let lines = changes.iter().map(|(name, change)| RefundedLine {
                    line: (*name).to_owned(),
                    quantity: None,
                    amount: -change,
                });
                ShopRefund { id, occurred_at: order.updated_at, lines: lines.collect(), amount: 0 }
            } else {
                ShopRefund { id, occurred_at: order.updated_at, lines: Vec::new(), amount: -difference }
            };
            if refund.lines.is_empty() {
                self.take_amount(&refund.id, refund.occurred_at, refund.amount, true);
            } else {
                self.refund(&refund);
            }
        }
    }

    fn increase(&mut self, order: &ShopOrder, id: &str, difference: i64, lines: Option<Vec<Value>>) {
        let mut body = Map::new();
        for name in ["member", "store", "channel", "currency", "fx_rate"] {
            if let Some(value) = order.receipt.get(name) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        body.insert("id".to_owned(), json!(id));
        body.insert("occurred_at".to_owned(), json!(order.updated_at.to_string()));
        body.insert("total".to_owned(), json!(self.money(difference)));
        if let Some(lines) = lines.filter(|lines| !lines.is_empty()) {
            body.insert("lines".to_owned(), json!(lines));
        }
        self.facts.push(ShopFact::Receipt(Value::Object(body)));
    }

    /// The text of minor units of the order's currency.
    fn money(&self, minor: i64) -> String {
        self.parts.first().map_or_else(String::new, |part| Money::new(minor, part.receipt.currency).to_string())
    }
}

/// What an order asks for: the total, and each line's amount and body.
struct Wanted {
    total: i64,
    lines: BTreeMap<String, (i64, Value)>,
}

impl Wanted {
    /// Reads the body of a receipt; `None` when it has another currency than the first.
    fn of(order: &ShopOrder, first: Option<&Receipt>) -> Option<Self> {
        let currency = first?.currency;
        if order.receipt.get("currency").and_then(Value::as_str) != Some(currency.code()) {
            return None;
        }
        let minor = |value: &Value| Money::parse(value.as_str()?, currency).ok().map(Money::minor);
        let total = minor(order.receipt.get("total")?)?;
        let lines = order.receipt.get("lines").and_then(Value::as_array).into_iter().flatten();
        let lines =
            lines.map(|line| Some((line.get("id")?.as_str()?.to_owned(), (minor(line.get("amount")?)?, line.clone()))));
        Some(Self { total, lines: lines.collect::<Option<_>>()? })
    }
}

/// The body of a refund, as the API reads it.
fn refund_body(refund: &Refund, receipt: &Receipt) -> Value {
    let money = |minor| Money::new(minor, receipt.currency).to_string();
    let mut body = json!({ "id": refund.id.as_str(), "occurred_at": refund.occurred_at.to_string() });
    match &refund.amount {
        RefundAmount::Net(amount) => body["amount"] = json!(money(*amount)),
        RefundAmount::Lines(lines) => {
            let line = |line: &RefundLine| {
                let mut body = json!({ "line": line.line.as_str(), "amount": money(line.amount) });
                if let Some(quantity) = line.quantity {
                    body["quantity"] = json!(quantity.to_string());
                }
                body
            };
            body["lines"] = lines.iter().map(line).collect();
        }
    }
    body
}

#[cfg(test)]
mod tests;
