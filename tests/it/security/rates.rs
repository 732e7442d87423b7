//! The rate of an API key, as every function enforces it.

use reqwest::Method;
use serde_json::json;
use tessera_lambda::{Access, Route};
use tessera_local::platform::ROUTES;

use crate::shop::{Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:15+01:00";

/// The path of a route, with a name of nothing in place of each parameter.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_refuses_what_exceeds_the_rate_of_a_key() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let takes_keys =
        |route: &&Route| matches!(route.access, Access::Scope(_) | Access::ScopeOrMember(_) | Access::AnyKey);
    let mut functions = 0;
    for (function, routes) in ROUTES {
        let Some(route) = routes.iter().copied().flatten().find(takes_keys) else { continue };
        functions += 1;
        let key = json!({ "name": *function, "scopes": ["admin"], "per_minute": 1 });
        let created = shop.post("/v1/api-keys", &key).await;
        let authorization = format!("Bearer {}", created.body["key"].as_str().unwrap());
        let (method, path) = (route.method.parse::<Method>().unwrap(), path(route));
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let headers = [("authorization", authorization.as_str())];
            statuses.push(shop.request_with(method.clone(), &path, Some(&json!({})), &headers).await.status);
        }
        assert_ne!(statuses[0], 429, "{function} {}", route.key());
        assert_eq!(statuses[1], 429, "{function} does not count requests: {}", route.key());
    }
    assert!(functions > 10, "{functions}");
}
