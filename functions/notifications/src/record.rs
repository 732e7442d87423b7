//! Stores how an attempt ended: the log of a webhook endpoint, what is to be sent again, dead letters.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tessera_domain::event::Event;
use tessera_lambda::Queue;
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_store::{Delivery, DeliveryStatus, Target, TargetKind};

use crate::events::{Addressed, Outgoing, key_of};
use crate::outcome::AttemptOutcome;
use crate::retry::next_attempt;
use crate::{NotifyError, Run};

/// An endpoint is disabled when a delivery was given up and all have failed for this long.
const DISABLED_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

impl Run<'_> {
    /// Stores the outcome, counts it, and disables an endpoint that ended.
    pub(crate) async fn record(
        &self,
        to: &Addressed<'_>,
        outgoing: Outgoing,
        outcome: AttemptOutcome,
    ) -> Result<(), NotifyError> {
        let (now, key) = (self.now(), key_of(&to.program.id, to.target));
        let Outgoing { delivery, before, .. } = outgoing;
        if let AttemptOutcome::Deferred(until) = outcome {
            // Times are stored in milliseconds.
            let due = Timestamp::from_millisecond(until.as_millisecond()).unwrap_or(until);
            let later = Delivery { status: DeliveryStatus::Pending, due: Some(due), ..delivery };
            return self.put(to, &later, before.as_ref()).await;
        }
        let attempts = delivery.attempts.saturating_add(1);
        let tried = Delivery { tried_at: now, attempts, due: None, ..delivery };
        let is_gone = matches!(outcome, AttemptOutcome::Gone(_));
        let after = match outcome {
            AttemptOutcome::Deferred(_) => return Ok(()),
            AttemptOutcome::Skipped => {
                self.note(&key, |health| health.skipped += 1);
                return self.forget(to, before.as_ref()).await;
            }
            AttemptOutcome::Accepted(response) => {
                self.note(&key, |health| {
                    health.delivered += 1;
                    health.error = None;
                });
                if !is_logged(to.target) {
                    return self.forget(to, before.as_ref()).await;
                }
                Delivery { status: DeliveryStatus::Delivered, response: Some(response), ..tried }
            }
            AttemptOutcome::Failed { reason, asked } => self.failed(tried, reason, asked, true),
            AttemptOutcome::TimedOut(reason) => self.failed(tried, reason, None, true),
            AttemptOutcome::Refused(reason) | AttemptOutcome::Gone(reason) => self.failed(tried, reason, None, false),
        };
        if after.status != DeliveryStatus::Delivered {
            let (error, is_dead) = (after.response.clone(), after.status == DeliveryStatus::Failed);
            tracing::warn!(program = %to.program.id, target = %to.target.id, event = after.event, attempts, error, "a delivery failed");
            self.note(&key, |health| {
                health.dead += u64::from(is_dead);
                health.error = error;
            });
        }
        self.put(to, &after, before.as_ref()).await?;
        // A connection is never disabled: its dead letters are sent again once it works.
        let TargetKind::Webhook(_) = to.target.kind else { return Ok(()) };
        if is_gone {
            self.disable(to, "the endpoint responded 410 Gone").await
        } else if after.status == DeliveryStatus::Failed && self.fails_for_long(to).await? {
            self.disable(to, "every delivery failed for three days").await
        } else {
            Ok(())
        }
    }

    /// A failed delivery: pending until its next attempt, or a dead letter.
    fn failed(&self, tried: Delivery, reason: String, asked: Option<SignedDuration>, may_repeat: bool) -> Delivery {
        let due = if may_repeat { next_attempt(self.now(), &tried.id, tried.attempts, asked) } else { None };
        let status = if due.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Failed };
        Delivery { status, due, response: Some(reason), ..tried }
    }

    async fn put(&self, to: &Addressed<'_>, delivery: &Delivery, before: Option<&Delivery>) -> Result<(), NotifyError> {
        let store = &self.services.store;
        // When another worker stored it meanwhile, its outcome stands.
        store.put_delivery(&to.program.id, &to.target.id, delivery, before).await?;
        Ok(())
    }

    async fn forget(&self, to: &Addressed<'_>, before: Option<&Delivery>) -> Result<(), NotifyError> {
        if let Some(before) = before {
            self.services.store.forget_delivery(&to.program.id, &to.target.id, before).await?;
        }
        Ok(())
    }

    async fn fails_for_long(&self, to: &Addressed<'_>) -> Result<bool, NotifyError> {
        let health = self.services.store.target_health(&to.program.id, &to.target.id).await?;
        let since = health.failing_since;
        Ok(since.is_some_and(|since| self.now().duration_since(since) >= DISABLED_AFTER))
    }

    /// Disables an endpoint, and announces it to the program's other targets.
    async fn disable(&self, to: &Addressed<'_>, reason: &str) -> Result<(), NotifyError> {
        let (services, program, now) = (self.services, &to.program.id, self.now());
        let changed = services.store.change_target(program, &to.target.id, None, |target| match target {
            Some(target) if target.is_enabled => {
                Ok(Target { is_enabled: false, disabled_because: Some(reason.to_owned()), ..target })
            }
            // A person was faster.
            Some(_) | None => Err(()),
        });
        if changed.await?.is_err() {
            return Ok(());
        }
        services.targets.forget(program);
        tracing::warn!(%program, target = %to.target.id, reason, "an endpoint was disabled");
        self.announce(to, notice(to.target, reason, now)).await
    }

    async fn announce(&self, to: &Addressed<'_>, event: Event) -> Result<(), NotifyError> {
        let program = &to.program.id;
        let targets = self.services.targets.get(&self.services.store, program).await?;
        let others = targets.iter().filter(|target| {
            let is_webhook = matches!(target.kind, TargetKind::Webhook(_));
            is_webhook && target.is_enabled && target.id != to.target.id && target.wants(&event.kind)
        });
        let messages: Vec<_> = others
            .map(|target| {
                let content =
                    NotificationContent::Event { event: Box::new(event.clone()), made_at: event.at, test: false };
                Notification::new(program.clone(), target.id.clone(), None, content).outgoing(&event.id)
            })
            .collect();
        let sent = self.services.send(Queue::Notifications, &messages).await;
        sent.map_err(|error| NotifyError::Unavailable(error.to_string()))
    }
}

/// Whether accepted deliveries are listed: those to webhook endpoints. A connection lists what it could not deliver.
const fn is_logged(target: &Target) -> bool {
    matches!(target.kind, TargetKind::Webhook(_))
}

/// The notice that an endpoint was disabled.
fn notice(target: &Target, reason: &str, now: Timestamp) -> Event {
    let id = format!("ntc_{}_{}", target.id, now.as_millisecond());
    let data = json!({
        "id": id, "at": now.to_string(), "type": "webhook_disabled", "endpoint": target.id, "reason": reason,
    });
    Event { id, kind: "tessera.notice.webhook_disabled".to_owned(), at: now, data }
}
