//! Orders of a history: rows of one order become one receipt.

use serde_json::{Map, Value, json};
use tessera_domain::fact::{Receipt, read_receipt};
use tessera_domain::member::MemberRef;
use tessera_domain::money::Currency;

use crate::cells::{Cells, RowContext};
use crate::fault::RowFault;
use crate::field::Field;
use crate::plan::ImportPlan;

/// An order, or one line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// The member.
    pub reference: MemberRef,
    /// The id of the order.
    pub id: String,
    /// The receipt as JSON, without its total where the lines say it.
    body: Map<String, Value>,
    /// The lines so far, with their amounts in minor units.
    lines: Vec<Value>,
    /// The sum of the lines.
    sum: rust_decimal::Decimal,
}

impl OrderRow {
    pub(crate) fn read(cells: &mut Cells<'_>, plan: &ImportPlan, context: &RowContext<'_>) -> Option<Self> {
        let reference = cells.reference();
        let prefix = plan.request.id_prefix.as_deref().unwrap_or_default();
        let id = cells.required(Field::Order).map(|id| format!("{prefix}{id}"));
        let at = cells.time(Field::OccurredAt, context.zone);
        if at.is_none() {
            cells.required(Field::OccurredAt);
        }
        let currency = match cells.text(Field::Currency) {
            Some(code) => code.to_uppercase(),
            None => context.currency.code().to_owned(),
        };
        let mut body = Map::new();
        body.insert("currency".to_owned(), json!(currency));
        for field in [Field::Store, Field::Channel, Field::FxRate] {
            if let Some(text) = cells.text(field) {
                body.insert(field.name().to_owned(), json!(text));
            }
        }
        let decimals = Currency::from_code(&currency).unwrap_or(context.currency).decimals();
        let money = |amount: rust_decimal::Decimal| format!("{:.*}", decimals as usize, amount);
        let total = cells.amount(Field::Total);
        let (line, sum) = line(cells, &money);
        if total.or(Some(sum)).is_some_and(|amount| amount.is_sign_negative() && !amount.is_zero()) {
            let field = if total.is_some() { Field::Total } else { Field::Amount };
            cells.fault(field, "is negative: a history has orders, not returns");
        }
        if let Some(total) = total {
            if total.normalize().scale() > decimals {
                cells.fault(Field::Total, format!("has more decimals than {currency}"));
            }
            body.insert("total".to_owned(), json!(money(total)));
        }
        if total.is_none() && line.is_none() {
            cells.fault(Field::Total, "is missing");
        }
        let id = id?;
        body.insert("id".to_owned(), json!(id));
        body.insert("occurred_at".to_owned(), json!(at?.to_string()));
        body.insert("member".to_owned(), Value::Object(cells.identity()));
        Some(Self { reference: reference?, id, body, lines: line.into_iter().collect(), sum })
    }

    /// Adds the next row if it is of the same order; otherwise returns it.
    ///
    /// # Errors
    /// The row, when it begins another order.
    pub fn absorb(&mut self, next: Box<Self>) -> Result<(), Box<Self>> {
        if next.id != self.id || next.reference != self.reference {
            return Err(next);
        }
        self.sum += next.sum;
        self.lines.extend(next.lines);
        Ok(())
    }

    /// The receipt.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn receipt(&self, program: Currency) -> Result<Receipt, Vec<RowFault>> {
        let mut body = self.body.clone();
        let currency = body.get("currency").and_then(Value::as_str).and_then(Currency::from_code).unwrap_or(program);
        let money = |amount: rust_decimal::Decimal| format!("{:.*}", currency.decimals() as usize, amount);
        if !self.lines.is_empty() {
            let total = body.get("total").and_then(Value::as_str).and_then(|text| text.parse().ok());
            match total {
                None => {
                    body.insert("total".to_owned(), json!(money(self.sum)));
                }
                // What the lines cost more than the order is its discount.
                Some(total) if self.sum > total => {
                    body.insert("discount".to_owned(), json!(money(self.sum - total)));
                }
                Some(_) => {}
            }
            // Lines that cost less than the order say nothing of the rest: the order counts as a whole.
            if total.is_none_or(|total: rust_decimal::Decimal| self.sum >= total) {
                body.insert("lines".to_owned(), json!(self.lines));
            }
        }
        let faults = |faults: Vec<tessera_domain::input::Fault>| {
            let fault = |fault: tessera_domain::input::Fault| RowFault {
                column: fault.pointer.split('/').nth(1).filter(|name| !name.is_empty()).map(str::to_owned),
                reason: fault.detail,
            };
            faults.into_iter().map(fault).collect()
        };
        read_receipt(&Value::Object(body), program).map(|read| read.receipt).map_err(faults)
    }
}

/// The line of a row, if it has one, and its amount.
fn line(
    cells: &mut Cells<'_>,
    money: &impl Fn(rust_decimal::Decimal) -> String,
) -> (Option<Value>, rust_decimal::Decimal) {
    let zero = rust_decimal::Decimal::ZERO;
    let (amount, unit, quantity) =
        (cells.amount(Field::Amount), cells.amount(Field::UnitPrice), cells.amount(Field::Quantity));
    let amount =
        amount.or_else(|| unit.and_then(|unit| unit.checked_mul(quantity.unwrap_or(rust_decimal::Decimal::ONE))));
    let Some(amount) = amount else { return (None, zero) };
    let rounded: rust_decimal::Decimal = money(amount).parse().unwrap_or(amount);
    let mut line = json!({ "amount": money(amount) });
    if let Some(quantity) = quantity {
        line["quantity"] = json!(quantity.normalize().to_string());
    }
    for (field, name) in
        [(Field::Sku, "sku"), (Field::Product, "product"), (Field::Category, "category"), (Field::Brand, "brand")]
    {
        if let Some(text) = cells.text(field) {
            line[name] = json!(text);
        }
    }
    (Some(line), rounded)
}
