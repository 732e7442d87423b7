//! Pictures of codes: who may see them, and what is refused.

use reqwest::Method;
use serde_json::json;

use super::{Raw, get};
use crate::shop::{KEY, Shop, per_euro, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

async fn shop() -> Shop {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for member in [
        json!({ "id": "c-1", "card": "2000000000077" }),
        json!({ "id": "c-2", "card": "ADA-7" }),
        json!({ "id": "c-3" }),
        json!({ "id": "c-4", "card": "X".repeat(60) }),
    ] {
        assert_eq!(shop.post("/v1/members", &member).await.status, 201);
    }
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", "c-1", "500.00")).await.status, 202);
    shop.settle().await;
    shop
}

async fn with_key(shop: &Shop, path: &str, key: &str) -> Raw {
    get(shop, path, &[("authorization", &format!("Bearer {key}"))]).await
}

fn problem(response: &Raw) -> String {
    let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    document["type"].as_str().unwrap().replace("urn:tessera:problem:", "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_is_drawn_for_its_owner_and_the_shop() {
    let shop = shop().await;
    let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = redeemed.body["code"].as_str().unwrap();
    let member = |id: &str| {
        token(&json!({ "iss": shop.program, "sub": id, "exp": shop.stack.now().as_second() + 600 }), &shop.secret)
    };
    for format in ["", "?format=qr", "?format=code128"] {
        for key in [KEY, member("c-1").as_str()] {
            let response = with_key(&shop, &format!("/v1/coupons/{code}.svg{format}"), key).await;
            assert_eq!((response.status, response.header("content-type")), (200, "image/svg+xml"), "{format}");
            assert_eq!(response.header("cache-control"), "no-store");
            let text = response.text();
            assert!(text.contains(&format!("<title>{code}</title>")) && !text.contains("<script"), "{text}");
        }
    }
    // A code that a shopper typed names the same coupon.
    let typed = code.to_lowercase().replace('-', "%20");
    assert_eq!(with_key(&shop, &format!("/v1/coupons/{typed}.svg"), KEY).await.status, 200);
    let stranger = with_key(&shop, &format!("/v1/coupons/{code}.svg"), &member("c-2")).await;
    assert_eq!((stranger.status, problem(&stranger).as_str()), (404, "not_found"));
    for format in ["ean13", "png", ""] {
        let response = with_key(&shop, &format!("/v1/coupons/{code}.svg?format={format}"), KEY).await;
        assert_eq!(response.status, 400, "{format}");
    }
    let narrow = shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["rewards:redeem"] })).await;
    let response = with_key(&shop, &format!("/v1/coupons/{code}.svg"), narrow.body["key"].as_str().unwrap()).await;
    assert_eq!(response.status, 403, "pictures are read with members:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_drawn_where_its_format_has_room() {
    let shop = shop().await;
    for (member, format, status, slug) in [
        ("c-1", "qr", 200, ""),
        ("c-1", "code128", 200, ""),
        ("c-1", "ean13", 200, ""),
        ("card:ADA-7", "qr", 200, ""),
        ("c-2", "ean13", 422, "not_numeric"),
        ("c-4", "qr", 200, ""),
        ("c-4", "code128", 422, "not_drawable"),
        ("c-3", "qr", 404, "not_found"),
        ("nobody", "qr", 404, "not_found"),
        ("c-1", "aztec", 400, "invalid"),
    ] {
        let response = with_key(&shop, &format!("/v1/members/{member}/card.svg?format={format}"), KEY).await;
        assert_eq!(response.status, status, "{member} {format}");
        if status == 200 {
            assert_eq!(response.header("content-type"), "image/svg+xml");
        } else {
            assert_eq!(problem(&response), slug, "{member} {format}");
        }
    }
    let own = json!({ "iss": shop.program, "sub": "c-1", "exp": shop.stack.now().as_second() + 600 });
    let response = with_key(&shop, "/v1/members/c-1/card.svg", &token(&own, &shop.secret)).await;
    assert_eq!(response.status, 403, "a member token does not reach cards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_card_begins_with_the_prefix_of_the_program() {
    let shop = shop().await;
    assert_eq!(shop.post("/v1/members", &json!({ "id": "c-5", "card": "77" })).await.status, 201);
    let drawn = async || with_key(&shop, "/v1/members/c-5/card.svg?format=ean13", KEY).await.body;
    let before = drawn().await;
    let mut changed = program(&per_euro());
    for (prefix, status) in [("400", 400), ("42", 400), ("020", 200), ("049", 200)] {
        changed["identity"] = json!({ "verified": ["card"], "ean_prefix": prefix });
        let response = shop.request(Method::PUT, "/v1/program", Some(&changed)).await;
        assert_eq!(response.status, status, "{prefix}");
    }
    shop.clock("2026-03-01T12:10:00+01:00").await;
    assert_ne!(drawn().await, before);
}
