//! API keys and the storefront secret.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_lambda::http::{self, Call};
use tessera_lambda::{Problem, Scope, Services};
use tessera_store::ApiKey;

/// The longest name of a key, in bytes.
const MOST_NAME_BYTES: usize = 100;

/// A key that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    name: String,
    scopes: Vec<String>,
}

/// Reads the body of `POST /v1/api-keys`.
fn read_wish(body: &Value) -> Result<Wish, Vec<Fault>> {
    let known = Scope::ALL.map(|scope| (scope.name(), scope));
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
        object.finish();
        let mut scopes: Vec<String> = scopes?.into_iter().map(|scope| scope.name().to_owned()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        Some(Wish { name: name?, scopes })
    })
}

/// A key as it is told: never with the key itself.
fn told(key: &ApiKey) -> Value {
    json!({ "id": key.id, "name": key.name, "scopes": key.scopes, "created_at": key.created_at.to_string() })
}

/// `GET /v1/api-keys`
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let caller = call.caller(services)?.require(&[Scope::Admin])?;
    let keys = services.store.list_api_keys(&caller.program).await?;
    let items: Vec<Value> = keys.iter().map(told).collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": null })))
}

/// `POST /v1/api-keys`
pub(crate) async fn post(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let caller = call.caller(services)?.require(&[Scope::Admin])?;
    let wish = read_wish(&call.json()?).map_err(Problem::malformed)?;
    let now = services.clock.now();
    let made = services.store.create_api_key(&caller.program, &wish.name, &wish.scopes, now).await?;
    let mut told = told(&made.key);
    if let Value::Object(fields) = &mut told {
        fields.insert("key".to_owned(), json!(made.secret));
    }
    Ok(http::secret(http::json(201, &told)))
}

/// `DELETE /v1/api-keys/{id}`. The last key that can administrate stays: without it nobody could make another.
pub(crate) async fn delete(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let caller = call.caller(services)?.require(&[Scope::Admin])?;
    let id = call.path("id")?;
    let keys = services.store.list_api_keys(&caller.program).await?;
    if is_last_admin(&keys, id) {
        return Err(Problem::not_allowed("last_admin_key", "this is the last key with the scope admin"));
    }
    if services.store.delete_api_key(&caller.program, id).await? {
        Ok(http::empty(204))
    } else {
        Err(Problem::not_found("there is no such key"))
    }
}

fn is_last_admin(keys: &[ApiKey], id: &str) -> bool {
    let mut admins = keys.iter().filter(|key| key.scopes.iter().any(|scope| scope == Scope::Admin.name()));
    admins.next().is_some_and(|key| key.id == id) && admins.next().is_none()
}

/// `POST /v1/storefront-secret/rotate`
pub(crate) async fn rotate_secret(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let caller = call.caller(services)?.require(&[Scope::Admin])?;
    let unknown = || Problem::program_missing(&caller.program);
    let key = services.secrets().await?;
    let now = services.clock.now();
    let secret = services.store.rotate_storefront_secret(&caller.program, &key, now).await?.ok_or_else(unknown)?;
    let kept = services.store.storefront_secrets(&caller.program, &key).await?.ok_or_else(unknown)?;
    let until = kept.previous.map(|(_, until)| until.to_string());
    Ok(http::secret(http::json(200, &json!({ "secret": secret, "previous_valid_until": until }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, scopes: &[&str]) -> ApiKey {
        ApiKey {
            id: id.to_owned(),
            name: "till".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created_at: "2026-03-01T09:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_key_has_a_name_and_known_scopes() {
        let wish = read_wish(&json!({ "name": "till", "scopes": ["support", "members:read", "support"] })).unwrap();
        assert_eq!(
            wish,
            Wish { name: "till".to_owned(), scopes: vec!["members:read".to_owned(), "support".to_owned()] }
        );
        for body in [
            json!({ "scopes": ["admin"] }),
            json!({ "name": " ", "scopes": ["admin"] }),
            json!({ "name": "till", "scopes": [] }),
            json!({ "name": "till", "scopes": ["root"] }),
            json!({ "name": "till", "scopes": ["admin"], "key": "tsk_mine" }),
        ] {
            assert!(read_wish(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_key_is_told_without_itself() {
        let told = told(&key("key_1", &["admin"]));
        assert_eq!(told["id"], "key_1");
        assert_eq!(told.get("key"), None);
    }

    #[test]
    fn the_last_admin_key_is_known() {
        let (admin, other, till) = (key("key_1", &["admin"]), key("key_2", &["admin"]), key("key_3", &["support"]));
        assert!(is_last_admin(&[admin.clone(), till.clone()], "key_1"));
        assert!(!is_last_admin(&[admin.clone(), till.clone()], "key_3"));
        assert!(!is_last_admin(&[admin, other, till], "key_1"));
        assert!(!is_last_admin(&[], "key_1"));
    }
}
