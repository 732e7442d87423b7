//! What the demo shop sells.

use serde::Serialize;
use tessera_domain::money::{Currency, Money};

/// A product; its price is in whole units of the program's currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    pub sku: &'static str,
    pub name: &'static str,
    pub category: &'static str,
    price: i64,
}

/// A product as pages show it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    sku: &'static str,
    name: &'static str,
    category: &'static str,
    price: Money,
}

/// The products. Categories are those of the demo's data: the first digits of a stock code.
pub(super) const PRODUCTS: [Product; 6] = [
    Product { sku: "85123A", name: "Hanging heart lantern", category: "range-85", price: 28 },
    Product { sku: "22423", name: "Three-tier cake stand", category: "range-22", price: 64 },
    Product { sku: "21080", name: "Set of paper napkins", category: "range-21", price: 6 },
    Product { sku: "20725", name: "Lunch bag, red spots", category: "range-20", price: 18 },
    Product { sku: "22086", name: "Paper chain kit", category: "range-22", price: 12 },
    Product { sku: "48138", name: "Door mat, Union Jack", category: "range-48", price: 120 },
];

impl Product {
    /// The product with a stock code.
    pub fn find(sku: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.sku == sku)
    }

    /// The price of a number of pieces.
    pub fn price(&self, quantity: i64, currency: Currency) -> Money {
        let unit = 10_i64.saturating_pow(currency.decimals());
        Money::new(self.price.saturating_mul(unit).saturating_mul(quantity), currency)
    }

    pub fn shown(&self, currency: Currency) -> Shown {
        Shown { sku: self.sku, name: self.name, category: self.category, price: self.price(1, currency) }
    }
}
