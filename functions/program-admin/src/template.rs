//! Ready rules to begin with.

use lambda_http::{Body, Response};
use serde_json::json;
use tessera_domain::rule::rule_templates;
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Problem, Services};

/// `GET /v1/rule-templates`: in the program's language, from its present day.
pub(crate) async fn list(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let today = Day::of(services.clock.now(), &current.compiled.zone);
    let templates =
        rule_templates(&current.compiled.program.locale, today).map_err(|error| Problem::internal(&error))?;
    Ok(http::json(200, &json!({ "items": templates, "next_cursor": null })))
}
