//! Requests in, answers out.

use lambda_http::Request;
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use tessera_domain::input::Fault;
use tessera_lambda::Problem;
use tessera_lambda::http::{self, MAX_BODY_BYTES, Response, respond_with};

use crate::bench::{Bench, ROUTES, body, header, request};

/// Answers with the body as it was read.
async fn echo(bench: &Bench, request: Request) -> Response {
    respond_with(&bench.services, request, ROUTES, async |_, request| {
        let read = request.json()?;
        Ok(http::json(200, &json!({ "read": read, "id": request.path("id")?, "limit": request.query("limit") })))
    })
    .await
}

#[tokio::test]
async fn a_body_is_json_or_told_what_it_is() {
    let bench = Bench::start().await;
    let admin = bench.admin().await;
    let post = |kind: &'static str, text: &str| {
        let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
        request("POST", headers, Some(&admin), text)
    };
    for kind in ["", "application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        let answer = echo(&bench, post(kind, "{\"a\": 1}")).await;
        assert_eq!(answer.status().as_u16(), 200, "{kind}");
        assert_eq!(body(&answer), json!({ "read": { "a": 1 }, "id": "a b", "limit": "2" }));
    }
    let deep = "[".repeat(100_000);
    let large = " ".repeat(MAX_BODY_BYTES + 1);
    for (kind, text, status, slug) in [
        ("text/plain", "{}", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", "a=1", 415, "unsupported_media_type"),
        ("application/json", "{\"a\":", 400, "invalid"),
        ("application/json", "", 400, "invalid"),
        ("application/json", deep.as_str(), 400, "invalid"),
        ("application/json", "\u{0}", 400, "invalid"),
        ("application/json", large.as_str(), 413, "too_large"),
    ] {
        let answer = echo(&bench, post(kind, text)).await;
        assert_eq!(answer.status().as_u16(), status, "{kind}");
        assert_eq!(body(&answer)["type"], format!("urn:tessera:problem:{slug}"));
    }
}

#[tokio::test]
async fn a_problem_is_a_document() {
    let bench = Bench::start().await;
    let faults = ["/lines/0/amount", "/id"].map(|at| Fault { pointer: at.to_owned(), detail: "no".to_owned() });
    let answered = respond_with(&bench.services, request("GET", &[], None, ""), ROUTES, async |_, _| {
        Err(Problem::malformed(faults.to_vec()).with("status", json!(200)).with("diff", json!([])))
    })
    .await;
    assert_eq!(header(&answered, "content-type"), Some("application/problem+json"));
    let document = body(&answered);
    assert_eq!(
        document,
        json!({
            "type": "urn:tessera:problem:invalid", "title": "Bad Request", "status": 400, "request_id": "r-1",
            "detail": document["detail"], "diff": [],
            "errors": [{ "pointer": "/lines/0/amount", "detail": "no" }, { "pointer": "/id", "detail": "no" }]
        })
    );
    let lost = request("DELETE", &[], None, "");
    let lost = respond_with(&bench.services, lost, ROUTES, async |_, _| Ok(http::empty(204))).await;
    assert_eq!((lost.status().as_u16(), &body(&lost)["status"]), (404, &json!(404)));
}

#[tokio::test]
async fn a_panic_and_a_store_that_fails_say_come_again_and_no_more() {
    let bench = Bench::start().await;
    let get = || request("GET", &[], None, "");
    let broken = respond_with(&bench.services, get(), ROUTES, async |_, _| panic!("poison")).await;
    // A table that is not there stands for every failure of DynamoDB.
    let gone = || "gone".to_owned();
    let gone = tessera_store::Tables { members: gone(), facts: gone(), programs: gone(), credentials: gone() };
    let failing = respond_with(&bench.services, get(), ROUTES, async |_, _| {
        bench.store_of(gone).find_api_key("tsk_1").await?;
        Ok(http::empty(204))
    })
    .await;
    for answered in [broken, failing] {
        assert_eq!((answered.status().as_u16(), header(&answered, "retry-after")), (503, Some("1")));
        let document: Value = body(&answered);
        assert_eq!(document["type"], "urn:tessera:problem:unavailable");
        let text = document.to_string();
        assert!(!text.contains("poison") && !text.contains("gone"), "{text}");
    }
}

#[tokio::test]
async fn requests_without_an_id_get_one_each() {
    let bench = Bench::start().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let mut unnamed = request("GET", &[], None, "");
        let context = unnamed.extensions_mut().get_mut::<RequestContext>();
        let Some(RequestContext::ApiGatewayV2(context)) = context else { panic!("no context") };
        context.request_id = None;
        respond_with(&bench.services, unnamed, ROUTES, async |_, request| {
            names.push(request.natural_key().key.clone());
            Ok(http::empty(204))
        })
        .await;
    }
    assert_ne!(names[0], names[1]);
    assert!(!names[0].is_empty());
}
