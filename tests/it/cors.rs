//! Pages of a program's `storefront.allowed_origins` may read the responses of browser routes; other pages may not.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::http::BROWSER_PATHS;
use tessera_local::platform::ROUTES;

use crate::shop::{KEY, Response, Shop, per_euro, program, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
const OWN: &str = "https://shop.example";
const FOREIGN: &str = "https://evil.example";

async fn shop() -> Shop {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": OWN, "allowed_origins": [OWN] });
    let shop = Shop::open(&document, CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name).map(|value| value.to_str().unwrap())
}

/// The origin that may read a response.
fn allowed(response: &Response) -> Option<&str> {
    header(response, "access-control-allow-origin")
}

async fn send(
    shop: &Shop,
    method: Method,
    path: &str,
    body: Option<&Value>,
    origin: Option<&str>,
    token: &str,
) -> Response {
    let authorization = format!("Bearer {token}");
    let mut headers = Vec::new();
    if !token.is_empty() {
        headers.push(("authorization", authorization.as_str()));
    }
    headers.extend(origin.map(|origin| ("origin", origin)));
    shop.request_with(method, path, body, &headers).await
}

fn member(shop: &Shop) -> String {
    token(&json!({ "iss": shop.program, "sub": "c-1", "exp": shop.stack.now().as_second() + 600 }), &shop.secret)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_request_is_allowed_by_the_program_that_it_names() {
    let shop = shop().await;
    let preflight = async |path: &str, origin: Option<&str>| {
        let response = send(&shop, Method::OPTIONS, path, None, origin, "").await;
        (response.status, allowed(&response).map(str::to_owned), response)
    };
    for path in ["/v1/hub", "/v1/members", "/v1/members/c-1/redemptions", "/v1/coupons/ADA-1/apply"] {
        let named = format!("{path}?program={}", shop.program);
        let (status, origin, response) = preflight(&named, Some(OWN)).await;
        assert_eq!((status, origin.as_deref()), (204, Some(OWN)), "{path}");
        assert_eq!(header(&response, "access-control-allow-methods"), Some("GET, POST"));
        let headers = header(&response, "access-control-allow-headers").unwrap();
        for name in ["authorization", "content-type", "idempotency-key"] {
            assert!(headers.contains(name), "{headers}");
        }
        assert_eq!(header(&response, "vary"), Some("origin"));
        for origin in [Some(FOREIGN), Some("null"), None] {
            let (status, allowed, _) = preflight(&named, origin).await;
            assert_eq!((status, allowed), (204, None), "{path} from {origin:?}");
        }
        assert_eq!(preflight(path, Some(OWN)).await.1, None, "without a program");
    }
    for path in
        ["/v1/program", "/v1/api-keys", "/v1/members/c-1", "/v1/members/c-1/adjustments", "/v1/coupons/A/use", "/v1"]
    {
        let (status, allowed, _) = preflight(&format!("{path}?program={}", shop.program), Some(OWN)).await;
        assert_eq!((status == 204 || status == 404, allowed), (true, None), "{path} is not for pages");
    }
    let (status, origin, response) = preflight("/v1/hub?program=prg_none", Some(OWN)).await;
    assert_eq!((status, origin, response.problem()), (404, None, "not_found"));
}

/// Blocks are outside `/v1`: no page reads them by script.
#[test]
fn preflight_requests_know_the_browser_routes() {
    let routes = ROUTES.iter().flat_map(|(_, tables)| tables.iter().copied().flatten());
    let paths = routes.filter(|route| route.access.is_for_browsers()).map(|route| route.path);
    let paths: BTreeSet<_> = paths.filter(|path| path.starts_with("/v1/")).collect();
    assert_eq!(paths, BROWSER_PATHS.iter().copied().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_are_readable_for_the_pages_of_the_program_alone() {
    let shop = shop().await;
    let (member, hub) = (member(&shop), format!("/v1/hub?program={}", shop.program));
    let wish = json!({ "reward": "no-such" });
    let redemptions = "/v1/members/c-1/redemptions";
    for (method, path, body, token, status) in [
        (Method::GET, hub.as_str(), None, "", 200),
        (Method::GET, hub.as_str(), None, member.as_str(), 200),
        (Method::GET, hub.as_str(), None, "no-token", 401),
        (Method::GET, "/v1/members/c-1/hub", None, member.as_str(), 200),
        (Method::GET, "/v1/members/c-1/coupons", None, member.as_str(), 200),
        (Method::POST, "/v1/members", Some(&json!({})), member.as_str(), 200),
        // A page can read why it was refused.
        (Method::POST, redemptions, Some(&wish), member.as_str(), 422),
        (Method::POST, redemptions, Some(&json!({})), member.as_str(), 400),
    ] {
        let own = send(&shop, method.clone(), path, body, Some(OWN), token).await;
        assert_eq!((own.status, allowed(&own)), (status, Some(OWN)), "{method} {path}: {}", own.body);
        assert!(header(&own, "vary").is_some_and(|vary| vary.contains("origin")), "{method} {path}");
        for origin in [Some(FOREIGN), None] {
            let other = send(&shop, method.clone(), path, body, origin, token).await;
            assert_eq!((other.status, allowed(&other)), (status, None), "{method} {path} from {origin:?}");
        }
    }
    // Nothing that a shop's server uses is for pages, whoever has a key.
    for path in ["/v1/program", "/v1/members/c-1", "/v1/api-keys"] {
        let response = send(&shop, Method::GET, path, None, Some(OWN), KEY).await;
        assert_eq!((response.status, allowed(&response)), (200, None), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_origins_takes_effect() {
    let shop = shop().await;
    let hub = format!("/v1/hub?program={}", shop.program);
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "allowed_origins": [FOREIGN] });
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&document)).await.status, 200);
    for (origin, expected) in [(OWN, None), (FOREIGN, Some(FOREIGN))] {
        let response = send(&shop, Method::GET, &hub, None, Some(origin), "").await;
        assert_eq!(allowed(&response), expected);
        let response = send(&shop, Method::OPTIONS, &hub, None, Some(origin), "").await;
        assert_eq!(allowed(&response), expected);
    }
}
