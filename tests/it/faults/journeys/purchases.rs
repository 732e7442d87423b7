//! Journeys of purchases, returns, coupons and points.

use serde_json::{Value, json};

use super::{buy, enrol, refund};
use crate::faults::sender::Sender;
use crate::shop::receipt;

/// Receipts of a visitor, of a member with more identifiers each time, and of an anonymous buyer who claims one later.
pub async fn receipts(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let mut with_card = receipt("r-1", "c-1", "480.00");
    with_card["member"]["card"] = json!("C-77");
    sender.post("/v1/receipts", &with_card, None).await;
    sender.settle().await;
    buy(sender, "r-2", "c-1", "40.00").await;
    buy(sender, "r-3", "c-visitor", "12.00").await;
    let mut nobodys = receipt("r-4", "", "30.00");
    nobodys["member"] = json!(null);
    sender.post("/v1/receipts", &nobodys, None).await;
    sender.post("/v1/receipts/r-4/claim", &json!({ "member": { "id": "c-1" } }), None).await;
    vec!["c-1", "c-visitor"]
}

/// Refunds, one of them before its receipt.
pub async fn refunds(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "620.00").await;
    sender.begin();
    for (receipt, id, amount) in [("r-1", "f-1", "100.00"), ("r-1", "f-2", "120.00"), ("r-2", "f-3", "5.00")] {
        sender.post(&format!("/v1/receipts/{receipt}/refunds"), &refund(id, amount), None).await;
        sender.settle().await;
    }
    buy(sender, "r-2", "c-1", "25.00").await;
    vec!["c-1"]
}

/// A refund that cancels more coupons than fit into one transaction.
pub async fn many_coupons(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    for (id, total) in [("r-1", "1500.00"), ("r-2", "900.00"), ("r-3", "300.00")] {
        let mut bought = receipt(id, "c-1", total);
        bought["store"] = json!("outlet");
        sender.post("/v1/receipts", &bought, None).await;
        sender.settle().await;
    }
    sender.begin();
    sender.post("/v1/receipts/r-1/refunds", &refund("f-1", "1500.00"), None).await;
    vec!["c-1"]
}

/// Redemptions, also of a limited stock; coupons are reserved, used and restored by a refund.
pub async fn coupons(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "450.00").await;
    sender.begin();
    let redeem = async |sender: &mut Sender, redemption: Value, key: &str| -> String {
        let created = sender.post("/v1/members/c-1/redemptions", &redemption, Some(key)).await;
        created["code"].as_str().unwrap().to_owned()
    };
    let used = redeem(sender, json!({ "reward": "five-off", "reserve": true }), "k-1").await;
    sender.post(&format!("/v1/coupons/{used}/commit"), &json!({}), None).await;
    sender.post(&format!("/v1/coupons/{used}/apply"), &json!({}), None).await;
    redeem(sender, json!({ "reward": "last-one" }), "k-2").await;
    let back = redeem(sender, json!({ "reward": "five-off" }), "k-3").await;
    sender.post(&format!("/v1/coupons/{back}/cancel"), &json!({}), None).await;
    let mut paid = receipt("r-2", "c-1", "20.00");
    paid["coupons"] = json!([used]);
    sender.post("/v1/receipts", &paid, None).await;
    vec!["c-1"]
}

/// Codes are loaded and drawn: by a redemption, a reservation, a rule and by hand. A coupon is moved with its cost.
pub async fn pools(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    enrol(sender, "c-2").await;
    buy(sender, "r-1", "c-1", "80.00").await;
    sender.begin();
    let codes: Vec<String> = (0..6).map(|n| format!("SALE-{n}")).collect();
    sender.post("/v1/rewards/pooled/codes", &json!({ "codes": codes }), Some("k-0")).await;
    let redeem = async |sender: &mut Sender, redemption: Value, key: &str| -> String {
        let created = sender.post("/v1/members/c-1/redemptions", &redemption, Some(key)).await;
        created["code"].as_str().unwrap().to_owned()
    };
    let moved = redeem(sender, json!({ "reward": "pooled" }), "k-1").await;
    let handle = redeem(sender, json!({ "reward": "pooled", "reserve": true }), "k-2").await;
    sender.post(&format!("/v1/coupons/{handle}/commit"), &json!({}), None).await;
    let given = json!({ "reward": "pooled", "reason": "sorry" });
    sender.post("/v1/members/c-2/adjustments", &given, Some("k-3")).await;
    let to = json!({ "member": { "id": "c-2" }, "reason": "booked on the wrong card" });
    sender.post(&format!("/v1/coupons/{moved}/move"), &to, Some("k-4")).await;
    let mut bought = receipt("r-2", "c-2", "20.00");
    bought["store"] = json!("pop-up");
    sender.post("/v1/receipts", &bought, None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-2/refunds", &refund("f-1", "10.00"), None).await;
    vec!["c-1", "c-2"]
}

/// Opened messages and adjustments.
pub async fn interactions(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    for (id, member) in [("i-1", "c-1"), ("i-2", "c-1"), ("i-3", "c-visitor")] {
        let body = json!({ "id": id, "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": member },
                           "name": "email_opened", "properties": { "message": "m-1" } });
        sender.post("/v1/interactions", &body, None).await;
        sender.settle().await;
    }
    let award = json!({ "award": 25, "reason": "sorry" });
    sender.post("/v1/members/c-1/adjustments", &award, Some("k-1")).await;
    sender.post("/v1/members/c-1/adjustments", &json!({ "deduct": 5, "reason": "no" }), Some("k-2")).await;
    vec!["c-1", "c-visitor"]
}

/// Points wait for deliveries: one comes before its receipt, one after it, one never; a part of that receipt is returned.
pub async fn holds(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let delivered = |id: &str, receipt: &str| {
        json!({ "id": id, "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": "delivered",
                "properties": { "receipt": receipt } })
    };
    sender.post("/v1/interactions", &delivered("i-1", "r-1"), None).await;
    sender.settle().await;
    for (id, total) in [("r-1", "10.00"), ("r-2", "20.00"), ("r-3", "30.00")] {
        let mut bought = receipt(id, "c-1", total);
        bought["store"] = json!("parcel");
        sender.post("/v1/receipts", &bought, None).await;
        sender.settle().await;
    }
    sender.post("/v1/interactions", &delivered("i-2", "r-2"), None).await;
    sender.post("/v1/receipts/r-3/refunds", &refund("f-1", "10.00"), None).await;
    sender.settle().await;
    for now in ["2026-03-10T09:00:00+01:00", "2026-03-11T09:00:00+01:00"] {
        // A failed run is repeated.
        sender.clock(now).await;
        sender.job("birthdays").await;
        sender.job("inactivity").await;
    }
    sender.settle().await;
    sender.post("/v1/receipts/r-3/refunds", &refund("f-2", "20.00"), None).await;
    vec!["c-1"]
}

/// Every read route. Reads change nothing.
pub async fn views(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "450.00").await;
    sender.begin();
    for path in [
        "/v1/members/c-1",
        "/v1/members/email:c-1@example.com/hub",
        "/v1/members/c-1/entries",
        "/v1/members/c-1/receipts",
        "/v1/members/c-1/coupons",
        "/v1/receipts/r-1",
        "/v1/receipts/r-1/explanation",
    ] {
        sender.get(path).await;
    }
    let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "5.00" });
    let told = sender.post("/v1/receipts/preview", &basket, None).await;
    assert_eq!(told["points"]["redeemable"], 8, "{told}");
    vec!["c-1"]
}
