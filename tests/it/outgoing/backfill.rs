//! The backfill of Klaviyo: every member's profile, in bulk, at a stand-in that checks sizes and misbehaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Reaction, Received, Server};
use super::{CLOCK, rules, shop};
use crate::faults::plans::{Run, every_plan, plans_of};
use crate::faults::sender::{Planned, Sender};
use crate::shop::{Shop, program, receipt};

/// What the stand-in took.
#[derive(Default)]
struct Account {
    /// The profiles by `external_id`.
    profiles: BTreeMap<String, Value>,
    /// The profiles of each job that are refused.
    jobs: Vec<Vec<Value>>,
    /// How often each job was looked at.
    looks: BTreeMap<usize, u32>,
    /// Profiles that were sent alone.
    alone: Vec<Value>,
    /// Profiles of jobs that are taken when their job completes, where the vendor takes its time.
    late: Option<Vec<Value>>,
    faults: Vec<String>,
}

fn ok(body: &Value) -> Reaction {
    Reaction::Respond(200, Vec::new(), body.to_string())
}

impl Account {
    fn take(&mut self, request: &Received) -> Reaction {
        let path = request.path.strip_prefix("/api/").unwrap_or_default();
        match path.strip_prefix("profile-bulk-import-jobs").map(|rest| rest.trim_start_matches('/')) {
            Some("") => self.start(request),
            Some(job) => self.look(job),
            None if path == "profile-import" => {
                let profile = request.json()["data"]["attributes"].clone();
                self.alone.push(profile.clone());
                self.overwrite(profile);
                ok(&json!({}))
            }
            None if path == "events" => {
                self.overwrite(request.json()["data"]["attributes"]["profile"]["data"]["attributes"].clone());
                Reaction::status(202)
            }
            None => {
                self.faults.push(request.path.clone());
                Reaction::status(404)
            }
        }
    }

    /// Takes a profile, where the vendor takes its time with jobs.
    fn overwrite(&mut self, profile: Value) {
        if self.late.is_some() {
            self.profiles.insert(profile["external_id"].as_str().unwrap().to_owned(), profile);
        }
    }

    /// Starts a job. Profiles whose id begins with `bad` are refused later.
    fn start(&mut self, request: &Received) -> Reaction {
        let body = request.json();
        let profiles = body["data"]["attributes"]["profiles"]["data"].as_array().cloned().unwrap_or_default();
        let is_sound = body["data"]["type"] == "profile-bulk-import-job"
            && profiles.iter().all(|profile| profile["type"] == "profile")
            && (1..=10_000).contains(&profiles.len())
            && request.body.len() <= 5_000_000;
        if !is_sound {
            self.faults.push(format!("{} profiles, {} bytes", profiles.len(), request.body.len()));
        }
        let mut refused = Vec::new();
        for profile in profiles {
            let id = profile["attributes"]["external_id"].as_str().unwrap().to_owned();
            if id.starts_with("bad") {
                refused.push(profile);
            } else if let Some(late) = &mut self.late {
                late.push(profile["attributes"].clone());
            } else {
                self.profiles.insert(id, profile["attributes"].clone());
            }
        }
        self.jobs.push(refused);
        let id = format!("job-{}", self.jobs.len() - 1);
        Reaction::Respond(
            202,
            Vec::new(),
            json!({ "data": { "type": "profile-bulk-import-job", "id": id } }).to_string(),
        )
    }

    /// A job is processed when it is looked at first, and complete then. Errors come one a page.
    fn look(&mut self, rest: &str) -> Reaction {
        let (job, query) = rest.split_once('/').map_or((rest, None), |(job, errors)| (job, Some(errors)));
        let number: usize = job.strip_prefix("job-").unwrap().parse().unwrap();
        let Some(query) = query else {
            let looks = self.looks.entry(number).or_default();
            *looks += 1;
            let status = if *looks == 1 { "processing" } else { "complete" };
            if status == "complete" {
                for profile in self.late.as_mut().map(std::mem::take).unwrap_or_default() {
                    self.overwrite(profile);
                }
            }
            return ok(&json!({ "data": { "id": job, "attributes": { "status": status } } }));
        };
        let page: usize = query.split("cursor%5D=").nth(1).map_or(0, |page| page.parse().unwrap());
        let refused = &self.jobs[number];
        let errors: Vec<Value> = refused
            .get(page)
            .into_iter()
            .map(|profile| {
                json!({ "type": "import-error", "attributes": { "code": "invalid", "title": "Invalid input.",
                    "detail": "Invalid email address", "original_payload": profile["attributes"] } })
            })
            .collect();
        let next = (page + 1 < refused.len()).then(|| format!("https://a.example/x?page%5Bcursor%5D={}", page + 1));
        ok(&json!({ "data": errors, "links": { "next": next } }))
    }
}

async fn connected(shop: &Shop, server: &Server) -> Arc<Mutex<Account>> {
    let account = Arc::new(Mutex::new(Account::default()));
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    let body =
        json!({ "enabled": true, "settings": { "base_url": server.url("") }, "credentials": { "api_key": "pk_1" } });
    assert_eq!(shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body)).await.status, 200);
    account
}

const PATH: &str = "/v1/integrations/klaviyo/backfill";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_profile_is_brought_in_bulk_and_refused_ones_are_dead_letters() {
    let (shop, server) = (shop().await, Server::start().await);
    // More than fit into one job.
    for batch in 0..13 {
        let enrolled = (0..20).map(|number| {
            let (id, shop) = (format!("c-{}", batch * 20 + number), &shop);
            async move { shop.post("/v1/members", &json!({ "id": id })).await }
        });
        futures::future::join_all(enrolled).await;
    }
    for id in ["bad-1", "bad-2"] {
        shop.post("/v1/members", &json!({ "id": id, "email": format!("{id}@example.com"), "verified": ["email"] }))
            .await;
    }
    shop.settle().await;
    let account = connected(&shop, &server).await;
    assert_eq!(shop.request(Method::GET, PATH, None).await.status, 404);
    let started = shop.post(PATH, &json!({})).await;
    assert_eq!((started.status, &started.body["state"]), (202, &json!("running")));
    shop.settle().await;
    let running = shop.get(PATH).await;
    assert_eq!(
        (&running["profiles"], &running["jobs"], &running["state"]),
        (&json!(262), &json!(2), &json!("running"))
    );
    // Started again meanwhile, it is the same one.
    assert_eq!(shop.post(PATH, &json!({})).await.body["started_at"], started.body["started_at"]);
    for minute in 1..=4 {
        shop.clock(&format!("2026-03-01T12:0{minute}:00+01:00")).await;
    }
    let done = shop.get(PATH).await;
    assert_eq!((&done["state"], &done["refused"], &done["jobs"]), (&json!("done"), &json!(2), &json!(0)));
    {
        let account = account.lock().unwrap();
        assert_eq!((&account.faults, account.profiles.len(), account.jobs.len()), (&Vec::new(), 260, 2));
        assert_eq!(account.profiles["c-7"]["properties"]["Loyalty State"], "member");
    }
    let dead = shop.get("/v1/integrations/klaviyo/dead-letters").await;
    let letters = dead["items"].as_array().unwrap();
    assert_eq!(letters.len(), 2, "{dead}");
    assert!(letters.iter().all(|letter| letter["type"] == "profile" && letter["reason"] == "Invalid email address"));
    // Tried again, each is sent alone.
    assert_eq!(shop.post("/v1/integrations/klaviyo/redrive", &json!({})).await.body["redriven"], 2);
    shop.clock("2026-03-01T12:10:00+01:00").await;
    let alone: BTreeSet<String> = account
        .lock()
        .unwrap()
        .alone
        .iter()
        .map(|profile| profile["external_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(alone, BTreeSet::from(["bad-1".to_owned(), "bad-2".to_owned()]));
    let health = shop.get("/v1/integrations/klaviyo").await["health"].clone();
    assert_eq!((&health["dead"], &health["queue_age_seconds"]), (&json!(0), &json!(0)));
    // Another one begins anew.
    assert_eq!(shop.post(PATH, &json!({})).await.body["profiles"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_processed_late_leaves_the_newest_balance() {
    let (shop, server) = (shop().await, Server::start().await);
    for id in ["c-1", "c-2"] {
        shop.post("/v1/receipts", &receipt(&format!("r-{id}"), id, "10.00")).await;
    }
    shop.settle().await;
    let account = connected(&shop, &server).await;
    account.lock().unwrap().late = Some(Vec::new());
    let balance =
        |id: &str| account.lock().unwrap().profiles[id]["properties"]["Loyalty Points Balance"].as_i64().unwrap();
    shop.post(PATH, &json!({})).await;
    shop.settle().await;
    // The job has read the members. One of them buys before the vendor has processed it, twice.
    for order in ["r-3", "r-4"] {
        shop.post("/v1/receipts", &receipt(order, "c-1", "10.00")).await;
        shop.settle().await;
    }
    assert_eq!(balance("c-1"), 30);
    shop.clock("2026-03-01T12:01:00+01:00").await;
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert_eq!(shop.get(PATH).await["state"], "done");
    assert_eq!((balance("c-1"), balance("c-2")), (10, 10), "the stand-in has overwritten the newer balance");
    assert_eq!(shop.get("/v1/integrations/klaviyo").await["health"]["queue_age_seconds"], 0);
    account.lock().unwrap().alone.clear();
    shop.clock("2026-03-01T12:10:00+01:00").await;
    assert_eq!((balance("c-1"), balance("c-2")), (30, 10));
    assert_eq!(account.lock().unwrap().alone.len(), 1, "once, and for nobody else");
    shop.clock("2026-03-01T12:30:00+01:00").await;
    assert_eq!(account.lock().unwrap().alone.len(), 1);
    assert_eq!(shop.get("/v1/integrations/klaviyo/dead-letters").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_refused_as_a_whole_leaves_its_profiles_as_dead_letters() {
    let (shop, server) = (shop().await, Server::start().await);
    connected(&shop, &server).await;
    for id in ["c-1", "c-2"] {
        shop.post("/v1/members", &json!({ "id": id })).await;
    }
    shop.settle().await;
    server.react(|_| Reaction::Respond(400, Vec::new(), r#"{"errors":[{"detail":"Bad profile"}]}"#.to_owned()));
    shop.post(PATH, &json!({})).await;
    shop.settle().await;
    let done = shop.get(PATH).await;
    assert_eq!((&done["state"], &done["refused"]), (&json!("done"), &json!(2)));
    let dead = shop.get("/v1/integrations/klaviyo/dead-letters").await;
    assert!(dead["items"].as_array().unwrap().iter().all(|letter| letter["reason"] == "400 Bad profile"), "{dead}");
    // Not connected, it does not start.
    let off = json!({ "enabled": false, "settings": { "base_url": server.url("") } });
    shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&off)).await;
    assert_eq!(shop.post(PATH, &json!({})).await.problem(), "not_connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_is_down_is_asked_again_and_given_up_after_days() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.settle().await;
    server.respond(503);
    shop.post(PATH, &json!({})).await;
    shop.settle().await;
    assert_eq!(shop.get(PATH).await["reason"], "503");
    // The schedule of attempts ends after three days.
    for day in 1..=5 {
        for hour in [2, 6, 10, 14, 18, 22] {
            shop.clock(&format!("2026-03-0{}T{hour:02}:00:00+01:00", day + 1)).await;
        }
    }
    assert_eq!(shop.get(PATH).await["state"], "failed");
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    shop.post("/v1/integrations/klaviyo/redrive", &json!({})).await;
    for hour in 1..=4 {
        shop.clock(&format!("2026-03-07T0{hour}:00:00+01:00")).await;
    }
    assert_eq!(shop.get(PATH).await["state"], "done");
    assert_eq!(account.lock().unwrap().profiles.len(), 1);
}

/// Backfills four members, one of whom Klaviyo refuses, from an hour on.
pub async fn journey(sender: &mut Sender, server: &Server, hour: u8) -> Value {
    for id in ["c-1", "c-2", "c-3", "bad-1"] {
        sender.post("/v1/members", &json!({ "id": id }), None).await;
    }
    sender.settle().await;
    let account = Arc::new(Mutex::new(Account::default()));
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    let body =
        json!({ "enabled": true, "settings": { "base_url": server.url("") }, "credentials": { "api_key": "pk_1" } });
    let put = sender.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.begin();
    sender.post(PATH, &json!({}), Some("k-backfill")).await;
    sender.settle().await;
    for minute in [1, 2, 4, 12] {
        sender.clock(&format!("2026-03-01T{hour}:{minute:02}:00+01:00")).await;
        sender.job("redeliveries").await;
    }
    sender.end();
    for later in [1, 3, 5] {
        sender.clock(&format!("2026-03-01T{}:00:00+01:00", hour + later)).await;
    }
    let end = sender.get(PATH).await;
    let dead = sender.get("/v1/integrations/klaviyo/dead-letters").await;
    let account = account.lock().unwrap();
    assert_eq!(account.faults, Vec::<String>::new());
    let profiles: Vec<&String> = account.profiles.keys().collect();
    json!([end["state"], end["refused"], profiles, dead["items"].as_array().unwrap().len()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_reaches_every_member_whatever_call_fails() {
    let run = async |planned: Option<Planned>| {
        let server = Server::start().await;
        let mut sender = Sender::open(&program(&rules()), CLOCK, planned).await;
        let end = journey(&mut sender, &server, 12).await;
        Run::new(end, &sender)
    };
    let choose = |calls| plans_of(calls, &["notifications", "connections"]);
    let end = every_plan("backfill", 12, choose, run).await;
    assert_eq!(end, json!(["done", 1, ["c-1", "c-2", "c-3"], 1]));
}
