//! Short journeys that together call every function. Each prepares its data, starts the faults, and returns the members
//! whose final state is compared.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::sender::Sender;
use crate::shop::{program, receipt};

/// The day before the members' birthday.
pub const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": [then] })
}

/// A program with a rule for every trigger.
pub fn full_program() -> Value {
    let points = |points: i64| json!({ "credit": { "points": points, "kind": "both" } });
    let mut tagged = rule("tagged", &json!({ "receipt": {} }), &points(3));
    tagged["if"] = json!([{ "tag": "friends" }]);
    let mut capped = rule("capped", &json!({ "receipt": { "spend": { "every": "50.00" } } }), &points(5));
    capped["limit"] = json!({ "times": 3, "per": "day" });
    let outlet = json!({ "receipt": { "where": { "stores": ["outlet"] }, "spend": { "every": "10.00" } } });
    let pop_up = json!({ "receipt": { "where": { "stores": ["pop-up"] }, "spend": { "every_per_receipt": "10.00" } } });
    let wait = json!({ "until": { "interaction": "delivered" }, "at_most_days": 10, "otherwise": "cancel" });
    let held = json!({ "credit": { "per_unit": "2", "hold": wait } });
    let mut full = program(&json!([
        rule("per-euro", &json!({ "receipt": {} }), &json!({ "credit": { "per_unit": "1", "kind": "both" } })),
        rule(
            "risen",
            &json!({ "tier_change": { "direction": "upgrade" } }),
            &json!({ "reward": { "reward": "last-one" } })
        ),
        rule("welcome", &json!({ "enrollment": {} }), &points(20)),
        rule("opened", &json!({ "email_opened": {} }), &points(2)),
        rule("newsletter", &json!({ "list_subscription": { "list": "newsletter" } }), &points(10)),
        rule("gift", &json!({ "birthday": {} }), &points(50)),
        rule("win-back", &json!({ "inactivity": { "days": 30 } }), &points(7)),
        tagged,
        capped,
        rule("coupons", &outlet, &json!({ "reward": "five-off" })),
        rule("codes", &pop_up, &json!({ "reward": "pooled" })),
        rule("parcels", &json!({ "receipt": { "where": { "stores": ["parcel"] } } }), &held),
    ]));
    let pooled = json!({ "id": "pooled", "name": "From a pool", "type": "amount_off", "value": "5.00", "cost": 10,
                         "low_stock": 0, "code": { "pool": true } });
    full["rewards"].as_array_mut().unwrap().push(pooled);
    full["storefront"] = json!({ "shop_url": "https://shop.example" });
    full["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    full
}

async fn enrol(sender: &mut Sender, id: &str) {
    let body = json!({ "id": id, "email": format!("{id}@example.com"), "verified": ["email"],
                       "birth_date": "1990-03-02", "tags": ["friends"] });
    sender.post("/v1/members", &body, None).await;
}

async fn buy(sender: &mut Sender, id: &str, member: &str, total: &str) {
    sender.post("/v1/receipts", &receipt(id, member, total), None).await;
    sender.settle().await;
}

fn refund(id: &str, amount: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount })
}

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

/// Points and a coupon expire: their owner is warned of each at its days, once.
pub async fn warnings(sender: &mut Sender) -> Vec<&'static str> {
    let mut expiring = full_program();
    expiring["points"]["expiry"] = json!({ "after_months": 1 });
    expiring["rewards"][0]["valid_days"] = json!(20);
    let put = sender.request(Method::PUT, "/v1/program", Some(&expiring), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "300.00").await;
    sender.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" }), Some("k-1")).await;
    sender.begin();
    for now in [
        "2026-03-02T09:00:00+01:00",
        "2026-03-14T09:00:00+01:00",
        "2026-03-25T09:00:00+01:00",
        "2026-04-02T09:00:00+02:00",
    ] {
        // A failed run is repeated.
        sender.clock(now).await;
        sender.job("inactivity").await;
        sender.settle().await;
    }
    sender.end();
    let notices = sender.get("/v1/notices?member=c-1").await;
    let mut given: Vec<[&str; 2]> = notices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notice| [notice["type"].as_str().unwrap(), notice["on"].as_str().unwrap()])
        .collect();
    given.sort_unstable();
    // The points of the birthday live a day longer.
    let [first, second] = ["2026-04-01", "2026-04-02"].map(|day| ["points_expiring", day]);
    assert_eq!(given, [["coupon_expiring", "2026-03-21"], first, first, second, second], "{notices}");
    vec!["c-1"]
}

/// A birthday, a lapsed reservation, and a month without purchases.
pub async fn days(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "10.00").await;
    sender.begin();
    let redemption = json!({ "reward": "last-one", "reserve": true, "reserve_minutes": 5 });
    sender.post("/v1/members/c-1/redemptions", &redemption, Some("k-1")).await;
    for now in ["2026-03-02T09:00:00+01:00", "2026-04-02T09:00:00+02:00"] {
        // Jobs run when the clock moves; a failed run is repeated.
        sender.clock(now).await;
        sender.job("birthdays").await;
        sender.job("inactivity").await;
    }
    vec!["c-1"]
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

/// Changes of the program, and a backtest.
pub async fn admin(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "10.00").await;
    sender.begin();
    let mut changed = full_program();
    changed["name"] = json!("Club Bea");
    let put = sender.request(Method::PUT, "/v1/program", Some(&changed), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] }), Some("k-1")).await;
    sender.post("/v1/storefront-secret/rotate", &json!({}), Some("k-2")).await;
    let asked = sender.post("/v1/rules/backtest", &json!({ "rules": changed["rules"] }), Some("k-3")).await;
    audited(sender, &["api_key.create", "program.replace", "storefront_secret.rotate"]).await;
    sender.settle().await;
    let created = sender.get(&format!("/v1/rules/backtest/{}", asked["id"].as_str().unwrap())).await;
    assert_eq!((&created["status"], &created["report"]["facts"]["receipts"]), (&json!("done"), &json!(1)), "{created}");
    buy(sender, "r-2", "c-1", "20.00").await;
    vec!["c-1"]
}

/// The audit has these actions, each as often as the change was made.
async fn audited(sender: &mut Sender, expected: &[&str]) {
    let audit = sender.get("/v1/audit?limit=250").await["items"].clone();
    let actions = audit.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned());
    let mut actions: Vec<String> = actions.collect();
    actions.sort_unstable();
    assert_eq!(actions, expected, "{audit}");
}

/// Drafts are published by hand, by a restore and at their time, and deleted.
pub async fn drafts(sender: &mut Sender) -> Vec<&'static str> {
    sender.begin();
    let draft = |name: &str, at: Option<&str>| {
        let mut program = full_program();
        program["name"] = json!(name);
        json!({ "program": program, "publish_at": at })
    };
    let path = |draft: &Value| format!("/v1/program/drafts/{}", draft["id"].as_str().unwrap());
    let publish = |draft: &Value| format!("{}/publish", path(draft));
    let bea = sender.post("/v1/program/drafts", &draft("Club Bea", None), Some("k-1")).await;
    sender.post(&publish(&bea), &json!({}), Some("k-2")).await;
    let ada = sender.post("/v1/program/versions/1/restore", &json!({}), Some("k-3")).await;
    sender.post(&publish(&ada), &json!({}), Some("k-4")).await;
    let [later, never] = ["Club Cleo", "Club Dora"].map(|name| draft(name, Some("2026-03-02T08:00:00")));
    let never = sender.post("/v1/program/drafts", &never, Some("k-5")).await;
    let later = sender.post("/v1/program/drafts", &later, Some("k-6")).await;
    for (draft, key) in [(&never, "k-7"), (&later, "k-8")] {
        sender.post(&publish(draft), &json!({}), Some(key)).await;
    }
    let deleted = sender.request(Method::DELETE, &path(&never), None, None).await;
    assert!([204, 404].contains(&deleted.status), "{}", deleted.body);
    // A failed run is repeated.
    sender.clock("2026-03-02T09:00:00+01:00").await;
    sender.job("inactivity").await;
    sender.end();
    let versions = sender.get("/v1/program/versions").await["items"].clone();
    let names = versions.as_array().unwrap().iter().map(|version| version["diff"][0]["after"].clone());
    assert_eq!(json!(names.collect::<Vec<_>>()), json!(["Club Cleo", "Club Ada", "Club Bea", null]), "{versions}");
    let create = ["draft.create"; 3].into_iter().chain(["draft.delete"]);
    let expected: Vec<&str> = create.chain(["draft.publish"; 5]).chain(["version.restore"]).collect();
    audited(sender, &expected).await;
    vec![]
}

/// A file of another program is uploaded and imported; `undo`: and undone. Returns what the import says at the end.
async fn import(sender: &mut Sender, kind: &str, file: &str, undo: bool) -> Value {
    let body = json!({ "kind": kind, "key": format!("{kind} of the old shop") });
    let created = sender.post("/v1/imports", &body, None).await;
    let path = format!("/v1/imports/{}", created["id"].as_str().unwrap());
    sender.put_text(&format!("{path}/parts/1"), file).await;
    let mut state = finish(sender, &path, "start").await;
    if undo {
        state = finish(sender, &path, "undo").await;
    }
    state
}

/// Starts a pass over an import, and starts it again when its message was lost with the process.
async fn finish(sender: &mut Sender, path: &str, pass: &str) -> Value {
    for _ in 0..10 {
        sender.post(&format!("{path}/{pass}"), &json!({}), None).await;
        sender.settle().await;
        let state = sender.get(path).await;
        if state["state"] != "running" {
            return state;
        }
    }
    panic!("{path} is never over");
}

/// Members, a tier, a coupon and an order of another program are imported; one import is undone.
pub async fn importing(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let members = "id,email,points,birthday,expires\nc-1,c-1@example.com,300,,2026-12-31\n\
                   c-2,c-2@example.com,40,1990-03-02,\nc-1,c-1@example.com,-50,,\nc-3,no address,1,,\n";
    let state = import(sender, "members", members, false).await;
    assert_eq!((&state["state"], &state["done"], &state["failed"]), (&json!("done"), &json!(4), &json!(1)), "{state}");
    let state = import(sender, "tiers", "id,tier,until\nc-2,Gold,2027-12-31\nc-1,Silver,\n", true).await;
    assert_eq!((&state["state"], &state["failed"]), (&json!("undone"), &json!(0)), "{state}");
    let state = import(sender, "coupons", "id,code,reward\nc-1,OLD-1,five-off\nc-2,OLD-1,five-off\n", false).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(2), &json!(1)), "{state}");
    let orders = "id,order,date,total\nc-1,o-1,2026-02-01 10:00,60.00\nc-2,o-2,2026-02-02 10:00,20.00\n";
    let state = import(sender, "orders", orders, true).await;
    assert_eq!((&state["state"], &state["failed"]), (&json!("undone"), &json!(0)), "{state}");
    for kind in ["program", "members", "receipts"] {
        sender.request(Method::GET, &format!("/v1/export?kind={kind}"), None, None).await;
    }
    sender.end();
    vec!["c-1", "c-2"]
}

/// API keys are created and deleted, and the storefront secret is replaced.
pub async fn access(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let grant = |name: &str, scope: &str| json!({ "name": name, "scopes": [scope] });
    let till = sender.post("/v1/api-keys", &grant("till", "receipts:write"), Some("k-1")).await;
    sender.post("/v1/api-keys", &grant("second", "admin"), Some("k-2")).await;
    let path = format!("/v1/api-keys/{}", till["id"].as_str().unwrap());
    let deleted = sender.request(Method::DELETE, &path, None, None).await;
    // A deletion whose response was lost finds nothing to delete.
    assert!([204, 404].contains(&deleted.status), "{}", deleted.body);
    sender.post("/v1/storefront-secret/rotate", &json!({}), Some("k-3")).await;
    sender.end();
    let keys = sender.get("/v1/api-keys").await;
    let names = keys["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["admin", "second"].into(), "{keys}");
    audited(sender, &["api_key.create", "api_key.create", "api_key.delete", "storefront_secret.rotate"]).await;
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

/// Two members are merged by mistake.
pub async fn merges(sender: &mut Sender) -> Vec<&'static str> {
    for member in ["c-8", "c-9"] {
        enrol(sender, member).await;
    }
    sender.begin();
    sender.post("/v1/members/c-8/merge", &json!({ "into": "c-9" }), None).await;
    sender.post("/v1/members/c-8/unmerge", &json!({}), Some("k-2")).await;
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
