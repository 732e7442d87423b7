//! Replaces the settings and credentials of a connection.

use serde_json::Value;
use tessera_domain::audit::AuditChange;
use tessera_domain::program::diff;
use tessera_store::{SecretChange, Target, TargetId, TargetKind};

use crate::http::ApiRequest;
use crate::{Problem, Services};

/// What replaces a connection.
#[derive(Debug)]
pub struct ConnectionChange {
    /// The connection.
    pub id: TargetId,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// Which shop it leads to; `None` for what is no shop.
    pub shop: Option<String>,
    /// Its settings.
    pub kind: TargetKind,
    /// The new credentials, as JSON; `None` keeps those that are stored.
    pub credentials: Option<String>,
    /// How callers see it before and after, for the audit.
    pub shown: (Value, Value),
}

impl Services {
    /// Whether a connection has credentials.
    ///
    /// # Errors
    /// 503 when they cannot be read.
    pub async fn has_credentials(&self, request: &ApiRequest, id: &TargetId) -> Result<bool, Problem> {
        let key = self.secrets().await?;
        Ok(self.store.target_secrets(&request.caller()?.program, id, &key).await?.is_some())
    }

    /// Replaces a connection that is still as it was read: its credentials first, so that it is never enabled without them.
    ///
    /// # Errors
    /// 409 when it was changed meanwhile.
    pub async fn replace_connection(
        &self,
        request: &ApiRequest,
        before: Option<Target>,
        change: ConnectionChange,
    ) -> Result<Target, Problem> {
        let program = &request.caller()?.program;
        let (now, object) = (self.clock.now(), format!("integrations/{}", change.id));
        if let Some(credentials) = &change.credentials {
            let natural = format!("{} {}", now.as_millisecond(), request.natural_key().key);
            // A replaced secret still verifies for a day.
            let secret = SecretChange { secret: Some(credentials), request: &natural, revoke_previous: false, now };
            let audit = request.audit(object.clone())?.doing("integration.replace_credentials");
            self.store.change_target_secret(program, &change.id, &self.secrets().await?, secret, &audit).await?;
        }
        let after = Target {
            id: change.id.clone(),
            is_enabled: change.is_enabled,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            disabled_because: None,
            shop: change.shop,
            kind: change.kind,
        };
        let differences = diff(&change.shown.0, &change.shown.1);
        let audit = request.audit(object)?.changing(differences.into_iter().map(AuditChange::from));
        // Times are stored in milliseconds.
        let is_after = |stored: &Target| stored.kind == after.kind && stored.is_enabled == after.is_enabled;
        let changed = self.store.change_target(program, &change.id, Some(&audit), |stored| {
            // The check of the credentials was made for what was read. Or this request wrote it, and its response was lost.
            if stored == before {
                Ok(after.clone())
            } else if let Some(stored) = stored.filter(is_after) {
                Ok(stored)
            } else {
                Err(Problem::conflict("stale_version", "the connection was changed meanwhile; read it again"))
            }
        });
        let target = changed.await??;
        self.targets.forget(program);
        Ok(target)
    }
}

impl Problem {
    /// 422 `credentials_required`: a change needs the credentials with it.
    pub fn credentials_required() -> Self {
        let detail = "send the credentials in the same request: they are missing, or would go to another host";
        Self::not_allowed("credentials_required", detail)
    }
}
