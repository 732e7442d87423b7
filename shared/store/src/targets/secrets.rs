//! The secrets of targets, encrypted: what signs webhooks, and the credentials of connections.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;

use super::TargetId;
use crate::items::{Item, Reader, bytes, item, name};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, SecretsKey, Store, StoreError, hashes, keys, random, retry};

const READ: &str = "reading the secrets of a target";
const CHANGE: &str = "changing the secrets of a target";

/// How long a replaced secret still works.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// The most replaced secrets that work at once.
const MOST_PREVIOUS: usize = 3;
/// The random bytes of a webhook's secret.
const SECRET_BYTES: usize = 32;

/// The secrets of a target.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSecrets {
    /// The current one: a webhook's `whsec_…`, or a connection's credentials as JSON.
    pub current: String,
    /// The request that set it, hashed.
    #[serde(default)]
    request: String,
    /// The replaced ones, newest first.
    #[serde(default)]
    previous: Vec<Previous>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Previous {
    secret: String,
    until: Timestamp,
    request: String,
}

impl std::fmt::Debug for TargetSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TargetSecrets(…)")
    }
}

/// How to replace a target's secret.
#[derive(Debug, Clone, Copy)]
pub struct SecretChange<'a> {
    /// The new secret; `None` draws one for a webhook.
    pub secret: Option<&'a str>,
    /// What the request is known by: a repetition finds what it set before.
    pub request: &'a str,
    /// Ends the replaced secrets at once instead of after a day.
    pub revoke_previous: bool,
    /// The moment.
    pub now: Timestamp,
}

impl TargetSecrets {
    pub(super) fn first(secret: &str) -> Self {
        Self { current: secret.to_owned(), request: String::new(), previous: Vec::new() }
    }

    /// The secrets that work at a moment, the current one first.
    pub fn valid_at(&self, now: Timestamp) -> Vec<&str> {
        let previous = self.previous.iter().filter(|previous| now < previous.until);
        std::iter::once(self.current.as_str()).chain(previous.map(|previous| previous.secret.as_str())).collect()
    }

    fn set_by(&self, request: &str) -> Option<&str> {
        let previous = self.previous.iter().map(|previous| (previous.request.as_str(), previous.secret.as_str()));
        let mut all = std::iter::once((self.request.as_str(), self.current.as_str())).chain(previous);
        all.find(|(by, _)| *by == request).map(|(_, secret)| secret)
    }

    fn replace(&mut self, secret: String, request: String, change: SecretChange<'_>) {
        let until = change.now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
        let replaced = Previous {
            secret: std::mem::replace(&mut self.current, secret),
            until,
            request: std::mem::replace(&mut self.request, request),
        };
        self.previous.retain(|previous| change.now < previous.until);
        self.previous.insert(0, replaced);
        self.previous.truncate(if change.revoke_previous { 0 } else { MOST_PREVIOUS });
    }
}

impl Store {
    /// The secrets of a target; `None` without any.
    ///
    /// # Errors
    /// When DynamoDB fails, or the key is another.
    pub async fn target_secrets(
        &self,
        program: &ProgramId,
        target: &TargetId,
        key: &SecretsKey,
    ) -> Result<Option<TargetSecrets>, StoreError> {
        let place = keys::target_secrets(program, target.as_str());
        let found = self.get(READ, &self.tables.credentials, &place, true).await?;
        found.map(|item| open(key, program, target, Reader::new(READ, &item).bytes(name::BODY)?)).transpose()
    }

    /// Replaces the secret of a target and returns the new one. The old one works for 24 more hours, unless it is revoked.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn change_target_secret(
        &self,
        program: &ProgramId,
        target: &TargetId,
        key: &SecretsKey,
        change: SecretChange<'_>,
        audit: &Audit,
    ) -> Result<String, StoreError> {
        let place = keys::target_secrets(program, target.as_str());
        let request = hashes::sha256_hex(change.request.as_bytes());
        for attempt in 1..=retry::TRIES {
            let stored = self.get(CHANGE, &self.tables.credentials, &place, true).await?;
            let before = stored.as_ref().map(|item| Reader::new(CHANGE, item).bytes(name::BODY)).transpose()?;
            let known = before.map(|sealed| open(key, program, target, sealed)).transpose()?;
            if let Some(set) = known.as_ref().and_then(|known| known.set_by(&request)) {
                return Ok(set.to_owned());
            }
            let secret = change.secret.map_or_else(webhook_secret, |secret| Ok(secret.to_owned()))?;
            let after = match known {
                None => TargetSecrets { request: request.clone(), ..TargetSecrets::first(&secret) },
                Some(mut secrets) => {
                    secrets.replace(secret.clone(), request.clone(), change);
                    secrets
                }
            };
            let write = Write::put(&self.tables.credentials, item_of(key, program, target, &after)?);
            let write = match before {
                None => write.when(ABSENT),
                Some(before) => write.when("b = :before").value(":before", bytes(before)),
            };
            let audited = self.audit_write(program, audit, [AuditChange::without_values("secret")])?;
            if self.transact_patiently(CHANGE, vec![write, audited]).await? == Transacted::Done {
                return Ok(secret);
            }
            // Somebody else was faster, or this write's response was lost: the next read tells.
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: CHANGE, tries: retry::TRIES })
    }
}

/// A new secret of a webhook, in the form of Standard Webhooks.
pub(super) fn webhook_secret() -> Result<String, StoreError> {
    use base64::Engine as _;
    let drawn: [u8; SECRET_BYTES] = random::bytes()?;
    Ok(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(drawn)))
}

/// The item of a target's secrets; they open for that target only.
pub(super) fn item_of(
    key: &SecretsKey,
    program: &ProgramId,
    target: &TargetId,
    secrets: &TargetSecrets,
) -> Result<Item, StoreError> {
    let text = serde_json::to_string(secrets).map_err(|_| StoreError::Secret { operation: CHANGE })?;
    let sealed = key.seal(CHANGE, &place(program, target), &text)?;
    Ok(item(&keys::target_secrets(program, target.as_str()), [(name::BODY, bytes(sealed))]))
}

fn open(key: &SecretsKey, program: &ProgramId, target: &TargetId, sealed: &[u8]) -> Result<TargetSecrets, StoreError> {
    let text = key.open(READ, &place(program, target), sealed)?;
    serde_json::from_str(&text).map_err(|_| StoreError::Secret { operation: READ })
}

fn place(program: &ProgramId, target: &TargetId) -> String {
    format!("secrets of {target} of {program}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(request: &str, revoke_previous: bool, now: i64) -> SecretChange<'_> {
        SecretChange { secret: None, request, revoke_previous, now: Timestamp::from_second(now).unwrap() }
    }

    #[test]
    fn replaced_secrets_work_for_a_day_and_at_most_three_of_them() {
        let mut secrets = TargetSecrets::first("0");
        for n in 1..=5 {
            secrets.replace(n.to_string(), format!("r{n}"), change("", false, n));
        }
        assert_eq!(secrets.valid_at(Timestamp::from_second(6).unwrap()), ["5", "4", "3", "2"]);
        assert_eq!(secrets.valid_at(Timestamp::from_second(86_404).unwrap()), ["5", "4"]);
        assert_eq!((secrets.set_by("r5"), secrets.set_by("r4"), secrets.set_by("r1")), (Some("5"), Some("4"), None));
        secrets.replace("6".to_owned(), "r6".to_owned(), change("", true, 7));
        assert_eq!(secrets.valid_at(Timestamp::from_second(7).unwrap()), ["6"]);
        assert_eq!(format!("{secrets:?}"), "TargetSecrets(…)");
    }

    #[test]
    fn a_webhooks_secret_has_the_form_of_the_standard() {
        let (one, other) = (webhook_secret().unwrap(), webhook_secret().unwrap());
        assert!(one.starts_with("whsec_") && one.len() == 6 + 44 && one != other);
    }
}
