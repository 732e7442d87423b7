//! The storefront secret.

use lambda_http::{Body, Response};
use serde_json::json;
use tessera_lambda::http::{self, Call};
use tessera_lambda::{Problem, Services};

/// `POST /v1/storefront-secret/rotate`
pub(crate) async fn rotate(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let program = &call.caller()?.program;
    let unknown = || Problem::program_missing(program);
    let key = services.secrets().await?;
    let now = services.clock.now();
    let secret = services.store.rotate_storefront_secret(program, &key, now).await?.ok_or_else(unknown)?;
    let stored = services.store.storefront_secrets(program, &key).await?.ok_or_else(unknown)?;
    let until = stored.previous.map(|(_, until)| until.to_string());
    Ok(http::json(200, &json!({ "secret": secret, "previous_valid_until": until })))
}
