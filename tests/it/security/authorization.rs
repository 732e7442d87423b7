//! Authorization comes first: a refused request stores nothing and reveals nothing.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::{Access, Route, Scope};
use tessera_local::platform::ROUTES;

use crate::shop::{KEY, Response, Shop, per_euro, program, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
/// The most routes of a function: each needs a statement in its resource policy, whose size AWS limits.
const MAX_ROUTES: usize = 25;

/// A shop with two members and a credential of each kind.
struct Fixture {
    shop: Shop,
    keys: Vec<(Scope, String)>,
}

/// A kind of credential.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Credential {
    Nothing,
    Unknown,
    Key(Scope, String),
    OtherProgram(String),
    Member(String),
    Expired(String),
}

impl Fixture {
    async fn open() -> Self {
        let shop = Shop::open(&program(&per_euro()), CLOCK).await;
        for id in ["c-1", "c-2"] {
            shop.post("/v1/members", &json!({ "id": id })).await;
        }
        let mut keys = Vec::new();
        for scope in Scope::ALL {
            let created = shop.post("/v1/api-keys", &json!({ "name": scope.name(), "scopes": [scope.name()] })).await;
            keys.push((scope, created.body["key"].as_str().unwrap().to_owned()));
        }
        shop.settle().await;
        Self { shop, keys }
    }

    fn token(&self, member: &str, seconds: i64) -> String {
        let claims =
            json!({ "iss": self.shop.program, "sub": member, "exp": self.shop.stack.now().as_second() + seconds });
        token(&claims, &self.shop.secret)
    }

    fn credentials(&self) -> Vec<Credential> {
        let keys = self.keys.iter().map(|(scope, key)| Credential::Key(*scope, key.clone()));
        let others = [
            Credential::Nothing,
            Credential::Unknown,
            Credential::OtherProgram(KEY.to_owned()),
            Credential::Member(self.token("c-2", 600)),
            Credential::Expired(self.token("c-1", -3600)),
        ];
        keys.chain(others).collect()
    }

    /// Sends a request to a route for the member `c-1`, with an `Idempotency-Key` where the route honours one.
    async fn send(&self, route: &Route, credential: &Credential, key: &str) -> Response {
        let (method, path) = (route.method, route.path);
        let mut path = path.replace("{member}", "c-1").replace("{id}", "none-such").replace("{code}", "NONE-SUCH");
        path = path.replace("{program}", &self.shop.program).replace("{block}", "account").replace("{locale}", "it");
        let bearer = match credential {
            Credential::Nothing => None,
            Credential::Unknown => Some("tsk_unknown"),
            Credential::Key(_, key) | Credential::Member(key) | Credential::Expired(key) => Some(key.as_str()),
            Credential::OtherProgram(key) => {
                path.push_str("?program=prg_other");
                Some(key.as_str())
            }
        };
        let authorization = bearer.map(|bearer| format!("Bearer {bearer}"));
        let mut headers: Vec<(&str, &str)> =
            authorization.iter().map(|text| ("authorization", text.as_str())).collect();
        headers.push(("idempotency-key", key));
        // From an address of its own: many unknown keys from one address count as guesses.
        let address = key.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let address = std::net::Ipv6Addr::from(u128::from(address) << 64).to_string();
        headers.push(("x-forwarded-for", &address));
        let method: Method = method.parse().unwrap();
        let body = json!({});
        let body = (method != Method::GET && method != Method::DELETE).then_some(&body);
        self.shop.request_with(method, &path, body, &headers).await
    }

    /// Every item of every table, without the rate limits' counters.
    async fn stored(&self) -> BTreeSet<String> {
        let stack = self.shop.stack.stack();
        let dynamodb = stack.clients("operator").dynamodb;
        let mut items = BTreeSet::new();
        for table in stack.template().tables.keys() {
            let page = dynamodb.scan().table_name(table).send().await.unwrap();
            assert_eq!(page.last_evaluated_key(), None);
            let sorted = |item: &std::collections::HashMap<String, _>| {
                item.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<BTreeSet<_>>()
            };
            let is_counter = |item: &&std::collections::HashMap<String, _>| format!("{:?}", item["pk"]).contains("#l#");
            items.extend(
                page.items().iter().filter(|item| !is_counter(item)).map(|item| format!("{table} {:?}", sorted(item))),
            );
        }
        items
    }
}

/// The status with which a route refuses a credential; `None` when the route accepts it.
fn refusal(route: &Route, credential: &Credential) -> Option<u16> {
    let path = route.path;
    match (route.access, credential) {
        (Access::Public, _)
        | (Access::MemberOrAnonymous, Credential::Key(..) | Credential::Member(_))
        | (Access::AnyKey, Credential::Key(..)) => None,
        (_, Credential::Nothing | Credential::Unknown | Credential::Expired(_)) => Some(401),
        (_, Credential::OtherProgram(_)) | (Access::Scope(_) | Access::AnyKey, Credential::Member(_)) => Some(403),
        (Access::Scope(needed) | Access::ScopeOrMember(needed), Credential::Key(scope, _)) => {
            (*scope != needed && *scope != Scope::Admin).then_some(403)
        }
        // A coupon is looked up first; to another member's token it does not exist.
        (Access::ScopeOrMember(_), Credential::Member(_)) => path.contains("{member}").then_some(403),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_refuses_every_wrong_credential_and_stores_nothing() {
    let access = Fixture::open().await;
    let mut refused = 0;
    for route in ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten()) {
        let before = access.stored().await;
        for (place, credential) in access.credentials().iter().enumerate() {
            let Some(status) = refusal(route, credential) else { continue };
            let response = access.send(route, credential, &format!("{} {place}", route.key())).await;
            assert_eq!(response.status, status, "{} with {credential:?}: {}", route.key(), response.body);
            let slug = if status == 401 { "unauthorized" } else { "forbidden" };
            assert_eq!(response.problem(), slug, "{} with {credential:?}", route.key());
            refused += 1;
        }
        assert_eq!(access.stored().await, before, "{} stored something", route.key());
    }
    assert!(refused > 500, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_accepts_its_declared_scope() {
    let access = Fixture::open().await;
    let mut unheard = BTreeMap::new();
    for route in ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten()) {
        for (place, credential) in access.credentials().iter().enumerate() {
            if refusal(route, credential).is_some() {
                continue;
            }
            let response = access.send(route, credential, &format!("{} {place}", route.key())).await;
            let is_heard = ![401, 403, 500, 503].contains(&response.status)
                && !response.body["detail"].as_str().unwrap_or_default().starts_with("there is no GET ")
                && !response.body["detail"].as_str().unwrap_or_default().starts_with("there is no POST ");
            if !is_heard {
                unheard.insert(format!("{} with {credential:?}", route.key()), response.body);
            }
        }
    }
    assert_eq!(unheard, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_route_table_equals_the_template() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mounted: BTreeSet<(String, String, bool)> = shop
        .stack
        .stack()
        .template()
        .routes
        .iter()
        .map(|route| (route.function.clone(), format!("{} {}", route.method, route.path), route.authorizer.is_some()))
        .collect();
    let declared: BTreeSet<(String, String, bool)> = ROUTES
        .iter()
        .flat_map(|(function, routes)| {
            let row = |route: &Route| ((*function).to_owned(), route.key(), route.access.needs_credentials());
            routes.iter().copied().flatten().map(row)
        })
        .collect();
    assert_eq!(declared, mounted);
    for (function, routes) in ROUTES {
        let keys: Vec<String> = routes.iter().copied().flatten().map(Route::key).collect();
        assert!(keys.len() <= MAX_ROUTES, "{function} has {} routes", keys.len());
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{function} declares a route twice");
    }
}

/// Every scope of the API's specification, and its routes.
#[test]
fn scopes_grant_the_routes_of_the_specification() {
    let opened = |scope: Scope| -> BTreeSet<String> {
        let routes = ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten());
        let by_scope = routes.filter(
            |route| matches!(route.access, Access::Scope(needed) | Access::ScopeOrMember(needed) if needed == scope),
        );
        by_scope.map(Route::key).collect()
    };
    for (scope, routes) in [
        (
            Scope::ReceiptsWrite,
            &[
                "POST /v1/receipts",
                "POST /v1/receipts/preview",
                "POST /v1/receipts/{id}/claim",
                "POST /v1/receipts/{id}/refunds",
            ][..],
        ),
        (Scope::InteractionsWrite, &["POST /v1/interactions"]),
        (
            Scope::MembersRead,
            &[
                "GET /v1/coupons/{code}",
                "GET /v1/interactions/{id}",
                "GET /v1/members",
                "GET /v1/members/{member}",
                "GET /v1/members/{member}/card.svg",
                "GET /v1/members/{member}/coupons",
                "GET /v1/members/{member}/entries",
                "GET /v1/members/{member}/hub",
                "GET /v1/members/{member}/receipts",
                "GET /v1/members/{member}/referrals",
                "GET /v1/receipts/{id}",
                "GET /v1/receipts/{id}/explanation",
                "GET /v1/referral-codes/{code}",
            ],
        ),
        (
            Scope::MembersWrite,
            &["PATCH /v1/members/{member}", "POST /v1/members", "POST /v1/members/{member}/activate"],
        ),
        (
            Scope::RewardsRedeem,
            &[
                "POST /v1/coupons/{code}/apply",
                "POST /v1/coupons/{code}/cancel",
                "POST /v1/coupons/{code}/check",
                "POST /v1/coupons/{code}/commit",
                "POST /v1/coupons/{code}/release",
                "POST /v1/coupons/{code}/use",
                "POST /v1/members/{member}/redemptions",
            ],
        ),
        (Scope::ReferralsWrite, &["POST /v1/members/{member}/referral-shares", "POST /v1/referrals"]),
        (Scope::ReportsRead, &["GET /v1/liability", "GET /v1/notices", "GET /v1/overview"]),
        (
            Scope::Support,
            &[
                "DELETE /v1/members/{member}",
                "DELETE /v1/members/{member}/notes",
                "DELETE /v1/members/{member}/notes/{id}",
                "GET /v1/members/{member}/export",
                "GET /v1/members/{member}/notes",
                "GET /v1/referrals",
                "POST /v1/coupons/{code}/move",
                "POST /v1/members/{member}/adjustments",
                "POST /v1/members/{member}/notes",
                "POST /v1/members/{source}/merge",
                "POST /v1/members/{source}/unmerge",
                "POST /v1/receipts/{id}/move",
                "POST /v1/referrals/{id}/approve",
                "POST /v1/referrals/{id}/reject",
                "PUT /v1/members/{member}/exclusion",
            ],
        ),
    ] {
        assert_eq!(
            opened(scope),
            routes.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>(),
            "{}",
            scope.name()
        );
    }
    let by_member = ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten());
    let by_member: BTreeSet<String> =
        by_member.filter(|route| matches!(route.access, Access::ScopeOrMember(_))).map(Route::key).collect();
    let expected = [
        "GET /v1/coupons/{code}",
        "GET /v1/members/{member}/coupons",
        "GET /v1/members/{member}/entries",
        "GET /v1/members/{member}/hub",
        "GET /v1/members/{member}/referrals",
        "POST /v1/coupons/{code}/apply",
        "POST /v1/coupons/{code}/cancel",
        "POST /v1/coupons/{code}/commit",
        "POST /v1/coupons/{code}/release",
        "POST /v1/members",
        "POST /v1/members/{member}/redemptions",
        "POST /v1/members/{member}/referral-shares",
    ];
    assert_eq!(by_member, expected.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_without_the_scope_cannot_claim_an_idempotency_key() {
    let access = Fixture::open().await;
    let key_of = |scope: Scope| access.keys.iter().find(|(of, _)| *of == scope).unwrap().1.clone();
    let (till, support) = (key_of(Scope::ReceiptsWrite), key_of(Scope::Support));
    let send = async |credential: &str, path: &str, body: &Value| {
        let authorization = format!("Bearer {credential}");
        let headers = [("authorization", authorization.as_str()), ("idempotency-key", "k-1")];
        access.shop.request_with(Method::POST, path, Some(body), &headers).await
    };
    let award = json!({ "award": 10, "reason": "sorry" });
    let adjustments = "/v1/members/c-1/adjustments";
    assert_eq!(send(&till, adjustments, &award).await.status, 403);
    // Nor on a route for which it has the scope.
    assert_eq!(send(&till, "/v1/receipts", &json!({})).await.status, 400);
    let awarded = send(&support, adjustments, &award).await;
    assert_eq!((awarded.status, awarded.headers.get("idempotency-replayed")), (201, None), "{}", awarded.body);
    // Another key with the scope repeats the request of the first: a shop may have replaced its key meanwhile.
    let repeated = send(KEY, adjustments, &award).await;
    assert_eq!((repeated.status, &repeated.body), (201, &awarded.body));
    assert!(repeated.headers.contains_key("idempotency-replayed"));
    assert_eq!(send(&till, adjustments, &award).await.status, 403);
    assert_eq!(access.shop.member("c-1").await["points"]["available"], 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equivalent_paths_share_an_idempotency_key() {
    let access = Fixture::open().await;
    let award = json!({ "award": 10, "reason": "sorry" });
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", "k-1")];
    let mut replayed = Vec::new();
    for path in ["/v1/members/c-1/adjustments", "/v1/members/c%2D1/adjustments", "/v1/members/%63-1/adjustments"] {
        let response = access.shop.request_with(Method::POST, path, Some(&award), &headers).await;
        assert_eq!(response.status, 201, "{path}: {}", response.body);
        replayed.push(response.headers.contains_key("idempotency-replayed"));
    }
    assert_eq!(replayed, [false, true, true]);
    let other = access.shop.request_with(Method::POST, "/v1/members/c-2/adjustments", Some(&award), &headers).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused"));
    assert_eq!(access.shop.member("c-1").await["points"]["available"], 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_reads_its_own_name_and_scopes() {
    let access = Fixture::open().await;
    let body = json!({ "name": "till 7", "scopes": ["receipts:write"], "verifies": ["card"], "per_minute": 600 });
    let created = access.shop.post("/v1/api-keys", &body).await.body;
    let authorization = format!("Bearer {}", created["key"].as_str().unwrap());
    let headers = [("authorization", authorization.as_str())];
    let own = access.shop.request_with(Method::GET, "/v1/api-keys/self", None, &headers).await;
    let expected = json!({
        "id": created["id"], "name": "till 7", "scopes": ["receipts:write"], "verifies": ["card"], "per_minute": 600
    });
    assert_eq!((own.status, own.body), (200, expected));
    let listed = access.shop.get("/v1/api-keys").await;
    let listed = listed["items"].as_array().unwrap().iter().find(|key| key["id"] == created["id"]).unwrap();
    let mut shown = created.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(listed, &shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_rotation_keeps_the_secret_in_use_valid_until_revocation() {
    let mut doors = Fixture::open().await;
    let authorization = format!("Bearer {KEY}");
    let in_use = doors.shop.secret.clone();
    // A credential is cached for a minute, so each check uses a new token.
    let mut seconds = 600;
    let mut hub = async |doors: &mut Fixture, secret: &str| {
        seconds += 1;
        secret.clone_into(&mut doors.shop.secret);
        let authorization = format!("Bearer {}", doors.token("c-1", seconds));
        let headers = [("authorization", authorization.as_str())];
        doors.shop.request_with(Method::GET, "/v1/members/c-1/hub", None, &headers).await.status
    };
    let rotate = async |doors: &Fixture, body: &Value, key: &str| {
        let headers = [("authorization", authorization.as_str()), ("idempotency-key", key)];
        doors.shop.request_with(Method::POST, "/v1/storefront-secret/rotate", Some(body), &headers).await
    };
    let mut latest = String::new();
    for key in ["k-1", "k-2", "k-3"] {
        let rotated = rotate(&doors, &json!({}), key).await;
        latest = rotated.body["secret"].as_str().unwrap().to_owned();
        // A repeated idempotency key rotates nothing and returns no secret.
        let repeated = rotate(&doors, &json!({}), key).await;
        assert_eq!((repeated.status, &repeated.body["secret"]), (200, &Value::Null));
        for secret in [&in_use, &latest] {
            assert_eq!(hub(&mut doors, secret).await, 200, "{key}");
        }
    }
    let rotated = rotate(&doors, &json!({ "revoke_previous": true }), "k-4").await;
    assert_eq!(rotated.body["previous_valid_until"], Value::Null);
    for (secret, status) in
        [(&in_use, 401), (&latest, 401), (&rotated.body["secret"].as_str().unwrap().to_owned(), 200)]
    {
        assert_eq!(hub(&mut doors, secret).await, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_json_names_are_refused_on_every_route_with_a_body() {
    let doors = Fixture::open().await;
    let mut tried = 0;
    for route in ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten()) {
        // A delivery of a shop is refused for its signature before it is read.
        let ("POST", path, false) = (route.method, route.path, route.access == Access::Public) else { continue };
        let path = path.replace("{member}", "c-1").replace("{id}", "none-such").replace("{code}", "NONE-SUCH");
        let path = path.replace("{version}", "1");
        let body = br#"{"a":[{"b":1,"b":2}],"a":0}"#.to_vec();
        let refused = doors.shop.raw(&path, "application/json", body).await;
        assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{path}: {}", refused.body);
        let pointers: Vec<&Value> =
            refused.body["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
        assert_eq!(pointers, ["/a/0/b", "/a"], "{path}");
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
}
