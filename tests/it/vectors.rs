//! Runs the acceptance vectors through the HTTP API, as their README describes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::shop::{Response, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_with_an_accepted_program_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut met, mut refused) = (Vec::new(), Vec::new());
    for path in files.iter().filter(|path| path.extension().is_some_and(|ext| ext == "json")) {
        let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let name = vector["name"].as_str().unwrap().to_owned();
        let empty = json!({ "name": "Empty", "currency": "EUR", "timezone": "Europe/Rome",
                            "points": { "name": { "one": "p", "other": "p" } } });
        let shop = Shop::open(&empty, vector["clock"].as_str().unwrap()).await;
        let put = shop.request(Method::PUT, "/v1/program", Some(&vector["program"])).await;
        if put.status == 200 {
            Run { shop, name: &name, codes: BTreeMap::new(), owners: BTreeMap::new() }.vector(&vector).await;
            met.push(name);
        } else {
            assert_eq!((put.status, put.problem()), (400, "invalid"), "{name}: {}", put.body);
            let faults = put.body["errors"].as_array().unwrap();
            let known = |fault: &&Value| fault["detail"].as_str().unwrap().contains("not supported by this version");
            assert_eq!(faults.iter().filter(known).count(), faults.len(), "{name}: {faults:?}");
            refused.push(name);
        }
    }
    println!("{} vectors met, {} refused: {refused:?}", met.len(), refused.len());
    for needed in
        ["sp1", "sp2", "sp3", "sp4", "sp8", "n1", "n2", "r1", "r2", "r7", "birthday", "inactivity", "email", "enrolled"]
    {
        assert!(met.iter().any(|name| name.starts_with(needed)), "no vector of {needed} was met");
    }
}

struct Run<'a> {
    shop: Shop,
    name: &'a str,
    codes: BTreeMap<String, String>,
    /// The member of each receipt, where the vector names one by id.
    owners: BTreeMap<String, String>,
}

impl Run<'_> {
    async fn vector(mut self, vector: &Value) {
        for (place, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
            if let Some(at) = step["at"].as_str() {
                self.shop.clock(at).await;
            }
            let (what, body) = step["do"].as_object().unwrap().iter().next().unwrap();
            let context = format!("{}, step {place}", self.name);
            self.step(what, body.as_object().unwrap(), &step["expect"], &context).await;
        }
        for (member, expected) in vector["expect"]["members"].as_object().into_iter().flatten() {
            let found = self.shop.member(member).await;
            for (field, value) in expected.as_object().unwrap() {
                let found = match field.as_str() {
                    "tier" => &found["tier"]["id"],
                    "status" => &found["status"],
                    number => &found["points"][number],
                };
                assert_eq!(found, value, "{}: {member}'s {field}", self.name);
            }
        }
        self.shop.verify().await;
    }

    async fn step(&mut self, what: &str, body: &Map<String, Value>, expect: &Value, context: &str) {
        let member = self.member_of(what, body);
        if let ("receipt", Some(member)) = (what, &member) {
            self.owners.insert(body["id"].as_str().unwrap().to_owned(), member.clone());
        }
        let known = self.known(member.as_deref()).await;
        let response = self.act(what, body).await;
        self.shop.settle().await;
        if let Some(status) = expect["status"].as_u64() {
            assert_eq!(u64::from(response.status), status, "{context}: {}", response.body);
        }
        if let Some(error) = expect["error"].as_str() {
            assert_eq!(response.problem(), error, "{context}");
        }
        for (field, value) in expect["check"].as_object().into_iter().flatten() {
            assert_eq!(&response.body[field], value, "{context}: {field}");
        }
        // A refused redemption has no code to name.
        if let (Some(name), Some(code)) = (body.get("as").and_then(Value::as_str), response.body["code"].as_str()) {
            self.codes.insert(name.to_owned(), code.to_owned());
        }
        if what == "receipt" {
            let id = body["id"].as_str().unwrap();
            let stored = self.shop.get(&format!("/v1/receipts/{id}")).await;
            let decision = &stored["decision"];
            points(&decision["points"], expect, context);
            listed(&expect["outcomes"], &decision["outcomes"], context);
            listed(&expect["skipped"], &decision["skipped"], context);
        } else if let (Some(member), true) = (member, expect["points"].is_object()) {
            let gained = self.gained(&member, &known).await;
            points(&gained, expect, context);
        }
    }

    /// The member whose entries show what a step did.
    fn member_of(&self, what: &str, body: &Map<String, Value>) -> Option<String> {
        if what == "enroll" {
            return None;
        }
        let named = body.get("member").and_then(|member| member.as_str().or_else(|| member["id"].as_str()));
        let receipt = body.get("receipt").and_then(Value::as_str);
        let owner = receipt.and_then(|receipt| self.owners.get(receipt)).map(String::as_str);
        named.or(owner).map(str::to_owned)
    }

    async fn act(&self, what: &str, body: &Map<String, Value>) -> Response {
        let without = |names: &[&str]| {
            let rest = body.iter().filter(|(name, _)| !names.contains(&name.as_str()));
            Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        let text = |name: &str| body[name].as_str().unwrap();
        match what {
            "enroll" => self.shop.post("/v1/members", &without(&[])).await,
            "receipt" => {
                let mut receipt = without(&[]);
                self.name_coupons(&mut receipt);
                self.shop.post("/v1/receipts", &receipt).await
            }
            "refund" => {
                self.shop.post(&format!("/v1/receipts/{}/refunds", text("receipt")), &without(&["receipt"])).await
            }
            "interaction" => self.shop.post("/v1/interactions", &without(&[])).await,
            "adjustment" => {
                let mut rest = without(&["member"]);
                let version = self.shop.member(text("member")).await["version"].as_u64().unwrap();
                match rest["expected_version"].as_str() {
                    Some("$current") => rest["expected_version"] = version.into(),
                    Some("$stale") => rest["expected_version"] = version.saturating_sub(1).into(),
                    _ => {}
                }
                self.shop.post(&format!("/v1/members/{}/adjustments", text("member")), &rest).await
            }
            "redemption" => {
                let path = format!("/v1/members/{}/redemptions", text("member"));
                self.shop.post(&path, &without(&["member", "as"])).await
            }
            "coupon" => {
                let path = format!("/v1/coupons/{}/{}", self.codes[text("ref")], text("action"));
                self.shop.post(&path, &without(&["ref", "action"])).await
            }
            other => panic!("what is {other}?"),
        }
    }

    /// A receipt names a coupon by the name that the vector gave it.
    fn name_coupons(&self, receipt: &mut Value) {
        for code in receipt["coupons"].as_array_mut().into_iter().flatten() {
            if let Some(known) = code.as_str().and_then(|name| self.codes.get(name.trim_start_matches('$'))) {
                *code = known.as_str().into();
            }
        }
    }

    async fn known(&self, member: Option<&str>) -> HashSet<String> {
        let Some(member) = member else { return HashSet::new() };
        if self.shop.request(Method::GET, &format!("/v1/members/{member}"), None).await.status != 200 {
            return HashSet::new();
        }
        self.shop.entries(member).await.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn gained(&self, member: &str, known: &HashSet<String>) -> Value {
        let mut sums = json!({ "redeemable": 0, "qualifying": 0 });
        for entry in self.shop.entries(member).await {
            let old = known.contains(entry["id"].as_str().unwrap());
            if old || entry["type"] == "release" || entry["type"] == "expire" {
                continue;
            }
            for kind in ["redeemable", "qualifying"] {
                sums[kind] = (sums[kind].as_i64().unwrap() + entry["points"][kind].as_i64().unwrap()).into();
            }
        }
        sums
    }
}

fn points(found: &Value, expect: &Value, context: &str) {
    for (kind, value) in expect["points"].as_object().into_iter().flatten() {
        assert_eq!(&found[kind], value, "{context}: {kind}");
    }
}

/// Checks that each expected object is contained in one that was found.
fn listed(expected: &Value, found: &Value, context: &str) {
    for wanted in expected.as_array().into_iter().flatten() {
        let matches = |other: &&Value| wanted.as_object().unwrap().iter().all(|(name, value)| other[name] == *value);
        let any = found.as_array().into_iter().flatten().any(|other| matches(&other));
        assert!(any, "{context}: {wanted} is not in {found}");
    }
}
