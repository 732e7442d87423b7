//! The referral program by itself.

use serde_json::{Value, json};
use tessera_domain::input::Fault;
use tessera_domain::program::ReferralProgram;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::version::etag;
use tessera_lambda::{Problem, Route, Services, handler};

use crate::ADMIN;
use crate::change::{Edit, document, edit};
use crate::part::relative;

const POINTER: &str = "/referral";

/// The routes of the referral program.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/referral-program", ADMIN, handler!(get))
        .named("getReferralProgram", "Program", "Reads the referral program")
        .etag()
        .gives::<ReferralProgram>(200, "As it is stored.")
        .fails(404),
    Route::put("/v1/referral-program", ADMIN, handler!(put))
        .named("putReferralProgram", "Program", "Replaces the referral program")
        .audited("referral_program.replace")
        .if_match()
        .etag()
        .takes::<ReferralProgram>(example)
        .gives::<ReferralProgram>(200, "As it is stored.")
        .fails(409)
        .fails(422),
];

/// An example of a referral program.
fn example() -> Value {
    json!({
        "enabled": true, "advocates": { "who": "members" },
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } },
        "code": { "length": 8, "prefix": "", "starts_after_days": 0 },
        "attribution_days": 30, "hold_days": 14,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50, "kind": "redeemable" } }] },
        "advocate": { "mode": "additive", "milestones": [
            { "at": 1, "then": [{ "credit": { "points": 10, "kind": "redeemable" } }] },
        ] },
        "review_at_score": 50, "checks": { "same_ip": 30, "ip_velocity": 20, "advocate_velocity": 20 },
    })
}

/// `GET /v1/referral-program`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let current = services.program(&request.caller()?.program).await?;
    let document = document(&current.compiled.program);
    respond(current.head.version, document.pointer(POINTER))
}

/// `PUT /v1/referral-program`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let sent = request.json()?;
    if !Value::is_object(&sent) {
        return Err(Problem::malformed_at("", "must be an object"));
    }
    let (active, pointer) = edit(services, request, &Replace(sent)).await?;
    let stored = document(&active.compiled.program);
    respond(active.head.version, stored.pointer(&pointer))
}

/// Replaces the referral program. A `PUT` of the program without it removes it.
struct Replace(Value);

impl Edit for Replace {
    fn make(&self, document: &mut Value) -> Result<String, Problem> {
        let Value::Object(fields) = document else { return Err(unknown()) };
        fields.insert("referral".to_owned(), self.0.clone());
        Ok(POINTER.to_owned())
    }

    fn localize(&self, faults: Vec<Fault>, pointer: &str) -> Vec<Fault> {
        relative(faults, pointer)
    }

    fn object(&self, _document: &Value, _pointer: &str) -> String {
        "referral-program".to_owned()
    }

    fn refused(&self, faults: Vec<Fault>) -> Problem {
        Problem::malformed(faults)
    }
}

fn respond(version: u32, referral: Option<&Value>) -> Result<Response, Problem> {
    let referral = referral.ok_or_else(unknown)?;
    Ok(http::with_header(http::json(200, referral), "etag", &etag(version)))
}

fn unknown() -> Problem {
    Problem::not_found("the program has no referral program")
}
