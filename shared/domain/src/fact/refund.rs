//! Refunds: returned goods of a receipt.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::receipt::{MAX_LINES, Receipt};
use crate::ids::{LineId, RefundId};
use crate::input::{self, Fault, Node};
use crate::money::{Currency, MOST_DECIMALS, Money};

/// A return of a receipt, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The shop's identifier, unique within the receipt.
    #[serde(rename = "i")]
    pub id: RefundId,
    /// When it happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub occurred_at: Timestamp,
    /// What was returned.
    #[serde(rename = "w")]
    pub amount: RefundAmount,
    /// True while the receipt's currency is unknown. Amounts are then in units of 10⁻⁴ ([`MOST_DECIMALS`]).
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_raw: bool,
    /// True when it undoes an imported order: nobody is notified, and what cannot be taken back makes no debt.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub undoes_import: bool,
}

impl Refund {
    /// The refund in its receipt's currency. If its amounts have more decimals than that currency, it stays raw and cannot
    /// be applied.
    #[must_use]
    pub fn in_currency(self, currency: Currency) -> Self {
        if !self.is_raw {
            return self;
        }
        let parts = 10_i64.pow(MOST_DECIMALS.saturating_sub(currency.decimals()));
        let minor = |amount: i64| (amount % parts == 0).then_some(amount / parts);
        let amount = match &self.amount {
            RefundAmount::Net(amount) => minor(*amount).map(RefundAmount::Net),
            RefundAmount::Lines(lines) => {
                let lines = lines.iter().map(|line| Some(RefundLine { amount: minor(line.amount)?, ..line.clone() }));
                lines.collect::<Option<Vec<_>>>().map(RefundAmount::Lines)
            }
        };
        match amount {
            Some(amount) => Self { amount, is_raw: false, ..self },
            None => self,
        }
    }
}

/// The returned amount, in minor units of the receipt's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundAmount {
    /// A net amount, of no particular line.
    #[serde(rename = "a")]
    Net(i64),
    /// Amounts of single lines.
    #[serde(rename = "l")]
    Lines(Vec<RefundLine>),
}

/// The returned part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundLine {
    /// The line.
    #[serde(rename = "i")]
    pub line: LineId,
    /// The number of returned items, if known.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// The returned part of the line's own amount. Its share of the order's discount is returned with it.
    #[serde(rename = "a")]
    pub amount: i64,
}

/// A refund of a receipt: either of some lines or of an amount.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Refund), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_refund` reads")]
pub struct RefundBody {
    /// The shop's own id, unique within the receipt.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    id: String,
    /// When it was made, with offset.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    occurred_at: String,
    /// The returned lines.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    lines: Option<Vec<RefundLineBody>>,
    /// The net amount that was refunded.
    amount: Option<String>,
}

impl RefundBody {
    /// An example.
    pub fn example() -> Value {
        json!({
            "id": "refund-1", "occurred_at": "2026-03-02T10:00:00+01:00",
            "lines": [{ "line": "2", "quantity": "1", "amount": "10.00" }],
        })
    }
}

/// A returned line.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RefundLine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_refund` reads")]
pub struct RefundLineBody {
    /// The line's id on the receipt.
    line: String,
    /// The number of returned items; absent: none until the line's whole amount is refunded.
    quantity: Option<String>,
    /// How much of the line's own amount is refunded.
    amount: String,
}

/// Reads the body of `POST /v1/receipts/{id}/refunds`, for a receipt in a currency.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_refund(body: &Value, currency: Currency) -> Result<Refund, Vec<Fault>> {
    read(body, false, false, |node| node.money(currency).map(Money::minor))
}

/// As [`read_refund`], for a known receipt. The whole of a receipt without lines on which nothing was paid is an amount
/// of 0; of any other receipt, 0 returns nothing and is a fault.
///
/// # Errors
/// As [`read_refund`].
pub fn read_refund_of(body: &Value, receipt: &Receipt) -> Result<Refund, Vec<Fault>> {
    let is_free = receipt.lines.is_empty() && receipt.total == 0;
    read(body, false, is_free, |node| node.money(receipt.currency).map(Money::minor))
}

/// Reads a refund that arrives before its receipt. Its amounts are converted when the receipt's currency is known.
///
/// # Errors
/// As [`read_refund`].
pub fn read_early_refund(body: &Value) -> Result<Refund, Vec<Fault>> {
    read(body, true, false, read_raw)
}

fn read_raw(node: &Node<'_>) -> Option<i64> {
    node.money_of_any_currency()
}

fn read(
    body: &Value,
    is_raw: bool,
    may_be_zero: bool,
    money: impl Fn(&Node<'_>) -> Option<i64>,
) -> Result<Refund, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let id = object.required("id", Node::id);
        let occurred_at = object.required("occurred_at", Node::timestamp);
        let amount = match object.exactly_one(&["lines", "amount"]) {
            Some(("amount", amount)) => match money(&amount) {
                Some(0) if !may_be_zero => amount.refuse("must be above 0"),
                minor => minor.map(RefundAmount::Net),
            },
            Some((_, lines)) => read_lines(&lines, &money).map(RefundAmount::Lines),
            None => None,
        };
        object.finish();
        Some(Refund { id: id?, occurred_at: occurred_at?, amount: amount?, is_raw, undoes_import: false })
    })
}

fn read_lines(node: &Node<'_>, money: &impl Fn(&Node<'_>) -> Option<i64>) -> Option<Vec<RefundLine>> {
    let lines = node.list(MAX_LINES, |line| {
        let object = line.object()?;
        let id = object.required("line", Node::id);
        let quantity = object.optional("quantity", |n| n.decimal(1_000_000_000));
        let amount = object.required("amount", money);
        object.finish();
        Some(RefundLine { line: id?, quantity: quantity?, amount: amount? })
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
