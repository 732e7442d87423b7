//! What a delivery says, by the protocol of its connection.

use serde_json::{Value, json};
use tessera_domain::money::Currency;
use tessera_shops::square::FetchedOrder;
use tessera_shops::{Delivered, Payload, PayloadError, ShopFact, Vendor, generic, shopify, square, woocommerce};

use crate::ShopConnection;

/// The topics of WooCommerce that bring orders.
const ORDER_TOPICS: [&str; 3] = ["order.created", "order.updated", "order.restored"];

impl ShopConnection {
    /// Reads the body of a delivery. `topic`: what the vendor's header says, empty without one.
    ///
    /// # Errors
    /// When it cannot be used as it is.
    pub fn read(&self, topic: &str, body: &[u8], currency: Currency) -> Result<Delivered, PayloadError> {
        let terms = self.settings.terms(currency);
        let payload = Payload::parse(body)?;
        match self.settings.vendor {
            Vendor::Shopify => shopify::read(topic, &payload, &terms),
            Vendor::Woocommerce if !ORDER_TOPICS.contains(&topic) => Ok(Delivered::Nothing("a topic that is not used")),
            Vendor::Woocommerce => woocommerce::read(&payload, &terms),
            Vendor::Square => square::read(&payload),
            Vendor::Generic => {
                let mappings = self.settings.generic.as_ref().map(|generic| generic.mappings.as_slice());
                let fact = generic::apply(self.id.connection(), mappings.unwrap_or_default(), &payload)?;
                Ok(fact.map_or(Delivered::Nothing("no mapping is for it"), Delivered::Fact))
            }
        }
    }

    /// The receipt or interaction that a payload becomes, in the form that rules are tried on. Nothing is stored.
    ///
    /// # Errors
    /// Why it becomes none.
    pub fn examine(&self, payload: &Value, currency: Currency) -> Result<Value, String> {
        let body = payload.to_string();
        let topic = match self.settings.vendor {
            Vendor::Shopify => "orders/paid",
            Vendor::Woocommerce => "order.updated",
            Vendor::Generic => "",
            // The payload of an event is thin.
            Vendor::Square => {
                let response = Payload::parse(body.as_bytes()).map_err(|error| error.to_string())?;
                return match square::order(&response, &self.settings.terms(currency)) {
                    Ok(FetchedOrder::Whole { sale: Some(sale), .. }) => Ok(json!({ "receipt": sale.receipt })),
                    Ok(FetchedOrder::Whole { sale: None, .. }) => Err("is not a completed sale".to_owned()),
                    Ok(FetchedOrder::NotWhole) => Err("has lines that do not add up to its total".to_owned()),
                    Err(error) => Err(error.to_string()),
                };
            }
        };
        match self.read(topic, body.as_bytes(), currency) {
            Ok(Delivered::Fact(ShopFact::Receipt(body))) => Ok(json!({ "receipt": body })),
            Ok(Delivered::Fact(ShopFact::Interaction(body))) => Ok(json!({ "interaction": body })),
            Ok(Delivered::Paid(order) | Delivered::Order(order) | Delivered::OrderWithoutRefunds { order, .. }) => {
                Ok(json!({ "receipt": order.receipt }))
            }
            Ok(Delivered::Nothing(reason)) => Err(reason.to_owned()),
            Ok(
                Delivered::Fact(ShopFact::Refund { .. })
                | Delivered::Refund { .. }
                | Delivered::OrderNumber(_)
                | Delivered::Privacy(_),
            ) => Err("is neither a receipt nor an interaction, so no rule decides on it".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
