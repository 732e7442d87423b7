//! The bodies and responses of the routes, as the API description shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tessera_lambda::connection::ConnectionHealth;

/// Which part of the price of goods earns points.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = EarningAmount)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the schema of what `read` reads")]
enum Amount {
    /// As the shop shows it: the default.
    AsPriced,
    /// With tax.
    WithTax,
    /// Without tax.
    WithoutTax,
}

/// How many codes of each reward are kept ready.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = ShopCodes)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the schema of what `read` reads")]
struct Codes {
    /// Fewer are filled up; 200 without it.
    #[schema(minimum = 1, maximum = 100_000)]
    low_water: Option<u32>,
    /// How many there are then; 1,000 without it.
    #[schema(minimum = 1, maximum = 100_000)]
    fill_to: Option<u32>,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $body:ident as $name:ident {
        settings $settings:ident as $settings_name:ident { $($(#[$sdoc:meta])* $sfield:ident: $stype:ty),* $(,)? }
        credentials $credentials:ident as $credentials_name:ident { $($(#[$cdoc:meta])* $cfield:ident: $ctype:ty),* $(,)? }
        example $example:expr
    })+) => {$(
        /// How orders are read.
        #[cfg(feature = "openapi")]
        #[derive(utoipa::ToSchema)]
        #[schema(as = $settings_name)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "the schema of what `read` reads")]
        struct $settings { $($(#[$sdoc])* $sfield: $stype),* }

        /// What the connection signs in and verifies with.
        #[cfg(feature = "openapi")]
        #[derive(utoipa::ToSchema)]
        #[schema(as = $credentials_name)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "the schema of what `read` reads")]
        struct $credentials { $($(#[$cdoc])* $cfield: $ctype),* }

        $(#[$doc])*
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = $name), serde(deny_unknown_fields))]
        #[allow(dead_code, reason = "the schema of what `read` reads")]
        pub(crate) struct $body {
            /// Whether deliveries are accepted.
            enabled: bool,
            /// How orders are read.
            #[cfg(feature = "openapi")]
            settings: Option<$settings>,
            /// Absent: those that are stored.
            #[cfg(feature = "openapi")]
            credentials: Option<$credentials>,
        }

        impl $body {
            /// An example.
            pub fn example() -> Value {
                $example
            }
        }
    )+};
}

bodies! {
    /// The connection to Shopify.
    ShopifyBody as PutShopify {
        settings ShopifySettings as ShopifySettings {
            /// Which part of a price earns.
            amount: Option<Amount>,
            /// Units of the program's currency for one unit of another, by ISO 4217.
            fx_rates: Option<BTreeMap<String, String>>,
            /// Orders from before this moment earn nothing when a change of them is the first that is seen of them. Absent: a day
            /// before the connection was created.
            #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
            orders_since: Option<Timestamp>,
            /// How many codes of each reward are kept ready.
            codes: Option<Codes>,
            /// Replaces the shop's host.
            #[schema(max_length = 2000)]
            base_url: Option<String>,
        }
        credentials ShopifyCredentials as ShopifyCredentials {
            /// The shop's domain, such as `ada.myshopify.com`.
            #[schema(min_length = 1, max_length = 500)]
            shop: String,
            /// The app's client id.
            #[schema(min_length = 1, max_length = 500)]
            client_id: String,
            /// The app's client secret, which signs deliveries.
            #[schema(min_length = 1, max_length = 500)]
            client_secret: String,
            /// A static token, where the app still has one.
            #[schema(min_length = 1, max_length = 500)]
            access_token: Option<String>,
        }
        example json!({
            "enabled": true, "settings": { "amount": "as_priced", "codes": { "low_water": 200, "fill_to": 1000 } },
            "credentials": { "shop": "ada.myshopify.com", "client_id": "id_EXAMPLE", "client_secret": "secret_EXAMPLE" },
        })
    }
    /// The connection to WooCommerce.
    WoocommerceBody as PutWoocommerce {
        settings WoocommerceSettings as WoocommerceSettings {
            /// Which part of a price earns.
            amount: Option<Amount>,
            /// Units of the program's currency for one unit of another, by ISO 4217.
            fx_rates: Option<BTreeMap<String, String>>,
            /// Orders from before this moment earn nothing when a change of them is the first that is seen of them. Absent: a day
            /// before the connection was created.
            #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
            orders_since: Option<Timestamp>,
            /// How many codes of each reward are kept ready.
            codes: Option<Codes>,
            /// The shop's address.
            #[schema(max_length = 2000)]
            base_url: String,
        }
        credentials WoocommerceCredentials as WoocommerceCredentials {
            /// The key of the REST API.
            #[schema(min_length = 1, max_length = 500)]
            consumer_key: String,
            /// The secret of the REST API.
            #[schema(min_length = 1, max_length = 500)]
            consumer_secret: String,
            /// The secret of the webhook, which signs deliveries.
            #[schema(min_length = 1, max_length = 500)]
            webhook_secret: String,
        }
        example json!({
            "enabled": false, "settings": {
                "base_url": "https://shop.example", "fx_rates": { "USD": "0.92" }, "orders_since": "2026-01-01T00:00:00Z",
            },
            "credentials": { "consumer_key": "ck_EXAMPLE", "consumer_secret": "cs_EXAMPLE", "webhook_secret": "EXAMPLE" },
        })
    }
    /// The connection to Square.
    SquareBody as PutSquare {
        settings SquareSettings as SquareSettings {
            /// Which part of a price earns.
            amount: Option<Amount>,
            /// Units of the program's currency for one unit of another, by ISO 4217.
            fx_rates: Option<BTreeMap<String, String>>,
            /// Orders from before this moment earn nothing when a change of them is the first that is seen of them. Absent: a day
            /// before the connection was created.
            #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
            orders_since: Option<Timestamp>,
            /// The address of the webhook as Square knows it: its signatures include it.
            #[schema(max_length = 2000)]
            notification_url: String,
            /// Replaces Square's host.
            #[schema(max_length = 2000)]
            base_url: Option<String>,
        }
        credentials SquareCredentials as SquareCredentials {
            /// The access token.
            #[schema(min_length = 1, max_length = 500)]
            access_token: String,
            /// The webhook's signature key.
            #[schema(min_length = 1, max_length = 500)]
            signature_key: String,
        }
        example json!({
            "enabled": false,
            "settings": { "notification_url": "https://api.example/v1/webhooks/square/prg_1" },
            "credentials": { "access_token": "token_EXAMPLE", "signature_key": "key_EXAMPLE" },
        })
    }
    /// The connection to any other sender.
    GenericBody as PutGeneric {
        settings GenericShopSettings as GenericSettings {
            /// `{ "scheme": "standard_webhooks" }`, or `{ "scheme": "hmac_sha256", "header", "encoding", "prefix"? }`.
            #[schema(value_type = Object)]
            signature: Value,
            /// What payloads become: `{ "when"?, "receipt" | "refund" | "interaction" }`. The first one that fits is applied.
            #[schema(value_type = Vec<Object>, max_items = 50)]
            mappings: Vec<Value>,
        }
        credentials GenericCredentials as GenericCredentials {
            /// What signs deliveries; for Standard Webhooks `whsec_…`.
            #[schema(min_length = 1, max_length = 500)]
            secret: String,
        }
        example json!({
            "enabled": true,
            "settings": {
                "signature": { "scheme": "hmac_sha256", "header": "x-till-signature", "encoding": "hex" },
                "mappings": [{
                    "when": { "/type": "sale" },
                    "receipt": {
                        "id": "/number", "occurred_at": "/time", "currency": { "const": "EUR" }, "total": "/total",
                        "member": { "card": "/card" },
                        "lines": { "each": "/items", "sku": "/sku", "quantity": "/quantity", "amount": "/amount" },
                    },
                }],
            },
            "credentials": { "secret": "EXAMPLE" },
        })
    }
}

/// A connection to a shop.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ShopConnection))]
pub(crate) struct ConnectionView {
    /// Whether deliveries are accepted.
    pub enabled: bool,
    /// How orders are read. Credentials are never shown.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Value,
    /// How the connection does.
    pub health: HealthView,
}

/// How a connection to a shop does.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ShopHealth))]
pub(crate) struct HealthView {
    /// What every connection has.
    #[serde(flatten)]
    pub connection: ConnectionHealth,
    /// The codes that the shop creates, by reward; at most 50 rewards.
    pub codes: Vec<CodesHealthView>,
}

/// The codes of a reward that a shop creates.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ShopCodesHealth))]
pub(crate) struct CodesHealthView {
    /// The reward.
    pub reward: String,
    /// Codes that wait to be drawn.
    pub ready: u64,
    /// Codes that the shop is asked to create now.
    pub filling: u64,
    /// Codes that the shop did not create.
    pub failed: u64,
    /// Codes that are dead in the shop: their coupons expired, were cancelled or used at a till, or they were deleted by hand.
    pub dead: u64,
    /// Ready codes that orders used before anybody had them: they have left the pool.
    pub spent: u64,
    /// What the shop said last, when something failed.
    pub error: Option<String>,
}

/// A delivery that cannot be used.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ShopDeadLetter))]
pub(crate) struct DeadLetterView {
    /// Its identifier.
    pub id: String,
    /// When it was last tried.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Why it cannot be used.
    pub reason: String,
    /// What it was: `delivery`, `order`, `poll`, `webhook`, `codes`, or a request about personal data.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A connection whose credentials are tried.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TestedShop))]
pub(crate) struct TestedView {
    /// The connection.
    pub connection: &'static str,
}
