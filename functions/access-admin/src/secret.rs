//! The storefront secret.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Problem, Services};
use tessera_store::Rotation;

/// Reads the body of `POST /v1/storefront-secret/rotate`: whether to end every other secret at once.
fn read_revoke_previous(body: &Value) -> Result<bool, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let revoke_previous = object.or("revoke_previous", false, Node::boolean);
        object.finish();
        revoke_previous
    })
}

/// `POST /v1/storefront-secret/rotate`
pub(crate) async fn rotate(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let program = &request.caller()?.program;
    let revoke_previous = read_revoke_previous(&request.optional_json()?).map_err(Problem::malformed)?;
    let key = services.secrets().await?;
    let natural = request.natural_key();
    let natural_key = format!("{} {}", natural.started_at.as_millisecond(), natural.key);
    let rotation = Rotation { natural_key: &natural_key, revoke_previous, now: services.clock.now() };
    let rotated = services.store.rotate_storefront_secret(program, &key, rotation).await?;
    let (secret, all) = rotated.ok_or_else(|| Problem::program_missing(program))?;
    let until = all.previous.first().map(|previous| previous.until.to_string());
    Ok(http::json(200, &json!({ "secret": secret, "previous_valid_until": until })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_revokes() {
        assert_eq!(read_revoke_previous(&json!({})), Ok(false));
        assert_eq!(read_revoke_previous(&json!({ "revoke_previous": false })), Ok(false));
        assert_eq!(read_revoke_previous(&json!({ "revoke_previous": true })), Ok(true));
        for body in [json!([]), json!({ "revoke_previous": "true" }), json!({ "revoke": true })] {
            assert!(read_revoke_previous(&body).is_err(), "{body}");
        }
    }
}
