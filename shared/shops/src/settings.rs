//! The settings of a connection to a shop, as they are stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
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
    /// Orders from before this moment earn nothing when a change of them is the first that is seen of them; when it is absent, a day
    /// before the connection was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_since: Option<Timestamp>,
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
            orders_since: None,
            generic: None,
        }
    }

    /// Which shop it is, for what a shop created: a hash of its domain and of the address that requests go to. The case of letters
    /// and a `/` at the end make no other shop.
    pub fn shop_identity(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.shop, &self.base_url] {
            let part = part.as_deref().unwrap_or_default().trim_end_matches('/').to_lowercase();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize().get(..8).unwrap_or_default())
    }

    /// How amounts are read.
    pub const fn terms(&self, program: Currency) -> Terms<'_> {
        Terms { program, basis: self.amount, fx_rates: &self.fx_rates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_domain_or_address_is_another_shop() {
        let identity = |shop: Option<&str>, url: Option<&str>| {
            let (shop, base_url) = (shop.map(str::to_owned), url.map(str::to_owned));
            ShopSettings { shop, base_url, ..ShopSettings::new(Vendor::Shopify) }.shop_identity()
        };
        let ada = identity(None, Some("https://ada.example"));
        assert_eq!(ada, identity(None, Some("https://Ada.example/")));
        for other in [
            identity(None, None),
            identity(Some("https://ada.example"), None),
            identity(None, Some("https://ada.example/it")),
            identity(Some("ada.myshopify.com"), Some("https://ada.example")),
        ] {
            assert_ne!(ada, other);
        }
    }
}
