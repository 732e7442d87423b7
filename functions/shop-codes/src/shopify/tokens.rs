//! Access tokens by the client-credentials grant: refreshed once, however many requests wait for one.
//!
//! Within a process, those who wait stand in line behind a lock. Between processes, a lease in the table of credentials does the
//! same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::{Request, StatusCode};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tessera_domain::ids::ProgramId;
use tessera_store::{ShopToken, TargetId};

use crate::access::ShopAccess;
use crate::http::{ShopFailure, exchange};

/// The life of a token that does not say how long it lives: a day.
const USUAL_LIFE: i64 = 86_400;
/// How long before its end a token is not used any more.
const RESERVE: SignedDuration = SignedDuration::from_mins(5);
/// How often the token of another worker is looked for, before the work is left to a later attempt.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// The token of one connection; whoever refreshes it holds the lock.
type Slot = Arc<tokio::sync::Mutex<Option<ShopToken>>>;

/// The access tokens that a warm function knows.
#[derive(Debug, Default)]
pub(crate) struct AccessTokens {
    slots: Mutex<HashMap<(ProgramId, TargetId), Slot>>,
}

impl AccessTokens {
    /// A token that the shop accepts. `refused`: a token that it has just refused.
    ///
    /// # Errors
    /// When the shop gives none.
    pub async fn get(&self, access: &ShopAccess<'_>, base: &str, refused: Option<&str>) -> Result<String, ShopFailure> {
        if let Some(token) = &access.credentials.access_token {
            return Ok(token.clone());
        }
        let id = credentials_id(access, base);
        let clock = &access.services.clock;
        let fits = |token: &ShopToken| {
            let is_alive = clock.now().saturating_add(RESERVE).is_ok_and(|end| end < token.expires_at);
            is_alive && token.credentials == id && refused != Some(token.token.as_str())
        };
        let slot = self.slot(access);
        let mut known = slot.lock().await;
        if let Some(token) = known.as_ref().filter(|token| fits(token)) {
            return Ok(token.token.clone());
        }
        let (store, program, connection) = (&access.services.store, access.program, &access.connection.id);
        let key = access.services.secrets().await.map_err(|problem| ShopFailure::again(problem.detail()))?;
        let mut is_leased = false;
        for _ in 0..LOOKS {
            let stored = store.shop_token(program, connection, &key).await?;
            if let Some(token) = stored.filter(|token| fits(token)) {
                if is_leased {
                    store.return_shop_token(program, connection, clock.now()).await?;
                }
                return Ok(known.insert(token).token.clone());
            }
            if is_leased {
                break;
            }
            is_leased = store.lease_shop_token(program, connection, clock.now()).await?;
            // With the lease, the token is looked for once more: its last holder may have stored one just before.
            if !is_leased {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        }
        if !is_leased {
            return Err(ShopFailure::again("another worker asks the shop for a token"));
        }
        let token = request(access, base, id, clock.now()).await;
        if let Ok(token) = &token {
            store.put_shop_token(program, connection, &key, token).await?;
        }
        store.return_shop_token(program, connection, clock.now()).await?;
        Ok(known.insert(token?).token.clone())
    }

    fn slot(&self, access: &ShopAccess<'_>) -> Slot {
        let place = (access.program.clone(), access.connection.id.clone());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(place).or_default())
    }
}

/// What identifies the credentials that a token was given for: after a change of them, it is not used any more.
fn credentials_id(access: &ShopAccess<'_>, base: &str) -> String {
    let parts = [access.credentials.client_id.as_deref(), access.credentials.client_secret.as_deref(), Some(base)];
    let mut hash = Sha256::new();
    for part in parts.map(Option::unwrap_or_default) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize().get(..8).unwrap_or_default())
}

/// Asks the shop for a token.
async fn request(access: &ShopAccess<'_>, base: &str, id: String, now: Timestamp) -> Result<ShopToken, ShopFailure> {
    let body = json!({
        "client_id": access.credentials.client_id,
        "client_secret": access.credentials.client_secret,
        "grant_type": "client_credentials",
    });
    let request = Request::post(format!("{base}/admin/oauth/access_token"))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .map_err(|error| ShopFailure::again(error.to_string()))?;
    let reply = exchange(access.client, request, now).await?;
    let token = reply.body["access_token"].as_str().filter(|_| reply.status == StatusCode::OK);
    let token = token.ok_or_else(|| reply.again())?.to_owned();
    let life = reply.body["expires_in"].as_i64().unwrap_or(USUAL_LIFE);
    let expires_at = now.saturating_add(SignedDuration::from_secs(life)).unwrap_or(Timestamp::MAX);
    Ok(ShopToken { token, expires_at, credentials: id })
}
