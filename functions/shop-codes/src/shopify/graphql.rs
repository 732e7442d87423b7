//! Requests to the GraphQL Admin API: the token, the limit of costs, and errors in 200 responses.

use std::time::Duration;

use ::http::{Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use super::tokens::AccessTokens;
use crate::access::ShopAccess;
use crate::http::{Reply, ShopFailure, exchange};

/// The version of the API.
const API: &str = "2026-10";
/// How often a request is sent before the work is left to a later attempt.
const TRIES: u32 = 4;
/// The wait after a throttled request that does not say how long.
const USUAL_WAIT: f64 = 1.0;
const SHORTEST_WAIT: f64 = 0.05;
const LONGEST_WAIT: f64 = 5.0;

/// Errors of the caller's input, in a mutation's payload.
pub(super) struct UserErrors(Vec<Value>);

impl UserErrors {
    /// The errors of a payload; `None` without any.
    pub fn of(payload: &Value) -> Option<Self> {
        let errors = payload["userErrors"].as_array().filter(|errors| !errors.is_empty())?;
        Some(Self(errors.clone()))
    }

    /// True if one of them has a code.
    pub fn has_code(&self, code: &str) -> bool {
        self.0.iter().any(|error| error["code"] == json!(code))
    }
}

impl From<UserErrors> for ShopFailure {
    fn from(UserErrors(errors): UserErrors) -> Self {
        let text = |error: &Value| {
            let message = error["message"].as_str().unwrap_or("refused");
            match error["code"].as_str() {
                Some(code) => format!("{message} ({code})"),
                None => message.to_owned(),
            }
        };
        Self::Refused(errors.iter().take(3).map(text).collect::<Vec<_>>().join("; "))
    }
}

/// The API of a shop.
pub(super) struct GraphqlClient<'a> {
    access: ShopAccess<'a>,
    tokens: &'a AccessTokens,
    base: String,
}

impl<'a> GraphqlClient<'a> {
    /// The API of a connection.
    ///
    /// # Errors
    /// When the connection names no shop.
    pub fn new(access: ShopAccess<'a>, tokens: &'a AccessTokens) -> Result<Self, ShopFailure> {
        let settings = &access.connection.settings;
        let of_shop = settings.shop.as_deref().map(|shop| format!("https://{shop}"));
        let base = settings.base_url.clone().or(of_shop);
        let base = base.ok_or_else(|| ShopFailure::again("the connection has no shop"))?;
        Ok(Self { access, tokens, base: base.trim_end_matches('/').to_owned() })
    }

    /// Runs a document, and returns its `data`.
    ///
    /// # Errors
    /// Without a usable response: throttled for too long, refused, or no JSON.
    pub async fn run(&self, document: &str, variables: &Value) -> Result<Value, ShopFailure> {
        let mut refused_token = None;
        let mut last = ShopFailure::again("the shop throttles every request");
        for attempt in 0..TRIES {
            let token = self.tokens.get(&self.access, &self.base, refused_token.as_deref()).await?;
            let reply = self.post(&token, document, variables).await?;
            match reply.status {
                StatusCode::OK => {}
                StatusCode::UNAUTHORIZED if refused_token.is_none() => {
                    last = reply.again();
                    refused_token = Some(token);
                    continue;
                }
                StatusCode::TOO_MANY_REQUESTS => {
                    last = reply.again();
                    let asked = reply.asked.map_or(USUAL_WAIT, |asked| asked.as_secs_f64());
                    if asked > LONGEST_WAIT || attempt + 1 == TRIES {
                        break;
                    }
                    tokio::time::sleep(wait(asked)).await;
                    continue;
                }
                _ => return Err(reply.again()),
            }
            let Some(errors) = reply.body["errors"].as_array().filter(|errors| !errors.is_empty()) else {
                let data = &reply.body["data"];
                return if data.is_object() { Ok(data.clone()) } else { Err(reply.again()) };
            };
            let has = |code: &str| errors.iter().any(|error| error["extensions"]["code"] == json!(code));
            if has("THROTTLED") {
                let status = &reply.body["extensions"]["cost"]["throttleStatus"];
                last = ShopFailure::again(format!("THROTTLED {status}"));
                if attempt + 1 < TRIES {
                    tokio::time::sleep(wait(cost_wait(&reply.body["extensions"]["cost"]))).await;
                }
                continue;
            }
            let messages = errors.iter().filter_map(|error| error["message"].as_str()).take(3).collect::<Vec<_>>();
            let reason = format!("200, but: {}", messages.join("; "));
            let may_pass = has("INTERNAL_SERVER_ERROR") || has("TIMEOUT");
            return Err(if may_pass { ShopFailure::again(reason) } else { ShopFailure::Refused(reason) });
        }
        Err(last)
    }

    async fn post(&self, token: &str, document: &str, variables: &Value) -> Result<Reply, ShopFailure> {
        let body = json!({ "query": document, "variables": variables });
        let request = Request::post(format!("{}/admin/api/{API}/graphql.json", self.base))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("x-shopify-access-token", token)
            .body(Bytes::from(body.to_string()))
            .map_err(|error| ShopFailure::again(error.to_string()))?;
        exchange(self.access.client, request, self.access.services.clock.now()).await
    }
}

/// The seconds until the shop has enough points again for a request that it throttled.
#[expect(clippy::float_arithmetic, reason = "the API gives JSON numbers with fractions; they say how long to wait")]
fn cost_wait(cost: &Value) -> f64 {
    let number = |value: &Value| value.as_f64();
    let status = &cost["throttleStatus"];
    let known =
        (number(&cost["requestedQueryCost"]), number(&status["currentlyAvailable"]), number(&status["restoreRate"]));
    match known {
        (Some(needed), Some(available), Some(rate)) if rate > 0.0 => (needed - available) / rate,
        _ => USUAL_WAIT,
    }
}

fn wait(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_until_the_bucket_has_the_cost() {
        let status = json!({ "maximumAvailable": 1000.0, "currentlyAvailable": 100.0, "restoreRate": 50.0 });
        let cost = json!({ "requestedQueryCost": 252, "throttleStatus": status });
        assert!((cost_wait(&cost) - 3.04).abs() < 1e-9);
        assert_eq!(wait(cost_wait(&json!({}))), Duration::from_secs(1));
        assert_eq!(wait(1_000.0), Duration::from_secs(5));
        assert_eq!(wait(-3.0), Duration::from_millis(50));
    }

    #[test]
    fn user_errors_are_the_vendors_own_words() {
        let payload = json!({ "userErrors": [
            { "field": ["codes"], "code": "TAKEN", "message": "Code must be unique" }, { "message": "Too many" },
        ] });
        let errors = UserErrors::of(&payload).unwrap();
        assert!(errors.has_code("TAKEN") && !errors.has_code("INVALID"));
        let ShopFailure::Refused(text) = errors.into() else { panic!("user errors are refusals") };
        assert_eq!(text, "Code must be unique (TAKEN); Too many");
        assert!(UserErrors::of(&json!({ "userErrors": [] })).is_none() && UserErrors::of(&Value::Null).is_none());
    }
}
