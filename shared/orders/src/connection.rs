//! Connections to shops and their secrets.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_shops::ShopSettings;
use tessera_store::{StoreError, Target, TargetId, TargetKind};

/// How much older than its connection an order may be where the settings say nothing: it may be paid after it was made.
const USUAL_BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// A connection to a shop.
#[derive(Debug, Clone, PartialEq)]
pub struct ShopConnection {
    /// Its id.
    pub id: TargetId,
    /// Whether deliveries are accepted.
    pub is_enabled: bool,
    /// Its settings.
    pub settings: ShopSettings,
    /// Orders from before this moment earn nothing when a change of them is the first that is seen of them.
    pub orders_since: Timestamp,
}

/// The secrets of a connection; which of them there are depends on the vendor.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopCredentials {
    /// Shopify: the app's client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Shopify: the app's client secret, which signs deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Shopify: a static token. Square: the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// WooCommerce: the key of its REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_key: Option<String>,
    /// WooCommerce: the secret of its REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_secret: Option<String>,
    /// WooCommerce: what signs deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// Square: what signs deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_key: Option<String>,
    /// Any other sender: what signs deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl fmt::Debug for ShopCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShopCredentials(…)")
    }
}

impl ShopCredentials {
    /// What signs deliveries.
    pub fn signing(&self) -> Option<&str> {
        let secrets = [&self.client_secret, &self.webhook_secret, &self.signature_key, &self.secret];
        secrets.into_iter().find_map(Option::as_deref)
    }
}

impl ShopConnection {
    /// Reads a target; `None` when it is no shop, or its settings were written by a later version.
    pub fn of(target: &Target) -> Option<Self> {
        let TargetKind::Shop(settings) = &target.kind else { return None };
        let settings: ShopSettings = serde_json::from_str(settings).ok()?;
        let usual = || target.created_at.saturating_sub(USUAL_BEFORE).unwrap_or(target.created_at);
        let orders_since = settings.orders_since.unwrap_or_else(usual);
        Some(Self { id: target.id.clone(), is_enabled: target.is_enabled, settings, orders_since })
    }

    /// The enabled connection of a program with this id, as a warm function remembers it: a change is known within seconds.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn remembered(
        services: &Services,
        program: &ProgramId,
        id: &TargetId,
    ) -> Result<Option<Self>, StoreError> {
        let targets = services.targets.get(&services.store, program).await?;
        Ok(targets.iter().find(|target| target.id == *id && target.is_enabled).and_then(Self::of))
    }

    /// The enabled connection of a program with this id, as it is now: what sends requests to a shop reads its credentials now,
    /// and they belong to this address.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn enabled(services: &Services, program: &ProgramId, id: &TargetId) -> Result<Option<Self>, StoreError> {
        let target = services.store.target(program, id).await?;
        Ok(target.filter(|target| target.is_enabled).as_ref().and_then(Self::of))
    }
}
