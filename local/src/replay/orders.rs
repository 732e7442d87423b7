//! Converts rows to receipts and refunds.
//!
//! Rows with the same number are one receipt. A number with the cancellation prefix refunds earlier purchases of the same
//! customer: for each product the latest first, up to their remaining quantity.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use anyhow::Context;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};
use tessera_domain::money::{Currency, Money};

use super::columns::{Columns, Places};

/// Options for reading a file.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The mapping of columns.
    pub columns: Columns,
    /// The currency of its prices.
    pub currency: Currency,
    /// The time zone of its times.
    pub zone: TimeZone,
    /// The prefix of a cancellation's number.
    pub cancellation: String,
    /// The number of weeks by which times are shifted.
    pub shift_weeks: i64,
    /// The maximum number of receipts and refunds.
    pub limit: Option<usize>,
}

/// The contents of a file.
#[derive(Debug, Default)]
pub struct Orders {
    /// The requests, in the order of the file.
    pub operations: Vec<ReplayRequest>,
    /// The number of rows.
    pub rows: usize,
    /// Rows without a customer.
    pub without_customer: usize,
    /// Rows without a price, a quantity or a number, which are skipped.
    pub without_value: usize,
    /// Cancelled rows without an earlier purchase of the customer.
    pub unmatched: usize,
    /// Each customer's purchases less returns, in minor units.
    pub spent: BTreeMap<String, i64>,
}

/// A request to send.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplayRequest {
    /// `POST /v1/receipts`.
    Receipt {
        /// The body.
        body: Value,
    },
    /// `POST /v1/receipts/{receipt}/refunds`.
    Refund {
        /// The receipt.
        receipt: String,
        /// The body.
        body: Value,
    },
}

/// A complete row.
struct Row {
    receipt: String,
    sku: String,
    product: String,
    quantity: i64,
    at: Timestamp,
    /// The exact unit price, which can be a fraction of a cent.
    unit_price: Decimal,
    customer: String,
    store: String,
}

/// The remaining quantity of a sold line.
struct Sold {
    receipt: String,
    line: String,
    quantity: i64,
    amount: i64,
}

/// Reads a file of orders.
///
/// # Errors
/// When it is not CSV, lacks a column, or a row is invalid. The message names the row.
pub fn read_orders(file: impl Read, options: &ReadOptions) -> anyhow::Result<Orders> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = csv::StringRecord::from_byte_record_lossy(reader.byte_headers()?.clone());
    let places = options.columns.find(&header)?;
    let mut reading = Reading { options, orders: Orders::default(), sold: HashMap::new() };
    // Rows of one number need not be adjacent: they are collected over the whole file.
    let mut receipts: Vec<Vec<Row>> = Vec::new();
    let mut places_of: HashMap<String, usize> = HashMap::new();
    for (number, record) in reader.byte_records().enumerate() {
        let record = csv::StringRecord::from_byte_record_lossy(record.with_context(|| format!("row {}", number + 2))?);
        let row = reading.row(&record, &places).with_context(|| format!("row {}", number + 2))?;
        let Some(row) = row else { continue };
        let place = *places_of.entry(row.receipt.clone()).or_insert(receipts.len());
        if place == receipts.len() {
            receipts.push(Vec::new());
        }
        receipts[place].push(row);
    }
    for rows in receipts {
        reading.close(&rows);
    }
    if let Some(limit) = options.limit {
        reading.orders.operations.truncate(limit);
    }
    Ok(reading.orders)
}

struct Reading<'a> {
    options: &'a ReadOptions,
    orders: Orders,
    /// Each customer's purchases by product, in the order of purchase.
    sold: HashMap<(String, String), Vec<Sold>>,
}

impl Reading<'_> {
    fn row(&mut self, record: &csv::StringRecord, places: &Places) -> anyhow::Result<Option<Row>> {
        self.orders.rows += 1;
        let field = |place: usize| record.get(place).unwrap_or("").trim();
        let customer = field(places.customer);
        if customer.is_empty() {
            self.orders.without_customer += 1;
            return Ok(None);
        }
        let quantity: i64 = field(places.quantity).parse().context("the quantity is not a whole number")?;
        let unit_price = field(places.unit_price).parse().context("the price is not a number")?;
        let cancelled = field(places.receipt).starts_with(&self.options.cancellation);
        if unit_price < Decimal::ZERO || quantity == 0 || (quantity < 0) != cancelled {
            self.orders.without_value += 1;
            return Ok(None);
        }
        let local: DateTime = field(places.time).parse().context("the time is not like 2010-12-01 08:26:00")?;
        let local = local.checked_add(self.options.shift_weeks.weeks()).context("the time is out of range")?;
        let at = self.options.zone.to_ambiguous_zoned(local).compatible()?.timestamp();
        Ok(Some(Row {
            receipt: field(places.receipt).to_owned(),
            sku: field(places.sku).to_owned(),
            product: field(places.product).to_owned(),
            quantity,
            at,
            unit_price,
            // Spreadsheets write customer 17850 as 17850.0.
            customer: customer.strip_suffix(".0").unwrap_or(customer).to_owned(),
            store: field(places.store).to_owned(),
        }))
    }

    /// Converts the rows of one number into a receipt or into refunds.
    fn close(&mut self, rows: &[Row]) {
        let Some(first) = rows.first() else { return };
        if first.receipt.starts_with(&self.options.cancellation) {
            self.refund(rows);
        } else {
            self.receipt(rows);
        }
    }

    fn money(&self, minor: i64) -> String {
        Money::new(minor, self.options.currency).to_string()
    }

    fn amount(&self, row: &Row) -> i64 {
        let exact = row.unit_price * Decimal::from(row.quantity.abs());
        let minor = exact * Decimal::from(10_i64.pow(self.options.currency.decimals()));
        minor.round().to_i64().unwrap_or(0)
    }

    fn receipt(&mut self, rows: &[Row]) {
        let first = &rows[0];
        let mut total = 0;
        let mut lines = Vec::with_capacity(rows.len());
        for (place, row) in rows.iter().enumerate() {
            let (line, amount) = ((place + 1).to_string(), self.amount(row));
            total += amount;
            let mut json = json!({
                "id": line, "sku": row.sku, "category": category(&row.sku), "quantity": row.quantity.to_string(),
                "amount": self.money(amount),
            });
            if !row.product.is_empty() {
                json["product"] = json!(row.product);
            }
            lines.push(json);
            let sold = Sold { receipt: row.receipt.clone(), line, quantity: row.quantity, amount };
            self.sold.entry((row.customer.clone(), row.sku.clone())).or_default().push(sold);
        }
        *self.orders.spent.entry(first.customer.clone()).or_default() += total;
        self.orders.operations.push(ReplayRequest::Receipt {
            body: json!({
                "id": first.receipt, "occurred_at": first.at.to_string(), "member": { "id": first.customer },
                "store": first.store, "channel": "web", "currency": self.options.currency.code(),
                "total": self.money(total), "lines": lines,
            }),
        });
    }

    fn refund(&mut self, rows: &[Row]) {
        let first = &rows[0];
        let mut by_receipt: BTreeMap<String, BTreeMap<String, (i64, i64)>> = BTreeMap::new();
        for row in rows {
            let mut left = row.quantity.abs();
            let bought = self.sold.get_mut(&(row.customer.clone(), row.sku.clone()));
            for sold in bought.into_iter().flat_map(|bought| bought.iter_mut().rev()) {
                let part = left.min(sold.quantity);
                if part == 0 {
                    continue;
                }
                // At the price that was paid.
                let amount = sold.amount * part / sold.quantity;
                left -= part;
                sold.quantity -= part;
                sold.amount -= amount;
                *self.orders.spent.entry(row.customer.clone()).or_default() -= amount;
                let lines = by_receipt.entry(sold.receipt.clone()).or_default();
                let line = lines.entry(sold.line.clone()).or_default();
                *line = (line.0 + part, line.1 + amount);
            }
            self.orders.unmatched += usize::from(left > 0);
        }
        for (receipt, lines) in by_receipt {
            let lines: Vec<Value> = lines
                .into_iter()
                .map(|(line, (quantity, amount))| {
                    json!({ "line": line, "quantity": quantity.to_string(), "amount": self.money(amount) })
                })
                .collect();
            let body = json!({ "id": first.receipt, "occurred_at": first.at.to_string(), "lines": lines });
            self.orders.operations.push(ReplayRequest::Refund { receipt, body });
        }
    }
}

/// Derives a category from a stock code: the data set has none, but numbers its codes by assortment. A code that does not
/// begin with a digit is a service (postage, bank charges, vouchers).
fn category(sku: &str) -> String {
    let digits: String = sku.chars().take_while(char::is_ascii_digit).take(2).collect();
    if digits.len() == 2 { format!("range-{digits}") } else { "service".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

    fn read(rows: &str) -> Orders {
        let options = ReadOptions {
            columns: Columns::default(),
            currency: Currency::from_code("GBP").unwrap(),
            zone: TimeZone::get("Europe/London").unwrap(),
            cancellation: "C".into(),
            shift_weeks: 0,
            limit: None,
        };
        read_orders(format!("{HEADER}{rows}").as_bytes(), &options).unwrap()
    }

    #[test]
    fn rows_with_the_same_number_are_one_receipt() {
        let orders = read(
            "1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
             1,71053,LANTERN,2,2010-12-01 08:26:00,3.39,17850.0,United Kingdom\n\
             2,71053,LANTERN,1,2010-12-01 09:00:00,3.39,,United Kingdom\n\
             3,71053,LANTERN,1,2010-12-01 09:00:00,3.39,17850.0,United Kingdom\n\
             1,71053,LANTERN,1,2010-12-01 08:27:00,1.00,17850.0,United Kingdom\n",
        );
        assert_eq!((orders.rows, orders.without_customer, orders.operations.len()), (5, 1, 2));
        let ReplayRequest::Receipt { body } = &orders.operations[0] else { panic!("no receipt") };
        assert_eq!(body["total"], "23.08");
        assert_eq!(body["member"]["id"], "17850");
        assert_eq!(body["lines"][0]["category"], "range-85");
        assert_eq!(body["occurred_at"], "2010-12-01T08:26:00Z");
    }

    #[test]
    fn a_cancellation_refunds_the_latest_purchases_of_the_product() {
        let orders = read(
            "1,71053,LANTERN,2,2010-12-01 08:26:00,3.00,17850.0,UK\n\
             2,71053,LANTERN,2,2010-12-02 08:26:00,4.00,17850.0,UK\n\
             C3,71053,LANTERN,-3,2010-12-03 08:26:00,4.00,17850.0,UK\n\
             C4,71053,LANTERN,-3,2010-12-03 09:26:00,4.00,17850.0,UK\n",
        );
        let refunds: Vec<(&str, &Value)> = orders.operations[2..]
            .iter()
            .map(|operation| match operation {
                ReplayRequest::Refund { receipt, body } => (receipt.as_str(), &body["lines"][0]),
                ReplayRequest::Receipt { .. } => panic!("no refund"),
            })
            .collect();
        assert_eq!(refunds[0], ("1", &json!({ "line": "1", "quantity": "1", "amount": "3.00" })));
        assert_eq!(refunds[1], ("2", &json!({ "line": "1", "quantity": "2", "amount": "8.00" })));
        assert_eq!(refunds[2], ("1", &json!({ "line": "1", "quantity": "1", "amount": "3.00" })));
        assert_eq!(orders.unmatched, 1);
        assert_eq!(orders.spent["17850"], 0);
    }
}
