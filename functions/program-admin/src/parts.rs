//! Rules, rewards and tiers by themselves.

use serde_json::{Value, json};
use tessera_domain::input::Fault;
use tessera_domain::program::{Reward, Tier, VipTier};
use tessera_domain::rule::Rule;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::ListPage;
use tessera_lambda::version::etag;
use tessera_lambda::{Content, Problem, Route, Services, handler};

use crate::ADMIN;
use crate::change::{Edit, document, edit};
use crate::part::{PartError, ProgramPart, relative};

/// The five routes of a kind of part.
macro_rules! part_routes {
    (
        $paths:literal, $one:literal, $part:expr, $type:ty, $example:path,
        [$list:literal, $add:literal, $get:literal, $put:literal, $delete:literal], $name:literal
    ) => {
        &[
            Route::get($paths, ADMIN, handler!(list, $part))
                .named($list, "Program", concat!("Lists every ", $name))
                .paged()
                .lists::<$type>(concat!("A page of ", $name, "s.")),
            Route::post($paths, ADMIN, handler!(post, $part))
                .named($add, "Program", concat!("Adds a ", $name))
                .audited(concat!($name, ".create"))
                .if_match()
                .etag()
                .takes::<$type>($example)
                .gives::<$type>(201, "As it is stored."),
            Route::get($one, ADMIN, handler!(get, $part))
                .named($get, "Program", concat!("Reads a ", $name))
                .etag()
                .gives::<$type>(200, "As it is stored."),
            Route::put($one, ADMIN, handler!(put, $part))
                .named($put, "Program", concat!("Replaces a ", $name))
                .audited(concat!($name, ".replace"))
                .if_match()
                .etag()
                .takes::<$type>($example)
                .gives::<$type>(200, "As it is stored.")
                .fails(409)
                .fails(422),
            Route::delete($one, ADMIN, handler!(delete, $part))
                .named($delete, "Program", concat!("Removes a ", $name))
                .audited(concat!($name, ".delete"))
                .if_match()
                .responds(204, "It is removed.", Content::Nothing)
                .fails(409)
                .fails(422),
        ]
    };
}

/// The routes of rules.
pub(crate) const RULES: &[Route] = part_routes!(
    "/v1/rules",
    "/v1/rules/{id}",
    ProgramPart::Rules,
    Rule,
    example_of_rule,
    ["listRules", "addRule", "getRule", "putRule", "deleteRule"],
    "rule"
);

/// The routes of rewards.
pub(crate) const REWARDS: &[Route] = part_routes!(
    "/v1/rewards",
    "/v1/rewards/{id}",
    ProgramPart::Rewards,
    Reward,
    example_of_reward,
    ["listRewards", "addReward", "getReward", "putReward", "deleteReward"],
    "reward"
);

/// The routes of tiers.
pub(crate) const TIERS: &[Route] = part_routes!(
    "/v1/tiers",
    "/v1/tiers/{id}",
    ProgramPart::Tiers,
    AnyTier,
    example_of_tier,
    ["listTiers", "addTier", "getTier", "putTier", "deleteTier"],
    "tier"
);

/// A tier, on the ladder or, without a threshold, outside it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(untagged))]
#[allow(dead_code, reason = "the schema of the parts `Part::Tiers`")]
enum AnyTier {
    /// A step of the ladder.
    Ladder(Tier),
    /// A tier outside the ladder.
    Vip(VipTier),
}

/// An example of a rule.
pub(crate) fn rule_example(id: &str) -> Value {
    json!({
        "id": id, "name": "10 points every 50 €", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "where": { "stores": ["milano-01"] }, "spend": { "every": "50.00" } } },
        "then": [{ "credit": { "points": 10 } }],
    })
}

/// An example of a reward.
pub(crate) fn reward_example(id: &str) -> Value {
    json!({
        "id": id, "name": { "it": "5 € di sconto", "en": "5 € off" }, "type": "amount_off", "value": "5.00", "cost": 100,
        "code": { "pattern": "ADA-###########" }, "valid_days": 90,
    })
}

fn example_of_rule() -> Value {
    rule_example("every-50")
}

fn example_of_reward() -> Value {
    reward_example("five-off")
}

fn example_of_tier() -> Value {
    json!({ "id": "gold", "name": { "it": "Oro", "en": "Gold" }, "threshold": 1000 })
}

/// `GET /v1/{parts}`, in the document's order.
async fn list(services: &Services, request: &ApiRequest, kind: ProgramPart) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let document = document(&current.compiled.program);
    let all = kind.all(&document);
    let page =
        ListPage::of_all(services, request, kind.name(), all, |part| part["id"].as_str().unwrap_or_default()).await?;
    Ok(http::json(200, &page))
}

/// `GET /v1/{parts}/{id}`
async fn get(services: &Services, request: &ApiRequest, kind: ProgramPart) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let document = document(&current.compiled.program);
    Ok(respond(200, current.head.version, kind.get(&document, request.path("id")?).ok_or_else(unknown)?))
}

/// `POST /v1/{parts}`
async fn post(services: &Services, request: &ApiRequest, kind: ProgramPart) -> Result<Response, Problem> {
    store(services, request, 201, |sent| Change::Insert(kind, sent)).await
}

/// `PUT /v1/{parts}/{id}`
async fn put(services: &Services, request: &ApiRequest, kind: ProgramPart) -> Result<Response, Problem> {
    let id = request.path("id")?;
    store(services, request, 200, |sent| Change::Replace(kind, id, sent)).await
}

/// `DELETE /v1/{parts}/{id}`
async fn delete(services: &Services, request: &ApiRequest, kind: ProgramPart) -> Result<Response, Problem> {
    edit(services, request, &Change::Remove(kind, request.path("id")?)).await?;
    Ok(http::empty(204))
}

/// Edits the document so that it has the part that was sent, and responds with the part as it is stored.
async fn store<'a>(
    services: &Services,
    request: &ApiRequest,
    status: u16,
    change: impl FnOnce(Value) -> Change<'a>,
) -> Result<Response, Problem> {
    let (active, pointer) = edit(services, request, &change(request.json()?)).await?;
    let stored = document(&active.compiled.program);
    Ok(respond(status, active.head.version, stored.pointer(&pointer).ok_or_else(unknown)?))
}

/// What happens to a part.
enum Change<'a> {
    Insert(ProgramPart, Value),
    Replace(ProgramPart, &'a str, Value),
    Remove(ProgramPart, &'a str),
}

impl Edit for Change<'_> {
    fn make(&self, document: &mut Value) -> Result<String, Problem> {
        let made = match self {
            Self::Insert(kind, sent) => kind.insert(document, sent.clone()),
            Self::Replace(kind, id, sent) => kind.replace(document, id, sent.clone()),
            Self::Remove(kind, id) => kind.remove(document, id).map(|()| String::new()),
        };
        made.map_err(problem)
    }

    fn localize(&self, faults: Vec<Fault>, pointer: &str) -> Vec<Fault> {
        match self {
            Self::Insert(..) | Self::Replace(..) => relative(faults, pointer),
            Self::Remove(..) => faults,
        }
    }

    fn object(&self, document: &Value, pointer: &str) -> String {
        match self {
            Self::Insert(kind, _) => {
                let id = document.pointer(pointer).and_then(|part| part["id"].as_str()).unwrap_or_default();
                format!("{}/{id}", kind.name())
            }
            Self::Replace(kind, id, _) | Self::Remove(kind, id) => format!("{}/{id}", kind.name()),
        }
    }

    fn refused(&self, faults: Vec<Fault>) -> Problem {
        match self {
            Self::Insert(..) | Self::Replace(..) => Problem::malformed(faults),
            // Nothing was sent that could be wrong: what does not hold any more is what still needs the part.
            Self::Remove(..) => Problem::in_use(faults),
        }
    }
}

fn respond(status: u16, version: u32, part: &Value) -> Response {
    http::with_header(http::json(status, part), "etag", &etag(version))
}

fn unknown() -> Problem {
    Problem::not_found("there is none with this identifier")
}

fn problem(error: PartError) -> Problem {
    match error {
        PartError::Unknown => unknown(),
        PartError::Duplicate(id) => Problem::conflict("already_exists", format!("there is {id} already")),
        PartError::Malformed(fault) => Problem::malformed(vec![fault]),
    }
}
