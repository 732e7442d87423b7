//! A contact without an id joins the member who verifies its identifier, with everything that is the contact's.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
const ADA: &str = "ada@example.com";

/// A point per euro, and a reward for every receipt from the outlet.
fn document() -> Value {
    let mut rules = per_euro();
    rules.as_array_mut().unwrap().push(json!({
        "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "where": { "stores": ["outlet"] } } }, "then": [{ "reward": "five-off" }] }));
    program(&rules)
}

async fn open() -> Shop {
    Shop::open(&document(), CLOCK).await
}

async fn buy(shop: &Shop, id: &str, member: &Value, total: &str) -> Response {
    buy_at(shop, id, member, total, "milano-01").await
}

async fn buy_at(shop: &Shop, id: &str, member: &Value, total: &str, store: &str) -> Response {
    let mut body = receipt(id, "", total);
    body["member"] = member.clone();
    body["store"] = store.into();
    let sent = shop.post("/v1/receipts", &body).await;
    shop.settle().await;
    sent
}

fn ada(verified: bool) -> Value {
    json!({ "id": "c-1", "email": ADA, "verified": if verified { json!(["email"]) } else { json!([]) } })
}

async fn available(shop: &Shop, member: &str) -> Value {
    shop.member(member).await["points"]["available"].clone()
}

async fn types_of(shop: &Shop, member: &str) -> Vec<String> {
    shop.entries(member).await.iter().map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
}

async fn coupons_of(shop: &Shop, member: &str) -> Vec<String> {
    let list = shop.get(&format!("/v1/members/{member}/coupons")).await;
    list["items"].as_array().unwrap().iter().map(|coupon| coupon["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unverified_first_and_verified_then_joins() {
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "email": ADA }), "30.00").await;
    let first = shop.post("/v1/members", &ada(false)).await;
    assert_eq!((first.status, &first.body["claimable"]), (201, &json!(["email"])));
    assert_eq!(available(&shop, "c-1").await, 0);

    let joined = shop.post("/v1/members", &ada(true)).await;
    assert_eq!((joined.status, &joined.body["claimable"]), (200, &Value::Null));
    assert_eq!(joined.body["points"]["available"], 30);
    assert_eq!(joined.body["identifiers"], json!([{ "kind": "email", "value": ADA, "verified": true }]));
    assert_eq!(shop.member(&format!("email:{ADA}")).await["id"], "c-1");
    assert_eq!(types_of(&shop, "c-1").await, ["merge", "merge", "earn"]);
    let ids: BTreeSet<String> = shop.entries("c-1").await.iter().map(|entry| entry["id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    let again = shop.post("/v1/members", &ada(true)).await;
    assert_eq!((again.status, &again.body["points"]["available"]), (200, &json!(30)));

    // From now on it is one member, whoever is named.
    buy(&shop, "r-2", &json!({ "email": ADA }), "12.00").await;
    assert_eq!(available(&shop, "c-1").await, 42);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_verifies_joins_both_accounts() {
    for route in ["receipt", "interaction", "claim", "enrol", "patch", "token"] {
        let shop = open().await;
        buy(&shop, "g-1", &json!({ "email": ADA }), "30.00").await;
        shop.post("/v1/members", &json!({ "id": "c-1" })).await;
        buy(&shop, "o-1", &json!({ "id": "c-1" }), "200.00").await;
        let earned = match route {
            "receipt" => {
                let sent = buy(&shop, "r-1", &ada(true), "5.00").await;
                assert_eq!((sent.status, &sent.body["claimable"]), (202, &Value::Null));
                5
            }
            "interaction" => {
                let body = json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": ada(true),
                                   "name": "waved" });
                assert_eq!(shop.post("/v1/interactions", &body).await.status, 202);
                0
            }
            "claim" => {
                buy(&shop, "a-1", &json!(null), "7.00").await;
                let sent = shop.post("/v1/receipts/a-1/claim", &json!({ "member": ada(true) })).await;
                assert_eq!(sent.status, 202, "{}", sent.body);
                7
            }
            "enrol" => {
                assert_eq!(shop.post("/v1/members", &ada(true)).await.status, 200);
                0
            }
            "patch" => {
                let body = json!({ "email": ADA, "verified": ["email"] });
                let sent = shop.request(Method::PATCH, "/v1/members/c-1", Some(&body)).await;
                assert_eq!(sent.status, 200, "{}", sent.body);
                0
            }
            _ => {
                let now = shop.stack.now().as_second();
                let claims = json!({ "iss": shop.program, "sub": "c-1", "iat": now, "exp": now + 600,
                                     "email": ADA, "email_verified": true });
                let bearer = format!("Bearer {}", token(&claims, &shop.secret));
                let sent = shop
                    .request_with(Method::POST, "/v1/members", Some(&json!({})), &[("authorization", &bearer)])
                    .await;
                assert_eq!(sent.status, 200, "{}", sent.body);
                0
            }
        };
        shop.settle().await;
        assert_eq!(available(&shop, "c-1").await, 230 + earned, "{route}");
        assert_eq!(shop.member(&format!("email:{ADA}")).await["id"], "c-1", "{route}");
        shop.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contacts_coupons_receipts_and_refunds_are_the_members() {
    let shop = open().await;
    buy_at(&shop, "g-1", &json!({ "email": ADA }), "30.00", "outlet").await;
    buy_at(&shop, "o-1", &json!({ "id": "c-1" }), "200.00", "outlet").await;
    let (guests, own) = (coupons_of(&shop, &format!("email:{ADA}")).await, coupons_of(&shop, "c-1").await);
    assert_eq!((guests.len(), own.len()), (1, 1));
    shop.post("/v1/members", &ada(true)).await;

    let mut all = coupons_of(&shop, "c-1").await;
    all.sort();
    let mut expected = [guests.clone(), own].concat();
    expected.sort();
    assert_eq!(all, expected);
    let receipts = shop.get("/v1/members/c-1/receipts").await;
    assert_eq!(receipts["items"].as_array().unwrap().len(), 2);
    assert_eq!(shop.get("/v1/receipts/g-1").await["decision"]["points"]["redeemable"], 30);
    let hub = shop.get("/v1/members/c-1/hub").await;
    assert_eq!(hub["coupons"]["available"], 2, "{hub}");

    // The member's own token reaches the coupon; a stranger's does not.
    let bearer = |sub: &str| {
        let now = shop.stack.now().as_second();
        let claims = json!({ "iss": shop.program, "sub": sub, "iat": now, "exp": now + 600 });
        format!("Bearer {}", token(&claims, &shop.secret))
    };
    shop.post("/v1/members", &json!({ "id": "c-2" })).await;
    let path = format!("/v1/coupons/{}", guests[0]);
    for (sub, status) in [("c-1", 200), ("c-2", 404)] {
        let seen = shop.request_with(Method::GET, &path, None, &[("authorization", &bearer(sub))]).await;
        assert_eq!(seen.status, status, "{sub}");
        assert!(status != 200 || seen.body["member"] == "c-1", "{}", seen.body);
    }
    let back = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:30:00+01:00", "amount": "30.00" });
    assert_eq!(shop.post("/v1/receipts/g-1/refunds", &back).await.status, 202);
    shop.settle().await;
    assert_eq!(available(&shop, "c-1").await, 200);
    assert_eq!(shop.get(&path).await["status"], "cancelled");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contacts_inner_id_leads_to_the_member() {
    let shop = open().await;
    buy(&shop, "g-1", &json!({ "email": ADA }), "30.00").await;
    buy(&shop, "o-1", &json!({ "id": "c-1" }), "200.00").await;
    shop.post("/v1/members", &ada(true)).await;
    let merge = shop.entries("c-1").await.into_iter().find(|entry| entry["type"] == "merge").unwrap();
    let (contact, member) = (&merge["source"]["merged"], &merge["source"]["merged_into"]);
    let (contact, member) = (contact.as_str().unwrap(), member.as_str().unwrap());
    assert_ne!(contact, member);
    for path in ["", "/hub", "/entries", "/coupons", "/receipts"] {
        let (old, new) = (format!("/v1/members/{contact}{path}"), format!("/v1/members/{member}{path}"));
        let (mut old, mut new) = (shop.get(&old).await, shop.get(&new).await);
        for list in [&mut old, &mut new] {
            list["next_cursor"] = Value::Null;
        }
        assert_eq!(old, new, "{path}");
    }
    let award = json!({ "award": 5, "reason": "sorry" });
    assert_eq!(shop.post(&format!("/v1/members/{contact}/adjustments"), &award).await.status, 201);
    let wish = json!({ "reward": "five-off" });
    shop.post("/v1/members", &ada(true)).await;
    let made = shop.post(&format!("/v1/members/{contact}/redemptions"), &wish).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let changed =
        shop.request(Method::PATCH, &format!("/v1/members/{contact}"), Some(&json!({ "first_name": "Ada" }))).await;
    assert_eq!((changed.status, &changed.body["id"]), (200, &json!("c-1")));
    assert_eq!(shop.member("c-1").await["first_name"], "Ada");
    assert_eq!(available(&shop, "c-1").await, 135);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_may_join_several_contacts() {
    let shop = open().await;
    buy(&shop, "g-1", &json!({ "email": ADA }), "30.00").await;
    buy(&shop, "g-2", &json!({ "phone": "+393331234567" }), "20.00").await;
    buy(&shop, "g-3", &json!({ "card": "C-1" }), "10.00").await;
    let all = json!({ "id": "c-1", "email": ADA, "phone": "+393331234567", "card": "C-1",
                      "verified": ["email", "phone", "card"] });
    let joined = shop.post("/v1/members", &all).await;
    assert_eq!((joined.status, &joined.body["claimable"]), (201, &Value::Null), "{}", joined.body);
    assert_eq!(joined.body["points"]["available"], 60);
    for path in [format!("email:{ADA}"), "phone:+393331234567".to_owned(), "card:C-1".to_owned()] {
        assert_eq!(shop.member(&path).await["id"], "c-1", "{path}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_verified_identifiers_of_the_contact_stay_keys() {
    let shop = open().await;
    // The phone is contact data of the contact; the card is verified.
    let guest = json!({ "card": "C-1", "phone": "+393331234567", "verified": ["card"] });
    buy(&shop, "g-1", &guest, "30.00").await;
    buy(&shop, "g-2", &json!({ "card": "C-1", "email": ADA, "verified": ["card", "email"] }), "5.00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/members", &ada(true)).await;
    assert_eq!(shop.member("card:C-1").await["id"], "c-1");
    let phone = shop.request(Method::GET, "/v1/members/phone:+393331234567", None).await;
    assert_eq!(phone.status, 404, "{}", phone.body);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_with_an_open_reservation_waits() {
    let shop = open().await;
    shop.post("/v1/members", &json!({ "email": ADA })).await;
    buy(&shop, "g-1", &json!({ "email": ADA }), "150.00").await;
    buy(&shop, "o-1", &json!({ "id": "c-1" }), "20.00").await;
    let wish = json!({ "reward": "five-off", "reserve": true, "reserve_minutes": 10 });
    let reserved = shop.post(&format!("/v1/members/email:{ADA}/redemptions"), &wish).await;
    assert_eq!(reserved.status, 201, "{}", reserved.body);
    let waits = shop.post("/v1/members", &ada(true)).await;
    assert_eq!((waits.status, &waits.body["claimable"]), (201, &json!(["email"])), "{}", waits.body);
    assert_eq!(available(&shop, "c-1").await, 20);
    shop.clock("2026-03-01T12:30:00+01:00").await;
    let joined = shop.post("/v1/members", &ada(true)).await;
    assert_eq!((&joined.body["claimable"], &joined.body["points"]["available"]), (&Value::Null, &json!(170)));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_joins_once_whoever_asks_at_the_same_moment() {
    let shop = open().await;
    buy(&shop, "g-1", &json!({ "email": ADA }), "30.00").await;
    for id in ["c-1", "c-2"] {
        shop.post("/v1/members", &json!({ "id": id })).await;
        buy(&shop, &format!("o-{id}"), &json!({ "id": id }), "5.00").await;
    }
    let proven = |id: &str| json!({ "id": id, "email": ADA, "verified": ["email"] });
    let bodies = [proven("c-1"), proven("c-2")];
    let sent = join_all((0..16).map(|n| shop.post("/v1/members", &bodies[n % 2]))).await;
    assert!(sent.iter().all(|answer| [200, 503].contains(&answer.status)), "{sent:?}");
    for body in &bodies {
        assert_eq!(shop.post("/v1/members", body).await.status, 200);
    }
    let mut points = [available(&shop, "c-1").await, available(&shop, "c-2").await].map(|p| p.as_i64().unwrap());
    points.sort_unstable();
    assert_eq!(points, [5, 35]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_on_their_way_while_the_contact_joins_count_once() {
    let shop = open().await;
    buy(&shop, "g-0", &json!({ "email": ADA }), "1.00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let receipts = (1..=12).map(|n| {
        let mut body = receipt(&format!("g-{n}"), "", "10.00");
        body["member"] = json!({ "email": ADA });
        let shop = &shop;
        async move { shop.post("/v1/receipts", &body).await }
    });
    let join = async { shop.post("/v1/members", &ada(true)).await };
    let (sent, joined) = futures::join!(join_all(receipts), join);
    assert!(sent.iter().all(|answer| answer.status == 202), "{sent:?}");
    assert_eq!(joined.status, 200, "{}", joined.body);
    shop.settle().await;
    // Whatever went to the dead letters is taken once more.
    shop.redrive().await;
    shop.settle().await;
    assert_eq!(available(&shop, "c-1").await, 121);
    shop.verify().await;
}
