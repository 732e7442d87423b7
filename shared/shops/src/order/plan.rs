//! Plans the refunds, edits and cancellations that an order lacks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tessera_domain::fact::{Receipt, Refund, RefundAmount, RefundLine, Remaining};
use tessera_domain::ids::{LineId, RefundId};
use tessera_domain::money::Money;

use super::sides::{AskedFor, Carried};
use super::{RefundedLine, ShopOrder, ShopRefund, SoldReceipt};
use crate::ShopFact;

/// Ends the id of the part of a refund that is of no particular line.
const AMOUNT: &str = ":amount";
/// Ends the id of a further part of a refund, before a number. The shorter id is that of another refund of the same receipt.
const FURTHER: &str = ":more-";

/// The id of the refund that returns what remains of a cancelled order.
fn cancellation_of(order: &str) -> String {
    format!("{order}:cancelled")
}

/// The id of the part of a refund that is of no particular line.
pub(super) fn rest_of(refund: &str) -> String {
    format!("{refund}{AMOUNT}")
}

/// The id of the shop's refund, or of the edit, that a stored refund is a part of.
pub(super) fn base_of(id: &str) -> &str {
    let further = id.rsplit_once(FURTHER).filter(|(_, number)| number.parse::<u32>().is_ok());
    let id = further.map_or(id, |(base, _)| base);
    id.strip_suffix(AMOUNT).unwrap_or(id)
}

/// One receipt while a plan is made.
struct OrderPart<'a> {
    receipt: &'a Receipt,
    refunds: &'a [Refund],
    remaining: Remaining,
    /// The ids of its planned refunds.
    planned: Vec<String>,
}

impl OrderPart<'_> {
    fn has_refund(&self, id: &str) -> bool {
        self.refunds.iter().any(|stored| stored.id.as_str() == id) || self.planned.iter().any(|planned| planned == id)
    }

    /// A refund's id, or the first longer one that this receipt has no refund with.
    fn free_id(&self, id: &str) -> String {
        let longer = (2_u32..).map(|number| format!("{id}{FURTHER}{number}"));
        std::iter::once(id.to_owned()).chain(longer).find(|id| !self.has_refund(id)).unwrap_or_default()
    }
}

/// What the stored parts of a refund took.
#[derive(Debug, Default)]
struct Taken {
    total: i64,
    /// Of each line that they name.
    lines: BTreeMap<String, i64>,
}

/// What a refund has to take beyond what its lines have left.
pub(super) struct RefundRest {
    /// Of its lines.
    pub(super) of_lines: i64,
    /// Of no particular line.
    pub(super) of_no_line: i64,
}

/// The facts that bring the stored receipts of an order to its present state, as far as they are known.
pub(super) struct OrderPlan<'a> {
    order: &'a str,
    parts: Vec<OrderPart<'a>>,
    /// By the id of the shop's refund, or of the edit.
    taken: BTreeMap<&'a str, Taken>,
    pub(super) facts: Vec<ShopFact>,
}

impl<'a> OrderPlan<'a> {
    pub(super) fn of(first: &'a SoldReceipt, sold: &'a [SoldReceipt]) -> Self {
        let mut taken: BTreeMap<&str, Taken> = BTreeMap::new();
        let mut parts = Vec::with_capacity(sold.len());
        for SoldReceipt { receipt, refunds } in sold {
            let mut remaining = Remaining::whole(receipt);
            for refund in refunds {
                // A refund that does not fit was rejected: it may have come first and name a line that was added later.
                let Ok(left) = remaining.less(refund) else { continue };
                remaining = left;
                let taken = taken.entry(base_of(refund.id.as_str())).or_default();
                match &refund.amount {
                    RefundAmount::Net(amount) => taken.total += amount,
                    RefundAmount::Lines(lines) => {
                        for line in lines {
                            taken.total += line.amount;
                            *taken.lines.entry(line.line.to_string()).or_default() += line.amount;
                        }
                    }
                }
            }
            parts.push(OrderPart { receipt, refunds, remaining, planned: Vec::new() });
        }
        Self { order: first.receipt.id.as_str(), parts, taken, facts: Vec::new() }
    }

    /// Plans what is not stored yet of a refund's lines, where they were sold.
    pub(super) fn refund_lines(&mut self, refund: &ShopRefund) -> RefundRest {
        let nothing = Taken::default();
        let taken = self.taken.get(refund.id.as_str()).unwrap_or(&nothing);
        let total = refund.lines.iter().map(|line| line.amount).sum::<i64>() + refund.amount;
        let mut missing = (total - taken.total).max(0);
        let mut lines = Vec::new();
        for line in &refund.lines {
            let before = taken.lines.get(&line.line);
            let amount = (line.amount - before.copied().unwrap_or(0)).clamp(0, missing);
            missing -= amount;
            if amount > 0 || (line.amount == 0 && before.is_none()) {
                let quantity = line.quantity.filter(|_| before.is_none());
                lines.push(RefundedLine { line: line.line.clone(), quantity, amount });
            }
        }
        RefundRest { of_lines: self.take_lines(&refund.id, refund.occurred_at, &lines), of_no_line: missing }
    }

    /// Plans the part of a refund that its lines do not have: an amount of the whole order.
    pub(super) fn refund_rest(&mut self, refund: &ShopRefund, amount: i64) {
        self.take_amount(&refund.id, refund.occurred_at, amount, false);
    }

    /// Plans refunds of lines, where they were sold. Returns the amount that the lines do not have.
    fn take_lines(&mut self, id: &str, at: Timestamp, wanted: &[RefundedLine]) -> i64 {
        let mut rest = 0;
        let mut lines: BTreeMap<usize, Vec<RefundLine>> = BTreeMap::new();
        for line in wanted {
            let mut left = line.amount;
            let line_id = LineId::new(line.line.as_str()).ok();
            for (place, part) in self.parts.iter().enumerate() {
                let sold = part.receipt.lines.iter().position(|sold| Some(&sold.id) == line_id.as_ref());
                let (Some(position), Some(line_id)) = (sold, &line_id) else { continue };
                let of_part = lines.get(&place).into_iter().flatten();
                let planned: i64 = of_part.filter(|l| l.line == *line_id).map(|l| l.amount).sum();
                let amount = left.min(part.remaining.net(position) - planned);
                if amount > 0 || (line.amount == 0 && planned == 0) {
                    left -= amount;
                    let of_part = lines.entry(place).or_default();
                    match of_part.iter_mut().find(|l| l.line == *line_id) {
                        Some(same) => {
                            same.amount += amount;
                            same.quantity = same.quantity.zip(line.quantity).map(|(one, other)| one + other);
                        }
                        None => of_part.push(RefundLine { line: line_id.clone(), quantity: line.quantity, amount }),
                    }
                }
                if left == 0 {
                    break;
                }
            }
            rest += left;
        }
        for (place, lines) in lines {
            let id = self.parts.get(place).map(|part| part.free_id(id)).unwrap_or_default();
            self.take(place, &id, at, RefundAmount::Lines(lines));
        }
        rest
    }

    /// Plans an amount of no particular line, over as many receipts as it takes.
    fn take_amount(&mut self, id: &str, at: Timestamp, amount: i64, is_newest_first: bool) {
        let has_lines = self.parts.iter().any(|part| part.has_refund(id));
        let id = if has_lines { rest_of(id) } else { id.to_owned() };
        let mut left = amount;
        let count = self.parts.len();
        for step in 0..count {
            let place = if is_newest_first { count - 1 - step } else { step };
            let Some(part) = self.parts.get(place) else { continue };
            let amount = part.remaining.net_total().min(left);
            if amount > 0 {
                let id = part.free_id(&id);
                self.take(place, &id, at, RefundAmount::Net(amount));
                left -= amount;
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
        part.planned.push(id.to_owned());
        let receipt = part.receipt.id.to_string();
        self.facts.push(ShopFact::Refund { receipt, body: refund_body(&refund, part.receipt) });
    }

    /// Plans the return of everything that remains.
    pub(super) fn cancel(&mut self, at: Timestamp) {
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

    /// Plans an edit: the difference between what was ordered and what our receipts of it carry. Returns whether a receipt is
    /// planned.
    ///
    /// Lines that went out are a refund, lines that came in are a receipt; both have the edit's number.
    pub(super) fn edit(&mut self, order: &ShopOrder, decided_until: Option<Timestamp>) -> bool {
        let Some(AskedFor { total, lines }) = AskedFor::of(order, self.parts.first().map(|part| part.receipt)) else {
            return false;
        };
        let carried = self.carried();
        let Some(number) = self.edit_number(order, &carried, decided_until) else { return false };
        let id = format!("{}:edit-{number}", self.order);
        // An attempt that failed half-way may have stored the receipt: what came in is decided.
        let has_receipt = self.parts.iter().any(|part| part.receipt.id.as_str() == id);
        let at = order.updated_at;
        let difference = total - carried.total;
        let names: BTreeSet<&str> =
            lines.keys().map(String::as_str).chain(carried.lines.keys().map(String::as_str)).collect();
        let change = |name: &str| lines.get(name).map_or(0, |line| line.0) - carried.lines.get(name).unwrap_or(&0);
        let changes: Vec<(&str, i64)> =
            names.into_iter().map(|name| (name, change(name))).filter(|(_, change)| *change != 0).collect();
        if changes.iter().map(|(_, change)| change).sum::<i64>() != difference {
            // The lines do not tell what was changed.
            if difference > 0 && !has_receipt {
                self.increase(order, &id, difference, &[]);
                return true;
            }
            self.take_amount(&id, at, -difference, true);
            return false;
        }
        let out: Vec<RefundedLine> = changes
            .iter()
            .filter(|(_, change)| *change < 0)
            .map(|(name, change)| RefundedLine { line: (*name).to_owned(), quantity: None, amount: -change })
            .collect();
        // A refund may have taken what went out already. Then less came in.
        let mut excess = self.take_lines(&id, at, &out);
        let (mut increase, mut added) = (0, Vec::new());
        for (name, change) in changes.iter().filter(|(_, change)| *change > 0) {
            let cut = excess.min(*change);
            excess -= cut;
            let Some((_, line)) = lines.get(*name).filter(|_| cut < *change) else { continue };
            let mut line = line.clone();
            let is_whole = cut == 0 && carried.lines.get(*name).is_none_or(|previous| *previous <= 0);
            if let Some(object) = line.as_object_mut().filter(|_| !is_whole) {
                object.remove("quantity");
            }
            line["amount"] = json!(self.money(change - cut));
            increase += change - cut;
            added.push(line);
        }
        self.take_amount(&id, at, excess, true);
        if increase == 0 || has_receipt {
            return false;
        }
        self.increase(order, &id, increase, &added);
        true
    }

    /// What our receipts of the order carry: what was sold, less what edits and cancellations took. Refunds of the shop count as
    /// ordered.
    fn carried(&self) -> Carried {
        let mut carried = Carried::default();
        let prefix = format!("{}:edit-", self.order);
        let cancellation = cancellation_of(self.order);
        let number = |id: &str| base_of(id).strip_prefix(&prefix).and_then(|number| number.parse::<u32>().ok());
        for part in &self.parts {
            carried.total += part.receipt.total;
            let mut remaining = Remaining::whole(part.receipt);
            for (position, line) in part.receipt.lines.iter().enumerate() {
                *carried.lines.entry(line.id.to_string()).or_default() += remaining.net(position);
            }
            if let Some(number) = number(part.receipt.id.as_str()) {
                carried.add_edit(number, part.receipt.occurred_at);
            }
            for refund in part.refunds {
                let Ok(left) = remaining.less(refund) else { continue };
                let before = std::mem::replace(&mut remaining, left);
                if refund.id.as_str() == cancellation {
                    // The shop may restore the order: then it is ordered anew.
                    carried.cancelled_at = carried.cancelled_at.max(Some(refund.occurred_at));
                } else if let Some(number) = number(refund.id.as_str()) {
                    carried.add_edit(number, refund.occurred_at);
                } else {
                    continue;
                }
                carried.total -= before.net_total() - remaining.net_total();
                for (position, line) in part.receipt.lines.iter().enumerate() {
                    let taken = before.net(position) - remaining.net(position);
                    *carried.lines.entry(line.id.to_string()).or_default() -= taken;
                }
            }
        }
        carried
    }

    /// The number of the edit that makes ours agree with a state of the order; `None` when that state was decided, or is older
    /// than one that was.
    fn edit_number(&self, order: &ShopOrder, carried: &Carried, decided_until: Option<Timestamp>) -> Option<u32> {
        // Stored times are truncated to milliseconds.
        let updated = order.updated_at.as_millisecond();
        let decided = decided_until.map(Timestamp::as_millisecond);
        let cancelled = carried.cancelled_at.map(Timestamp::as_millisecond);
        let (edited, number) = carried.edit.map_or((None, 0), |(at, number)| (Some(at.as_millisecond()), number));
        if [decided, cancelled, edited].into_iter().flatten().any(|last| last > updated) {
            return None;
        }
        let next = carried.edits.saturating_add(1);
        if self.order.starts_with("woocommerce:") && cancelled == Some(updated) {
            // Its times are whole seconds: an order may be cancelled and restored within one.
            return Some(next);
        }
        if decided == Some(updated) || cancelled == Some(updated) {
            return None;
        }
        // The state is not noted as decided, but a part of its edit is stored: the attempt failed half-way.
        Some(if edited == Some(updated) { number } else { next })
    }

    fn increase(&mut self, order: &ShopOrder, id: &str, total: i64, lines: &[Value]) {
        let mut body = Map::new();
        for name in ["member", "store", "channel", "currency", "fx_rate"] {
            if let Some(value) = order.receipt.get(name) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        body.insert("id".to_owned(), json!(id));
        body.insert("occurred_at".to_owned(), json!(order.updated_at.to_string()));
        body.insert("total".to_owned(), json!(self.money(total)));
        if !lines.is_empty() {
            body.insert("lines".to_owned(), json!(lines));
        }
        self.facts.push(ShopFact::Receipt(Value::Object(body)));
    }

    /// The text of minor units of the order's currency.
    fn money(&self, minor: i64) -> String {
        self.parts.first().map_or_else(String::new, |part| Money::new(minor, part.receipt.currency).to_string())
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
