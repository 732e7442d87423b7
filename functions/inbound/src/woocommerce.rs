//! Fetches refunds and changed orders of WooCommerce.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tessera_domain::money::Currency;
use tessera_orders::{Followed, Follower, Handled, InboundWork, NamedRefunds, ShopCredentials};
use tessera_shops::{Payload, ShopOrder, Vendor, woocommerce};

use crate::attempt::{AttemptFailure, ShopContext};
use crate::fetch::{FetchError, fetch};

/// Orders of a page of a poll.
pub(crate) const PAGE: usize = 50;
/// The most refunds of an order that are fetched.
const MOST_REFUNDS: usize = 100;

/// What a page of a poll brought.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    /// Orders that were handled.
    pub handled: u64,
    /// Orders of no use.
    pub skipped: u64,
    /// What each is a message of its own for: an order that fails holds up no other.
    pub later: Vec<InboundWork>,
    /// What could not be used, and why.
    pub unusable: Vec<(InboundWork, String)>,
    /// True when there may be another page.
    pub has_more: bool,
}

async fn get(shop: &ShopContext<'_>, credentials: &ShopCredentials, path: &str) -> Result<Value, AttemptFailure> {
    let base = shop.connection.settings.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let (Some(key), Some(secret)) = (&credentials.consumer_key, &credentials.consumer_secret) else {
        return Err(AttemptFailure::Again(FetchError::new("the connection has no consumer_key and consumer_secret")));
    };
    let authorization = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
    let url = format!("{base}/wp-json/wc/v3{path}");
    Ok(fetch(shop.client, &url, &[("authorization", &authorization)], shop.now).await?)
}

/// Fetches the refunds of an order, and compares it with what is stored.
pub(crate) async fn follow_refunds(
    shop: &ShopContext<'_>,
    follower: &Follower<'_>,
    credentials: &ShopCredentials,
    order: &ShopOrder,
    number: &str,
    is_taxed: bool,
) -> Result<Followed, AttemptFailure> {
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AttemptFailure::Unusable("the number of the order has another form".to_owned()));
    }
    let refunds = get(shop, credentials, &format!("/orders/{number}/refunds?per_page={MOST_REFUNDS}")).await?;
    let Some(count) = refunds.as_array().map(Vec::len) else {
        return Err(FetchError::new(format!("200, but no list of refunds: {refunds}")).into());
    };
    let named = if count < MOST_REFUNDS { NamedRefunds::All } else { NamedRefunds::Some };
    let currency = order.receipt.get("currency").and_then(Value::as_str).and_then(Currency::from_code);
    let currency = currency.ok_or_else(|| AttemptFailure::Unusable("the order has no currency".to_owned()))?;
    let basis = shop.connection.settings.amount;
    let refunds = woocommerce::refunds(&refunds, currency, is_taxed, basis);
    let refunds = refunds.map_err(|error| AttemptFailure::Unusable(error.to_string()))?;
    let order = ShopOrder { refunds, ..order.clone() };
    Ok(Box::pin(follower.follow(&order, named)).await?)
}

/// Fetches a page of the orders that were changed since a moment, and handles each as if it had been delivered.
///
/// What needs more than this page is left to messages of their own: a single order that fails must not hold up the others.
pub(crate) async fn poll(
    shop: &ShopContext<'_>,
    follower: &Follower<'_>,
    credentials: &ShopCredentials,
    since: Timestamp,
    page: u32,
) -> Result<Polled, AttemptFailure> {
    let since = since.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let path = format!(
        "/orders?modified_after={since}&dates_are_gmt=true&orderby=modified&order=asc&per_page={PAGE}&page={page}"
    );
    let orders = get(shop, credentials, &path).await?;
    let orders = orders.as_array().ok_or_else(|| FetchError::new("200, but no list of orders"))?;
    let mut polled = Polled { has_more: orders.len() >= PAGE, ..Polled::default() };
    let terms = shop.connection.settings.terms(shop.currency);
    for order in orders {
        let as_delivered = || InboundWork::Read { topic: "order.updated".to_owned(), body: order.to_string() };
        let handled = match woocommerce::read(order, &terms) {
            Ok(delivered) => {
                Box::pin(follower.handle(delivered, Vendor::Woocommerce)).await.map_err(AttemptFailure::Store)
            }
            Err(error) => Err(AttemptFailure::Unusable(error.to_string())),
        };
        let outcome = match handled {
            Ok(Handled::Stored) => Ok(Followed::Done),
            Ok(Handled::Later(InboundWork::Order { order })) => {
                Box::pin(follower.follow(&order, NamedRefunds::Delivered)).await.map_err(AttemptFailure::from)
            }
            Ok(Handled::Later(work)) => {
                polled.later.push(work);
                continue;
            }
            Ok(Handled::Skipped(_)) => Ok(Followed::TooOld),
            Ok(Handled::Unusable(reason)) => Err(AttemptFailure::Unusable(reason)),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Followed::Done) => polled.handled += 1,
            Ok(Followed::TooOld) => polled.skipped += 1,
            Err(AttemptFailure::Unusable(reason)) => polled.unusable.push((as_delivered(), reason)),
            Err(AttemptFailure::Store(error)) => {
                tracing::warn!(program = %follower.program.id, %error, "an order of a poll is left to a message of its own");
                polled.later.push(as_delivered());
            }
            Err(other @ AttemptFailure::Again(_)) => return Err(other),
        }
    }
    Ok(polled)
}

/// Why no order is delivered any more: every webhook of orders is disabled, or there is none. `None` while one is active.
pub(crate) async fn disabled_webhooks(
    shop: &ShopContext<'_>,
    credentials: &ShopCredentials,
) -> Result<Option<&'static str>, AttemptFailure> {
    let hooks = get(shop, credentials, "/webhooks?per_page=100").await?;
    let of_orders: Vec<Payload<'_>> =
        Payload::new(&hooks).list("").filter(|hook| hook.text("/topic") == Some("order.updated")).collect();
    if of_orders.iter().any(|hook| hook.text("/status") == Some("active")) {
        return Ok(None);
    }
    Ok(Some(if of_orders.is_empty() {
        "WooCommerce has no webhook with the topic order.updated: orders come by the hourly poll alone"
    } else {
        "WooCommerce has disabled the webhook order.updated: orders come by the hourly poll alone"
    }))
}
