//! Journeys of people: who they are, who they turn out to be, and whom they bring.

use reqwest::Method;
use serde_json::json;

use super::{buy, enrol, refund};
use crate::faults::sender::Sender;
use crate::shop::receipt;

/// Enrolment, invitation and activation, profile change.
pub async fn members(sender: &mut Sender) -> Vec<&'static str> {
    sender.begin();
    enrol(sender, "c-1").await;
    sender.post("/v1/members", &json!({ "id": "c-2", "phone": "+390212345678", "status": "pending" }), None).await;
    sender.post("/v1/members/c-2/activate", &json!({}), None).await;
    let address = json!({ "lists": ["newsletter"], "email": "ada@example.com", "verified": ["email"] });
    for patch in [address, json!({ "first_name": "Ada" })] {
        let changed = sender.request(Method::PATCH, "/v1/members/c-1", Some(&patch), None).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    vec!["c-1", "c-2"]
}

/// A guest buys, a stranger names the guest's address, the guest verifies it, then changes address and id.
pub async fn identities(sender: &mut Sender) -> Vec<&'static str> {
    sender.begin();
    let mut as_guest = receipt("r-1", "", "30.00");
    as_guest["member"] = json!({ "email": "ada@example.com" });
    sender.post("/v1/receipts", &as_guest, None).await;
    let mut mentioned = receipt("r-2", "c-2", "20.00");
    mentioned["member"]["email"] = json!("ada@example.com");
    sender.post("/v1/receipts", &mentioned, None).await;
    sender.settle().await;
    let proven = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] });
    sender.post("/v1/members", &proven, None).await;
    let changed = json!({ "id": "c-3", "email": "countess@example.com", "card": "C-1", "verified": ["email", "card"] });
    let changed = sender.request(Method::PATCH, "/v1/members/c-1", Some(&changed), None).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let mut moved = receipt("r-3", "c-1", "5.00");
    moved["member"] = json!({ "id": "c-1", "email": "ada.l@example.com", "verified": ["email"] });
    sender.post("/v1/receipts", &moved, None).await;
    vec!["c-1", "c-2", "email:ada.l@example.com", "card:C-1"]
}

/// A guest with points and a coupon joins a member who has both; what the guest bought is returned, and the guest's coupon
/// used.
pub async fn joining(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "30.00").await;
    for (id, total) in [("r-2", "45.00"), ("r-3", "20.00")] {
        let mut as_guest = receipt(id, "", total);
        as_guest["member"] = json!({ "phone": "+390212345678" });
        as_guest["store"] = json!("outlet");
        sender.post("/v1/receipts", &as_guest, None).await;
        sender.settle().await;
    }
    sender.begin();
    let proven = json!({ "id": "c-1", "phone": "+390212345678", "verified": ["phone"] });
    let mut known = receipt("r-4", "", "10.00");
    known["member"] = proven;
    sender.post("/v1/receipts", &known, None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-2/refunds", &refund("f-1", "45.00"), None).await;
    sender.settle().await;
    let coupons = sender.get("/v1/members/c-1/coupons").await;
    let usable = coupons["items"].as_array().unwrap().iter().find(|coupon| coupon["status"] == "available");
    let mut paid = receipt("r-5", "c-1", "50.00");
    paid["coupons"] = json!([usable.unwrap()["code"]]);
    sender.post("/v1/receipts", &paid, None).await;
    vec!["c-1", "phone:+390212345678"]
}

/// A note, an exclusion and its end, a search; the erasure of a member with coupons, a late refund, and a new enrolment.
pub async fn erasure(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "300.00").await;
    for (reserve, key) in [(true, "k-1"), (false, "k-2")] {
        let redemption = json!({ "reward": "five-off", "reserve": reserve });
        sender.post("/v1/members/c-1/redemptions", &redemption, Some(key)).await;
    }
    sender.begin();
    sender.post("/v1/members/c-1/notes", &json!({ "text": "rings twice" }), Some("k-3")).await;
    for excluded in [true, false] {
        let body = json!({ "excluded": excluded, "reason": "a mistake" });
        let put = sender.request(Method::PUT, "/v1/members/c-1/exclusion", Some(&body), None).await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
    assert_eq!(sender.get("/v1/members?query=c-1@example.com").await["items"][0]["status"], "member");
    let erased = sender.request(Method::DELETE, "/v1/members/c-1", None, None).await;
    // A repeated request whose first response was lost finds nobody.
    assert!([204, 404].contains(&erased.status), "{}", erased.body);
    sender.post("/v1/receipts/r-1/refunds", &refund("f-1", "10.00"), None).await;
    sender.settle().await;
    enrol(sender, "c-1").await;
    let seen = sender.get("/v1/receipts/r-1").await;
    assert_eq!(seen["refunds"][0]["reason"], "erased", "{seen}");
    vec!["c-1"]
}

/// A friend buys with a code and both sides are rewarded; then the order is returned.
pub async fn referrals(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    let seen = sender.get("/v1/members/c-1").await;
    sender.begin();
    let mut bought = receipt("r-1", "c-2", "70.00");
    bought["referral_code"] = seen["referral_code"].clone();
    sender.post("/v1/receipts", &bought, None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-1/refunds", &refund("f-1", "70.00"), None).await;
    sender.settle().await;
    vec!["c-1", "c-2"]
}

/// Two members are merged by mistake, buy under both names, and are apart again.
pub async fn merges(sender: &mut Sender) -> Vec<&'static str> {
    for member in ["c-8", "c-9"] {
        enrol(sender, member).await;
    }
    for (id, member, total) in [("r-1", "c-8", "30.00"), ("r-2", "c-9", "40.00")] {
        buy(sender, id, member, total).await;
    }
    sender.begin();
    sender.post("/v1/members/c-8/merge", &json!({ "into": "c-9" }), None).await;
    for (id, member, total) in [("r-3", "c-8", "30.00"), ("r-4", "c-9", "60.00")] {
        let mut bought = receipt(id, member, total);
        bought["store"] = json!("outlet");
        sender.post("/v1/receipts", &bought, None).await;
        sender.settle().await;
    }
    for (receipt, id) in [("r-1", "f-1"), ("r-3", "f-2")] {
        sender.post(&format!("/v1/receipts/{receipt}/refunds"), &refund(id, "10.00"), None).await;
        sender.settle().await;
    }
    let opened = json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-8" },
                         "name": "email_opened", "properties": { "message": "m-1" } });
    sender.post("/v1/interactions", &opened, None).await;
    sender.settle().await;
    sender.post("/v1/members/c-8/unmerge", &json!({}), Some("k-2")).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-4/refunds", &refund("f-3", "20.00"), None).await;
    vec!["c-8", "c-9"]
}

/// A receipt with a refund is booked on the wrong person, moved, returned in part, and moved back.
pub async fn moves(sender: &mut Sender) -> Vec<&'static str> {
    for member in ["c-1", "c-2"] {
        enrol(sender, member).await;
    }
    let mut bought = receipt("r-1", "c-1", "110.00");
    bought["store"] = json!("outlet");
    sender.post("/v1/receipts", &bought, None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-1/refunds", &refund("f-1", "20.00"), None).await;
    sender.settle().await;
    sender.begin();
    let moving = |member: &str| json!({ "member": { "id": member }, "reason": "wrong card" });
    sender.post("/v1/receipts/r-1/move", &moving("c-2"), Some("k-1")).await;
    sender.post("/v1/receipts/r-1/refunds", &refund("f-2", "30.00"), None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-1/move", &moving("c-1"), None).await;
    vec!["c-1", "c-2"]
}
