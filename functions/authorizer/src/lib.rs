//! Who calls: an API key or a member's token becomes `{program, scopes, member}` for the functions.
//!
//! A bad credential is authorized too, with the reason in the context: the gateway's own refusal says nothing, and the
//! function gives the precise answer instead.

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use serde_json::Value;
use tessera_lambda::{Services, Source, Variable, auth};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Answers the gateway, in its simple format.
///
/// # Errors
/// When the credential cannot be looked up now: the gateway answers 500 then, and caches nothing.
pub async fn handle(services: &Services, event: ApiGatewayV2CustomAuthorizerV2Request) -> Result<Value, String> {
    let header = |name: &str| event.headers.get(name).and_then(|value| value.to_str().ok());
    let peer = event.request_context.http.source_ip.as_deref();
    let source = Source::find(peer, header("x-forwarded-for"), &services.config.trusted_proxies);
    auth::authorize(services, header("authorization"), &source).await
}
