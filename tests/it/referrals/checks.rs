//! The checks of a friend: what becomes known later counts too, whoever shares a sign or a network with many others.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{advocate, available, buy, refer, shop, statuses};
use crate::shop::{Response, Shop, receipt, token};

/// More people than the members of one sign that are read.
const MANY: usize = 25;

async fn refer_with(shop: &Shop, code: &str, friend: &str, context: &Value) -> Response {
    shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": friend }, "context": context })).await
}

/// Shares an advocate's link in a page, from an address.
async fn share_from(shop: &Shop, member: &str, address: &str) {
    let claims = json!({ "iss": shop.program, "sub": member, "exp": shop.stack.now().as_second() + 600 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", address)];
    let path = format!("/v1/members/{member}/referral-shares");
    let shared = shop.request_with(Method::POST, &path, Some(&json!({ "channel": "copy" })), &headers).await;
    assert_eq!(shared.status, 201, "{}", shared.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_known_of_a_friend_later_counts_too() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    let bob = advocate(&shop, "c-bob").await;
    // Ada pays with PAY1.
    refer_with(&shop, &bob, "c-ada", &json!({ "payment": "PAY1" })).await;
    assert_eq!(refer(&shop, &code, "c-f1").await.body["status"], "pending");
    for _ in 0..2 {
        let again = refer_with(&shop, &code, "c-f1", &json!({ "payment": "PAY1" })).await;
        assert_eq!((again.status, &again.body["evidence"]), (200, &json!(["same_payment"])), "{}", again.body);
    }
    // Another code was named with it: the first referral is refused before it gives something.
    refer(&shop, &code, "c-f2").await;
    refer_with(&shop, &bob, "c-f2", &json!({ "payment": "PAY1" })).await;
    refer(&shop, &code, "c-f2").await;
    // A receipt named the code first.
    let mut first = receipt("r-3", "c-f3", "70.00");
    first["referral_code"] = json!(code);
    shop.post("/v1/receipts", &first).await;
    shop.settle().await;
    assert_eq!(available(&shop, "c-f3").await, 50);
    let known = refer_with(&shop, &code, "c-f3", &json!({ "payment": "PAY1" })).await;
    assert_eq!((known.status, &known.body["status"]), (200, &json!("rejected")), "{}", known.body);
    assert_eq!(available(&shop, "c-f3").await, 0, "what it gave is taken back");
    // The advocate's mailbox becomes the friend's with the order.
    refer(&shop, &code, "c-f4").await;
    let mut bought = receipt("r-4", "c-f4", "70.00");
    bought["occurred_at"] = json!("2026-03-01T12:30:00+01:00");
    bought["member"] = json!({ "id": "c-f4", "email": "C-ada+x@example.com" });
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    buy(&shop, "r-2", "c-f2", "70.00").await;
    let listed = shop.get("/v1/members/c-ada/referrals").await;
    let evidence: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|one| &one["evidence"]).collect();
    let payment = &json!(["same_payment"]);
    assert_eq!(evidence, [&json!(["same_email"]), payment, payment, payment], "{listed}");
    assert_eq!(available(&shop, "c-ada").await, 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_invented_friends_are_one_when_their_mailbox_becomes_known() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    for (friend, order) in [("c-f1", "r-1"), ("c-f2", "r-2")] {
        refer(&shop, &code, friend).await;
        let mut bought = receipt(order, friend, "70.00");
        bought["occurred_at"] = json!("2026-03-01T12:30:00+01:00");
        bought["member"] = json!({ "id": friend, "email": format!("grace+{friend}@example.com") });
        shop.post("/v1/receipts", &bought).await;
        shop.settle().await;
    }
    assert_eq!(statuses(&shop, "c-ada").await, ["rejected", "rewarded"]);
    assert_eq!((available(&shop, "c-f1").await, available(&shop, "c-f2").await), (50, 0));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_becomes_known_later_is_reviewed_and_a_review_stands() {
    let (shop, code) = shop(&json!({ "hold_days": 0, "review_at_score": 20 })).await;
    let office = json!({ "ip": "203.0.113.7" });
    assert_eq!(refer(&shop, &code, "c-last").await.body["status"], "pending");
    for n in 0..5 {
        let friend = format!("c-{n}");
        assert_eq!(refer_with(&shop, &code, &friend, &office).await.body["status"], "pending", "{n}");
        // Naming the code again is no further referral.
        assert_eq!(refer_with(&shop, &code, &friend, &office).await.body["status"], "pending", "{n}");
    }
    let flagged = refer_with(&shop, &code, "c-last", &office).await;
    assert_eq!(
        (flagged.status, &flagged.body["status"], &flagged.body["evidence"]),
        (200, &json!("flagged"), &json!(["ip_velocity"])),
        "{}",
        flagged.body
    );
    let path = format!("/v1/referrals/{}/approve", flagged.body["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &json!({ "reason": "an office" })).await.body["status"], "pending");
    let bob = advocate(&shop, "c-bob").await;
    refer_with(&shop, &bob, "c-ada", &json!({ "payment": "PAY1" })).await;
    let again = refer_with(&shop, &code, "c-last", &json!({ "payment": "PAY1", "ip": "203.0.113.7" })).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("pending")), "{}", again.body);
    buy(&shop, "r-1", "c-last", "70.00").await;
    assert_eq!(available(&shop, "c-last").await, 50);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_the_sixth_version_are_compared_by_their_network() {
    let (shop, code) = shop(&json!({})).await;
    share_from(&shop, "c-ada", "2001:db8:1:2::1").await;
    let same = refer_with(&shop, &code, "c-f1", &json!({ "ip": "2001:0DB8:1:2:ffff::9" })).await;
    assert_eq!(same.body["evidence"], json!(["same_ip"]), "{}", same.body);
    let other = refer_with(&shop, &code, "c-f2", &json!({ "ip": "2001:db8:1:3::1" })).await;
    assert_eq!(other.body["evidence"], json!([]), "{}", other.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hides_among_many_with_one_network_or_device() {
    let (shop, bob) = shop(&json!({ "review_at_score": 1000 })).await;
    let mut codes = Vec::new();
    for n in 0..MANY {
        let id = format!("c-a{n}");
        codes.push(advocate(&shop, &id).await);
        share_from(&shop, &id, "203.0.113.7").await;
        refer_with(&shop, &bob, &id, &json!({ "device": "kiosk" })).await;
    }
    for n in [0, MANY / 2, MANY - 1] {
        let same = refer_with(&shop, &codes[n], &format!("c-n{n}"), &json!({ "ip": "203.0.113.7" })).await;
        let evidence = same.body["evidence"].as_array().unwrap();
        assert!(evidence.contains(&json!("same_ip")), "{n}: {}", same.body);
        let same = refer_with(&shop, &codes[n], &format!("c-d{n}"), &json!({ "device": "kiosk" })).await;
        let evidence = same.body["evidence"].as_array().unwrap();
        assert!(evidence.contains(&json!("same_device")), "{n}: {}", same.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_friend_with_many_earlier_orders_or_events_converts() {
    for conversion in
        [json!({ "receipt": { "spend_over": "60.00", "first_only": false } }), json!({ "interaction": "visit" })]
    {
        let (shop, code) = shop(&json!({ "hold_days": 0, "conversion": conversion })).await;
        let numbers: Vec<usize> = (0..201).collect();
        let visit = |id: String, at: &str| json!({ "id": id, "name": "visit", "member": { "id": "c-grace" }, "occurred_at": at });
        for numbers in numbers.chunks(20) {
            let sent = join_all(numbers.iter().map(|n| {
                let (shop, visit) = (&shop, &visit);
                let orders = conversion.get("receipt").is_some();
                async move {
                    let at = format!("2026-02-01T12:{:02}:{:02}+01:00", n / 60, n % 60);
                    if orders {
                        let mut old = receipt(&format!("o-{n}"), "c-grace", "70.00");
                        old["occurred_at"] = json!(at);
                        shop.post("/v1/receipts", &old).await
                    } else {
                        shop.post("/v1/interactions", &visit(format!("i-{n}"), &at)).await
                    }
                }
            }));
            assert!(sent.await.iter().all(|response| response.status == 202));
        }
        shop.settle().await;
        assert_eq!(refer(&shop, &code, "c-grace").await.body["status"], "pending");
        shop.clock("2026-03-01T12:40:00+01:00").await;
        if conversion.get("receipt").is_some() {
            buy(&shop, "r-1", "c-grace", "70.00").await;
        } else {
            let sent = shop.post("/v1/interactions", &visit("i-new".to_owned(), "2026-03-01T12:30:00+01:00")).await;
            assert_eq!(sent.status, 202, "{}", sent.body);
            shop.settle().await;
        }
        assert_eq!(statuses(&shop, "c-ada").await, ["rewarded"], "{conversion}");
    }
}
