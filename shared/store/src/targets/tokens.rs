//! Access tokens of connections, encrypted, and the right to refresh one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;

use super::TargetId;
use crate::items::{Reader, bytes, item, moment, name};
use crate::writes::{Write, Written};
use crate::{SecretsKey, Store, StoreError, keys};

const READ: &str = "reading an access token";
const WRITE: &str = "writing an access token";

/// How long a worker may take to refresh a token before another one does.
const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// An access token that a vendor gave for credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopToken {
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What identifies the credentials that it was given for.
    pub credentials: String,
}

impl std::fmt::Debug for ShopToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShopToken(…)")
    }
}

impl Store {
    /// The stored access token of a connection.
    ///
    /// # Errors
    /// When DynamoDB fails, or the key is another.
    pub async fn shop_token(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        key: &SecretsKey,
    ) -> Result<Option<ShopToken>, StoreError> {
        let place = keys::shop_token(program, connection.as_str());
        let found = self.get(READ, &self.tables.credentials, &place, true).await?;
        let Some(found) = found else { return Ok(None) };
        let sealed = Reader::new(READ, &found).bytes(name::BODY)?;
        let text = key.open(READ, &sealed_for(program, connection), sealed)?;
        serde_json::from_str(&text).map(Some).map_err(|_| StoreError::Secret { operation: READ })
    }

    /// Takes the right to refresh a token; false while another worker has it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn lease_shop_token(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let place = keys::shop_token_lease(program, connection.as_str());
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let lease = Write::put(&self.tables.credentials, item(&place, [(name::SINCE, moment(until))]));
        let lease = lease.when("attribute_not_exists(pk) OR t <= :now").value(":now", moment(now));
        Ok(self.write(WRITE, &lease).await? == Written::Done)
    }

    /// Returns the right to refresh a token.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn return_shop_token(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let lease = keys::shop_token_lease(program, connection.as_str());
        let lease = Write::put(&self.tables.credentials, item(&lease, [(name::SINCE, moment(now))]));
        self.write(WRITE, &lease).await.map(drop)
    }

    /// Stores an access token.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_shop_token(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        key: &SecretsKey,
        token: &ShopToken,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(token).map_err(|_| StoreError::Secret { operation: WRITE })?;
        let sealed = key.seal(WRITE, &sealed_for(program, connection), &text)?;
        let place = keys::shop_token(program, connection.as_str());
        let token = Write::put(&self.tables.credentials, item(&place, [(name::BODY, bytes(sealed))]));
        self.write(WRITE, &token).await.map(drop)
    }
}

/// Where a sealed token opens.
fn sealed_for(program: &ProgramId, connection: &TargetId) -> String {
    format!("token of {connection} of {program}")
}
