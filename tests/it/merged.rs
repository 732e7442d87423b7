//! After a merge, every name of the source is a name of the target: on every route, for keys and for tokens, until the merge is
//! undone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::platform::ROUTES;
use tessera_local::stack::{CallSide, FaultPlan, InjectedFault, StackOptions};

use crate::shop::{Response, Shop, per_euro, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A program with referrals.
fn document() -> Value {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    document
}

/// A shop with two members, who have 200 points each.
async fn open() -> Shop {
    let shop = Shop::open(&document(), CLOCK).await;
    for id in ["old", "new"] {
        assert_eq!(shop.post("/v1/members", &json!({ "id": id })).await.status, 201);
        let award = json!({ "award": 200, "reason": "test" });
        assert_eq!(shop.post(&format!("/v1/members/{id}/adjustments"), &award).await.status, 201);
    }
    shop
}

async fn merge(shop: &Shop) {
    let merged = shop.post("/v1/members/old/merge", &json!({ "into": "new" })).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
    shop.settle().await;
}

async fn inner_id(shop: &Shop, member: &str) -> String {
    shop.member(member).await["inner_id"].as_str().unwrap().to_owned()
}

async fn patch(shop: &Shop, member: &str, body: &Value) -> Response {
    shop.request(Method::PATCH, &format!("/v1/members/{member}"), Some(body)).await
}

/// The methods and paths of all routes that name a member.
fn routes_of_members() -> BTreeSet<(&'static str, &'static str)> {
    let routes = ROUTES.iter().flat_map(|(_, tables)| tables.iter()).flat_map(|table| table.iter());
    routes.filter(|route| route.path.contains("{member}")).map(|route| (route.method, route.path)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_reads_a_member_reads_the_target_by_the_sources_names() {
    let shop = open().await;
    let inner = inner_id(&shop, "old").await;
    patch(&shop, "old", &json!({ "card": "7001", "email": "old@example.com", "verified": ["card", "email"] })).await;
    patch(&shop, "new", &json!({ "card": "7002", "verified": ["card"] })).await;
    for (order, member) in [("r-1", "old"), ("r-2", "new")] {
        shop.post("/v1/receipts", &receipt(order, member, "50.00")).await;
        shop.post(&format!("/v1/members/{member}/redemptions"), &json!({ "reward": "five-off" })).await;
        shop.post(&format!("/v1/members/{member}/notes"), &json!({ "text": format!("about {member}") })).await;
    }
    merge(&shop).await;
    let reads: Vec<_> = routes_of_members().into_iter().filter(|(method, _)| *method == "GET").collect();
    assert!(reads.len() >= 9, "{reads:?}");
    for (_, path) in reads {
        let read = async |name: &str| {
            let response = shop.request(Method::GET, &path.replace("{member}", name), None).await;
            (response.status, response.body)
        };
        let target = read("new").await;
        assert_eq!(target.0, 200, "{path}: {}", target.1);
        for name in ["old", &inner, "email:old@example.com", "card:7001"] {
            assert_eq!(read(name).await, target, "{path} by {name}");
        }
    }
    let notices = shop.get("/v1/notices?member=old").await;
    assert_eq!(notices, shop.get("/v1/notices?member=new").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_changes_a_member_changes_the_target_by_the_sources_names() {
    let writes: Vec<_> = routes_of_members().into_iter().filter(|(method, _)| *method != "GET").collect();
    for (method, path) in writes {
        for by_inner_id in [false, true] {
            let shop = open().await;
            let name = if by_inner_id { inner_id(&shop, "old").await } else { "old".to_owned() };
            merge(&shop).await;
            changes_the_target(&shop, method, path, &name).await;
            shop.verify().await;
        }
    }
}

/// Sends a change by a name of the source and checks that the target has it.
async fn changes_the_target(shop: &Shop, method: &str, path: &str, name: &str) {
    let send = async |path: &str, body: &Value| {
        let body = (method != "DELETE").then_some(body);
        let response = shop.request(method.parse().unwrap(), &path.replace("{member}", name), body).await;
        assert!(response.status < 300, "{method} {path} by {name}: {}", response.body);
        response.body
    };
    let notes = async || shop.get("/v1/members/new/notes").await["items"].as_array().unwrap().len();
    match (method, path.strip_prefix("/v1/members/{member}").unwrap()) {
        ("PATCH", "") => {
            let body = json!({ "first_name": "Ada", "lists": ["news"], "tags": ["vip"], "email": "ada@example.com",
                               "card": "7003", "verified": ["email", "card"] });
            let changed = send(path, &body).await;
            let target = shop.member("new").await;
            assert_eq!(changed, target);
            assert_eq!((&target["first_name"], &target["lists"]), (&json!("Ada"), &json!(["news"])));
            let held: Vec<&Value> =
                target["identifiers"].as_array().unwrap().iter().map(|held| &held["value"]).collect();
            assert_eq!(held.len(), 2, "{target}");
            for key in ["email:ada@example.com", "card:7003"] {
                assert_eq!(shop.member(key).await["id"], "new", "{key}");
            }
            let next = json!({ "id": "next", "email": "ada@example.com", "verified": ["email"] });
            let taken = shop.post("/v1/members", &next).await;
            assert_eq!(taken.body["identity_conflict"], json!(["email"]), "{}", taken.body);
            assert_eq!(patch(shop, "new", &json!({ "email": null })).await.status, 200);
            let freed = shop.post("/v1/members", &next).await;
            assert_eq!(freed.body["identity_conflict"], Value::Null, "{}", freed.body);
            assert_eq!(shop.member("email:ada@example.com").await["id"], "next");
        }
        ("DELETE", "") => {
            send(path, &json!({})).await;
            for gone in ["old", "new"] {
                let found = shop.request(Method::GET, &format!("/v1/members/{gone}"), None).await;
                assert_eq!(found.status, 404, "{gone}: {}", found.body);
            }
        }
        ("POST", "/activate") => assert_eq!(send(path, &json!({})).await, shop.member("new").await),
        ("POST", "/adjustments") => {
            let adjusted = send(path, &json!({ "award": 50, "reason": "test" })).await;
            assert_eq!((&adjusted["id"], &adjusted["points"]["available"]), (&json!("new"), &json!(450)));
            assert_eq!(adjusted, shop.member("new").await);
        }
        ("PUT", "/exclusion") => {
            let excluded = send(path, &json!({ "excluded": true, "reason": "test" })).await;
            assert_eq!((&excluded["id"], &excluded["status"]), (&json!("new"), &json!("excluded")));
            assert_eq!(shop.member("new").await["status"], "excluded");
            let object = format!("members/{}", inner_id(shop, "new").await);
            assert_eq!(shop.get("/v1/audit?action=member.exclude").await["items"][0]["object"], object);
        }
        ("POST", "/notes") => {
            send(path, &json!({ "text": "a note" })).await;
            assert_eq!(notes().await, 1);
        }
        ("DELETE", "/notes") => {
            shop.post("/v1/members/new/notes", &json!({ "text": "a note" })).await;
            send(path, &json!({})).await;
            assert_eq!(notes().await, 0);
        }
        ("DELETE", "/notes/{id}") => {
            let note = shop.post("/v1/members/new/notes", &json!({ "text": "a note" })).await.body;
            send(&path.replace("{id}", note["id"].as_str().unwrap()), &json!({})).await;
            assert_eq!(notes().await, 0);
        }
        ("POST", "/redemptions") => {
            let coupon = send(path, &json!({ "reward": "five-off" })).await;
            assert_eq!(coupon["member"], "new");
            assert_eq!(shop.get("/v1/members/new/coupons").await["items"][0]["code"], coupon["code"]);
        }
        ("POST", "/referral-shares") => {
            let shared = send(path, &json!({ "channel": "mail" })).await;
            assert_eq!(shared["code"], shop.member("new").await["referral_code"]);
        }
        other => panic!("{other:?}: say what the target has of it after a merge"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_with_the_sources_id_identifies_the_target() {
    let shop = open().await;
    merge(&shop).await;
    let held = async || -> Vec<Value> {
        let member = shop.member("new").await;
        member["identifiers"].as_array().unwrap().iter().map(|held| held["value"].clone()).collect()
    };
    let enrolled = shop.post("/v1/members", &json!({ "id": "old", "card": "7003", "verified": ["card"] })).await;
    assert_eq!((enrolled.status, &enrolled.body), (200, &shop.member("new").await));
    assert_eq!(held().await, ["7003"]);
    let phone = "+390212345678";
    let mut bought = receipt("r-1", "old", "50.00");
    bought["member"] = json!({ "id": "old", "phone": phone, "verified": ["phone"] });
    let mut viewed = json!({ "id": "i-1", "name": "app", "occurred_at": "2026-03-01T10:00:00+01:00" });
    viewed["member"] = json!({ "id": "old", "email": "ada@example.com", "verified": ["email"] });
    // Sent again, it finds the keys that it made.
    for status in [202, 200] {
        for (path, body) in [("/v1/receipts", &bought), ("/v1/interactions", &viewed)] {
            let sent = shop.post(path, body).await;
            assert_eq!((sent.status, &sent.body["identity_conflict"]), (status, &Value::Null), "{}", sent.body);
        }
        shop.settle().await;
    }
    assert_eq!(held().await.len(), 3);
    for key in [format!("phone:{}", phone.replace('+', "%2B")), "email:ada@example.com".to_owned()] {
        assert_eq!(shop.member(&key).await["id"], "new", "{key}");
    }
    assert_eq!(shop.member("new").await["points"]["available"], 450);
    // The id of the source stays the source's, and a refused change verifies nothing.
    let taken = patch(&shop, "new", &json!({ "id": "old", "card": "7004", "verified": ["card"] })).await;
    assert_eq!((taken.status, taken.problem()), (422, "id_taken"), "{}", taken.body);
    assert_eq!(held().await.len(), 3);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_who_is_part_of_a_member_with_an_id_joins_nobody() {
    for (source, into) in [("email:guest@example.com", "new"), ("new", "email:guest@example.com")] {
        let shop = open().await;
        let guest = json!({ "email": "guest@example.com", "verified": ["email"] });
        let mut bought = receipt("r-1", "", "50.00");
        bought["member"] = guest.clone();
        assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
        shop.settle().await;
        let merged = shop.post(&format!("/v1/members/{source}/merge"), &json!({ "into": into })).await;
        assert_eq!((merged.status, &merged.body["points"]["available"]), (200, &json!(250)), "{}", merged.body);
        // Known by an id, and new: neither gets the points, nor the key.
        for other in ["old", "stranger"] {
            let mut sent = guest.clone();
            sent["id"] = json!(other);
            let enrolled = shop.post("/v1/members", &sent).await;
            assert!(enrolled.status < 300, "{}", enrolled.body);
            assert_eq!(enrolled.body["identity_conflict"], json!(["email"]), "{source} {other}: {}", enrolled.body);
            let own = if other == "old" { 200 } else { 0 };
            assert_eq!(enrolled.body["points"]["available"], own, "{source} {other}");
        }
        assert_eq!(shop.member("email:guest@example.com").await["points"]["available"], 250, "{source}");
        assert_eq!(shop.member("new").await["points"]["available"], 250, "{source}");
        shop.verify().await;
    }
}

/// A request with the token of a member.
async fn as_member(shop: &Shop, member: &str, method: Method, path: &str) -> Response {
    let claims = json!({ "iss": shop.program, "sub": member, "exp": shop.stack.now().as_second() + 600 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    let body = (method == Method::POST).then(|| json!({}));
    shop.request_with(method, path, body.as_ref(), &[("authorization", &bearer)]).await
}

/// Whether the token of a member reaches a coupon, and whether it does so by every route.
async fn reaches_coupon(shop: &Shop, member: &str, code: &str) -> bool {
    let path = format!("/v1/coupons/{code}");
    let read = as_member(shop, member, Method::GET, &path).await;
    for action in ["apply", "release"] {
        let acted = as_member(shop, member, Method::POST, &format!("{path}/{action}")).await;
        assert_eq!(acted.status, read.status, "{member} {action}: {}", acted.body);
    }
    assert!(matches!(read.status, 200 | 404), "{member}: {}", read.body);
    read.status == 200
}

/// Whether the token of a member reaches somebody by a name.
async fn reaches_member(shop: &Shop, member: &str, name: &str) -> bool {
    let mut reached = BTreeSet::new();
    for list in ["hub", "entries", "coupons", "referrals"] {
        let read = as_member(shop, member, Method::GET, &format!("/v1/members/{name}/{list}")).await;
        assert!(matches!(read.status, 200 | 403), "{member} {name} {list}: {}", read.body);
        reached.insert(read.status);
    }
    assert_eq!(reached.len(), 1, "{member} {name}");
    reached.contains(&200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_tokens_reach_the_one_member_until_the_merge_is_undone() {
    let shop = open().await;
    shop.post("/v1/members", &json!({ "id": "stranger" })).await;
    // An unverified address leads nobody's token anywhere.
    for (member, address) in [("stranger", "new@example.com"), ("old", "old@example.com"), ("new", "new@example.com")] {
        patch(&shop, member, &json!({ "email": address, "verified": [] })).await;
    }
    let mut codes = Vec::new();
    for member in ["old", "new"] {
        let coupon = shop.post(&format!("/v1/members/{member}/redemptions"), &json!({ "reward": "five-off" })).await;
        codes.push(coupon.body["code"].as_str().unwrap().to_owned());
    }
    let names = ["old".to_owned(), inner_id(&shop, "old").await, "new".to_owned(), inner_id(&shop, "new").await];
    // Which coupons and which names each token reaches.
    let reached = async || {
        let mut all = Vec::new();
        for member in ["old", "new", "stranger"] {
            let (mut coupons, mut members) = (Vec::new(), Vec::new());
            for code in &codes {
                coupons.push(reaches_coupon(&shop, member, code).await);
            }
            for name in &names {
                members.push(reaches_member(&shop, member, name).await);
            }
            for address in ["email:old@example.com", "email:new@example.com"] {
                assert!(!reaches_member(&shop, member, address).await, "{member} {address}");
            }
            all.push((coupons, members));
        }
        all
    };
    let apart = [
        (vec![true, false], vec![true, true, false, false]),
        (vec![false, true], vec![false, false, true, true]),
        (vec![false, false], vec![false; 4]),
    ];
    assert_eq!(reached().await, apart);
    merge(&shop).await;
    shop.clock("2026-03-01T12:05:00+01:00").await;
    let together = [(vec![true; 2], vec![true; 4]), (vec![true; 2], vec![true; 4]), (vec![false; 2], vec![false; 4])];
    assert_eq!(reached().await, together);
    let undone = shop.post("/v1/members/old/unmerge", &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    shop.clock("2026-03-01T12:10:00+01:00").await;
    assert_eq!(reached().await, apart);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_does_not_use_up_the_key_of_its_command() {
    let shop = open().await;
    let send = async |path: &str, key: &str, body: &Value| {
        let bearer = format!("Bearer {}", crate::shop::KEY);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        shop.request_with(Method::POST, path, Some(body), &headers).await
    };
    let mut changed = document();
    changed["name"] = json!("Club Grace");
    let draft = shop.post("/v1/program/drafts", &json!({ "program": changed })).await;
    assert_eq!(draft.status, 201, "{}", draft.body);
    let publish = format!("/v1/program/drafts/{}/publish", draft.body["id"].as_str().unwrap());
    let into = json!({ "into": "new" });
    let commands =
        [("/v1/members/old/merge", &into), ("/v1/members/old/unmerge", &json!({})), (publish.as_str(), &json!({}))];
    for (path, body) in commands {
        let tried = send(&format!("{path}?dry_run=true"), path, body).await;
        assert_eq!(tried.status, 200, "{path}: {}", tried.body);
        // A request with another query is another request: the key is refused for it.
        let swallowed = send(path, path, body).await;
        assert_eq!((swallowed.status, swallowed.problem()), (422, "idempotency_key_reused"), "{path}");
        let key = format!("{path} now");
        for is_replayed in [false, true] {
            let done = send(path, &key, body).await;
            assert_eq!(done.status, 200, "{path}: {}", done.body);
            assert_eq!(done.headers.contains_key("idempotency-replayed"), is_replayed, "{path}");
        }
    }
    // All three were carried out.
    let done = shop.get("/v1/audit").await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["action"].clone())
        .collect::<Vec<_>>();
    for action in ["member.merge", "member.unmerge"] {
        assert!(done.contains(&json!(action)), "{action}: {done:?}");
    }
    assert_eq!(shop.get("/v1/program").await["name"], "Club Grace");
}

/// Sends a request about `old` to `enrollment`, and merges `old` into `new` while a write of that function is held: the `number`-th,
/// before or after it is done. Both were visitors.
async fn merge_meanwhile(number: u64, side: CallSide, method: Method, path: &str, body: &Value) -> (Shop, Response) {
    let faults = Arc::new(FaultPlan::new());
    let clock = Some(CLOCK.parse().unwrap());
    let options = StackOptions { clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = Shop::with(&document(), options).await;
    for id in ["old", "new"] {
        assert_eq!(shop.post("/v1/members", &json!({ "id": id, "status": "visitor" })).await.status, 201);
    }
    shop.settle().await;
    faults.inject("enrollment", "TransactWriteItems", number..=number, InjectedFault::Hold(side));
    let meanwhile = async {
        while faults.injected() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        merge(&shop).await;
        faults.clear();
    };
    let both = async { tokio::join!(shop.request(method, path, Some(body)), meanwhile) };
    let (response, ()) = tokio::time::timeout(Duration::from_secs(25), both).await.unwrap();
    shop.verify().await;
    (shop, response)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_of_somebody_who_is_merged_meanwhile_reaches_the_target() {
    let body = json!({ "id": "old", "first_name": "Ada", "lists": ["news"] });
    // The profile, then the account.
    for (number, side) in [(1, CallSide::Before), (1, CallSide::After), (2, CallSide::Before)] {
        let (shop, enrolled) = merge_meanwhile(number, side, Method::POST, "/v1/members", &body).await;
        assert_eq!(enrolled.status, 201, "{number} {side:?}: {}", enrolled.body);
        let target = shop.member("new").await;
        assert_eq!((&target["id"], &target["status"]), (&json!("new"), &json!("member")), "{number} {side:?}");
        assert_eq!((&target["first_name"], &target["lists"]), (&json!("Ada"), &json!(["news"])), "{number} {side:?}");
        assert_eq!(enrolled.body, target, "{number} {side:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_of_somebody_who_is_merged_meanwhile_reaches_the_target() {
    for (number, side) in [(1, CallSide::Before), (1, CallSide::After), (2, CallSide::Before)] {
        let (shop, activated) =
            merge_meanwhile(number, side, Method::POST, "/v1/members/old/activate", &json!({})).await;
        assert_eq!((activated.status, &activated.body["status"]), (201, &json!("member")), "{}", activated.body);
        let (program, target) = (shop.program.parse().unwrap(), inner_id(&shop, "new").await.parse().unwrap());
        let profile = shop.stack.store().get_profile(&program, &target).await.unwrap().unwrap();
        assert!(profile.enrolled_at.is_some(), "{number} {side:?}: the profile knows of it as well");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_somebody_who_is_merged_meanwhile_reaches_the_target() {
    let body = json!({ "first_name": "Ada", "lists": ["news"], "card": "7003", "verified": ["card"] });
    // The verified card, then the rest.
    for (number, side) in [(1, CallSide::Before), (1, CallSide::After), (2, CallSide::Before), (2, CallSide::After)] {
        let (shop, changed) = merge_meanwhile(number, side, Method::PATCH, "/v1/members/old", &body).await;
        assert_eq!(changed.status, 200, "{number} {side:?}: {}", changed.body);
        let target = shop.member("new").await;
        assert_eq!(changed.body, target, "{number} {side:?}");
        assert_eq!((&target["first_name"], &target["lists"]), (&json!("Ada"), &json!(["news"])), "{number} {side:?}");
        // A card that was verified before the merge stays a key of the source, and leads to the target.
        assert_eq!(shop.member("card:7003").await, target, "{number} {side:?}");
    }
}
