//! Sends events to their targets: webhook endpoints and connections.
//!
//! A message is handled once its events are accepted, refused for good, or stored with the time of their next attempt. So a
//! target that fails holds up nobody, itself included: FIFO groups go on, and `redeliveries` sends what falls due.

mod attempt;
mod events;
mod klaviyo;
mod limits;
mod outcome;
mod record;
mod retry;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_lambda::notification::Notification;
use tessera_lambda::{Queue, Services, Variable, batch};
use tessera_outbound::{Client, OutboundError, RequestLimits, Targets};
use tessera_store::{HealthChange, TargetId, TargetSecrets};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Notifications), Variable::SecretsKeyParameter];

/// A target of a program.
type TargetKey = (ProgramId, TargetId);

/// What a warm function keeps between batches.
#[derive(Debug, Default)]
pub struct Notifier {
    /// Created at the first request: it parses the root certificates.
    client: OnceLock<Client>,
    /// Until when targets that did not respond in time are left alone.
    paused: Mutex<HashMap<TargetKey, Timestamp>>,
    /// Tokens that were taken from a shared bucket and not used yet.
    tokens: limits::RateTokens,
    /// How often more than once the vendors' limits apply.
    extra_rate: u32,
}

/// One batch.
struct Run<'a> {
    services: &'a Services,
    notifier: &'a Notifier,
    /// Secrets, read once for each batch.
    secrets: Mutex<HashMap<TargetKey, Arc<TargetSecrets>>>,
    /// When the backfill began that is under way for a target, read once for each batch.
    backfills: Mutex<HashMap<TargetKey, Option<Timestamp>>>,
    /// What is to be counted when the batch ends.
    health: Mutex<BTreeMap<TargetKey, HealthChange>>,
}

/// Why a message is not handled. It comes again.
#[derive(Debug, thiserror::Error)]
enum NotifyError {
    #[error(transparent)]
    Message(#[from] tessera_lambda::notification::NotificationError),
    #[error(transparent)]
    Store(#[from] tessera_store::StoreError),
    #[error("the program {0} is not in the table")]
    NoProgram(ProgramId),
    #[error("the event cannot be read")]
    Event,
    #[error("{0}")]
    Unavailable(String),
}

/// Handles a batch: members and targets at once, the messages about one of each in order.
pub async fn handle(services: &Services, notifier: &Notifier, event: SqsEvent) -> SqsBatchResponse {
    let run =
        Run { services, notifier, secrets: Mutex::default(), backfills: Mutex::default(), health: Mutex::default() };
    let response = batch::queue_by_group(event, |message| {
        let run = &run;
        async move {
            let notification = Notification::parse(message.body.as_deref().unwrap_or_default())?;
            run.notify(notification).await
        }
    })
    .await;
    run.count().await;
    response
}

impl Notifier {
    /// One for which vendors' limits apply so many times: for benchmarks.
    pub fn at_rate(times: u32) -> Self {
        Self { extra_rate: times.saturating_sub(1), ..Self::default() }
    }

    fn client(&self) -> Result<&Client, OutboundError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(Targets::default(), RequestLimits::default())?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Run<'_> {
    fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// Adds to what is counted of a target.
    fn note(&self, target: &TargetKey, change: impl FnOnce(&mut HealthChange)) {
        change(lock(&self.health).entry(target.clone()).or_default());
    }

    /// Counts what the batch did. A count that fails is lost: deliveries do not depend on it.
    async fn count(&self) {
        let all = std::mem::take(&mut *lock(&self.health));
        for ((program, target), change) in all {
            let counted = self.services.store.count_deliveries(&program, &target, &change, self.now()).await;
            if let Err(error) = counted {
                tracing::error!(%program, %target, %error, "deliveries were not counted");
            }
        }
    }
}

/// A panic of another message leaves nothing half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
