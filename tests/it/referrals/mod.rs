//! Referrals over the API: from the click to both rewards, returns, review, and everything that must not count.

mod checks;
mod costs;
mod examine;
mod link;
mod merging;
mod unmerging;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;

use crate::shop::{KEY, Response, Shop, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn document(changes: &Value) -> Value {
    let mut document = program(&json!([{
        "id": "bonus", "name": "Bonus", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "referral": { "role": "advocate" } }, "then": [{ "credit": { "points": 3 } }],
    }]));
    document["storefront"] = json!({ "shop_url": "https://shop.example/it" });
    let mut referral = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } },
        "attribution_days": 30, "hold_days": 14,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    for (name, value) in changes.as_object().unwrap() {
        referral[name] = value.clone();
    }
    document["referral"] = referral;
    document
}

/// A shop with an advocate `c-ada`, and her code.
async fn shop(changes: &Value) -> (Shop, String) {
    let shop = Shop::open(&document(changes), CLOCK).await;
    let code = advocate(&shop, "c-ada").await;
    (shop, code)
}

async fn advocate(shop: &Shop, id: &str) -> String {
    let ada = shop.post("/v1/members", &json!({ "id": id, "email": format!("{id}@example.com") })).await;
    assert_eq!(ada.status, 201, "{}", ada.body);
    ada.body["referral_code"].as_str().unwrap().to_owned()
}

async fn refer(shop: &Shop, code: &str, friend: &str) -> Response {
    shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": friend } })).await
}

async fn buy(shop: &Shop, id: &str, friend: &str, total: &str) {
    let mut body = receipt(id, friend, total);
    body["occurred_at"] = json!("2026-03-01T12:30:00+01:00");
    let sent = shop.post("/v1/receipts", &body).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    shop.settle().await;
}

async fn refund(shop: &Shop, receipt: &str, id: &str, amount: &str) {
    let body = json!({ "id": id, "occurred_at": "2026-03-01T12:45:00+01:00", "amount": amount });
    shop.post(&format!("/v1/receipts/{receipt}/refunds"), &body).await;
    shop.settle().await;
}

async fn available(shop: &Shop, member: &str) -> i64 {
    shop.member(member).await["points"]["available"].as_i64().unwrap()
}

/// The statuses of an advocate's referrals, newest first.
async fn statuses(shop: &Shop, advocate: &str) -> Vec<String> {
    let list = shop.get(&format!("/v1/members/{advocate}/referrals")).await;
    list["items"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

async fn after_the_hold(shop: &Shop) {
    shop.clock("2026-03-15T12:00:00+01:00").await;
    shop.post("/_local/jobs/inactivity", &json!({})).await;
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_rewarded_after_the_hold_and_lose_it_by_a_return() {
    let (shop, code) = shop(&json!({})).await;
    let referral = refer(&shop, &code, "c-grace").await;
    assert_eq!((referral.status, &referral.body["status"]), (201, &json!("pending")), "{}", referral.body);
    shop.clock("2026-03-01T12:20:00+01:00").await;
    buy(&shop, "r-1", "c-grace", "60.01").await;
    assert_eq!(statuses(&shop, "c-ada").await, ["qualified"]);
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (0, 0));
    after_the_hold(&shop).await;
    assert_eq!(statuses(&shop, "c-ada").await, ["rewarded"]);
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
    let entry = &shop.entries("c-grace").await[0];
    assert_eq!((&entry["type"], &entry["source"]["referral"]), (&json!("earn"), &referral.body["id"]));
    // Running the job again, and sending everything again, changes nothing.
    after_the_hold(&shop).await;
    refer(&shop, &code, "c-grace").await;
    shop.settle().await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
    refund(&shop, "r-1", "f-1", "60.01").await;
    assert_eq!(statuses(&shop, "c-ada").await, ["reversed"]);
    let debt = shop.member("c-grace").await["points"]["debt"].as_i64().unwrap();
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await, debt), (0, 0, 0));
    refund(&shop, "r-1", "f-1", "60.01").await;
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewards_that_a_job_gives_late_carry_the_end_of_the_hold() {
    let (shop, code) = shop(&json!({ "hold_days": 3 })).await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "60.01").await;
    shop.clock("2026-03-06T09:00:00+01:00").await;
    for _ in 0..2 {
        shop.post("/_local/jobs/inactivity", &json!({})).await;
        shop.settle().await;
        for member in ["c-ada", "c-grace"] {
            let entries = shop.entries(member).await;
            let earned = entries.iter().filter(|entry| entry["type"] == "earn");
            let times: Vec<&Value> = earned.map(|entry| &entry["at"]).collect();
            // The advocate has a milestone and a rule's bonus.
            assert_eq!(times.len(), if member == "c-ada" { 2 } else { 1 }, "{member}: {entries:?}");
            assert!(times.iter().all(|at| **at == json!("2026-03-03T23:00:00Z")), "{member}: {times:?}");
        }
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_before_the_end_of_the_hold_leaves_nothing() {
    let (shop, code) = shop(&json!({})).await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "80.00").await;
    refund(&shop, "r-1", "f-1", "20.00").await;
    assert_eq!(statuses(&shop, "c-ada").await, ["reversed"]);
    after_the_hold(&shop).await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (0, 0));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_is_not_more_than_sixty() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "60.00").await;
    let list = shop.get("/v1/members/c-ada/referrals").await;
    assert_eq!(list["items"][0]["status"], "rejected");
    assert_eq!(list["items"][0]["evidence"], json!(["first_order_below"]));
    // The small order is returned: a later one is the first.
    refund(&shop, "r-1", "f-1", "60.00").await;
    buy(&shop, "r-2", "c-grace", "61.00").await;
    assert_eq!(statuses(&shop, "c-ada").await, ["rewarded"]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_on_receipts_and_enrolments_count() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    let typed = code.to_lowercase();
    let mut first = receipt("r-1", "c-grace", "70.00");
    first["referral_code"] = json!(typed);
    shop.post("/v1/receipts", &first).await;
    shop.settle().await;
    assert_eq!(available(&shop, "c-grace").await, 50);
    shop.post("/v1/members", &json!({ "id": "c-joan", "referral_code": format!("{}-{}", &typed[..4], &typed[4..]) }))
        .await;
    shop.settle().await;
    buy(&shop, "r-2", "c-joan", "70.00").await;
    assert_eq!(
        (available(&shop, "c-joan").await, statuses(&shop, "c-ada").await),
        (50, vec!["rewarded".into(), "rewarded".into()])
    );
    // A code that nobody has does not refuse a receipt or an enrolment.
    let mut wrong = receipt("r-3", "c-mary", "70.00");
    wrong["referral_code"] = json!("NOBODY");
    assert_eq!(shop.post("/v1/receipts", &wrong).await.status, 202);
    assert_eq!(shop.post("/v1/members", &json!({ "id": "c-mary", "referral_code": "NOBODY" })).await.status, 201);
    shop.settle().await;
    assert_eq!(available(&shop, "c-mary").await, 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_welcome_is_given_at_once_to_the_verified_alone() {
    let welcome = json!({ "friend": { "on": "attributed", "then": [{ "credit": { "points": 50 } }] }, "hold_days": 0 });
    let (shop, code) = shop(&welcome).await;
    let by_email =
        |email: &str, verified: &Value| json!({ "code": code, "friend": { "email": email, "verified": verified } });
    shop.post("/v1/referrals", &by_email("grace@example.com", &json!(["email"]))).await;
    shop.post("/v1/referrals", &by_email("joan@example.com", &json!([]))).await;
    assert_eq!(available(&shop, "email:grace@example.com").await, 50);
    assert_eq!(available(&shop, "email:joan@example.com").await, 0);
    let mut bought = receipt("r-1", "", "70.00");
    bought["occurred_at"] = json!("2026-03-01T12:30:00+01:00");
    bought["member"] = json!({ "email": "joan@example.com" });
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    assert_eq!(available(&shop, "email:joan@example.com").await, 50);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_refers_themselves() {
    let (shop, code) = shop(&json!({})).await;
    let same = |friend: &Value| json!({ "code": code, "friend": friend });
    for (friend, reason) in [
        (json!({ "id": "c-ada" }), "self_referral"),
        (json!({ "id": "c-other", "email": "C-ada+shop@example.com" }), "same_email"),
    ] {
        let refused = shop.post("/v1/referrals", &same(&friend)).await;
        assert_eq!((refused.status, &refused.body["status"]), (201, &json!("rejected")), "{}", refused.body);
        assert_eq!(refused.body["evidence"], json!([reason]));
    }
    // The friend brings the advocate: a loop.
    let grace = advocate(&shop, "c-grace").await;
    assert_eq!(refer(&shop, &code, "c-new").await.body["status"], "pending");
    let new = advocate(&shop, "c-new").await;
    let looped = refer(&shop, &new, "c-ada").await;
    assert_eq!(looped.body["evidence"], json!(["loop"]));
    // A chain is none.
    assert_eq!(refer(&shop, &grace, "c-last").await.body["status"], "pending");
    // Two friends on one device are one friend.
    let on_device = |id: &str| json!({ "code": grace, "friend": { "id": id }, "context": { "device": "d-1" } });
    assert_eq!(shop.post("/v1/referrals", &on_device("c-f1")).await.body["status"], "pending");
    assert_eq!(shop.post("/v1/referrals", &on_device("c-f2")).await.body["evidence"], json!(["duplicate_friend"]));
    // A key without the scope sees neither score nor evidence.
    let key =
        shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["referrals:write", "members:read"] })).await;
    let bearer = format!("Bearer {}", key.body["key"].as_str().unwrap());
    let seen = shop.request_with(Method::GET, "/v1/members/c-ada/referrals", None, &[("authorization", &bearer)]).await;
    assert!(
        seen.body["items"][0].get("evidence").is_none() && seen.body["items"][0].get("score").is_none(),
        "{}",
        seen.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspicious_referral_waits_for_a_person() {
    let many = json!({ "hold_days": 0, "review_at_score": 20 });
    let (shop, code) = shop(&many).await;
    for n in 0..7 {
        let body = json!({ "code": code, "friend": { "id": format!("c-{n}") }, "context": { "ip": "203.0.113.7" } });
        let sent = shop.post("/v1/referrals", &body).await;
        assert_eq!(sent.body["status"], if n < 5 { "pending" } else { "flagged" }, "{n}: {}", sent.body);
    }
    buy(&shop, "r-5", "c-5", "70.00").await;
    buy(&shop, "r-6", "c-6", "70.00").await;
    let flagged = shop.get("/v1/referrals?status=flagged").await;
    let ids: Vec<&str> = flagged["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), flagged["items"][0]["evidence"].clone()), (2, json!(["ip_velocity"])));
    let reason = json!({ "reason": "an office" });
    for (id, action, status) in [(ids[0], "approve", "rewarded"), (ids[1], "reject", "rejected")] {
        for _ in 0..2 {
            let reviewed = shop.post(&format!("/v1/referrals/{id}/{action}"), &reason).await;
            assert_eq!((reviewed.status, &reviewed.body["status"]), (200, &json!(status)), "{}", reviewed.body);
        }
    }
    assert_eq!(shop.post(&format!("/v1/referrals/{}/approve", ids[1]), &reason).await.problem(), "referral_state");
    assert_eq!(shop.post("/v1/referrals/ref_no/approve", &reason).await.status, 404);
    assert_eq!(shop.get("/v1/referrals?status=flagged").await["items"], json!([]));
    // A rewarded one that turns out to be false is taken back.
    let taken = shop.post(&format!("/v1/referrals/{}/reject", ids[0]), &reason).await;
    assert_eq!((taken.status, available(&shop, "c-ada").await), (200, 0), "{}", taken.body);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_that_cannot_be_taken_change_nothing() {
    let (shop, code) = shop(&json!({ "code": { "length": 8, "valid_days": 10 } })).await;
    assert_eq!(refer(&shop, "NOBODY", "c-x").await.problem(), "unknown_code");
    assert_eq!(shop.request(Method::GET, "/v1/members/c-x", None).await.status, 404);
    let malformed = shop.post("/v1/referrals", &json!({ "code": "", "friend": {}, "context": { "x": 1 } })).await;
    assert_eq!(malformed.status, 400);
    let seen = shop.get(&format!("/v1/referral-codes/{}", code.to_lowercase())).await;
    assert_eq!((&seen["code"], &seen["valid"], &seen["member"]), (&json!(code), &json!(true), &json!("c-ada")));
    shop.clock("2026-03-12T12:00:00+01:00").await;
    assert_eq!(refer(&shop, &code, "c-x").await.problem(), "code_expired");
    assert_eq!(shop.get(&format!("/v1/referral-codes/{code}")).await["valid"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_conversions_of_one_friend() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    let body = json!({ "code": code, "friend": { "id": "c-grace" } });
    let responses = join_all((0..32).map(|_| shop.post("/v1/referrals", &body))).await;
    assert!(responses.iter().all(|response| [200, 201, 503].contains(&response.status)), "{responses:?}");
    assert!(responses.iter().filter(|response| response.status == 201).count() <= 1);
    let receipts = join_all((0..32).map(|n| {
        let mut body = receipt(&format!("r-{n}"), "c-grace", "70.00");
        body["occurred_at"] = json!(format!("2026-03-01T12:30:{n:02}+01:00"));
        let shop = &shop;
        async move { shop.post("/v1/receipts", &body).await }
    }));
    assert!(receipts.await.iter().all(|response| [202, 503].contains(&response.status)));
    shop.settle().await;
    let body = json!({ "code": code, "friend": { "id": "c-grace" } });
    assert_eq!(shop.post("/v1/referrals", &body).await.status, 200);
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
    assert_eq!(statuses(&shop, "c-ada").await, ["rewarded"]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_referral_program_is_a_part_of_the_document() {
    let (shop, _) = shop(&json!({})).await;
    let read = shop.get("/v1/referral-program").await;
    assert_eq!(read["hold_days"], 14);
    let mut changed = read.clone();
    changed["hold_days"] = json!(7);
    let put = shop.request(Method::PUT, "/v1/referral-program", Some(&changed)).await;
    assert_eq!((put.status, &put.body["hold_days"]), (200, &json!(7)), "{}", put.body);
    assert_eq!(shop.get("/v1/program").await["referral"], changed);
    changed["hold_days"] = json!(-1);
    let refused = shop.request(Method::PUT, "/v1/referral-program", Some(&changed)).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/hold_days")));
    let mut without = shop.get("/v1/program").await;
    without.as_object_mut().unwrap().remove("referral");
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&without)).await.status, 200);
    assert_eq!(shop.request(Method::GET, "/v1/referral-program", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_read_as_people_type_them() {
    let (shop, _) = shop(&json!({})).await;
    for n in 0..6 {
        let code = advocate(&shop, &format!("c-a{n}")).await;
        let spoken: String = code.chars().map(|c| if c == '0' { 'O' } else { c }).collect();
        let typed = format!("{} - {}", spoken[..3].to_lowercase(), spoken[3..].replace('1', "I"));
        let named = refer(&shop, &typed, &format!("c-f{n}")).await;
        assert_eq!((named.status, &named.body["code"]), (201, &json!(code)), "{typed}");
        // The check character is another one.
        let last = if code.ends_with('Z') { 'Y' } else { 'Z' };
        let wrong = format!("{}{last}", &code[..code.len() - 1]);
        assert_eq!(refer(&shop, &wrong, &format!("c-g{n}")).await.problem(), "unknown_code");
    }
    for status in ["?status=pending", "", "?status=flagged&limit=0"] {
        let listed = shop.request(Method::GET, &format!("/v1/referrals{status}"), None).await;
        assert_eq!((listed.status, listed.problem()), (400, "invalid"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_takes_back_what_a_removed_program_gave() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    for (friend, order) in [("c-grace", "r-1"), ("c-joan", "r-2")] {
        refer(&shop, &code, friend).await;
        buy(&shop, order, friend, "70.00").await;
    }
    refer(&shop, &code, "c-mary").await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (16, 50));
    let mut without = document(&json!({}));
    without.as_object_mut().unwrap().remove("referral");
    without["rules"] = json!([]);
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&without)).await.status, 200);
    shop.clock("2026-03-01T13:00:00+01:00").await;
    // Nothing more is given.
    buy(&shop, "r-3", "c-mary", "70.00").await;
    assert_eq!(available(&shop, "c-mary").await, 0);
    for _ in 0..2 {
        refund(&shop, "r-1", "f-1", "70.00").await;
        assert_eq!((available(&shop, "c-grace").await, available(&shop, "c-joan").await), (0, 50));
        // The rule's bonus for the first friend, and no milestone: one friend still counts.
        assert_eq!(available(&shop, "c-ada").await, 13);
    }
    refund(&shop, "r-2", "f-2", "70.00").await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-joan").await), (0, 0));
    assert_eq!(statuses(&shop, "c-ada").await, ["pending", "reversed", "reversed"]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_an_excluded_advocate_and_of_another_program_are_refused() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    let other = SubmittedProgram::read(&document(&json!({ "hold_days": 0 }))).unwrap();
    let (store, key, now) = (shop.stack.store(), shop.stack.secrets_key(), shop.stack.now());
    let second = store.create_program(&other, Some("tsk_second_admin"), key, now).await.unwrap();
    let authorization = format!("Bearer {}", second.admin_key);
    let headers = [("authorization", authorization.as_str())];
    let advocate = json!({ "id": "c-else", "email": "else@example.com" });
    let foreign = shop.request_with(Method::POST, "/v1/members", Some(&advocate), &headers).await;
    let foreign = foreign.body["referral_code"].as_str().unwrap().to_owned();
    assert_eq!(refer(&shop, &foreign, "c-x").await.problem(), "unknown_code");
    let here = json!({ "code": code, "friend": { "id": "c-x" } });
    let there = shop.request_with(Method::POST, "/v1/referrals", Some(&here), &headers).await;
    assert_eq!(there.problem(), "unknown_code");

    refer(&shop, &code, "c-before").await;
    let excluded = json!({ "excluded": true, "reason": "resells coupons" });
    assert_eq!(shop.request(Method::PUT, "/v1/members/c-ada/exclusion", Some(&excluded)).await.status, 200);
    assert_eq!(refer(&shop, &code, "c-x").await.problem(), "advocate_not_eligible");
    assert_eq!(shop.get(&format!("/v1/referral-codes/{code}")).await["valid"], false);
    // A receipt is taken nevertheless, without a referral.
    let mut bought = receipt("r-1", "c-y", "70.00");
    bought["referral_code"] = json!(code);
    assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    shop.settle().await;
    assert_eq!(available(&shop, "c-y").await, 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_response_shows_no_more_than_the_key_may_see() {
    let (shop, code) = shop(&json!({})).await;
    let till = shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["referrals:write"] })).await;
    let refer = async |credential: &str| {
        let authorization = format!("Bearer {credential}");
        let headers = [("authorization", authorization.as_str()), ("idempotency-key", "k-1")];
        let body = json!({ "code": code, "friend": { "id": "c-ben" } });
        shop.request_with(Method::POST, "/v1/referrals", Some(&body), &headers).await
    };
    let seen = refer(KEY).await;
    assert!(seen.body["evidence"].is_array(), "{}", seen.body);
    let repeated = refer(till.body["key"].as_str().unwrap()).await;
    assert_eq!((repeated.status, &repeated.body["id"]), (201, &seen.body["id"]), "{}", repeated.body);
    assert!(repeated.body.get("evidence").is_none() && repeated.body.get("score").is_none(), "{}", repeated.body);
}
