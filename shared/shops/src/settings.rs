//! The settings of a connection to a shop, as they are stored.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tessera_domain::money::Currency;

use crate::generic::{Mapping, SignatureScheme};
use crate::terms::{AmountBasis, Terms};

/// Whose protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Shopify.
    Shopify,
    /// WooCommerce.
    Woocommerce,
    /// Square.
    Square,
    /// Any other sender.
    Generic,
}

/// The settings of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopSettings {
    /// Whose protocol it speaks.
    pub vendor: Vendor,
    /// Shopify: the shop's domain, such as `ada.myshopify.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<String>,
    /// Replaces the vendor's host. WooCommerce: the shop's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Square: the URL that its signatures include.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<String>,
    /// Which part of a price earns.
    #[serde(default)]
    pub amount: AmountBasis,
    /// Units of the program's currency for one unit of another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fx_rates: BTreeMap<String, Decimal>,
    /// How many codes of rewards are kept ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<CodeSettings>,
    /// Any other sender: signature and mappings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generic: Option<GenericSettings>,
}

/// How many codes of a reward are kept ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSettings {
    /// Fewer are filled up.
    pub low_water: u32,
    /// How many there are then.
    pub fill_to: u32,
}

/// How deliveries of any other sender are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenericSettings {
    /// How they are signed.
    pub signature: SignatureScheme,
    /// What they become. The first one that fits is applied.
    pub mappings: Vec<Mapping>,
}

impl Vendor {
    /// Its name in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Woocommerce => "woocommerce",
            Self::Square => "square",
            Self::Generic => "generic",
        }
    }
}

impl ShopSettings {
    /// Settings of which nothing is set.
    pub const fn new(vendor: Vendor) -> Self {
        Self {
            vendor,
            shop: None,
            base_url: None,
            notification_url: None,
            amount: AmountBasis::AsPriced,
            fx_rates: BTreeMap::new(),
            codes: None,
            generic: None,
        }
    }

    /// How amounts are read.
    pub const fn terms(&self, program: Currency) -> Terms<'_> {
        Terms { program, basis: self.amount, fx_rates: &self.fx_rates }
    }
}
