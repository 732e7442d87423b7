//! API keys.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::IdentifierKind;
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Problem, Scope, Services};
use tessera_store::{ApiKey, KeyDeletion, KeyGrant};

/// The longest name of a key, in bytes.
const MOST_NAME_BYTES: usize = 100;
/// The highest limit of requests per minute that a key can have.
const MOST_PER_MINUTE: u32 = 60_000;

/// Reads the body of `POST /v1/api-keys`.
fn read_grant(body: &Value) -> Result<KeyGrant, Vec<Fault>> {
    let known = Scope::ALL.map(|scope| (scope.name(), scope));
    let kinds = IdentifierKind::ALL.map(|kind| (kind.name(), kind));
    input::read(body, |node| {
        let object = node.object()?;
        let name = object.required("name", |node| {
            let name = node.text(MOST_NAME_BYTES)?;
            if name.trim().is_empty() { node.refuse("must not be empty") } else { Some(name) }
        });
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
        Some(KeyGrant { name: name?, scopes, verifies, per_minute: per_minute? })
    })
}

/// A key as responses show it: never the key itself.
fn view(key: &ApiKey) -> Value {
    let mut view =
        json!({ "id": key.id, "name": key.name, "scopes": key.scopes, "created_at": key.created_at.to_string() });
    bounds(&mut view, key.verifies.as_deref(), key.per_minute);
    view
}

/// Adds what bounds a key, where something does.
fn bounds(view: &mut Value, verifies: Option<&[IdentifierKind]>, per_minute: Option<u32>) {
    if let Some(kinds) = verifies {
        view["verifies"] = kinds.iter().map(|kind| kind.name()).collect();
    }
    if let Some(limit) = per_minute {
        view["per_minute"] = json!(limit);
    }
}

/// `GET /v1/api-keys`
pub(crate) async fn list(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let keys = services.store.list_api_keys(&request.caller()?.program).await?;
    let items: Vec<Value> = keys.iter().map(view).collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": null })))
}

/// `POST /v1/api-keys`
pub(crate) async fn post(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let grant = read_grant(&request.json()?).map_err(Problem::malformed)?;
    let created = services.store.create_api_key(&request.caller()?.program, &grant, services.clock.now()).await?;
    let mut view = view(&created.key);
    view["key"] = json!(created.secret);
    Ok(http::json(201, &view))
}

/// `GET /v1/api-keys/self`: the key that sends the request.
pub(crate) fn own(request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let scopes: Vec<&str> = caller.scopes.iter().map(|scope| scope.name()).collect();
    let mut view = json!({ "id": caller.key, "name": caller.actor, "scopes": scopes });
    bounds(&mut view, caller.verifies.as_deref(), caller.per_minute);
    Ok(http::json(200, &view))
}

/// `DELETE /v1/api-keys/{id}`. The last key with the scope `admin` stays: without it nobody could create another.
pub(crate) async fn delete(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    match services.store.delete_api_key(&request.caller()?.program, request.path("id")?).await? {
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
