//! Reads what a `PUT` asks for, and shows the settings again.

use std::collections::BTreeMap;

use http::Uri;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tessera_domain::input::{self, Fault, Node, Object};
use tessera_domain::money::Currency;
use tessera_orders::ShopCredentials;
use tessera_shops::{AmountBasis, CodeSettings, ShopSettings, Vendor};

use crate::mapping::{read_generic, show_generic};

const MOST_URL_BYTES: usize = 2_000;
const MOST_SECRET_BYTES: usize = 500;
const MOST_RATES: usize = 200;
const MOST_CODES: u32 = 100_000;
/// How many codes are kept ready where nothing is said.
const USUAL_CODES: CodeSettings = CodeSettings { low_water: 200, fill_to: 1_000 };

/// What a `PUT` asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Whether deliveries are accepted.
    pub enabled: bool,
    /// The settings; the shop is that of the credentials.
    pub settings: ShopSettings,
    /// The credentials; `None` leaves those that are stored.
    pub credentials: Option<ShopCredentials>,
}

/// Reads the body of a `PUT`.
///
/// # Errors
/// Every fault, with its pointer.
pub(crate) fn read_wanted(body: &Value, vendor: Vendor) -> Result<Wanted, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let enabled = object.required("enabled", Node::boolean);
        let settings = match vendor {
            // Without its own settings it could not be used.
            Vendor::Woocommerce | Vendor::Square | Vendor::Generic if object.field("settings").is_none() => {
                object.required("settings", |_| None)
            }
            _ => object.or("settings", ShopSettings::new(vendor), |node| read_settings(node, vendor)),
        };
        let credentials = object.optional("credentials", |node| read_credentials(node, vendor));
        object.read_only(&["health"]);
        object.finish();
        let (mut settings, credentials) = (settings?, credentials?);
        let (credentials, shop) = credentials.unzip();
        settings.shop = shop.flatten();
        Some(Wanted { enabled: enabled?, settings, credentials })
    })
}

fn read_settings(node: &Node<'_>, vendor: Vendor) -> Option<ShopSettings> {
    if vendor == Vendor::Generic {
        let generic = read_generic(node)?;
        return Some(ShopSettings { generic: Some(generic), ..ShopSettings::new(vendor) });
    }
    let object = node.object()?;
    let amount = object.or("amount", AmountBasis::default(), |node| node.choice(&AmountBasis::NAMES));
    let fx_rates = object.or("fx_rates", BTreeMap::new(), read_rates);
    let orders_since = object.optional("orders_since", Node::timestamp);
    let has_codes = vendor != Vendor::Square;
    let codes = if has_codes { object.or("codes", USUAL_CODES, read_codes).map(Some) } else { Some(None) };
    let base_url = match vendor {
        Vendor::Woocommerce => object.required("base_url", read_url).map(Some),
        Vendor::Shopify | Vendor::Square | Vendor::Generic => object.optional("base_url", read_url),
    };
    let notification_url = match vendor {
        Vendor::Square => object.required("notification_url", read_url).map(Some),
        Vendor::Shopify | Vendor::Woocommerce | Vendor::Generic => Some(None),
    };
    if vendor == Vendor::Shopify {
        object.read_only(&["shop"]);
    }
    object.finish();
    Some(ShopSettings {
        amount: amount?,
        fx_rates: fx_rates?,
        codes: codes?,
        orders_since: orders_since?,
        base_url: base_url?,
        notification_url: notification_url?,
        ..ShopSettings::new(vendor)
    })
}

fn read_rates(node: &Node<'_>) -> Option<BTreeMap<String, Decimal>> {
    let read = |node: &Node<'_>| {
        if node.name().and_then(Currency::from_code).is_none() {
            return node.refuse("is not a currency of ISO 4217");
        }
        node.decimal(1_000_000_000)
    };
    node.entries(MOST_RATES, read).map(|rates| rates.into_iter().collect())
}

fn read_codes(node: &Node<'_>) -> Option<CodeSettings> {
    let object = node.object()?;
    let low_water = object.or("low_water", USUAL_CODES.low_water, |node| node.count(1, MOST_CODES));
    let fill_to = object.or("fill_to", USUAL_CODES.fill_to, |node| node.count(1, MOST_CODES));
    object.finish();
    let codes = CodeSettings { low_water: low_water?, fill_to: fill_to? };
    if codes.fill_to < codes.low_water { node.refuse("fill_to must not be below low_water") } else { Some(codes) }
}

fn read_url(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_URL_BYTES)?;
    match text.parse::<Uri>() {
        Ok(url) if url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty()) => Some(text),
        _ => node.refuse("must be a URL such as \"https://shop.example\""),
    }
}

fn read_secret(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_SECRET_BYTES)?;
    // It may be sent in a header.
    let is_printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_printable { Some(text) } else { node.refuse("must be printable ASCII") }
}

/// Reads credentials: the secrets, and the shop's domain.
fn read_credentials(node: &Node<'_>, vendor: Vendor) -> Option<(ShopCredentials, Option<String>)> {
    let object = node.object()?;
    let secret = |object: &Object<'_>, name| object.required(name, read_secret).map(Some);
    let blank = ShopCredentials::default();
    let read = match vendor {
        Vendor::Shopify => {
            let shop = object.required("shop", read_shop);
            let (client_id, client_secret) = (secret(&object, "client_id"), secret(&object, "client_secret"));
            let access_token = object.optional("access_token", read_secret);
            object.finish();
            let credentials = ShopCredentials {
                client_id: client_id?,
                client_secret: client_secret?,
                access_token: access_token?,
                ..blank
            };
            (credentials, Some(shop?))
        }
        Vendor::Woocommerce => {
            let (key, value) = (secret(&object, "consumer_key"), secret(&object, "consumer_secret"));
            let webhook_secret = secret(&object, "webhook_secret");
            object.finish();
            let credentials = ShopCredentials {
                consumer_key: key?,
                consumer_secret: value?,
                webhook_secret: webhook_secret?,
                ..blank
            };
            (credentials, None)
        }
        Vendor::Square => {
            let (access_token, signature_key) = (secret(&object, "access_token"), secret(&object, "signature_key"));
            object.finish();
            (ShopCredentials { access_token: access_token?, signature_key: signature_key?, ..blank }, None)
        }
        Vendor::Generic => {
            let secret = secret(&object, "secret");
            object.finish();
            (ShopCredentials { secret: secret?, ..blank }, None)
        }
    };
    Some(read)
}

/// Reads the domain of a shop, in lower case.
fn read_shop(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_SECRET_BYTES)?.to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_domain = text.contains('.') && text.split('.').all(is_label);
    if is_domain { Some(text) } else { node.refuse("must be the shop's domain, such as \"ada.myshopify.com\"") }
}

/// The settings as they are read.
pub(crate) fn show_settings(settings: &ShopSettings) -> Value {
    if let Some(generic) = &settings.generic {
        return show_generic(generic);
    }
    let mut shown = Map::new();
    if settings.vendor == Vendor::Generic {
        return Value::Object(shown);
    }
    let amount = AmountBasis::NAMES.into_iter().find(|(_, basis)| *basis == settings.amount);
    shown.insert("amount".to_owned(), json!(amount.map_or("as_priced", |(name, _)| name)));
    if !settings.fx_rates.is_empty() {
        let rates: Map<String, Value> =
            settings.fx_rates.iter().map(|(code, rate)| (code.clone(), json!(rate.to_string()))).collect();
        shown.insert("fx_rates".to_owned(), Value::Object(rates));
    }
    if settings.vendor != Vendor::Square {
        shown.insert("codes".to_owned(), json!(settings.codes.unwrap_or(USUAL_CODES)));
    }
    if let Some(since) = settings.orders_since {
        shown.insert("orders_since".to_owned(), json!(since.to_string()));
    }
    let texts =
        [("shop", &settings.shop), ("base_url", &settings.base_url), ("notification_url", &settings.notification_url)];
    for (name, text) in texts {
        if let Some(text) = text {
            shown.insert(name.to_owned(), json!(text));
        }
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{GenericBody, ShopifyBody, SquareBody, WoocommerceBody};

    #[test]
    fn what_is_shown_can_be_sent_back() {
        for (vendor, body) in [
            (Vendor::Shopify, ShopifyBody::example()),
            (Vendor::Woocommerce, WoocommerceBody::example()),
            (Vendor::Square, SquareBody::example()),
            (Vendor::Generic, GenericBody::example()),
        ] {
            let read = read_wanted(&body, vendor).unwrap();
            assert!(read.credentials.is_some());
            let shown = json!({ "enabled": read.enabled, "settings": show_settings(&read.settings), "health": {} });
            let again = read_wanted(&shown, vendor).unwrap();
            assert_eq!(again.credentials, None);
            assert_eq!(ShopSettings { shop: read.settings.shop.clone(), ..again.settings }, read.settings);
        }
    }

    #[test]
    fn faults_are_named() {
        let shopify = |change: &dyn Fn(&mut Value)| {
            let mut body = ShopifyBody::example();
            change(&mut body);
            read_wanted(&body, Vendor::Shopify).unwrap_err()[0].pointer.clone()
        };
        assert_eq!(shopify(&|body| body["credentials"]["shop"] = json!("https://ada")), "/credentials/shop");
        assert_eq!(shopify(&|body| body["settings"]["fx_rates"] = json!({ "EURO": "1" })), "/settings/fx_rates/EURO");
        assert_eq!(shopify(&|body| body["settings"]["fx_rates"] = json!({ "USD": 1 })), "/settings/fx_rates/USD");
        assert_eq!(shopify(&|body| body["settings"]["amount"] = json!("all")), "/settings/amount");
        assert_eq!(shopify(&|body| body["settings"]["orders_since"] = json!("2026-03-01")), "/settings/orders_since");
        assert_eq!(shopify(&|body| body["settings"]["codes"]["fill_to"] = json!(10)), "/settings/codes");
        assert_eq!(shopify(&|body| body["credentials"]["secret"] = json!("x")), "/credentials/secret");
        let without = |vendor| read_wanted(&json!({ "enabled": true }), vendor).unwrap_err()[0].pointer.clone();
        for vendor in [Vendor::Woocommerce, Vendor::Square, Vendor::Generic] {
            assert_eq!(without(vendor), "/settings");
        }
    }
}
