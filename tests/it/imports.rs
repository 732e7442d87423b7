//! Imports: files of other programs, through the API.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

async fn shop() -> Shop {
    Shop::open(&program(&per_euro()), CLOCK).await
}

async fn part(shop: &Shop, import: &str, number: u32, bytes: &[u8]) -> Response {
    shop.send_raw(Method::PUT, &format!("/v1/imports/{import}/parts/{number}"), "text/csv", bytes.to_vec()).await
}

/// Creates an import and uploads its file; returns its path.
pub async fn upload(shop: &Shop, body: &Value, parts: &[&[u8]]) -> String {
    let created = shop.post("/v1/imports", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.body["id"].as_str().unwrap();
    for (bytes, number) in parts.iter().zip(1..) {
        let sent = part(shop, id, number, bytes).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    format!("/v1/imports/{id}")
}

/// Starts an import, or its undoing, and waits for its end.
pub async fn finish(shop: &Shop, path: &str, pass: &str) -> Value {
    let started = shop.post(&format!("{path}/{pass}"), &json!({})).await;
    assert_eq!(started.status, 202, "{}", started.body);
    shop.settle().await;
    shop.get(path).await
}

pub async fn import(shop: &Shop, body: &Value, parts: &[&[u8]]) -> Value {
    let path = upload(shop, body, parts).await;
    let state = finish(shop, &path, "start").await;
    assert_eq!(state["state"], "done", "{state}");
    state
}

pub async fn errors(shop: &Shop, state: &Value) -> Vec<String> {
    let text = shop.text(&format!("/v1/imports/{}/errors.csv", state["id"].as_str().unwrap())).await;
    let mut lines = text.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some("row,column,reason"));
    lines.collect()
}

async fn points(shop: &Shop, email: &str) -> Value {
    shop.member(&format!("email:{email}")).await["points"].clone()
}

pub fn of(kind: &str) -> Value {
    json!({ "kind": kind, "source": "generic", "mode": "add" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_of_smile_with_a_mark_and_carriage_returns() {
    let shop = shop().await;
    let smile = json!({ "kind": "members", "source": "smile", "mode": "add", "key": "f00d" });
    let file: &[u8] = b"\xef\xbb\xbfemail,points\r\nada@example.com,100\r\nbob@example.com,0\r\n";
    let path = upload(&shop, &smile, &[file]).await;
    assert_eq!(shop.get(&path).await["preview"]["rows"][0]["values"]["email"], "ada@example.com");
    let state = finish(&shop, &path, "start").await;
    assert_eq!((&state["rows"], &state["done"], &state["failed"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(state["preview"]["mapping"][1], json!({ "header": "points", "field": "points", "confidence": "high" }));
    assert_eq!(state["preview"]["rows"], json!([]), "nobody needs them any more");
    assert_eq!(points(&shop, "ada@example.com").await["available"], 100);
    assert_eq!(shop.member("email:bob@example.com").await["status"], "member");
    let entries = shop.entries("email:ada@example.com").await;
    assert_eq!((&entries[0]["type"], &entries[0]["points"]["redeemable"]), (&json!("import"), &json!(100)));

    // The same key is the same import: nothing is imported again, also when it is started again.
    let again = shop.post("/v1/imports", &smile).await;
    assert_eq!((again.status, &again.body["id"], &again.body["state"]), (200, &state["id"], &json!("done")));
    finish(&shop, &path, "start").await;
    assert_eq!(points(&shop, "ada@example.com").await["available"], 100);
    assert_eq!(part(&shop, state["id"].as_str().unwrap(), 1, file).await.status, 200);
    let other = part(&shop, state["id"].as_str().unwrap(), 1, b"email,points\n").await;
    assert_eq!((other.status, other.problem()), (409, "import_started"));
    let other = shop.post("/v1/imports", &json!({ "kind": "tiers", "key": "f00d" })).await;
    assert_eq!((other.status, other.problem()), (422, "key_in_use"));
    let report = shop.verify().await;
    assert_eq!(report.members, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ambiguous_rows_are_refused_and_the_others_imported() {
    let shop = shop().await;
    let file = b"email;punti\nada@example.com;1.234\nbob@example.com;12\ncio@example.com;1.234,00\n";
    let state = import(&shop, &of("members"), &[file]).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(3), &json!(1)));
    let errors = errors(&shop, &state).await;
    assert!(errors[0].starts_with("1,punti,") && errors[0].contains("ambiguous"), "{errors:?}");
    assert_eq!(errors.len(), 1);
    assert_eq!(points(&shop, "cio@example.com").await["available"], 1234);
    assert_eq!(shop.request(Method::GET, "/v1/members/email:ada@example.com", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_rows_of_one_address_are_one_member() {
    let file: &[u8] = b"email,points\nAda@Example.com,100\n\"ada@example.com \",50\nada@example.com,100\n";
    for (mode, expected) in [("add", 250), ("set", 100)] {
        let shop = shop().await;
        import(&shop, &json!({ "kind": "members", "mode": mode }), &[file]).await;
        assert_eq!(points(&shop, "ada@example.com").await["available"], expected, "{mode}");
        assert_eq!(shop.verify().await.members, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn formulas_are_stored_as_given_and_a_negative_balance_is_a_debt() {
    let shop = shop().await;
    let file = b"email,name,points\nx@example.com,\"=HYPERLINK(\"\"http://x\"\")\",10\ny@example.com,@SUM(1),-50\n";
    import(&shop, &of("members"), &[file]).await;
    assert_eq!(shop.member("email:x@example.com").await["first_name"], "=HYPERLINK(\"http://x\")");
    let owed = points(&shop, "y@example.com").await;
    assert_eq!((&owed["available"], &owed["debt"]), (&json!(0), &json!(50)));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_has_stays_and_is_completed() {
    let shop = shop().await;
    let known = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"], "first_name": "Ada" });
    shop.post("/v1/members", &known).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    shop.settle().await;
    let file = "email,first name,last name,points,expires at,consent,tags\n\
                ada@example.com,Adele,Byron,100,2026-06-30,yes,vip|old\n";
    import(&shop, &of("members"), &[file.as_bytes()]).await;
    let member = shop.member("c-1").await;
    assert_eq!((&member["first_name"], &member["last_name"]), (&json!("Ada"), &json!("Byron")));
    assert_eq!((&member["points"]["available"], &member["tags"]), (&json!(130), &json!(["old", "vip"])));
    assert_eq!(member["points"]["expiring"], json!([{ "on": "2026-06-30", "points": 100 }]));
    assert_eq!(member["points"]["lifetime_earned"], 30, "imports do not count");
    shop.clock("2026-07-02T12:00:00+02:00").await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 30);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiers_keep_their_end_and_coupons_their_code() {
    let shop = shop().await;
    let tiers = b"email,tier,until\nada@example.com,GOLD,31/12/2026\nbob@example.com,Platinum,\ncio@example.com,Silver,01/01/2026\n";
    let state = import(&shop, &of("tiers"), &[tiers]).await;
    let refused = errors(&shop, &state).await;
    assert_eq!(refused, ["2,,\"there is no tier \"\"Platinum\"\"\"", "3,,\"ended on 2026-01-01, before today\""]);
    let tier = shop.member("email:ada@example.com").await["tier"].clone();
    assert_eq!((&tier["id"], &tier["until"]), (&json!("gold"), &json!("2026-12-31")));

    let coupons = "email,code,reward,expires at,status\n\
                   ada@example.com,abc 123,five-off,2026-12-31,available\n\
                   bob@example.com,ABC-123,Five,,\n\
                   bob@example.com,USED1,Five,,used\n\
                   bob@example.com,X,Nothing,,\n";
    let state = import(&shop, &of("coupons"), &[coupons.as_bytes()]).await;
    assert_eq!(state["failed"], 2, "{state}");
    let coupon = shop.get("/v1/coupons/ABC123").await;
    assert_eq!((&coupon["code"], &coupon["status"]), (&json!("abc 123"), &json!("available")));
    let check = shop.post("/v1/coupons/abc123/check", &json!({ "total": "40.00" })).await;
    assert_eq!((&check.body["valid"], &check.body["amount_off"]), (&json!(true), &json!("5.00")), "{}", check.body);
    assert_eq!(shop.get("/v1/coupons/USED1").await["status"], "used");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_orders_give_what_the_same_receipts_give() {
    let (imported, live) = (shop().await, shop().await);
    let orders = "customer id,order id,date,total\nc-1,1,2026-01-03 10:00,400.00\nc-1,2,2026-02-03 10:00,700.00\n\
                  c-2,3,2026-02-04 10:00,20.50\nc-2,4,2027-01-01 10:00,1.00\n";
    let state = import(&imported, &of("orders"), &[orders.as_bytes()]).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(4), &json!(1)), "{state}");
    for (id, member, at, total) in [
        ("1", "c-1", "2026-01-03", "400.00"),
        ("2", "c-1", "2026-02-03", "700.00"),
        ("3", "c-2", "2026-02-04", "20.50"),
    ] {
        let body = json!({ "id": id, "occurred_at": format!("{at}T10:00:00+01:00"), "member": { "id": member },
                           "currency": "EUR", "total": total });
        assert_eq!(live.post("/v1/receipts", &body).await.status, 202);
    }
    live.settle().await;
    for member in ["c-1", "c-2"] {
        let (one, other) = (imported.member(member).await, live.member(member).await);
        assert_eq!((&one["points"], &one["tier"]["id"]), (&other["points"], &other["tier"]["id"]), "{member}");
    }
    assert_eq!(imported.member("c-1").await["tier"]["id"], "gold");
    imported.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_spent_becomes_redeemable_points_alone() {
    let shop = shop().await;
    let body = json!({ "kind": "orders", "options": { "points_per_unit": "1" } });
    let state = import(&shop, &body, &[b"email,total spent\nada@example.com,$100.00\n"]).await;
    assert_eq!(state["failed"], 0, "{state}");
    let has = points(&shop, "ada@example.com").await;
    assert_eq!((&has["available"], &has["qualifying"]), (&json!(100), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_undone_but_for_what_was_spent() {
    let shop = shop().await;
    let members = b"email,points\nada@example.com,300\nbob@example.com,50\n";
    let path = upload(&shop, &of("members"), &[members]).await;
    let early = shop.post(&format!("{path}/undo"), &json!({})).await;
    assert_eq!((early.status, early.problem()), (409, "import_not_finished"));
    finish(&shop, &path, "start").await;
    let spent = shop.post("/v1/members/email:ada@example.com/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!(spent.status, 201, "{}", spent.body);
    for _ in 0..2 {
        let state = finish(&shop, &path, "undo").await;
        assert_eq!((&state["state"], &state["failed"]), (&json!("undone"), &json!(1)), "{state}");
    }
    assert_eq!(points(&shop, "ada@example.com").await["available"], 0);
    assert_eq!(points(&shop, "ada@example.com").await["debt"], 0);
    assert_eq!(points(&shop, "bob@example.com").await["available"], 0);
    let state = shop.get(&path).await;
    let errors = errors(&shop, &state).await;
    let ada = shop.member("email:ada@example.com").await["inner_id"].clone();
    let ada = ada.as_str().unwrap();
    assert_eq!(
        errors,
        [format!("1,,100 points of member {ada} cannot be taken back: they were spent or have expired")]
    );
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_checks_every_row_and_writes_none() {
    let shop = shop().await;
    let body = json!({ "kind": "members", "key": "k", "dry_run": true });
    let file: &[u8] = b"email,points\nada@example.com,10\nbob@example.com,ten\n";
    let state = import(&shop, &body, &[file]).await;
    assert_eq!((&state["dry_run"], &state["done"], &state["failed"]), (&json!(true), &json!(2), &json!(1)));
    assert_eq!(shop.verify().await.members, 0);
    let real = import(&shop, &json!({ "kind": "members", "key": "k" }), &[file]).await;
    assert_ne!(real["id"], state["id"]);
    assert_eq!(shop.verify().await.members, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_parts_has_one_numbering_of_rows() {
    let shop = shop().await;
    let parts: [&[u8]; 3] = [
        b"email,points\na@example.com,1\nb@example.com,x\n",
        b"c@example.com,3\n",
        b"d@example.com,y\na@example.com,4\n",
    ];
    let state = import(&shop, &of("members"), &parts).await;
    assert_eq!((&state["rows"], &state["done"], &state["failed"]), (&json!(5), &json!(5), &json!(2)));
    let errors = errors(&shop, &state).await;
    assert_eq!(errors, ["2,points,is not a number", "4,points,is not a number"]);
    assert_eq!(points(&shop, "a@example.com").await["available"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_say_what_is_wrong() {
    let shop = shop().await;
    let path = upload(&shop, &of("coupons"), &[]).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let none = shop.post(&format!("{path}/start"), &json!({})).await;
    assert_eq!((none.status, none.problem()), (422, "part_missing"));
    let second = part(&shop, &id, 2, b"a@example.com,X\n").await;
    assert_eq!((second.status, second.problem()), (409, "part_missing"));
    let wide: Vec<u8> = "email,code\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = part(&shop, &id, 1, &wide).await;
    assert_eq!((wide.status, wide.problem()), (400, "invalid"));
    assert!(wide.body.to_string().contains("UTF-16"), "{}", wide.body);
    assert_eq!(part(&shop, &id, 1, &vec![b'x'; 4 * 1024 * 1024 + 1]).await.status, 413);
    assert_eq!(part(&shop, &id, 0, b"x").await.status, 404);
    part(&shop, &id, 1, b"email,code\na@example.com,X\n").await;
    let unmapped = shop.post(&format!("{path}/start"), &json!({})).await;
    assert_eq!((unmapped.status, unmapped.problem()), (422, "mapping_incomplete"));
    assert_eq!(unmapped.body["missing"], json!(["reward"]));
    let short = shop.post(&format!("{path}/start"), &json!({ "parts": 0 })).await;
    assert_eq!(short.status, 400);
    let unknown = shop.request(Method::GET, "/v1/imports/imp_none", None).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(shop.verify().await.members, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_notified_of_an_import() {
    let shop = shop().await;
    // Nobody listens there: a delivery would be recorded as failed.
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"], "description": "test" });
    let endpoint = shop.post("/v1/webhook-endpoints", &hook).await;
    assert_eq!(endpoint.status, 201, "{}", endpoint.body);
    import(&shop, &of("members"), &[b"id,points\nc-1,600\n"]).await;
    import(&shop, &of("tiers"), &[b"id,tier\nc-1,Gold\n"]).await;
    import(&shop, &of("coupons"), &[b"id,code,reward\nc-1,OLD-1,five-off\n"]).await;
    import(&shop, &of("orders"), &[b"id,order,date,total\nc-1,o-1,2026-02-01,900.00\n"]).await;
    let path = format!("/v1/webhook-endpoints/{}/deliveries", endpoint.body["id"].as_str().unwrap());
    assert_eq!(shop.get(&path).await["items"], json!([]));
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    shop.settle().await;
    assert_ne!(shop.get(&path).await["items"], json!([]), "the endpoint does listen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undoing_an_import_notifies_nobody_and_makes_no_debt() {
    let shop = shop().await;
    let rows: &[(&str, &[u8])] = &[
        ("members", b"id,points\nc-1,600\n"),
        ("coupons", b"id,code,reward\nc-1,OLD-1,five-off\n"),
        ("orders", b"id,order,date,total\nc-1,o-1,2026-02-01,900.00\nc-1,o-2,2026-02-02,250.00\n"),
    ];
    let mut paths = Vec::new();
    for (kind, rows) in rows {
        let path = upload(&shop, &of(kind), &[*rows]).await;
        finish(&shop, &path, "start").await;
        paths.push(path);
    }
    let member = shop.member("c-1").await;
    let points = member["points"]["available"].as_i64().unwrap();
    assert!(points >= 1_750, "{member}");
    // Most of it is spent.
    let spent = json!({ "deduct": points - 100, "reason": "spent" });
    let deducted = shop.post("/v1/members/c-1/adjustments", &spent).await;
    assert!(deducted.status < 300, "{}", deducted.body);
    shop.settle().await;
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"], "description": "test" });
    let endpoint = shop.post("/v1/webhook-endpoints", &hook).await;
    assert_eq!(endpoint.status, 201, "{}", endpoint.body);
    // The row, the member and the points that nobody takes back are named, however often it is asked for.
    let mut named: Vec<Vec<String>> = Vec::new();
    for path in paths.iter().rev() {
        let state = finish(&shop, path, "undo").await;
        shop.settle().await;
        named.push(errors(&shop, &state).await);
    }
    let reason = |row: u32, points: i64| {
        format!("{row},,{points} points of member c-1 cannot be taken back: they were spent or have expired")
    };
    // The orders come first: they gave 1,150 points, of which 100 were left.
    let [orders, coupons, members] = named.as_slice() else { panic!("{named:?}") };
    assert_eq!((coupons, members), (&Vec::new(), &vec![reason(1, 600)]));
    let forgiven: i64 = orders
        .iter()
        .map(|line| line.split(',').nth(2).unwrap().split(' ').next().unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(forgiven, points - 600 - 100, "{orders:?}");
    for (line, row) in orders.iter().zip(1..) {
        let points = line.split(',').nth(2).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert_eq!(*line, reason(row, points));
    }
    let path = format!("/v1/webhook-endpoints/{}/deliveries", endpoint.body["id"].as_str().unwrap());
    assert_eq!(shop.get(&path).await["items"], json!([]));
    let undone = shop.member("c-1").await;
    assert_eq!((&undone["points"]["available"], &undone["points"]["debt"]), (&json!(0), &json!(0)), "{undone}");
    assert_ne!(undone["tier"], member["tier"], "the tier went with the orders");
    assert!(shop.entries("c-1").await.iter().any(|entry| entry["type"] == "write_off"));
    shop.verify().await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    shop.settle().await;
    assert_ne!(shop.get(&path).await["items"], json!([]), "the endpoint does listen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn referral_codes_lead_to_their_members_as_before() {
    let shop = shop().await;
    let file = b"email,code\nada@example.com,ADA-LOVES\nbob@example.com,BOB_1\n";
    let state = import(&shop, &of("referral_codes"), &[file]).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(2), &json!(0)), "{state}");
    let file = b"email,code\nbob@example.com,ada loves\nbob@example.com,ADALOVES\n";
    let state = import(&shop, &of("referral_codes"), &[file]).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(2), &json!(2)), "{state}");
    let program = tessera_domain::ids::ProgramId::new(shop.program.as_str()).unwrap();
    for (code, written) in [("adaloves", "ADA-LOVES"), ("bob_1", "BOB_1")] {
        let folded = tessera_domain::coupon::FoldedCode::from(&tessera_domain::ids::CouponCode::new(code).unwrap());
        let found = shop.stack.store().referral_code(&program, &folded, true).await.unwrap().unwrap();
        assert_eq!(found.code, written);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_costs_one_transaction_and_a_hundredth_of_a_read() {
    let shop = shop().await;
    let mut file = String::from("email,first name,points\n");
    for n in 0..200 {
        writeln!(file, "new{n}@example.com,Ada {n},{n}").unwrap();
    }
    let calls = async |operation: &str| {
        let capacity = shop.get("/_local/capacity").await;
        capacity["functions"]["member-import"]["dynamodb"][operation]["calls"].as_u64().unwrap_or(0)
    };
    let state = import(&shop, &of("members"), &[file.as_bytes()]).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(200), &json!(0)), "{state}");
    assert_eq!((calls("TransactWriteItems").await, calls("BatchGetItem").await), (200, 2));
    // The import itself and its program.
    assert!(calls("GetItem").await < 10, "{}", calls("GetItem").await);
    assert_eq!(points(&shop, "new199@example.com").await["available"], 199);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_kind_or_mode_is_in_use_and_another_mapping_is_taken() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let body = json!({ "kind": "members", "source": "generic", "mode": "add", "key": "same" });
    let created = shop.post("/v1/imports", &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    for (field, value) in [("kind", "orders"), ("mode", "set")] {
        let mut other = body.clone();
        other[field] = json!(value);
        let refused = shop.post("/v1/imports", &other).await;
        assert_eq!((refused.status, refused.problem()), (422, "key_in_use"), "{field}");
    }
    let mut mapped = body.clone();
    mapped["mapping"] = json!({ "points": "Saldo" });
    let taken = shop.post("/v1/imports", &mapped).await;
    assert_eq!((taken.status, &taken.body["id"]), (200, &created.body["id"]));
}
