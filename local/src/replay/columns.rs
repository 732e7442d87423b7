//! The mapping of a file's columns to fields.

use anyhow::{Context, bail};
use csv::StringRecord;

/// The columns of an order file, by name. The default is the UCI Online Retail data set.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The receipt's number.
    pub receipt: String,
    /// The product's SKU.
    pub sku: String,
    /// The product's name.
    pub product: String,
    /// The quantity; negative on a cancellation.
    pub quantity: String,
    /// The shop's local time, as `2010-12-01 08:26:00`.
    pub time: String,
    /// The unit price.
    pub unit_price: String,
    /// The customer's number; empty when unknown.
    pub customer: String,
    /// The shop, or the country.
    pub store: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            receipt: "InvoiceNo".into(),
            sku: "StockCode".into(),
            product: "Description".into(),
            quantity: "Quantity".into(),
            time: "InvoiceDate".into(),
            unit_price: "UnitPrice".into(),
            customer: "CustomerID".into(),
            store: "Country".into(),
        }
    }
}

impl Columns {
    /// Maps a field to a column, by `field=column`.
    ///
    /// # Errors
    /// When the field is unknown.
    pub fn map(&mut self, mapping: &str) -> anyhow::Result<()> {
        let (field, column) = mapping.split_once('=').context("a mapping is written field=column")?;
        let place = match field {
            "receipt" => &mut self.receipt,
            "sku" => &mut self.sku,
            "product" => &mut self.product,
            "quantity" => &mut self.quantity,
            "time" => &mut self.time,
            "unit_price" => &mut self.unit_price,
            "customer" => &mut self.customer,
            "store" => &mut self.store,
            _ => bail!("{field:?} is not one of receipt, sku, product, quantity, time, unit_price, customer, store"),
        };
        column.clone_into(place);
        Ok(())
    }

    /// Finds the position of each column in a header.
    ///
    /// # Errors
    /// When one is missing.
    pub(super) fn find(&self, header: &StringRecord) -> anyhow::Result<Places> {
        let place = |name: &str| {
            header
                .iter()
                .position(|column| column.trim_start_matches('\u{feff}').trim() == name)
                .with_context(|| format!("the file has no column {name:?}; map it with --map field=column"))
        };
        Ok(Places {
            receipt: place(&self.receipt)?,
            sku: place(&self.sku)?,
            product: place(&self.product)?,
            quantity: place(&self.quantity)?,
            time: place(&self.time)?,
            unit_price: place(&self.unit_price)?,
            customer: place(&self.customer)?,
            store: place(&self.store)?,
        })
    }
}

/// The positions of the columns.
pub(super) struct Places {
    pub receipt: usize,
    pub sku: usize,
    pub product: usize,
    pub quantity: usize,
    pub time: usize,
    pub unit_price: usize,
    pub customer: usize,
    pub store: usize,
}
