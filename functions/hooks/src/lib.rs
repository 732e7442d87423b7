//! HTTP: deliveries of shops and of Klaviyo. A delivery is verified on its raw bytes, stored, and then responded to.
//!
//! What needs more (an order that has changed, a payload that is thin) waits in `inbound.fifo`.

mod klaviyo;
mod receive;
mod verify;

use tessera_lambda::{Access, Content, Queue, Route, RouteHandler, Routes, Variable, handler};
use tessera_shops::Vendor;

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Inbound), Variable::SecretsKeyParameter];

const fn hook(path: &'static str, id: &'static str, summary: &'static str, handler: RouteHandler) -> Route {
    Route::post(path, Access::Public, handler)
        .named(id, "Shops", summary)
        .details("Signed by the sender, on the raw bytes of the body. What is verified and of no use gets 200 and is counted.")
        .responds(200, "It is stored, or counted.", Content::Nothing)
        .fails(401)
        .fails(404)
        .fails(413)
}

/// Its routes. The senders have no API key: their signatures are checked.
pub const ROUTES: Routes = &[&[
    hook(
        "/v1/webhooks/shopify/{program}",
        "receiveShopify",
        "Receives a delivery of Shopify",
        handler!(receive::vendor, Vendor::Shopify),
    ),
    hook(
        "/v1/webhooks/woocommerce/{program}",
        "receiveWoocommerce",
        "Receives a delivery of WooCommerce",
        handler!(receive::vendor, Vendor::Woocommerce),
    ),
    hook(
        "/v1/webhooks/square/{program}",
        "receiveSquare",
        "Receives a delivery of Square",
        handler!(receive::vendor, Vendor::Square),
    ),
    hook(
        "/v1/webhooks/klaviyo/{program}",
        "receiveKlaviyo",
        "Receives opened and clicked e-mails from Klaviyo",
        handler!(klaviyo::receive),
    ),
    hook(
        "/v1/hooks/{program}/{connection}",
        "receiveGeneric",
        "Receives a delivery of any other sender",
        handler!(receive::generic),
    ),
]];
