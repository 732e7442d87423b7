//! The explanation of a receipt's points, rule by rule, and the dry run of draft rules.

use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rules() -> Value {
    let rule = |id: &str, on: Value| {
        json!({ "id": id, "name": format!("Rule {id}"), "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
                "then": [{ "credit": { "points": 10 } }] })
    };
    let mut gold = rule("gold", json!({ "receipt": {} }));
    gold["tiers"] = json!(["gold"]);
    let mut later = rule("later", json!({ "receipt": {} }));
    later["starts_at"] = json!("2026-04-01T00:00:00");
    json!([
        rule("every", json!({ "receipt": { "spend": { "every": "50.00" } } })),
        rule("big", json!({ "receipt": { "spend": { "per_receipt_at_least": "200.00" } } })),
        gold,
        later,
        rule("web", json!({ "receipt": { "where": { "channels": ["web"] } } })),
        rule("visit", json!({ "interaction": { "name": "visit" } })),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_is_explained_in_the_requested_language() {
    let shop = Shop::open(&program(&rules()), CLOCK).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "120.00")).await;
    shop.settle().await;
    let explained = shop.get("/v1/receipts/r-1/explanation?locale=ru").await;
    let of = |id: &str| explained["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == id).unwrap().clone();
    assert_eq!(of("every")["outcome"]["firings"], 2);
    assert_eq!(
        (&of("every")["outcome"]["counted"], &of("every")["outcome"]["before"]),
        (&json!("120.00"), &json!("0.00"))
    );
    for (id, reason) in [
        ("big", "below_threshold"),
        ("gold", "tier_out_of_scope"),
        ("later", "outside_calendar"),
        ("web", "filter_not_met"),
        ("visit", "other_trigger"),
    ] {
        assert_eq!(of(id)["skipped"]["reason"], reason);
        assert!(of(id)["skipped"]["text"].as_str().unwrap().starts_with(&format!("Rule {id}: ничего")));
    }
    assert_eq!(of("big")["skipped"]["missing"], "80.00");
    // Receipt and entry carry the same explanation, by default in the program's language.
    let told = shop.get("/v1/receipts/r-1").await;
    let text = told["decision"]["outcomes"][0]["text"].as_str().unwrap();
    assert_eq!(text, "Rule every: contati 120.00 EUR, applicata 2 volte, dà 20 punti.");
    let lines = shop.get("/v1/members/c-1/entries?locale=en").await;
    let texts: Vec<&str> =
        lines["items"][0]["explanation"].as_array().unwrap().iter().map(|e| e["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "Rule every: 120.00 EUR counted, applied 2 times, giving 20 punti.",
            "Rule big: nothing, because 80.00 EUR more would have been needed.",
            "Rule gold: nothing, because it is for the tiers Gold.",
        ]
    );
    assert_eq!(shop.request(reqwest::Method::GET, "/v1/receipts/none/explanation", None).await.problem(), "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_of_rules_stores_nothing() {
    let shop = Shop::open(&program(&rules()), CLOCK).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "45.00")).await;
    shop.settle().await;
    let before = shop.member("c-1").await;
    let examine = async |body: Value| shop.post("/v1/rules/examine", &body).await;
    let basket = json!({ "receipt": { "currency": "EUR", "total": "60.00" } });

    let nobody = examine(json!({ "fact": basket })).await;
    assert_eq!((nobody.status, &nobody.body["points"]["redeemable"]), (200, &json!(10)), "{}", nobody.body);
    // 45.00 count towards the next firing.
    let known = examine(json!({ "fact": basket, "member": { "id": "c-1" } })).await;
    assert_eq!(known.body["points"]["redeemable"], 20, "{}", known.body);
    let draft = json!([{ "id": "d", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} },
        "then": [{ "credit": { "per_unit": "10", "kind": "both" } }] },
        { "id": "up", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "tier_change": { "to": ["silver"] } },
        "then": [{ "credit": { "points": 7 } }] }]);
    let other = examine(json!({ "fact": basket, "member": "c-1", "rules": draft })).await;
    assert_eq!(other.body["points"], json!({ "redeemable": 600, "qualifying": 600 }), "{}", other.body);
    assert_eq!(other.body["tier"]["after"], "silver");
    assert_eq!(other.body["tier_changes"][0]["points"]["redeemable"], 7);

    let visit = examine(json!({ "fact": { "interaction": { "id": "i", "name": "visit" } } })).await;
    assert_eq!(visit.body["points"]["redeemable"], 10, "{}", visit.body);
    let gifts = json!([
        { "id": "gift", "status": "active", "starts_at": "2020-01-01T00:00:00", "on": { "birthday": {} },
          "then": [{ "credit": { "points": 50 } }, { "reward": "five-off" }] },
        { "id": "welcome", "status": "active", "starts_at": "2020-01-01T00:00:00", "on": { "enrollment": {} },
          "then": [{ "credit": { "points": 25 } }] },
        { "id": "back", "status": "active", "starts_at": "2020-01-01T00:00:00", "on": { "inactivity": { "days": 180 } },
          "then": [{ "credit": { "points": 30 } }] },
    ]);
    for (fact, points) in [
        (json!({ "birthday": {} }), 50),
        (json!({ "enrollment": { "id": "new" } }), 25),
        (json!({ "inactivity": {} }), 30),
    ] {
        let tried = examine(json!({ "fact": fact, "rules": gifts })).await;
        assert_eq!(
            (tried.status, &tried.body["points"]["redeemable"]),
            (200, &json!(points)),
            "{fact}: {}",
            tried.body
        );
    }

    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "fact": { "receipt": { "currency": "EUR", "total": 5 } } }), "/fact/receipt/total"),
        (json!({ "fact": {} }), "/fact"),
        (json!({ "fact": basket, "rules": [{ "id": "x" }] }), "/rules/0/then"),
        (json!({ "fact": basket, "member": 5 }), "/member"),
    ] {
        let refused = examine(body.clone()).await;
        assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{body}");
        let pointers: Vec<&str> =
            refused.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert!(pointers.contains(&pointer), "{body}: {pointers:?}");
    }
    assert_eq!(shop.member("c-1").await, before);
    assert_eq!(shop.verify().await.entries, 1);
}

/// A receipt meets thirty rules that give nothing. What is not stored is not cut, and a stored decision is explained in full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rules_that_give_nothing_are_all_explained() {
    let birthday = |n: usize| {
        json!({ "id": format!("only-on-birthday-{n:02}"), "name": "Birthday", "status": "active",
            "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} }, "if": [{ "birthday": { "within": "day" } }],
            "then": [{ "credit": { "points": 5 } }] })
    };
    let rules: Vec<Value> = (0..60).map(birthday).collect();
    let shop = Shop::open(&program(&json!(rules)), CLOCK).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "10.00")).await;
    shop.settle().await;
    let reasons = |list: &Value, reason: &dyn Fn(&Value) -> Value| {
        let list = list.as_array().unwrap();
        assert!(list.iter().all(|one| reason(one) == "predicate_not_met"), "{list:?}");
        list.len()
    };
    let explained = shop.get("/v1/receipts/r-1/explanation").await;
    assert_eq!(reasons(&explained["rules"], &|rule| rule["skipped"]["reason"].clone()), 60);
    let stored = shop.get("/v1/receipts/r-1").await;
    assert_eq!(stored["decision"]["truncated"], true, "{stored}");
    let basket = json!({ "currency": "EUR", "total": "10.00" });
    for (path, body) in [
        ("/v1/receipts/preview", basket.clone()),
        ("/v1/rules/examine", json!({ "fact": { "receipt": basket }, "member": { "id": "c-1" } })),
    ] {
        let shown = shop.post(path, &body).await.body;
        let decision = shown.get("decision").unwrap_or(&shown);
        assert_eq!(reasons(&decision["skipped"], &|skipped| skipped["reason"].clone()), 60, "{path}");
        assert!(decision["truncated"].is_null(), "{path}");
    }
}

/// A budget that is used up gives nothing, and nothing is promised from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_points_are_promised_from_a_budget_that_is_used_up() {
    let own = json!({ "points": 120, "per": "month" });
    for of_rule in [true, false] {
        let mut document = program(&json!([{ "id": "hundred", "name": "Hundred", "status": "active",
            "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} }, "then": [{ "credit": { "points": 100 } }] }]));
        let holder = if of_rule { &mut document["rules"][0] } else { &mut document };
        holder["budget"] = own.clone();
        let shop = Shop::open(&document, CLOCK).await;
        let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "10.00" });
        let tried = json!({ "fact": { "receipt": { "currency": "EUR", "total": "10.00" } } });
        let block = format!("/p/{}/blocks/product?amount=10.00&locale=en", shop.program);
        for (n, left) in [(1, 100), (2, 20), (3, 0)] {
            for (path, body) in [("/v1/receipts/preview", &basket), ("/v1/rules/examine", &tried)] {
                let shown = shop.post(path, body).await.body;
                assert_eq!(shown["points"]["redeemable"], left, "{path}: {shown}");
                let reason = &shown.get("decision").unwrap_or(&shown)["skipped"][0]["reason"];
                assert_eq!(reason == "budget_exhausted", left < 100, "{path}: {shown}");
            }
            let told = shop.text(&block).await;
            assert_eq!(told.contains(&format!("Earn {left} ")), left > 0, "{told}");
            shop.post("/v1/receipts", &receipt(&format!("r-{n}"), "c-1", "10.00")).await;
            shop.settle().await;
            let decided = shop.get(&format!("/v1/receipts/r-{n}")).await;
            assert_eq!(decided["decision"]["points"]["redeemable"], left, "{decided}");
        }
    }
}
