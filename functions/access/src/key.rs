//! API keys.

use std::future::ready;

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::IdentifierKind;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::ListPage;
use tessera_lambda::{Access, Content, Problem, Route, Scope, Services, handler};
use tessera_store::{ApiKey, KeyCreation, KeyDeletion, KeyGrant};

const ADMIN: Access = Access::Scope(Scope::Admin);

/// The routes of API keys.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/api-keys", ADMIN, handler!(list))
        .named("listApiKeys", "Access", "Lists the API keys")
        .paged()
        .lists::<ApiKeyView>("A page of keys."),
    Route::post("/v1/api-keys", ADMIN, handler!(post))
        .named("makeApiKey", "Access", "Creates an API key")
        .audited("api_key.create")
        .details("The key is shown once.")
        .not_repeating(&["key"])
        .takes::<ApiKeyBody>(ApiKeyBody::example)
        .gives::<NewApiKeyView>(201, "The key."),
    Route::get("/v1/api-keys/self", Access::AnyKey, |_, request| Box::pin(ready(own(request))))
        .named("getOwnApiKey", "Access", "Reads the API key that sends the request")
        .gives::<OwnApiKeyView>(200, "Its name and scopes."),
    Route::delete("/v1/api-keys/{id}", ADMIN, handler!(delete))
        .named("deleteApiKey", "Access", "Deletes an API key")
        .audited("api_key.delete")
        .details("The last key with the scope `admin` stays.")
        .responds(204, "It is deleted.", Content::Nothing)
        .fails(422),
];

/// The most keys that a key descends from.
const MOST_CREATORS: usize = 16;
/// The longest name of a key, in bytes.
const MOST_NAME_BYTES: usize = 100;
/// The highest limit of requests per minute that a key can have.
const MOST_PER_MINUTE: u32 = 60_000;

/// An API key to create.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ApiKeyWish), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_grant` reads")]
struct ApiKeyBody {
    /// Its name: the actor in the audit.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    name: String,
    /// What it may do.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 10))]
    scopes: Vec<Scope>,
    /// The identifiers that it may send as verified; absent: no bound.
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 60000))]
    per_minute: Option<u32>,
}

impl ApiKeyBody {
    fn example() -> Value {
        json!({ "name": "till of Milano", "scopes": ["receipts:write", "rewards:redeem"] })
    }
}

/// Reads the body of `POST /v1/api-keys`.
fn read_grant(body: &Value) -> Result<KeyGrant, Vec<Fault>> {
    let known = Scope::ALL.map(|scope| (scope.name(), scope));
    let kinds = IdentifierKind::ALL.map(|kind| (kind.name(), kind));
    input::read(body, |node| {
        let object = node.object()?;
        let name = object.required("name", |node| node.filled(MOST_NAME_BYTES));
        let scopes = object.required("scopes", |node: &Node<'_>| {
            let scopes = node.list(known.len(), |scope| scope.choice(&known))?;
            if scopes.is_empty() { node.refuse("must name at least one scope") } else { Some(scopes) }
        });
        let verifies = object.optional("verifies", |node| node.list(kinds.len(), |kind| kind.choice(&kinds)));
        let per_minute = object.optional("per_minute", |node| node.count(1, MOST_PER_MINUTE));
        object.finish();
        let mut scopes: Vec<String> = scopes?.into_iter().map(|scope| scope.name().to_owned()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let verifies = verifies?.map(|mut kinds: Vec<IdentifierKind>| {
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        });
        Some(KeyGrant { name: name?, scopes, verifies, per_minute: per_minute?, creators: Vec::new() })
    })
}

/// An API key, without the key itself.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ApiKey))]
struct ApiKeyView {
    /// Its identifier.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>))]
    scopes: Vec<String>,
    /// The identifiers that it may send as verified; absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    per_minute: Option<u32>,
    /// The id of the key that created it; absent for a key of the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    created_by: Option<String>,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
}

/// An API key that was created now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewApiKey))]
struct NewApiKeyView {
    /// What every response shows.
    #[serde(flatten)]
    view: ApiKeyView,
    /// The key. It is not stored: a replay of the response omits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = false, nullable = false))]
    key: Option<String>,
}

/// The API key that sends the request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OwnApiKey))]
struct OwnApiKeyView {
    /// Its identifier.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>))]
    scopes: Vec<&'static str>,
    /// The identifiers that it may send as verified; absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    per_minute: Option<u32>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let created_at = key.created_at.to_string();
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            verifies: key.verifies,
            per_minute: key.per_minute,
            created_by: key.creators.last().cloned(),
            created_at,
        }
    }
}

/// `GET /v1/api-keys`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let keys = services.store.list_api_keys(&request.caller()?.program).await?;
    let items: Vec<ApiKeyView> = keys.into_iter().map(ApiKeyView::from).collect();
    Ok(http::json(200, &ListPage::of_all(services, request, "API keys", items, |key| &key.id).await?))
}

/// `POST /v1/api-keys`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let grant = read_grant(&request.json()?).map_err(Problem::malformed)?;
    let caller = request.caller()?;
    // A key without a bound may verify every kind.
    caller.check_verifies(grant.verifies.as_deref().unwrap_or(&IdentifierKind::ALL))?;
    let (program, natural) = (&caller.program, request.natural_key());
    let creators: Vec<String> = caller.creators()?.iter().chain(&caller.key).cloned().collect();
    if creators.len() > MOST_CREATORS {
        let detail = format!("a key descends from at most {MOST_CREATORS} others; create it with one of those");
        return Err(Problem::not_allowed("limit_reached", detail));
    }
    let grant = KeyGrant { creators, ..grant };
    let created = services
        .store
        .create_api_key(program, &grant, &natural.key, natural.started_at, &request.audit("api-keys")?)
        .await?;
    let view = match created {
        KeyCreation::Created(created) => NewApiKeyView { view: created.key.into(), key: Some(created.secret) },
        // The first attempt created the key, and its response was lost. The secret is not stored.
        KeyCreation::Already(key) => NewApiKeyView { view: key.into(), key: None },
    };
    Ok(http::json(201, &view))
}

/// `GET /v1/api-keys/self`: the key that sends the request.
fn own(request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let view = OwnApiKeyView {
        id: caller.key.clone().unwrap_or_default(),
        name: caller.actor.clone(),
        scopes: caller.scopes.iter().map(|scope| scope.name()).collect(),
        verifies: caller.verifies.clone(),
        per_minute: caller.per_minute,
    };
    Ok(http::json(200, &view))
}

/// `DELETE /v1/api-keys/{id}`. The last key with the scope `admin` stays: without it nobody could create another.
async fn delete(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let id = request.path("id")?;
    let audit = request.audit(format!("api-keys/{id}"))?;
    match services.store.delete_api_key(&request.caller()?.program, id, &audit).await? {
        KeyDeletion::Deleted => Ok(http::empty(204)),
        KeyDeletion::Unknown => Err(Problem::not_found("there is no such key")),
        KeyDeletion::LastAdmin => {
            Err(Problem::not_allowed("last_admin_key", "this is the last key with the scope admin"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_name_known_scopes_and_bounds() {
        let body = json!({
            "name": "till", "scopes": ["support", "members:read", "support"],
            "verifies": ["phone", "card", "card"], "per_minute": 600
        });
        let grant = KeyGrant {
            name: "till".to_owned(),
            scopes: vec!["members:read".to_owned(), "support".to_owned()],
            verifies: Some(vec![IdentifierKind::Card, IdentifierKind::Phone]),
            per_minute: Some(600),
            creators: Vec::new(),
        };
        assert_eq!(read_grant(&body).unwrap(), grant);
        let unbounded = read_grant(&json!({ "name": "till", "scopes": ["publisher"] })).unwrap();
        assert_eq!((unbounded.verifies, unbounded.per_minute), (None, None));
        let nothing = read_grant(&json!({ "name": "till", "scopes": ["admin"], "verifies": [] })).unwrap();
        assert_eq!(nothing.verifies, Some(Vec::new()));
        for (pointer, body) in [
            ("/name", json!({ "scopes": ["admin"] })),
            ("/name", json!({ "name": " ", "scopes": ["admin"] })),
            ("/scopes", json!({ "name": "till", "scopes": [] })),
            ("/scopes/0", json!({ "name": "till", "scopes": ["root"] })),
            ("/key", json!({ "name": "till", "scopes": ["admin"], "key": "tsk_mine" })),
            ("/verifies/0", json!({ "name": "till", "scopes": ["admin"], "verifies": ["fax"] })),
            ("/per_minute", json!({ "name": "till", "scopes": ["admin"], "per_minute": 0 })),
            ("/per_minute", json!({ "name": "till", "scopes": ["admin"], "per_minute": 60_001 })),
            ("/per_minute", json!({ "name": "till", "scopes": ["admin"], "per_minute": "600" })),
        ] {
            let faults = read_grant(&body).unwrap_err();
            assert_eq!(faults[0].pointer, pointer, "{body}");
        }
    }
}
