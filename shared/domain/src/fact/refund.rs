//! A refund: what came back of a receipt.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::receipt::MAX_LINES;
use crate::ids::{LineId, RefundId};
use crate::input::{self, Fault, Node};
use crate::money::Currency;

/// A refund of a part of a receipt, or all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// As the shop numbered it; unique within its receipt.
    #[serde(rename = "i")]
    pub id: RefundId,
    /// When it happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub occurred_at: Timestamp,
    /// What came back.
    #[serde(rename = "w")]
    pub amount: RefundAmount,
}

/// What a refund gives back, in minor units of the receipt's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundAmount {
    /// So much money, net, of no line in particular.
    #[serde(rename = "a")]
    Net(i64),
    /// These lines.
    #[serde(rename = "l")]
    Lines(Vec<RefundLine>),
}

/// What came back of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundLine {
    /// The line.
    #[serde(rename = "i")]
    pub line: LineId,
    /// How many items, where that is known.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// How much, in terms of the line's own amount: its share of the order's discount goes with it.
    #[serde(rename = "a")]
    pub amount: i64,
}

/// Reads the body of `POST /v1/receipts/{id}/refunds`. The currency is the receipt's; where the refund came first, the
/// program's is assumed, and checked when the receipt arrives.
///
/// # Errors
/// Every fault of the body, with its place.
pub fn read_refund(body: &Value, currency: Currency) -> Result<Refund, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let id = object.required("id", Node::id);
        let occurred_at = object.required("occurred_at", Node::timestamp);
        let amount = match object.exactly_one(&["lines", "amount"]) {
            Some(("amount", amount)) => amount.positive_money(currency).map(|money| RefundAmount::Net(money.minor())),
            Some((_, lines)) => read_lines(&lines, currency).map(RefundAmount::Lines),
            None => None,
        };
        object.finish();
        Some(Refund { id: id?, occurred_at: occurred_at?, amount: amount? })
    })
}

fn read_lines(node: &Node<'_>, currency: Currency) -> Option<Vec<RefundLine>> {
    let lines = node.list(MAX_LINES, |line| {
        let object = line.object()?;
        let id = object.required("line", Node::id);
        let quantity = object.optional("quantity", |n| n.decimal(1_000_000_000));
        let amount = object.required("amount", |n| n.money(currency));
        object.finish();
        Some(RefundLine { line: id?, quantity: quantity?, amount: amount?.minor() })
    })?;
    if lines.is_empty() {
        return node.refuse("must name a line at least");
    }
    let mut ids: Vec<&LineId> = lines.iter().map(|line| &line.line).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return node.refuse("names a line twice");
    }
    Some(lines)
}
