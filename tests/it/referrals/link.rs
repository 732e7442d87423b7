//! The referral link: clicks, what the hub and reports show of them, and pictures of codes.

use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::{after_the_hold, buy, refer, refund, shop};
use crate::shop::{KEY, Shop, token};

pub(super) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36";

/// Follows a link without following the redirect.
pub(super) async fn follow(shop: &Shop, code: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let mut request = client.get(format!("{}/r/{}/{code}", shop.stack.url(), shop.program));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), location.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_counts_a_click_once_and_leads_to_the_shop_alone() {
    let (shop, code) = shop(&json!({ "code": { "length": 8, "valid_days": 10 } })).await;
    let clicks = async || shop.get(&format!("/v1/referral-codes/{code}")).await["clicks"].as_u64().unwrap();
    let browser = [("user-agent", BROWSER)];
    let (status, location) = follow(&shop, &code, &browser).await;
    assert_eq!(status, 302);
    let click = location.strip_prefix(&format!("https://shop.example/it?ref={code}&ref_click=")).unwrap().to_owned();
    assert_eq!(follow(&shop, &code.to_lowercase(), &browser).await.1, location);
    assert_eq!(clicks().await, 1);
    // Another address is another click; robots and prefetches are none.
    follow(&shop, &code, &[("user-agent", BROWSER), ("x-forwarded-for", "203.0.113.9")]).await;
    assert_eq!(clicks().await, 2);
    follow(&shop, &code, &[("user-agent", "Googlebot/2.1"), ("x-forwarded-for", "203.0.113.10")]).await;
    let prefetch = [("user-agent", BROWSER), ("sec-purpose", "prefetch"), ("x-forwarded-for", "203.0.113.11")];
    follow(&shop, &code, &prefetch).await;
    assert_eq!(clicks().await, 2);
    assert_eq!(follow(&shop, "NOBODY", &browser).await, (302, "https://shop.example/it".into()));
    // Nor does what cannot be a code.
    for odd in ["-", "%20", "%E2%9C%93", &"X".repeat(300)] {
        assert_eq!(follow(&shop, odd, &browser).await, (302, "https://shop.example/it".into()), "{odd}");
    }
    assert_eq!(follow(&shop, "https:%2F%2Fevil.example", &browser).await.1, "https://shop.example/it");
    // The order came before the code was named, and after the click.
    shop.clock("2026-03-01T12:40:00+01:00").await;
    follow(&shop, &code, &browser).await;
    assert_eq!(clicks().await, 3);
    buy(&shop, "r-1", "c-grace", "70.00").await;
    let named = json!({ "code": code, "friend": { "id": "c-grace" }, "click": click });
    shop.clock("2026-03-01T12:50:00+01:00").await;
    assert_eq!(shop.post("/v1/referrals", &named).await.body["status"], "qualified");
    let without = json!({ "code": code, "friend": { "id": "c-late" } });
    buy(&shop, "r-2", "c-late", "70.00").await;
    assert_eq!(shop.post("/v1/referrals", &without).await.body["evidence"], json!(["bought_before"]));
    shop.clock("2026-03-12T12:00:00+01:00").await;
    assert_eq!(follow(&shop, &code, &browser).await.1, "https://shop.example/it");
}

/// What a page shows of an advocate's referrals.
async fn hub_of(shop: &Shop, member: &str) -> Value {
    let claims = json!({ "iss": shop.program, "sub": member, "exp": shop.stack.now().as_second() + 600 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    let seen = shop.request_with(Method::GET, "/v1/hub", None, &[("authorization", &bearer)]).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    seen.body["referral"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_shows_the_link_and_what_came_of_it() {
    let (shop, code) = shop(&json!({})).await;
    let url = format!("{}/r/{}/{code}", shop.stack.url(), shop.program);
    assert_eq!(hub_of(&shop, "c-ada").await, json!({ "code": code, "url": url, "clicks": 0, "qualified": 0 }));
    follow(&shop, &code, &[("user-agent", BROWSER)]).await;
    refer(&shop, &code, "c-grace").await;
    assert_eq!(hub_of(&shop, "c-ada").await, json!({ "code": code, "url": url, "clicks": 1, "qualified": 0 }));
    buy(&shop, "r-1", "c-grace", "70.00").await;
    assert_eq!(hub_of(&shop, "c-ada").await["qualified"], 1, "during the hold too");
    after_the_hold(&shop).await;
    assert_eq!(hub_of(&shop, "c-ada").await["qualified"], 1);
    refund(&shop, "r-1", "f-1", "70.00").await;
    assert_eq!(hub_of(&shop, "c-ada").await["qualified"], 0);
    // Visitors and strangers have no link.
    assert_eq!(hub_of(&shop, "c-grace").await, Value::Null);
    assert_eq!(hub_of(&shop, "c-nobody").await, Value::Null);
    // A member of a time before the referrals gets a code when the page is opened.
    let mut without = shop.get("/v1/program").await;
    let referral = without.as_object_mut().unwrap().remove("referral").unwrap();
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&without)).await.status, 200);
    shop.post("/v1/members", &json!({ "id": "c-old" })).await;
    assert_eq!(hub_of(&shop, "c-old").await, Value::Null);
    without["referral"] = referral;
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&without)).await.status, 200);
    let late = hub_of(&shop, "c-old").await;
    assert!(late["code"].is_string(), "{late}");
    assert_eq!(hub_of(&shop, "c-old").await, late);
    // Both counts go with a merge.
    follow(&shop, late["code"].as_str().unwrap(), &[("user-agent", BROWSER), ("x-forwarded-for", "203.0.113.1")]).await;
    assert_eq!(shop.post("/v1/members/c-old/merge", &json!({ "into": "c-ada" })).await.status, 200);
    assert_eq!(hub_of(&shop, "c-ada").await["clicks"], 2);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_drawn_as_its_link_and_for_a_till() {
    let (shop, code) = shop(&json!({})).await;
    let url = format!("{}/r/{}/{code}", shop.stack.url(), shop.program);
    let bearer = format!("Bearer {KEY}");
    let drawn = async |path: &str| {
        let client = reqwest::Client::new();
        let address = format!("{}/v1/referral-codes/{path}", shop.stack.url());
        let response = client.get(address).header("authorization", &bearer).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.text().await.unwrap())
    };
    // `tessera-codes` proves that another implementation reads these pictures.
    let picture = |text: Result<String, tessera_codes::DrawError>| (200, "image/svg+xml".to_owned(), text.unwrap());
    assert_eq!(drawn(&format!("{code}.svg")).await, picture(tessera_codes::qr(&url, &code)));
    let typed = code.to_lowercase();
    let till = picture(tessera_codes::code128(&code, &code));
    assert_eq!(drawn(&format!("{typed}.svg?format=code128")).await, till);
    for (path, status) in
        [(format!("{code}.svg?format=ean13"), 400), ("NOBODY.svg".to_owned(), 404), (".svg".to_owned(), 404)]
    {
        assert_eq!(drawn(&path).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_has_the_funnel() {
    let (shop, code) = shop(&json!({})).await;
    let funnel = async || {
        let overview = shop.get("/v1/overview?from=2026-03-01&to=2026-04-01&bucket=month").await;
        assert_eq!(overview["series"][0]["referral"], overview["totals"]["referral"]);
        overview["totals"]["referral"].clone()
    };
    assert_eq!(funnel().await, json!({ "advocates": 0, "clicks": 0, "friends": 0, "qualified": 0 }));
    for channel in ["whatsapp", "copy"] {
        shop.post("/v1/members/c-ada/referral-shares", &json!({ "channel": channel })).await;
    }
    follow(&shop, &code, &[("user-agent", BROWSER)]).await;
    for friend in ["c-grace", "c-joan", "c-ada"] {
        // The last one refers herself.
        refer(&shop, &code, friend).await;
    }
    buy(&shop, "r-1", "c-grace", "70.00").await;
    buy(&shop, "r-2", "c-joan", "70.00").await;
    assert_eq!(funnel().await, json!({ "advocates": 1, "clicks": 1, "friends": 2, "qualified": 2 }));
    after_the_hold(&shop).await;
    refund(&shop, "r-1", "f-1", "70.00").await;
    assert_eq!(funnel().await, json!({ "advocates": 1, "clicks": 1, "friends": 2, "qualified": 1 }));
    // Rewards of the referral program are no rule's.
    let overview = shop.get("/v1/overview?from=2026-03-01&to=2026-04-01").await;
    let rules = overview["top_rules"].as_array().unwrap();
    assert!(rules.iter().all(|top| !top["rule"].as_str().unwrap().starts_with("referral")), "{rules:?}");
}
