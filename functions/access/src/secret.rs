//! The storefront secret.

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::Rotation;

/// The routes of the storefront secret.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/storefront-secret/rotate", Access::Scope(Scope::Admin), handler!(rotate))
        .named("rotateStorefrontSecret", "Access", "Creates a new storefront secret")
        .audited("storefront_secret.rotate")
        .details("Up to three old ones stay valid, each for 24 more hours.")
        .not_repeating(&["secret"])
        .may_take::<RotationBody>(RotationBody::example)
        .gives::<RotatedSecret>(200, "The secret.")];

/// How to rotate the storefront secret.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Rotation), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_revoke_previous` reads")]
struct RotationBody {
    /// Ends the old secrets at once.
    revoke_previous: Option<bool>,
}

impl RotationBody {
    fn example() -> Value {
        json!({ "revoke_previous": true })
    }
}

/// A storefront secret that was created now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = StorefrontSecret))]
struct RotatedSecret {
    /// The secret to sign member tokens with. A replay of the response omits it.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    secret: String,
    /// Until when the previous one is valid.
    #[cfg_attr(feature = "openapi", schema(format = DateTime, required))]
    previous_valid_until: Option<String>,
}

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
async fn rotate(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let revoke_previous = read_revoke_previous(&request.optional_json()?).map_err(Problem::malformed)?;
    let key = services.secrets().await?;
    let natural = request.natural_key();
    let natural_key = format!("{} {}", natural.started_at.as_millisecond(), natural.key);
    let rotation = Rotation { natural_key: &natural_key, revoke_previous, now: services.clock.now() };
    let rotated =
        services.store.rotate_storefront_secret(program, &key, rotation, &request.audit("storefront-secret")?).await?;
    let (secret, all) = rotated.ok_or_else(|| Problem::program_missing(program))?;
    let previous_valid_until = all.previous.first().map(|previous| previous.until.to_string());
    Ok(http::json(200, &RotatedSecret { secret, previous_valid_until }))
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
