//! The receipt trigger: which receipts and lines count, what is measured, and within what time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// A trigger for receipts, optionally with a filter and a measure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptTrigger {
    /// The receipts that count, and which of their lines.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What is measured; absent: each receipt fires once.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// The time within which the measure must be complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Window>,
}

/// A filter of receipts and their lines. Values of one list are alternatives; lists combine with AND.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Filter {
    /// Any of these stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores: Option<Vec<String>>,
    /// None of these stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores_not: Option<Vec<String>>,
    /// Any of these channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Only these lines; the receipt must have at least one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineFilter>,
}

/// A filter of the lines of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineFilter {
    /// Any of these SKUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
    /// None of these SKUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus_not: Option<Vec<String>>,
    /// Any of these product names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<String>>,
    /// Any of these categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// None of these categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories_not: Option<Vec<String>>,
    /// Any of these brands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands: Option<Vec<String>>,
    /// None of these brands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands_not: Option<Vec<String>>,
    /// By attribute, any of these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// The quantity that a receipt rule measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Money spent.
    Spend(Spend),
    /// The number of receipts.
    Receipts(Counting),
    /// The number of items.
    Quantity(Counting),
}

/// A measure of money spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spend {
    /// How spend fires the rule.
    #[serde(flatten)]
    pub how: SpendHow,
    /// The running total at which spend begins to count, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub from: Option<Money>,
    /// The running total at which spend ceases to count, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub up_to: Option<Money>,
    /// How `from` and `up_to` apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<SpendRange>,
}

/// How money spent fires a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendHow {
    /// Once, when the total over all receipts reaches this amount (SP1).
    TotalAtLeast(Money),
    /// Once for each receipt of at least this amount (SP2).
    PerReceiptAtLeast(Money),
    /// For each multiple of this amount over all receipts; the remainder carries over (SP3).
    Every(Money),
    /// For each multiple of this amount within one receipt (SP4).
    EveryPerReceipt(Money),
}

/// How `from` and `up_to` of a spend measure apply (SP5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendRange {
    /// A receipt counts when the running total after it lies inside.
    Gate,
    /// The part of the spend that lies inside counts.
    Band,
}

/// How receipts or items fire a rule. The two `per_receipt` forms are for items only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Once, when the total reaches this number.
    TotalAtLeast(u32),
    /// Once for each receipt with at least this number.
    PerReceiptAtLeast(u32),
    /// For each multiple of this number over all receipts; the remainder carries over.
    Every(u32),
    /// For each multiple of this number within one receipt.
    EveryPerReceipt(u32),
}

/// The time within which a measure must be complete (SP6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Window {
    /// A number of local days that ends with the receipt's day, or begins with the first receipt.
    Days {
        /// The number of days.
        days: u32,
        /// Where they begin; absent: they end with the receipt.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<WindowStart>,
    },
    /// Fixed local days, both included.
    Fixed {
        /// The first day.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        starts_on: jiff::civil::Date,
        /// The last day.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        ends_on: jiff::civil::Date,
    },
}

/// Where a window of days begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowStart {
    /// With the first receipt that counts.
    FirstReceipt,
}
