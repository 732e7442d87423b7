//! Events at a stand-in of Klaviyo that checks bodies and limits, and misbehaves.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::duplicates::place;
use super::rates::per_event;
use super::server::{Reaction, Received, Server};
use super::{buy, rules, shop};
use crate::shop::{Shop, program, receipt};

/// What the stand-in took.
#[derive(Default)]
pub(super) struct Account {
    /// By profile, metric and `unique_id`: Klaviyo keeps the first.
    pub events: BTreeMap<(String, String, String), Value>,
    /// The profiles by `external_id`, with the properties of the latest request.
    pub profiles: BTreeMap<String, Value>,
    pub faults: Vec<String>,
    /// Requests for events that misbehaved once.
    pub hit: HashSet<String>,
    moments: VecDeque<Instant>,
    /// For how long `Retry-After` has forbidden requests, and until when it does.
    pub forbidden: Duration,
    forbidden_until: Option<Instant>,
}

fn refusal(detail: &str, pointer: &str) -> Reaction {
    let error = json!({ "id": "e-1", "code": "invalid", "title": "Invalid input.", "detail": detail,
                        "source": { "pointer": pointer } });
    Reaction::Respond(400, Vec::new(), json!({ "errors": [error] }).to_string())
}

/// Checks a profile as Klaviyo's description of its API has it.
fn check_profile(resource: &Value) -> Result<(), &'static str> {
    let attributes = &resource["attributes"];
    let known = ["external_id", "email", "phone_number", "properties"];
    let fields = attributes.as_object().ok_or("/data/attributes")?;
    if fields.keys().any(|name| !known.contains(&name.as_str())) {
        return Err("/data/attributes: unknown field");
    }
    let phone = fields.get("phone_number").is_none_or(|phone| phone.as_str().is_some_and(|p| p.starts_with('+')));
    let email = fields.get("email").is_none_or(|email| email.as_str().is_some_and(|email| email.contains('@')));
    if !(phone && email) {
        return Err("/data/attributes/email");
    }
    let is_named = fields.get("external_id").or(resource.get("id")).is_some_and(Value::is_string);
    if is_named { Ok(()) } else { Err("/data/attributes/external_id") }
}

impl Account {
    /// Forbids requests for a while from now.
    fn forbid(&mut self, now: Instant, wait: Duration) {
        let begin = self.forbidden_until.map_or(now, |until| until.max(now));
        let end = begin.max(now + wait);
        self.forbidden += end - begin;
        self.forbidden_until = Some(end);
    }

    fn check_headers(&mut self, request: &Received) {
        let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
        for (name, wanted) in [("revision", "2026-07-15"), ("content-type", "application/vnd.api+json")] {
            if header(name) != wanted {
                self.faults.push(format!("{name}: {}", header(name)));
            }
        }
    }

    /// Takes a request as Klaviyo would.
    pub fn take(&mut self, request: &Received) -> Reaction {
        self.check_headers(request);
        let body = request.json();
        let data = &body["data"];
        let attributes = &data["attributes"];
        match request.path.as_str() {
            "/api/profile-import" if data["type"] == "profile" => match check_profile(data) {
                Ok(()) => place(&mut self.profiles, data).map_or_else(
                    |refused| refused,
                    |name| {
                        let body = json!({ "data": { "type": "profile", "id": self.profiles[&name]["id"] } });
                        Reaction::Respond(200, Vec::new(), body.to_string())
                    },
                ),
                Err(pointer) => refusal("Invalid profile", pointer),
            },
            "/api/events" if data["type"] == "event" => {
                let profile = &attributes["profile"]["data"];
                let metric = attributes.pointer("/metric/data/attributes/name").and_then(Value::as_str);
                let unique = attributes["unique_id"].as_str();
                let whole = attributes["time"].as_str().is_some_and(|time| !time.contains('.'));
                let properties = attributes["properties"].as_object().map_or(usize::MAX, serde_json::Map::len);
                match (metric, unique, check_profile(profile)) {
                    (Some(metric), Some(unique), Ok(())) if whole && properties <= 400 => {
                        let id = match place(&mut self.profiles, profile) {
                            Ok(id) => id,
                            Err(refused) => return refused,
                        };
                        let key = (id, metric.to_owned(), unique.to_owned());
                        self.events.entry(key).or_insert_with(|| attributes["properties"].clone());
                        Reaction::status(202)
                    }
                    (_, _, Err(pointer)) => refusal("Invalid profile", pointer),
                    _ => refusal("Invalid event", "/data/attributes"),
                }
            }
            other => {
                self.faults.push(other.to_owned());
                Reaction::status(404)
            }
        }
    }

    fn metrics(&self) -> BTreeSet<&str> {
        self.events.keys().map(|(_, metric, _)| metric.as_str()).collect()
    }
}

pub(super) async fn connected(shop: &Shop, server: &Server, mut settings: Value) -> Arc<Mutex<Account>> {
    let account = Arc::new(Mutex::new(Account::default()));
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    settings["base_url"] = json!(server.url(""));
    let body = json!({ "enabled": true, "settings": settings, "credentials": { "api_key": "pk_live_secret" } });
    let put = shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    account
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_bring_the_new_properties_under_the_chosen_names() {
    let (shop, server) = (shop().await, Server::start().await);
    let settings = json!({ "prefix": "Smile ", "properties": { "Referral Code": "referral_klaviyo" },
                           "metrics": { "Points Earned": "Smile Points Earned" } });
    let account = connected(&shop, &server, settings).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] })).await;
    let mut gift = receipt("r-1", "c-1", "620.00");
    gift["store"] = json!("outlet");
    shop.post("/v1/receipts", &gift).await;
    shop.settle().await;
    let entry = shop.entries("c-1").await.remove(0);
    let unique = entry["id"].as_str().unwrap().to_owned();
    {
        let account = account.lock().unwrap();
        assert_eq!(account.faults, Vec::<String>::new());
        let expected = ["Coupon Assigned", "Reward Issued", "Smile Points Earned", "Tier Achieved"];
        assert_eq!(account.metrics().into_iter().collect::<Vec<_>>(), expected);
        let profile = &account.profiles["c-1"];
        assert_eq!(profile["email"], "ada@example.com");
        let properties = &profile["properties"];
        assert_eq!(
            (&properties["Smile Points Balance"], &properties["Smile Tier Name"]),
            (&json!(620), &json!("Silver"))
        );
        assert_eq!(
            (&properties["Smile Coupons Available"], &properties["Smile Points To Next Tier"]),
            (&json!(1), &json!(380))
        );
        assert!(properties.get("referral_klaviyo").is_some());
        let earned = &account.events[&("c-1".to_owned(), "Smile Points Earned".to_owned(), unique)];
        assert_eq!(
            (&earned["Points"], &earned["Balance"], &earned["Receipt"]),
            (&json!(620), &json!(620), &json!("r-1"))
        );
        let assigned = account.events.iter().find(|((_, metric, _), _)| metric == "Coupon Assigned").unwrap().1;
        assert!(assigned["Unique Code"].as_str().unwrap().starts_with("ADA-"), "{assigned}");
        assert_eq!(assigned["Coupon ID"], "five-off");
    }
    // An adjustment is no metric: the profile alone is updated.
    let award = json!({ "award": 80, "reason": "sorry" });
    assert!(shop.post("/v1/members/c-1/adjustments", &award).await.status < 300);
    shop.settle().await;
    let account = account.lock().unwrap();
    assert_eq!(account.profiles["c-1"]["properties"]["Smile Points Balance"], 700);
    assert_eq!(server.received().last().unwrap().path, "/api/profile-import");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_has_the_referral_link_and_how_it_does() {
    let mut document = program(&rules());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00" } },
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] } });
    let (shop, server) = (Shop::open(&document, super::CLOCK).await, Server::start().await);
    let settings = json!({ "properties": { "Referral Code": ["referral_klaviyo", "code"] } });
    let account = connected(&shop, &server, settings).await;
    let ada = shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let code = ada.body["referral_code"].as_str().unwrap().to_owned();
    let link = shop.get("/v1/members/c-1/hub").await["referral"]["url"].clone();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.get(link.as_str().unwrap()).header("user-agent", "Mozilla/5.0 Chrome/140.0").send().await.unwrap();
    shop.post("/v1/members/c-1/referral-shares", &json!({ "channel": "whatsapp" })).await;
    shop.settle().await;
    let account = account.lock().unwrap();
    assert!(account.metrics().contains("Referral Shared"));
    let properties = &account.profiles["c-1"]["properties"];
    assert_eq!(properties["Loyalty Referral URL"], link);
    for name in ["Loyalty Referral Code", "referral_klaviyo", "code"] {
        assert_eq!(properties[name], code, "{name}");
    }
    assert_eq!(
        (&properties["Loyalty Referrals Completed"], &properties["Loyalty Referral Clicks"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_keys_leave_the_program() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    let mut unverified = receipt("r-1", "c-1", "10.00");
    unverified["member"]["email"] = json!("ada@example.com");
    shop.post("/v1/receipts", &unverified).await;
    let mut contact = receipt("r-2", "", "10.00");
    contact["member"] = json!({ "phone": "+390212345678", "email": "other@example.com" });
    shop.post("/v1/receipts", &contact).await;
    shop.settle().await;
    let account = account.lock().unwrap();
    let profile = &account.profiles["c-1"];
    assert!(profile.get("email").is_none() && profile.get("phone_number").is_none(), "{profile}");
    let (id, contact) = account.profiles.iter().find(|(id, _)| *id != "c-1").unwrap();
    assert!(id.starts_with("m_"));
    // The first of card, e-mail and phone is the key of a contact without an id.
    assert_eq!((&contact["email"], contact.get("phone_number")), (&json!("other@example.com"), None));
    assert_eq!(account.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_a_dead_letter_with_the_reason_and_the_rest_goes_on() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    let taking = Arc::clone(&account);
    server.react(move |request| {
        let is_bad = request.json().to_string().contains("\"c-bad\"");
        if is_bad {
            refusal("Invalid email address", "/data/attributes/profile")
        } else {
            taking.lock().unwrap().take(request)
        }
    });
    for member in ["c-bad", "c-1"] {
        shop.post("/v1/receipts", &receipt(&format!("r-{member}"), member, "10.00")).await;
    }
    shop.settle().await;
    assert_eq!(account.lock().unwrap().events.len(), 1);
    let dead = shop.get("/v1/integrations/klaviyo/dead-letters").await;
    let [letter] = dead["items"].as_array().unwrap().as_slice() else { panic!("{dead}") };
    assert_eq!(letter["reason"], "400 Invalid email address (/data/attributes/profile)");
    let health = shop.get("/v1/integrations/klaviyo").await["health"].clone();
    assert_eq!((&health["dead"], &health["delivered"]), (&json!(1), &json!(1)));
    assert_eq!(health["errors"], json!(["400 Invalid email address (/data/attributes/profile)"]));

    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    let redriven = shop.post("/v1/integrations/klaviyo/redrive", &json!({})).await;
    assert_eq!((redriven.status, &redriven.body), (202, &json!({ "redriven": 1, "more": false })));
    shop.clock("2026-03-01T12:01:00+01:00").await;
    assert_eq!(account.lock().unwrap().events.len(), 2);
    assert_eq!(shop.get("/v1/integrations/klaviyo").await["health"]["dead"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_credentials_lose_nothing_and_an_older_balance_never_returns() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    server.react(|_| {
        Reaction::Respond(401, Vec::new(), r#"{"errors":[{"detail":"Incorrect authentication"}]}"#.to_owned())
    });
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "10.00").await;
    let health = shop.get("/v1/integrations/klaviyo").await["health"].clone();
    assert_eq!(health["last_error"], "401 Incorrect authentication");
    assert_eq!((&health["last_success_at"], &health["dead"]), (&Value::Null, &json!(0)));
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    // The event that failed comes after a newer one, and brings the newest balance.
    buy(&shop, "r-2", "32.00").await;
    shop.clock("2026-03-01T12:01:00+01:00").await;
    {
        let account = account.lock().unwrap();
        assert_eq!(account.events.len(), 2);
        assert_eq!(account.profiles["c-1"]["properties"]["Loyalty Points Balance"], 42);
    }
    let seen = shop.get("/v1/integrations/klaviyo").await;
    // The events, and the update of the profile by the enrolment.
    let delivered = seen["health"]["delivered"].as_u64().unwrap();
    assert!(seen["health"]["last_error"].is_null() && delivered >= 3, "{seen}");
    assert_eq!(seen["health"]["queue_age_seconds"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_obeyed_by_all_workers() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    server.react(|_| Reaction::Respond(429, vec![("retry-after", "50".to_owned())], String::new()));
    for number in 0..6 {
        buy(&shop, &format!("r-{number}"), "10.00").await;
    }
    // The first met the limit; the others were not sent.
    assert_eq!(server.take().len(), 1);
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert_eq!(account.lock().unwrap().events.len(), 6);
    assert_eq!(shop.get("/v1/integrations/klaviyo/dead-letters").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_event_is_marked_and_about_nobody() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({ "backfill": true })).await;
    assert_eq!(shop.post("/v1/integrations/klaviyo/test", &json!({})).await.status, 202);
    shop.settle().await;
    let [request] = server.take().try_into().unwrap();
    assert_eq!(request.headers["authorization"], "Klaviyo-API-Key pk_live_secret");
    let attributes = request.json()["data"]["attributes"].clone();
    assert_eq!((&attributes["properties"]["Test"], &attributes["backfill"]), (&json!(true), &json!(true)));
    assert_eq!(attributes["profile"]["data"]["attributes"]["external_id"], "tessera-test");
    assert_eq!(account.lock().unwrap().faults, Vec::<String>::new());
}

/// How many requests an account permits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    per_minute: usize,
    per_second: usize,
    times: usize,
}

impl Limits {
    /// The published ones so many times.
    pub fn times(times: u32) -> Self {
        let times = usize::try_from(times).unwrap();
        Self { per_minute: 3_500 * times, per_second: 350 * times, times }
    }

    /// The share of the permitted requests that was used, in percent: permitted are a burst and the rate, except while
    /// `Retry-After` forbids requests.
    pub fn share(self, account: &Account, events: usize, elapsed: Duration) -> usize {
        let allowed = usize::try_from(elapsed.saturating_sub(account.forbidden).as_millis()).unwrap();
        let steady = self.per_minute * allowed / 60_000;
        // No minute has more than its limit, a burst included.
        let permitted = (self.per_second + steady).min(self.per_minute.max(steady));
        100 * events / permitted.max(1)
    }
}

/// An account that notes when its limits are exceeded. Every twentieth request misbehaves once: 429, 500, or a response that is
/// lost after the event was taken.
///
/// A 429 forbids requests for a second. Where the limits apply many times, a second is as long as so many, and only one 429 in so
/// many does.
pub(super) fn misbehaving(
    account: &Arc<Mutex<Account>>,
    limits: Limits,
) -> impl Fn(&Received) -> Reaction + Send + Sync + use<> {
    let taking = Arc::clone(account);
    move |request| {
        let mut account = taking.lock().unwrap();
        let now = Instant::now();
        account.moments.push_back(now);
        while account.moments.front().is_some_and(|first| now - *first > Duration::from_mins(1)) {
            account.moments.pop_front();
        }
        let last_second = account.moments.iter().rev().take_while(|at| now - **at < Duration::from_secs(1)).count();
        if account.moments.len() > limits.per_minute || last_second > limits.per_second {
            let fault = format!("{} in a minute, {last_second} in a second", account.moments.len());
            account.faults.push(fault);
        }
        let unique = request.json()["data"]["attributes"]["unique_id"].as_str().unwrap_or_default().to_owned();
        let place = account.hit.len() + account.events.len();
        if place.is_multiple_of(20) && account.hit.insert(unique) {
            return match account.hit.len() % 3 {
                0 => {
                    let seconds = u64::from((account.hit.len() / 3).is_multiple_of(limits.times));
                    account.forbid(now, Duration::from_secs(seconds));
                    Reaction::Respond(429, vec![("retry-after", seconds.to_string())], String::new())
                }
                1 => Reaction::status(500),
                _ => {
                    account.take(request);
                    Reaction::Close
                }
            };
        }
        account.take(request)
    }
}

/// 1,000 events at the published limits. Every twentieth request misbehaves once: 429, 500, or a response that is lost after
/// the event was taken. Rates are printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_are_neither_lost_nor_doubled_within_the_limits() {
    const EVENTS: usize = 1_000;
    let options = tessera_local::stack::StackOptions::default();
    let (shop, server) = (Shop::with(&program(&rules()), options).await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    server.react(misbehaving(&account, Limits::times(1)));
    let capacity = async || shop.get("/_local/capacity").await["functions"]["notifications"].clone();
    let before = capacity().await;
    let started = Instant::now();
    let at = shop.stack.now().checked_sub(jiff::SignedDuration::from_hours(1)).unwrap().to_string();
    // Nobody reaches the next tier, which would be an event more.
    for batch in 0..EVENTS / 25 {
        let sent = (0..25).map(|number| {
            let mut bought = receipt(&format!("r-{batch}-{number}"), &format!("c-{number}"), "10.00");
            bought["occurred_at"] = json!(at);
            let shop = &shop;
            async move { assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202) }
        });
        futures::future::join_all(sent).await;
    }
    let reported = started.elapsed();
    while account.lock().unwrap().events.len() < EVENTS {
        shop.settle().await;
        shop.post("/_local/jobs/redeliveries", &json!({})).await;
        assert!(started.elapsed() < Duration::from_mins(5), "{}", account.lock().unwrap().events.len());
    }
    let elapsed = started.elapsed();
    shop.settle().await;
    println!("per event: {}", per_event(&before, &capacity().await, EVENTS));
    let account = account.lock().unwrap();
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.events.len(), EVENTS, "none is doubled");
    assert!(account.hit.len() >= EVENTS / 25, "{}", account.hit.len());
    let balance = account.profiles["c-0"]["properties"]["Loyalty Points Balance"].as_i64().unwrap();
    let expected = i64::try_from(EVENTS / 25 * 10).unwrap();
    assert_eq!(balance, expected, "the last request brought the newest balance");
    println!(
        "{EVENTS} events with {} faults in {elapsed:.1?} (all receipts reported after {reported:.1?}): {} % of what Klaviyo \
         permits in that time, of which it forbade {:.1?}",
        account.hit.len(),
        Limits::times(1).share(&account, EVENTS, elapsed),
        account.forbidden,
    );
}
