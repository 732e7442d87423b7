//! `POST /v1/rewards/{id}/codes`: loads codes into the pool of a reward.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::coupon::{FoldedCode, PoolId};
use tessera_domain::ids::{CouponCode, RewardId};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::program::CodeSource;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Deadline, Problem, Route, Services, handler};

use crate::ADMIN;

/// The most codes of one request.
const MOST_CODES: usize = 10_000;
/// When the gateway gives a request up. The last part of it is for the codes that are under way then.
const LIMIT: Duration = Duration::from_secs(29);
/// The longest code, in characters.
const MOST_CODE: usize = 40;

/// The routes of codes.
pub(crate) const ROUTES: &[Route] = &[Route::post("/v1/rewards/{id}/codes", ADMIN, handler!(post))
    .named("loadCodes", "Program", "Loads codes into the pool of a reward")
    .audited("reward.load_codes")
    .details(
        "Codes that the program has already, in any spelling, are counted as duplicates. When the time of a request is \
         over before its last code, the response is 503 `codes_partly_loaded` with `added` and `left`; the same request \
         again loads the rest.",
    )
    .takes::<CodesBody>(CodesBody::example)
    .gives::<CodesView>(200, "What became of the codes.")];

/// Codes to load.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Codes), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_codes` reads")]
struct CodesBody {
    /// The codes, as a checkout or a till accepts them.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 10000))]
    codes: Vec<String>,
}

impl CodesBody {
    /// An example.
    fn example() -> Value {
        json!({ "codes": ["SUMMER-7K2M9QXT4W", "SUMMER-3F8D1ZRB6C"] })
    }
}

/// What became of the codes of a request.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LoadedCodes))]
struct CodesView {
    /// The codes that are new.
    added: u32,
    /// The codes that the program had before, or that the request has twice.
    duplicates: u32,
    /// The codes that are left in the pool.
    remaining: u64,
}

fn read_codes(body: &Value) -> Result<Vec<CouponCode>, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let codes = object.required("codes", |codes| {
            let read = codes.list(MOST_CODES, read_code)?;
            if read.is_empty() { codes.refuse("must have a code at least") } else { Some(read) }
        });
        object.finish();
        codes
    })
}

/// A code that people can type and a checkout can take: printable ASCII, with something in it besides dashes and spaces.
fn read_code(node: &Node<'_>) -> Option<CouponCode> {
    node.parsed(|text| {
        let code = text.trim();
        if code.len() > MOST_CODE || !code.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(format!("must be 1 to {MOST_CODE} printable ASCII characters"));
        }
        FoldedCode::parse(code).ok_or("must have a letter or a digit")?;
        if FoldedCode::is_picture(code) {
            return Err("must not end in .svg: GET /v1/coupons/… would return the picture of another code".to_owned());
        }
        CouponCode::new(code).map_err(|error| error.to_string())
    })
}

/// `POST /v1/rewards/{id}/codes`. What a request that died in between has loaded is a duplicate of its repetition.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let deadline = Deadline::after(LIMIT);
    let caller = request.caller()?;
    let codes = read_codes(&request.large_json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let unknown = || Problem::not_found("there is no reward with this identifier");
    let id = RewardId::new(request.path("id")?).map_err(|_| unknown())?;
    let reward = program.compiled.reward(&id).ok_or_else(unknown)?;
    let source = match reward.code {
        CodeSource::Pool(_) => None,
        CodeSource::Pattern(_) => Some("generated"),
        CodeSource::Provider(_) => Some("created in the shop"),
    };
    if let Some(source) = source {
        let detail = format!("the reward's codes are {source}; set \"code\": {{\"pool\": true}} to load them");
        return Err(Problem::not_allowed("no_pool", detail));
    }
    let loads = AuditChange::added("codes", json!(codes.len()));
    let audit = request.audit(format!("rewards/{id}"))?.changing([loads]);
    let loaded = services.store.load_codes(&program.id, &id, &codes, &audit, &|| deadline.is_near()).await?;
    if loaded.left > 0 {
        let problem =
            Problem::come_again("codes_partly_loaded", "send the request again: it loads the codes that are left");
        return Err(problem.with("added", json!(loaded.added)).with("left", json!(loaded.left)));
    }
    let remaining = services.store.codes_left(&program.id, &PoolId::loaded(id)).await?;
    Ok(http::json(200, &CodesView { added: loaded.added, duplicates: loaded.duplicates, remaining }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_came() {
        let codes = read_codes(&json!({ "codes": ["ab-1", " AB 1 ", "c/2"] })).unwrap();
        assert_eq!(codes.iter().map(CouponCode::as_str).collect::<Vec<_>>(), ["ab-1", "AB 1", "c/2"]);
        assert_eq!(FoldedCode::from(&codes[0]), FoldedCode::from(&codes[1]));
    }

    #[test]
    fn every_bad_code_is_named() {
        let bad = ["", " - ", &"x".repeat(300), "é", "a\nb", "SALE-1.svg", "SALE-1.SVG "];
        let faults = read_codes(&json!({ "codes": bad })).unwrap_err();
        let pointers: Vec<String> = faults.into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, (0..bad.len()).map(|place| format!("/codes/{place}")).collect::<Vec<_>>());
        let many = vec!["x"; MOST_CODES + 1];
        for body in [json!({}), json!({ "codes": [] }), json!({ "codes": "x" }), json!({ "codes": many })] {
            assert!(read_codes(&body).is_err());
        }
    }
}
