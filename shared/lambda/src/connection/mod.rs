//! What the connections to shops and to Klaviyo have in common: their settings, their health, and what failed.

mod backfill;
mod failed;
mod health;
mod klaviyo;
mod replace;

pub use backfill::{BACKFILL, Backfill};
pub use failed::{DeliveryPage, RedrivenDeliveries};
pub use health::{ConnectionHealth, OrderEdits};
pub use klaviyo::{EVENT_PROPERTIES, METRICS, PROFILE_PROPERTIES, USUAL_PREFIX};
pub use replace::ConnectionChange;

/// Deliveries that the health and a redrive look at.
const LOOKED_AT: u32 = 250;
