//! HTTP: deliveries of shops. A delivery is verified on its raw bytes, stored, and then responded to.
//!
//! What needs more (an order that has changed, a payload that is thin) waits in `inbound.fifo`.

mod receive;
mod verify;

use tessera_lambda::{Access, Route, Routes, Variable, handler};
use tessera_shops::Vendor;

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::InboundQueueUrl, Variable::SecretsKeyParameter];

/// Its routes. The senders have no API key: their signatures are checked.
pub const ROUTES: Routes = &[&[
    Route::post("/v1/webhooks/shopify/{program}", Access::Public, handler!(receive::vendor, Vendor::Shopify)),
    Route::post("/v1/webhooks/woocommerce/{program}", Access::Public, handler!(receive::vendor, Vendor::Woocommerce)),
    Route::post("/v1/webhooks/square/{program}", Access::Public, handler!(receive::vendor, Vendor::Square)),
    Route::post("/v1/hooks/{program}/{connection}", Access::Public, handler!(receive::generic)),
]];
