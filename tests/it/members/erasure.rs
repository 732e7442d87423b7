//! Erasure: the person is forgotten, and the ledger is whole.

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::InjectedFault;

use crate::faults::sender::Sender;
use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

fn refund(id: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-04T11:00:00+01:00", "amount": "10.00" })
}

async fn erase(shop: &Shop, member: &str) -> u16 {
    shop.request(Method::DELETE, &format!("/v1/members/{member}"), None).await.status
}

/// Every item of every table as text, without stored responses, which expire.
async fn stored(shop: &Shop) -> Vec<String> {
    let stack = shop.stack.stack();
    let dynamodb = stack.clients("operator").dynamodb;
    let mut all = Vec::new();
    for table in stack.template().tables.keys() {
        let page = dynamodb.scan().table_name(table).send().await.unwrap();
        assert_eq!(page.last_evaluated_key(), None);
        for item in page.items() {
            // Packed bodies are compared as text as well: names are not compressed away in so short ones.
            let text = item.iter().map(|(name, value)| match value.as_b() {
                Ok(bytes) => format!("{name}={}", String::from_utf8_lossy(bytes.as_ref())),
                Err(_) => format!("{name}={value:?}"),
            });
            all.push(text.collect::<Vec<_>>().join(" "));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_member_is_gone_and_the_ledger_is_whole() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let person = json!({ "id": "c-1", "email": "ada@example.com", "phone": "+393331234567", "card": "4006381333931",
                         "verified": ["email", "phone", "card"], "first_name": "Adalberta", "last_name": "Lovelace",
                         "birth_date": "1990-03-02", "attributes": { "city": "Milanocity" } });
    shop.post("/v1/members", &person).await;
    shop.post("/v1/members/c-1/notes", &json!({ "text": "Adalberta rings twice" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "500.00")).await;
    shop.settle().await;
    let mut codes = Vec::new();
    for body in [
        json!({ "reward": "five-off" }),
        json!({ "reward": "five-off", "reserve": true }),
        json!({ "reward": "five-off" }),
    ] {
        let coupon = shop.post("/v1/members/c-1/redemptions", &body).await;
        codes.push(coupon.body["code"].as_str().unwrap().to_owned());
    }
    shop.post(&format!("/v1/coupons/{}/use", codes[2]), &json!({})).await;
    let inner = shop.member("c-1").await["inner_id"].as_str().unwrap().to_owned();
    shop.settle().await;

    assert_eq!(erase(&shop, "c-1").await, 204);
    assert_eq!(erase(&shop, &inner).await, 204, "erasing again changes nothing");
    for name in ["c-1", &inner, "email:ada@example.com", "phone:+393331234567", "card:4006381333931"] {
        assert_eq!(shop.request(Method::GET, &format!("/v1/members/{name}"), None).await.status, 404, "{name}");
    }
    for query in ["ada@example.com", "adalb", "lovelace", "c-1", "4006381333931", "%2B393331234567", &inner] {
        let found = shop.get(&format!("/v1/members?query={query}")).await;
        assert!(found["items"].as_array().unwrap().is_empty(), "{query}: {found}");
    }
    assert!(shop.get("/v1/members").await["items"].as_array().unwrap().is_empty());
    let status = async |code: &str| shop.get(&format!("/v1/coupons/{code}")).await["status"].clone();
    assert_eq!(status(&codes[0]).await, "cancelled");
    assert_eq!(status(&codes[1]).await, "cancelled");
    assert_eq!(status(&codes[2]).await, "used");

    // What comes later is rejected, and the ledger proves every balance.
    shop.post("/v1/receipts/r-1/refunds", &refund("f-1")).await;
    shop.settle().await;
    let seen = shop.get("/v1/receipts/r-1").await;
    assert_eq!((&seen["refunds"][0]["status"], &seen["refunds"][0]["reason"]), (&json!("rejected"), &json!("erased")));
    let report = shop.verify().await;
    let sums = report.programs.values().next().unwrap();
    assert_eq!((sums.issued, sums.balance, sums.redeemed, sums.removed), (500, 0, 200, 300));
    let overview = shop.get("/v1/overview?from=2026-03-01&to=2026-04-01&bucket=month").await;
    assert_eq!(overview["totals"]["members"], 0, "{overview}");

    for personal in ["ada@example", "Adalberta", "adalberta", "Lovelace", "393331234567", "4006381333931", "Milanocity"]
    {
        let left: Vec<String> = stored(&shop).await.into_iter().filter(|item| item.contains(personal)).collect();
        assert!(left.is_empty(), "{personal}: {left:?}");
    }

    // The person may enrol anew, with nothing of before.
    assert_eq!(shop.post("/v1/members", &person).await.status, 201);
    let anew = shop.member("email:ada@example.com").await;
    assert_eq!((&anew["points"]["available"], &anew["id"]), (&json!(0), &json!("c-1")));
    assert_ne!(anew["inner_id"], json!(inner));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_joined_the_member_is_forgotten_too() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "first_name": "Grazielda" })).await;
    let mut as_guest = receipt("r-1", "", "50.00");
    as_guest["member"] = json!({ "phone": "+393331234567" });
    shop.post("/v1/receipts", &as_guest).await;
    shop.settle().await;
    let proven = json!({ "id": "c-1", "phone": "+393331234567", "verified": ["phone"] });
    shop.post("/v1/members", &proven).await;
    let mut late = receipt("r-2", "", "5.00");
    late["member"] = json!({ "phone": "+393331234567" });
    assert_eq!(shop.member("c-1").await["points"]["available"], 50);
    assert_eq!(erase(&shop, "c-1").await, 204);
    assert_eq!(shop.request(Method::GET, "/v1/members/phone:%2B393331234567", None).await.status, 404);
    shop.post("/v1/receipts/r-1/refunds", &refund("f-1")).await;
    shop.post("/v1/receipts", &late).await;
    shop.settle().await;
    assert_eq!(shop.get("/v1/receipts/r-1").await["refunds"][0]["reason"], "erased");
    assert_eq!(shop.member("phone:%2B393331234567").await["points"]["available"], 5, "a new visitor");
    assert!(stored(&shop).await.iter().all(|item| !item.to_lowercase().contains("grazielda")));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debt_is_forgiven_and_a_stranger_is_not_found() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "100.00")).await;
    shop.settle().await;
    shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let whole = json!({ "id": "f-1", "occurred_at": "2026-03-04T11:00:00+01:00", "amount": "100.00" });
    shop.post("/v1/receipts/r-1/refunds", &whole).await;
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["debt"], 100);
    for nobody in ["c-9", "m_9", "email:x@example.com"] {
        assert_eq!(erase(&shop, nobody).await, 404, "{nobody}");
    }
    assert_eq!(erase(&shop, "c-1").await, 204);
    assert_eq!(erase(&shop, "c-1").await, 404, "the id is free: nobody has it");
    let report = shop.verify().await;
    let sums = report.programs.values().next().unwrap();
    assert_eq!((sums.forgiven, sums.balance, sums.reversed), (100, 0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_visitors_are_erased_after_the_days_of_the_program() {
    let mut kept = program(&per_euro());
    kept["members"] = json!({ "visitor_days": 90 });
    let shop = Shop::open(&kept, "2026-03-01T12:00:00+01:00").await;
    assert_eq!(shop.get("/v1/program").await["members"], json!({ "visitor_days": 90 }));
    shop.post("/v1/members", &json!({ "id": "member" })).await;
    shop.post("/v1/members", &json!({ "id": "silent", "status": "visitor" })).await;
    shop.post("/v1/members", &json!({ "id": "invited", "status": "pending" })).await;
    for (id, day) in [("early", "01"), ("late", "20")] {
        let mut bought = receipt(&format!("r-{id}"), id, "10.00");
        bought["occurred_at"] = json!(format!("2026-02-{day}T10:00:00+01:00"));
        shop.post("/v1/receipts", &bought).await;
    }
    shop.settle().await;
    let known = async || {
        let page = shop.get("/v1/members").await;
        let mut ids: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    let run = async || shop.post("/_local/jobs/retention", &json!({})).await;
    assert_eq!(run().await.status, 200);
    assert_eq!(known().await, ["early", "invited", "late", "member", "silent"]);
    // 90 days after 1 February, but not after 20 February or 1 March.
    shop.clock("2026-05-04T12:00:00+02:00").await;
    assert_eq!(run().await.status, 200);
    assert_eq!(known().await, ["invited", "late", "member", "silent"]);
    shop.clock("2026-06-15T12:00:00+02:00").await;
    assert_eq!(run().await.status, 200);
    assert_eq!(known().await, ["member"]);
    shop.verify().await;
}

/// From its first step on, an erasure that is interrupted makes everything final that comes about the member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_an_erasure_is_interrupted_is_refused_for_good() {
    let mut sender = Sender::open(&program(&per_euro()), CLOCK, None).await;
    sender.post("/v1/members", &json!({ "id": "207119551" }), None).await;
    let import = json!({ "kind": "members", "source": "generic", "mode": "add" });
    let id = sender.post("/v1/imports", &import, None).await["id"].as_str().unwrap().to_owned();
    sender.put_text(&format!("/v1/imports/{id}/parts/1"), "id,points\n207119551,100\nc-2,50\n").await;
    crate::inbound::connect_shopify(sender.shop()).await;
    // The balance is removed; who has coupons cannot be read.
    sender.faults.inject("erasure", "Query", 1..10_000, InjectedFault::Timeout);
    let interrupted = sender.shop().request(Method::DELETE, "/v1/members/207119551", None).await;
    assert_eq!(interrupted.status, 503, "{}", interrupted.body);
    assert_eq!(sender.get("/v1/members/207119551").await["id"], "207119551");

    sender.post(&format!("/v1/imports/{id}/start"), &json!({}), None).await;
    let given_up = sender.with(async |shop| shop.stack.stack().settle().await.unwrap()).await;
    assert!(given_up.is_empty(), "{given_up:?}");
    let state = sender.get(&format!("/v1/imports/{id}")).await;
    assert_eq!((&state["state"], &state["done"], &state["failed"]), (&json!("done"), &json!(2), &json!(1)));
    let errors = sender.shop().text(&format!("/v1/imports/{id}/errors.csv")).await;
    assert!(errors.contains("erased"), "{errors}");
    let order = crate::inbound::shopify_order();
    for topic in ["orders/paid", "orders/updated"] {
        assert_eq!(crate::inbound::shopify(sender.shop(), topic, &order).await.status, 200);
    }
    let given_up = sender.with(async |shop| shop.stack.stack().settle().await.unwrap()).await;
    assert!(given_up.is_empty(), "{given_up:?}");
    let seen = sender.get("/v1/receipts/shopify:450789469").await;
    assert_eq!((&seen["status"], &seen["reason"]), (&json!("rejected"), &json!("erased")));
    sender.end();
    assert_eq!(sender.request(Method::DELETE, "/v1/members/207119551", None, None).await.status, 204);
    sender.shop().verify().await;
}
