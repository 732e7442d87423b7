//! What changes a profile and is no event reaches Klaviyo too: status, identifiers, expiry, coupons on a cart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::{CallSide, FaultPlan, InjectedFault, StackOptions};

use super::klaviyo::{Account, connected};
use super::server::Server;
use super::{CLOCK, buy, endpoint, rules};
use crate::shop::{Shop, per_euro, program, receipt};

/// A shop with Klaviyo, and an endpoint that receives every type of event.
struct Connected {
    shop: Shop,
    vendor: Server,
    hooked: Server,
    account: Arc<Mutex<Account>>,
}

impl Connected {
    async fn open(document: &Value) -> Self {
        let shop = Shop::open(document, CLOCK).await;
        let (vendor, hooked) = (Server::start().await, Server::start().await);
        endpoint(&shop, &hooked, &["*"]).await;
        let account = connected(&shop, &vendor, json!({})).await;
        Self { shop, vendor, hooked, account }
    }

    /// Sends a request that must succeed, and waits for what it starts.
    async fn send(&self, method: Method, path: &str, body: Value) {
        let response = self.shop.request(method, path, Some(&body)).await;
        assert!(response.status < 300, "{path}: {}", response.body);
        self.shop.settle().await;
    }

    async fn enrol(&self, body: Value) {
        self.send(Method::POST, "/v1/members", body).await;
    }

    async fn patch(&self, body: Value) {
        self.send(Method::PATCH, "/v1/members/c-1", body).await;
    }

    /// The paths of the requests to Klaviyo since the last time. No endpoint has heard of an update.
    fn sent(&self) -> Vec<String> {
        for received in self.hooked.take() {
            let kind = received.json()["type"].clone();
            assert!(kind.as_str().unwrap().starts_with("tessera."), "{kind}");
        }
        assert_eq!(self.account.lock().unwrap().faults, Vec::<String>::new());
        self.vendor.take().into_iter().map(|received| received.path).collect()
    }

    /// That the profile alone was updated since the last time.
    fn assert_updated(&self, why: &str) {
        let sent = self.sent();
        assert!(!sent.is_empty() && sent.iter().all(|path| path == "/api/profile-import"), "{why}: {sent:?}");
    }

    fn assert_quiet(&self, why: &str) {
        assert_eq!(self.sent(), Vec::<String>::new(), "{why}");
    }

    fn profile(&self, id: &str) -> Value {
        let account = self.account.lock().unwrap();
        account.profiles.get(id).unwrap_or_else(|| panic!("{id}: {:?}", account.profiles.keys())).clone()
    }

    fn property(&self, id: &str, name: &str) -> Value {
        self.profile(id)["properties"][format!("Loyalty {name}")].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_right_without_any_event() {
    let at = Connected::open(&program(&per_euro())).await;
    at.enrol(json!({ "id": "c-1" })).await;
    at.assert_updated("no rule fires for an enrolment");
    assert_eq!(at.property("c-1", "State"), "member");
    at.enrol(json!({ "id": "c-1" })).await;
    at.assert_quiet("the member is known");

    for (status, id) in [("visitor", "c-2"), ("pending", "c-3")] {
        at.enrol(json!({ "id": id, "status": status })).await;
        at.assert_updated(status);
        assert_eq!(at.property(id, "State"), status);
        at.enrol(json!({ "id": id, "status": status, "first_name": "Grace" })).await;
        at.assert_quiet(status);
    }
    at.send(Method::POST, "/v1/members/c-2/activate", json!({})).await;
    at.assert_updated("activated");
    assert_eq!(at.property("c-2", "State"), "member");

    for (excluded, state) in [(true, "excluded"), (false, "member")] {
        let body = json!({ "excluded": excluded, "reason": "test" });
        at.send(Method::PUT, "/v1/members/c-1/exclusion", body.clone()).await;
        at.assert_updated(state);
        assert_eq!(at.property("c-1", "State"), state);
        at.send(Method::PUT, "/v1/members/c-1/exclusion", body).await;
        at.assert_quiet(state);
    }
    // A visitor is known from the first purchase on, whether it gives points or not.
    at.send(Method::POST, "/v1/receipts", receipt("r-1", "c-9", "0.10")).await;
    at.assert_updated("a first purchase");
    assert_eq!(at.property("c-9", "State"), "visitor");
    at.send(Method::POST, "/v1/receipts", receipt("r-2", "c-9", "0.10")).await;
    at.assert_quiet("a purchase that changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_follow_the_profile() {
    let at = Connected::open(&program(&per_euro())).await;
    at.enrol(json!({ "id": "c-1" })).await;
    let id = at.profile("c-1")["id"].clone();
    at.sent();
    at.patch(json!({ "first_name": "Ada", "tags": ["vip"], "consent": { "email": true } })).await;
    at.assert_quiet("Klaviyo shows nothing of it");
    at.patch(json!({ "email": "ada@example.com", "verified": [] })).await;
    at.assert_quiet("an address that is not verified is no key");
    for (field, name, values) in [
        ("email", "email", ["ada@example.com", "lovelace@example.com"]),
        ("phone", "phone_number", ["+390212345678", "+390287654321"]),
    ] {
        for value in values {
            at.patch(json!({ field: value, "verified": [field] })).await;
            at.assert_updated(value);
            assert_eq!(at.profile("c-1")[name], value);
            at.patch(json!({ field: value, "verified": [field] })).await;
            at.assert_quiet(value);
        }
    }
    // A receipt verifies an address as well.
    let mut bought = receipt("r-1", "c-1", "0.10");
    bought["member"] = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] });
    at.send(Method::POST, "/v1/receipts", bought).await;
    at.assert_updated("an address that a receipt verifies");
    assert_eq!(at.profile("c-1")["email"], "ada@example.com");

    // The profile gets the new id, and there is no second one.
    at.patch(json!({ "id": "c-7" })).await;
    at.assert_updated("another id");
    assert_eq!(at.profile("c-7")["id"], id);
    assert_eq!(at.account.lock().unwrap().profiles.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_who_gets_an_id_keeps_the_profile() {
    let at = Connected::open(&program(&per_euro())).await;
    let card = json!({ "card": "7001", "verified": ["card"] });
    let mut bought = receipt("r-1", "", "10.00");
    bought["member"] = card.clone();
    at.send(Method::POST, "/v1/receipts", bought).await;
    let inner = at.shop.member("card:7001").await["inner_id"].as_str().unwrap().to_owned();
    let id = at.profile(&inner)["id"].clone();
    at.sent();
    let mut known = card;
    known["id"] = json!("c-1");
    at.enrol(known).await;
    at.assert_updated("an id");
    // Klaviyo knows neither the card nor an address: by our own id alone it is the same profile.
    assert_eq!(at.profile("c-1")["id"], id);
    assert_eq!((at.property("c-1", "State"), at.property("c-1", "Points Balance")), (json!("member"), json!(10)));
    assert_eq!(at.account.lock().unwrap().profiles.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiry_and_coupons_on_a_cart_are_right_too() {
    let mut document = program(&per_euro());
    document["points"]["expiry"] = json!({ "inactive_months": 12 });
    let at = Connected::open(&document).await;
    at.enrol(json!({ "id": "c-1" })).await;
    buy(&at.shop, "r-1", "300.00").await;
    let expires = at.property("c-1", "Points Expire At");
    at.shop.clock("2026-06-10T12:00:00+02:00").await;
    at.sent();
    let mut bought = receipt("r-2", "c-1", "0.10");
    bought["occurred_at"] = json!("2026-06-10T11:00:00+02:00");
    at.send(Method::POST, "/v1/receipts", bought).await;
    at.assert_updated("a purchase without points moves the expiry");
    let moved = at.property("c-1", "Points Expire At");
    assert!(moved.as_str() > expires.as_str(), "{expires} {moved}");

    let coupon = at.shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!(coupon.status, 201, "{}", coupon.body);
    at.shop.settle().await;
    at.sent();
    let path = format!("/v1/coupons/{}", coupon.body["code"].as_str().unwrap());
    for (action, available) in [("apply", 0), ("release", 1)] {
        at.send(Method::POST, &format!("{path}/{action}"), json!({})).await;
        at.assert_updated(action);
        assert_eq!(at.property("c-1", "Coupons Available"), available, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_referral_code_comes_with_the_enrolment() {
    let mut document = program(&rules());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "first_only": true } },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] } });
    let at = Connected::open(&document).await;
    at.enrol(json!({ "id": "c-1" })).await;
    at.assert_updated("enrolled");
    let code = at.shop.member("c-1").await["referral_code"].clone();
    assert!(code.is_string());
    assert_eq!(at.property("c-1", "Referral Code"), code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_an_import() {
    let mut document = program(&per_euro());
    document["identity"] = json!({ "verified": ["email", "phone"] });
    let at = Connected::open(&document).await;
    at.enrol(json!({ "id": "c-1" })).await;
    at.sent();
    let imports: [(&str, &[u8]); 3] = [
        ("members", b"id,email,points\nc-1,ada@example.com,100\nc-2,bob@example.com,50\n"),
        ("referral_codes", b"id,code\nc-1,ADA-LOVES\n"),
        ("orders", b"id,phone,order,date,total\nc-1,+390212345678,o-1,2026-02-01,0.10\nc-3,,o-2,2026-02-01,0.10\n"),
    ];
    for (kind, file) in imports {
        let created = at.shop.post("/v1/imports", &json!({ "kind": kind })).await;
        let path = format!("/v1/imports/{}", created.body["id"].as_str().unwrap());
        let sent = at.shop.send_raw(Method::PUT, &format!("{path}/parts/1"), "text/csv", file.to_vec()).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        at.send(Method::POST, &format!("{path}/start"), json!({})).await;
        let state = at.shop.get(&path).await;
        assert_eq!((&state["state"], &state["failed"]), (&json!("done"), &json!(0)), "{state}");
        at.assert_quiet(kind);
    }
    // The next event brings what the import brought.
    buy(&at.shop, "r-1", "10.00").await;
    assert_eq!(at.property("c-1", "Points Balance"), 110);
    let profile = at.profile("c-1");
    assert_eq!((&profile["email"], &profile["phone_number"]), (&json!("ada@example.com"), &json!("+390212345678")));
}

/// A request about a merged member has no order with those about the other one: what it brings may be older.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_request_about_a_merged_member_leaves_the_newest_balance() {
    let faults = Arc::new(FaultPlan::new());
    let clock = Some(CLOCK.parse().unwrap());
    let options = StackOptions { clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let (shop, vendor) = (Shop::with(&program(&per_euro()), options).await, Server::start().await);
    let account = connected(&shop, &vendor, json!({})).await;
    for id in ["old", "new"] {
        shop.post("/v1/members", &json!({ "id": id })).await;
        shop.post("/v1/receipts", &receipt(&format!("r-{id}"), id, "200.00")).await;
    }
    shop.settle().await;
    let coupon = shop.post("/v1/members/old/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!(shop.post("/v1/members/old/merge", &json!({ "into": "new" })).await.status, 200);
    shop.settle().await;
    let balance = || account.lock().unwrap().profiles["new"]["properties"]["Loyalty Points Balance"].clone();
    assert_eq!(balance(), 300);

    // The coupon is still in the source's ledger: its event names the source. It is held once the target was read.
    faults.inject("notifications", "BatchGetItem", 2..=2, InjectedFault::Hold(CallSide::After));
    let before = faults.injected();
    let path = format!("/v1/coupons/{}/apply", coupon.body["code"].as_str().unwrap());
    assert_eq!(shop.post(&path, &json!({})).await.status, 200);
    let until = async |reached: &dyn Fn() -> bool| {
        for _ in 0..1_000 {
            if reached() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is never reached");
    };
    until(&|| faults.injected() > before).await;
    shop.post("/v1/receipts", &receipt("r-3", "new", "50.00")).await;
    until(&|| balance() == 350).await;
    vendor.take();
    faults.clear();
    shop.settle().await;
    let sent: Vec<Value> = vendor
        .take()
        .iter()
        .filter_map(|received| received.json().pointer("/data/attributes/properties/Loyalty Points Balance").cloned())
        .collect();
    assert_eq!(sent, [300, 350], "the late request was older, and an update followed it");
    assert_eq!(balance(), 350);
}
