//! One attempt: which channel sends an event.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tessera_store::{TargetKind, TargetSecrets};

use crate::events::{Addressed, Outgoing, key_of};
use crate::outcome::AttemptOutcome;
use crate::{NotifyError, Run, klaviyo, lock, webhook};

/// How long a target is left alone after it did not respond in time. Its deliveries wait meanwhile, without an attempt.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

impl Run<'_> {
    /// Sends events one after another and stores how each ended.
    pub(crate) async fn send_all(&self, to: &Addressed<'_>, outgoing: Vec<Outgoing>) -> Result<(), NotifyError> {
        let key = key_of(&to.program.id, to.target);
        if !to.target.is_enabled {
            for outgoing in outgoing {
                let refused = AttemptOutcome::Refused("the target is disabled".to_owned());
                self.record(to, outgoing, refused).await?;
            }
            return Ok(());
        }
        let mut profile = klaviyo::ProfileOnce::default();
        let is_klaviyo = matches!(to.target.kind, TargetKind::Klaviyo(_));
        let outgoing = if is_klaviyo { klaviyo::without_idle_updates(outgoing) } else { outgoing };
        for outgoing in outgoing {
            if let Some(until) = self.waits_for_backfill(to, &outgoing).await? {
                self.record(to, outgoing, AttemptOutcome::Deferred(until)).await?;
                continue;
            }
            let paused = lock(&self.notifier.paused).get(&key).copied().filter(|until| *until > self.now());
            if let Some(until) = paused {
                self.record(to, outgoing, AttemptOutcome::Deferred(until)).await?;
                continue;
            }
            let outcome = self.attempt(to, &outgoing, &mut profile).await?;
            if let AttemptOutcome::TimedOut(_) = outcome {
                let until = self.now().saturating_add(PAUSE).unwrap_or(Timestamp::MAX);
                lock(&self.notifier.paused).insert(key.clone(), until);
            }
            if is_klaviyo && matches!(outcome, AttemptOutcome::Accepted(_)) {
                // Before the outcome is stored: an attempt that dies in between is repeated.
                self.bring_newest(to, &outgoing.delivery).await?;
            }
            self.record(to, outgoing, outcome).await?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        to: &Addressed<'_>,
        outgoing: &Outgoing,
        profile: &mut klaviyo::ProfileOnce,
    ) -> Result<AttemptOutcome, NotifyError> {
        let Some(secrets) = self.secrets(to).await? else {
            return Ok(AttemptOutcome::Failed { reason: "the target has no credentials".to_owned(), asked: None });
        };
        let client = self.notifier.client().map_err(|error| NotifyError::Unavailable(error.to_string()))?;
        let (event, is_test) = (&outgoing.event, outgoing.delivery.is_test);
        match &to.target.kind {
            TargetKind::Webhook(endpoint) => {
                let program = &to.program.id;
                Ok(webhook::send(client, endpoint, &secrets, program, event, is_test, self.now()).await)
            }
            TargetKind::Shop(_) => Ok(AttemptOutcome::Refused("events are not sent to shops".to_owned())),
            TargetKind::Klaviyo(settings) => {
                let sender = klaviyo::Sender { run: self, to, settings, secrets: &secrets, client };
                sender.send(event, is_test, profile).await
            }
        }
    }

    /// The secrets of a target, read once for each batch.
    pub(crate) async fn secrets(&self, to: &Addressed<'_>) -> Result<Option<Arc<TargetSecrets>>, NotifyError> {
        let key = key_of(&to.program.id, to.target);
        if let Some(known) = lock(&self.secrets).get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let opener = self.services.secrets().await;
        let opener = opener.map_err(|problem| NotifyError::Unavailable(problem.detail().to_owned()))?;
        let read = self.services.store.target_secrets(&to.program.id, &to.target.id, &opener).await?;
        let read = read.map(Arc::new);
        if let Some(secrets) = &read {
            lock(&self.secrets).insert(key, Arc::clone(secrets));
        }
        Ok(read)
    }
}
