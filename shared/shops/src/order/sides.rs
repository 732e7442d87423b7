//! The two sides of an edit: what our receipts of an order carry, and what the shop asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::Receipt;
use tessera_domain::money::Money;

use super::ShopOrder;

/// What our receipts of an order carry, and how far it was edited.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) total: i64,
    pub(super) lines: BTreeMap<String, i64>,
    /// The highest number of an edit.
    pub(super) edits: u32,
    /// The latest edit: its time and its number.
    pub(super) edit: Option<(Timestamp, u32)>,
    /// The latest cancellation.
    pub(super) cancelled_at: Option<Timestamp>,
}

impl Carried {
    pub(super) fn add_edit(&mut self, number: u32, at: Timestamp) {
        self.edits = self.edits.max(number);
        self.edit = self.edit.max(Some((at, number)));
    }
}

/// What an order asks for: the total, and each line's amount and body.
pub(super) struct AskedFor {
    pub(super) total: i64,
    pub(super) lines: BTreeMap<String, (i64, Value)>,
}

impl AskedFor {
    /// Reads the body of a receipt; `None` when it has another currency than the first.
    pub(super) fn of(order: &ShopOrder, first: Option<&Receipt>) -> Option<Self> {
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
