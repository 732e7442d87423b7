//! Targets: where events go. Webhook endpoints and connections, their secrets, deliveries and health.
//!
//! Everything of a target stands in partitions of its own (`…#x`, `…#x#{target}`), so that policies can name them.

mod bucket;
mod deliveries;
mod health;
mod orders;
mod secrets;
mod shop_batches;
mod shop_pools;
mod tokens;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::event::{CLICKED, EventType, UPDATED_PROFILE};
use tessera_domain::ids::ProgramId;

use crate::calls::Range;
use crate::items::{Item, Reader, bytes, item, name, packed};
use crate::keys::{self, TARGETS};
use crate::writes::{ABSENT, Transacted, Write, Written};
use crate::{Audit, SecretsKey, Store, StoreError, hashes, retry};

pub use deliveries::{Delivery, DeliveryContent, DeliveryStatus, DueDelivery};
pub use health::{HealthChange, TargetHealth};
pub use secrets::{SecretChange, TargetSecrets};
pub use shop_batches::ShopBatch;
pub use shop_pools::{CodeBatch, CodeSwitch, ShopPool, StoredShopPool};
pub use tokens::ShopToken;

const CREATE: &str = "creating a target";
const READ: &str = "reading targets";
const CHANGE: &str = "changing a target";
const DELETE: &str = "deleting a target";

/// The id of a target: `klaviyo`, a webhook endpoint's `whe_…`, or that of a shop: `shopify`, `woocommerce`, `square`,
/// `generic_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(String);

impl TargetId {
    /// The id of the connection to Klaviyo.
    pub const KLAVIYO: &'static str = "klaviyo";
    /// The ids of the connections to shops with an adapter of their own.
    pub const SHOPS: [&'static str; 3] = ["shopify", "woocommerce", "square"];
    const LONGEST: usize = 64;
    /// What the ids of connections to any other sender begin with.
    const GENERIC: &'static str = "generic_";
    /// The longest name of such a connection.
    const LONGEST_NAME: usize = 40;

    /// Reads an id; `None` for a text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
        (is_plain && !text.is_empty() && text.len() <= Self::LONGEST).then(|| Self(text.to_owned()))
    }

    /// The connection to Klaviyo.
    pub fn klaviyo() -> Self {
        Self(Self::KLAVIYO.to_owned())
    }

    /// The connection to a shop of any other sender; `None` for a name that is none.
    pub fn generic(name: &str) -> Option<Self> {
        // Ids of facts begin with the name: they must not look like those of another sender.
        let is_taken = Self::SHOPS.contains(&name) || name == Self::KLAVIYO;
        let is_name =
            !is_taken && !name.is_empty() && name.len() <= Self::LONGEST_NAME && !name.starts_with(['-', '_']);
        if is_name { Self::parse(&format!("{}{name}", Self::GENERIC)) } else { None }
    }

    /// Whether it is the connection to a shop.
    pub fn is_shop(&self) -> bool {
        self.0.starts_with(Self::GENERIC) || Self::SHOPS.contains(&self.0.as_str())
    }

    /// The name of a connection: what ids of its facts begin with.
    pub fn connection(&self) -> &str {
        self.0.strip_prefix(Self::GENERIC).unwrap_or(&self.0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TargetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A target, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its id.
    #[serde(rename = "i")]
    pub id: TargetId,
    /// Whether events are sent to it.
    #[serde(rename = "e")]
    pub is_enabled: bool,
    /// When it was created.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// Why it was disabled, unless a person did it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<String>,
    /// Which shop it leads to: codes of another one are not drawn. Absent for what is no shop, and in earlier releases.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<String>,
    /// What it is.
    #[serde(rename = "k")]
    pub kind: TargetKind,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// A webhook endpoint.
    #[serde(rename = "w")]
    Webhook(WebhookEndpoint),
    /// Klaviyo.
    #[serde(rename = "k")]
    Klaviyo(KlaviyoSettings),
    /// A shop whose orders come in: its settings as JSON. Events are not sent to it.
    #[serde(rename = "s")]
    Shop(String),
}

/// A merchant's endpoint for webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// Where requests go.
    #[serde(rename = "u")]
    pub url: String,
    /// The types of events that it receives; [`WebhookEndpoint::EVERY_TYPE`] is all of them.
    #[serde(rename = "e")]
    pub events: Vec<String>,
    /// What it is for.
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// How events become Klaviyo's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlaviyoSettings {
    /// Replaces Klaviyo's host.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// What the names of profile properties begin with.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Other names of profile properties, in full, by their usual name without prefix.
    #[serde(rename = "n", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Vec<String>>,
    /// Other names of metrics.
    #[serde(rename = "m", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
    /// The header that carries the shared secret of a flow webhook.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub flow_header: Option<String>,
    /// Records events without starting flows: for a migration.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub backfill: bool,
    /// Where this stack is reached, for the referral link of profiles. Nobody sets it: it is where the settings were sent to.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl WebhookEndpoint {
    /// Stands for every type of event, those that are added later too.
    pub const EVERY_TYPE: &'static str = "*";
}

impl Target {
    /// Whether it receives events of a type, or updates of profiles.
    pub fn wants(&self, kind: &str) -> bool {
        match &self.kind {
            TargetKind::Webhook(endpoint) if kind != UPDATED_PROFILE => {
                endpoint.events.iter().any(|wanted| wanted == kind || wanted == WebhookEndpoint::EVERY_TYPE)
            }
            // It keeps profiles: what is about the program alone has none. A link that spreads would use up the account's rate;
            // the profile's count of clicks follows with the next event.
            TargetKind::Klaviyo(_) => {
                let is_of_member = EventType::named(kind).is_some_and(EventType::is_about_a_member);
                kind == UPDATED_PROFILE || (kind != CLICKED && is_of_member)
            }
            TargetKind::Webhook(_) | TargetKind::Shop(_) => false,
        }
    }

    /// What the audit calls it.
    pub fn object(&self) -> String {
        match self.kind {
            TargetKind::Webhook(_) => format!("webhook-endpoints/{}", self.id),
            TargetKind::Klaviyo(_) | TargetKind::Shop(_) => format!("integrations/{}", self.id),
        }
    }

    fn item(&self, operation: &'static str, program: &ProgramId) -> Result<Item, StoreError> {
        Ok(item(&keys::target(program, self.id.as_str()), [(name::BODY, bytes(packed(operation, self)?))]))
    }
}

impl Store {
    /// The targets of a program, by id. Eventually consistent: the relay reads them for every batch.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn targets(&self, program: &ProgramId) -> Result<Vec<Target>, StoreError> {
        let range = Range { consistent: false, ..Range::all(keys::targets(program), TARGETS) };
        let items = self.range(READ, &self.tables.programs, range).await?;
        items.iter().map(|item| Reader::new(READ, item).body()).collect()
    }

    /// One target, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn target(&self, program: &ProgramId, id: &TargetId) -> Result<Option<Target>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::target(program, id.as_str()), true).await?;
        found.map(|item| Reader::new(READ, &item).body()).transpose()
    }

    /// Creates a webhook endpoint with a new secret, once for each request: its id derives from `request`, the natural key
    /// of the request, which began at `now`. A repetition returns the endpoint and secret of the first attempt.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn create_webhook(
        &self,
        program: &ProgramId,
        endpoint: WebhookEndpoint,
        request: &str,
        now: Timestamp,
        key: &SecretsKey,
        audit: &Audit,
    ) -> Result<(Target, String), StoreError> {
        let natural = format!("{program}#{}#{request}", now.as_millisecond());
        let hash = hashes::sha256_hex(natural.as_bytes());
        let id = TargetId(format!("whe_{}", hash.get(..32).unwrap_or(&hash)));
        let kind = TargetKind::Webhook(endpoint);
        let target = Target { id, is_enabled: true, created_at: now, disabled_because: None, shop: None, kind };
        let secret = secrets::webhook_secret()?;
        let secrets = secrets::item_of(key, program, &target.id, &TargetSecrets::first(&secret))?;
        let writes = vec![
            Write::put(&self.tables.programs, target.item(CREATE, program)?).when(ABSENT),
            Write::put(&self.tables.credentials, secrets).when(ABSENT),
            self.audit_write(program, &Audit { object: target.object(), ..audit.clone() }, [])?,
        ];
        if self.transact_patiently(CREATE, writes).await? == Transacted::Done {
            return Ok((target, secret));
        }
        let created = self.target(program, &target.id).await?;
        let secrets = self.target_secrets(program, &target.id, key).await?;
        let both = created.zip(secrets).map(|(target, secrets)| (target, secrets.current));
        both.ok_or(StoreError::Contended { operation: CREATE, tries: 1 })
    }

    /// Changes a target, or creates one that is missing. `change` sees it as it is, and what it returns replaces it. Without an
    /// audit, nobody asked for the change: an endpoint failed for too long.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn change_target<E>(
        &self,
        program: &ProgramId,
        id: &TargetId,
        audit: Option<&Audit>,
        change: impl Fn(Option<Target>) -> Result<Target, E>,
    ) -> Result<Result<Target, E>, StoreError> {
        let place = keys::target(program, id.as_str());
        for attempt in 1..=retry::TRIES {
            let stored = self.get(CHANGE, &self.tables.programs, &place, true).await?;
            let before: Option<Target> = stored.as_ref().map(|item| Reader::new(CHANGE, item).body()).transpose()?;
            let after = match change(before.clone()) {
                Ok(after) => after,
                Err(refused) => return Ok(Err(refused)),
            };
            if before.as_ref() == Some(&after) {
                return Ok(Ok(after));
            }
            let write = Write::put(&self.tables.programs, after.item(CHANGE, program)?);
            let write = match &stored {
                None => write.when(ABSENT),
                Some(item) => {
                    let before = Reader::new(CHANGE, item).bytes(name::BODY)?;
                    write.when("b = :before").value(":before", bytes(before))
                }
            };
            let audited = audit.map(|audit| self.audit_write(program, audit, [])).transpose()?;
            let writes = std::iter::once(write).chain(audited).collect();
            if self.transact_patiently(CHANGE, writes).await? == Transacted::Done {
                return Ok(Ok(after));
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: CHANGE, tries: retry::TRIES })
    }

    /// Replaces a target that is still as it was read; false when it is not.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn replace_target(
        &self,
        program: &ProgramId,
        before: &Target,
        after: &Target,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let change = |found: Option<Target>| {
            // This request may have written it before, and its response was lost.
            let is_known = found.as_ref().is_some_and(|found| found == before || found == after);
            if is_known { Ok(after.clone()) } else { Err(()) }
        };
        Ok(self.change_target(program, &before.id, Some(audit), change).await?.is_ok())
    }

    /// Replaces a webhook endpoint that is still as it was read, and its secret with it: another host learns no old one.
    /// Returns the new secret; `None` when the endpoint was changed meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_webhook(
        &self,
        program: &ProgramId,
        before: &Target,
        after: &Target,
        key: &SecretsKey,
        audit: &Audit,
    ) -> Result<Option<String>, StoreError> {
        let place = keys::target(program, before.id.as_str());
        let Some(stored) = self.get(CHANGE, &self.tables.programs, &place, true).await? else { return Ok(None) };
        let reader = Reader::new(CHANGE, &stored);
        if reader.body::<Target>()? != *before {
            return Ok(None);
        }
        let secret = secrets::webhook_secret()?;
        let secrets = secrets::item_of(key, program, &after.id, &TargetSecrets::first(&secret))?;
        let put = Write::put(&self.tables.programs, after.item(CHANGE, program)?);
        let writes = vec![
            put.when("b = :before").value(":before", bytes(reader.bytes(name::BODY)?)),
            Write::put(&self.tables.credentials, secrets),
            self.audit_write(program, audit, [AuditChange::without_values("secret")])?,
        ];
        if self.transact_patiently(CHANGE, writes).await? == Transacted::Done {
            return Ok(Some(secret));
        }
        // This request may have written both before, and its response was lost.
        let written = self.target_secrets(program, &after.id, key).await?;
        Ok(written.map(|written| written.current).filter(|written| *written == secret))
    }

    /// Deletes a target and its secrets; false when there is none. Its deliveries expire by themselves.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_target(&self, program: &ProgramId, id: &TargetId, audit: &Audit) -> Result<bool, StoreError> {
        let writes = vec![
            Write::delete(&self.tables.programs, &keys::target(program, id.as_str())).when("attribute_exists(pk)"),
            Write::delete(&self.tables.credentials, &keys::target_secrets(program, id.as_str())),
            self.audit_write(program, audit, [])?,
        ];
        Ok(self.transact_patiently(DELETE, writes).await? == Transacted::Done)
    }

    /// Deletes the secrets and the access token of a target, which stays.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_target_secrets(&self, program: &ProgramId, id: &TargetId) -> Result<(), StoreError> {
        let secrets = keys::target_secrets(program, id.as_str());
        for place in [keys::shop_token(program, id.as_str()), secrets] {
            match self.write(DELETE, &Write::delete(&self.tables.credentials, &place)).await? {
                Written::Done | Written::Refused(_) => {}
            }
        }
        Ok(())
    }
}
