//! The backfill of Klaviyo: every member's profile, in bulk, for a migration.
//!
//! It is a delivery of its own, which falls due again until all jobs of Klaviyo have ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;
use tessera_store::{Delivery, DeliveryContent, DeliveryStatus, StoreError, TargetId};

use crate::Services;

/// The id and the kind of its delivery: there is one at a time.
pub const BACKFILL: &str = "backfill";

/// How far a backfill has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    /// When it was started.
    pub started_at: Timestamp,
    /// Where the list of members goes on; `None` at its beginning and after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether every member was sent.
    #[serde(default)]
    pub is_read: bool,
    /// The profiles that were sent.
    pub profiles: u64,
    /// The profiles that Klaviyo refused: each is a dead letter.
    pub refused: u64,
    /// The jobs of Klaviyo that have not ended.
    pub jobs: Vec<String>,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
}

impl Backfill {
    /// One that begins.
    pub const fn new(started_at: Timestamp) -> Self {
        Self { started_at, cursor: None, is_read: false, profiles: 0, refused: 0, jobs: Vec::new(), failures: 0 }
    }

    /// How far the backfill of a delivery has come; `None` for a delivery of something else.
    pub fn of(delivery: &Delivery) -> Option<Self> {
        let DeliveryContent::Inline(text) = &delivery.content else { return None };
        if delivery.kind == BACKFILL { serde_json::from_str(text).ok() } else { None }
    }

    /// The delivery that holds it. `before`: as it was read.
    pub fn delivery(&self, before: Option<&Delivery>, now: Timestamp, due: Option<Timestamp>) -> Delivery {
        // Times are stored in milliseconds.
        let stored = |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        Delivery {
            id: BACKFILL.to_owned(),
            event: BACKFILL.to_owned(),
            kind: BACKFILL.to_owned(),
            member: None,
            status: if due.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Delivered },
            made_at: stored(self.started_at),
            tried_at: stored(now),
            attempts: before.map_or(0, |before| before.attempts.saturating_add(1)),
            response: None,
            due: due.map(stored),
            is_test: false,
            content: DeliveryContent::Inline(serde_json::to_string(self).unwrap_or_default()),
        }
    }
}

impl Services {
    /// Starts a backfill, or finds the one that is running.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn start_backfill(&self, program: &ProgramId, target: &TargetId) -> Result<Delivery, StoreError> {
        loop {
            let before = self.store.delivery(program, target, BACKFILL).await?;
            if let Some(running) = before.as_ref().filter(|before| before.status == DeliveryStatus::Pending) {
                return Ok(running.clone());
            }
            let now = self.clock.now();
            let started = Backfill::new(now).delivery(before.as_ref(), now, Some(now));
            if self.store.put_delivery(program, target, &started, before.as_ref()).await? {
                return Ok(started);
            }
            // Another request was faster: it is running.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_is_read_from_its_delivery() {
        let at = Timestamp::from_millisecond(1_772_361_000_123).unwrap();
        let backfill = Backfill { jobs: vec!["job-1".to_owned()], cursor: Some("k".to_owned()), ..Backfill::new(at) };
        let running = backfill.delivery(None, at, Some(at));
        assert_eq!(Backfill::of(&running), Some(backfill.clone()));
        assert_eq!((running.status, running.attempts), (DeliveryStatus::Pending, 0));
        let ended = backfill.delivery(Some(&running), at, None);
        assert_eq!((ended.status, ended.attempts, ended.due), (DeliveryStatus::Delivered, 1, None));
        assert_eq!(Backfill::of(&Delivery { kind: "tessera.entry.earn".to_owned(), ..running }), None);
    }
}
