//! How a connection does.

use jiff::Timestamp;
use serde::Serialize;
use tessera_domain::ids::ProgramId;
use tessera_store::{Delivery, DeliveryStatus, StoreError, TargetHealth, TargetId};

use super::{BACKFILL, LOOKED_AT};
use crate::Services;

/// Errors that the health shows.
const SHOWN_ERRORS: usize = 10;

/// Orders that were edited after payment.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderEdits {
    /// Those that became dearer: a receipt of its own each.
    pub increases: u64,
    /// Those that became cheaper: a refund each.
    pub decreases: u64,
}

/// How a connection does.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionHealth {
    /// The last accepted event, or the last delivery of a shop that was stored.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_success_at: Option<Timestamp>,
    /// What went wrong last, in the vendor's words; null once it goes well again.
    pub last_error: Option<String>,
    /// The age of the oldest event or delivery that waits to be tried again; 0 without any.
    pub queue_age_seconds: u64,
    /// Events that were accepted, or deliveries that were stored.
    pub delivered: u64,
    /// What was of no use: events about members who were erased, test orders, payloads without a mapping, e-mails that somebody
    /// opened who is not known.
    pub skipped: u64,
    /// What was given up and not tried again, 250 at most.
    pub dead: u64,
    /// Deliveries in a newer version of the vendor's API than is known here.
    pub unknown_versions: u64,
    /// The version of the vendor's API that the last delivery came in, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub version: Option<String>,
    /// Orders that were edited after payment.
    pub edits: OrderEdits,
    /// Changes of orders that are older than `orders_since`, and were not known: they earned nothing.
    pub old_orders: u64,
    /// Why the latest events or deliveries failed, in the vendor's words.
    pub errors: Vec<String>,
}

impl ConnectionHealth {
    fn new(health: TargetHealth, deliveries: &[Delivery], now: Timestamp) -> Self {
        // A backfill takes its time without holding up anything.
        let is_waiting = |delivery: &&Delivery| delivery.status == DeliveryStatus::Pending && delivery.kind != BACKFILL;
        let oldest = deliveries.iter().filter(is_waiting).map(|delivery| delivery.made_at).min();
        let age = oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs().max(0).unsigned_abs());
        let dead = deliveries.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed).count();
        let errors = deliveries.iter().filter(|delivery| delivery.status != DeliveryStatus::Delivered);
        Self {
            last_success_at: health.last_success_at,
            last_error: health.last_error.filter(|_| health.failing_since.is_some()),
            queue_age_seconds: age,
            delivered: health.delivered,
            skipped: health.skipped,
            dead: dead as u64,
            unknown_versions: health.unknown_versions,
            version: health.version,
            edits: OrderEdits { increases: health.increases, decreases: health.decreases },
            old_orders: health.old_orders,
            errors: errors.filter_map(|delivery| delivery.response.clone()).take(SHOWN_ERRORS).collect(),
        }
    }
}

impl Services {
    /// How a connection does.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn connection_health(&self, program: &ProgramId, id: &TargetId) -> Result<ConnectionHealth, StoreError> {
        let (health, page) =
            tokio::join!(self.store.target_health(program, id), self.store.deliveries(program, id, LOOKED_AT, None),);
        Ok(ConnectionHealth::new(health?, &page?.items, self.clock.now()))
    }
}
