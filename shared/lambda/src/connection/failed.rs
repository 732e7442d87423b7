//! Deliveries of a target: pages of them, and those that are tried again.

use jiff::Timestamp;
use serde::Serialize;
use tessera_domain::ids::ProgramId;
use tessera_store::{Delivery, DeliveryStatus, StoreError, TargetId};

use super::LOOKED_AT;
use crate::http::ApiRequest;
use crate::{Problem, Services, cursor};

/// A page of deliveries.
#[derive(Debug)]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub items: Vec<Delivery>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// What is tried again.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Redriven))]
pub struct RedrivenDeliveries {
    /// So many wait to be tried.
    pub redriven: usize,
    /// Whether more may be left: the request can be repeated.
    pub more: bool,
}

impl DeliveryPage {
    /// Those that were given up.
    pub fn dead(self) -> impl Iterator<Item = Delivery> {
        self.items.into_iter().filter(|delivery| delivery.status == DeliveryStatus::Failed)
    }
}

impl Services {
    /// The page of a target's deliveries that a request asks for.
    ///
    /// # Errors
    /// 400 for another limit or cursor; 503 when it cannot be read.
    pub async fn delivery_page(&self, request: &ApiRequest, target: &TargetId) -> Result<DeliveryPage, Problem> {
        let program = self.program(&request.caller()?.program).await?;
        let key = program.head.identity_key.open().await?;
        let list = format!("deliveries/{target}");
        let after = request.query("cursor").map(|sealed| cursor::open(key.as_bytes(), &list, sealed)).transpose()?;
        let page = self.store.deliveries(&program.id, target, limit(request)?, after.as_deref()).await?;
        let next = page.next.map(|next| cursor::seal(key.as_bytes(), &list, &next));
        Ok(DeliveryPage { items: page.items, next })
    }

    /// Makes what was given up due now, with all attempts before it. `redeliveries` sends what is due.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn redrive_deliveries(
        &self,
        program: &ProgramId,
        target: &TargetId,
    ) -> Result<RedrivenDeliveries, StoreError> {
        let (mut redriven, mut cursor, now) = (0, None, self.clock.now());
        loop {
            let page = self.store.deliveries(program, target, LOOKED_AT, cursor.as_deref()).await?;
            for dead in page.items.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed) {
                redriven += usize::from(self.due_now(program, target, dead, now).await?.is_some());
            }
            cursor = page.next;
            if cursor.is_none() || redriven >= LOOKED_AT as usize {
                break;
            }
        }
        Ok(RedrivenDeliveries { redriven, more: cursor.is_some() })
    }

    /// Makes a delivery due now; `None` when a worker tried it meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn due_now(
        &self,
        program: &ProgramId,
        target: &TargetId,
        before: &Delivery,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        // Times are stored in milliseconds.
        let due = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let again = Delivery { status: DeliveryStatus::Pending, due: Some(due), ..before.clone() };
        Ok(self.store.put_delivery(program, target, &again, Some(before)).await?.then_some(again))
    }
}

/// How many items the request asks for.
fn limit(request: &ApiRequest) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(50) };
    let limit = text.parse().ok().filter(|limit| (1..=250).contains(limit));
    limit.ok_or_else(|| Problem::malformed_at("/limit", "must be a whole number from 1 to 250"))
}
