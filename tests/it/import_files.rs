//! Imports: what stays of an uploaded file, orders of several rows, and what a dry run finds.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;

use crate::imports::{errors, finish, import, of, upload};
use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

async fn shop() -> Shop {
    Shop::open(&program(&per_euro()), CLOCK).await
}

/// True while a part of an import's file can be read.
async fn has_part(shop: &Shop, path: &str, part: u32) -> bool {
    let (program, id) = (ProgramId::new(shop.program.as_str()).unwrap(), path.rsplit('/').next().unwrap());
    shop.stack.store().read_import_part(&program, id, part).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uploaded_file_stays_no_longer_than_it_can_be_undone() {
    let shop = shop().await;
    let parts: [&[u8]; 2] = [b"email,points\nada@example.com,10\n", b"bob@example.com,20\n"];
    let dry = upload(&shop, &json!({ "kind": "members", "dry_run": true }), &parts).await;
    assert!(has_part(&shop, &dry, 1).await);
    let checked = finish(&shop, &dry, "start").await;
    assert_eq!((&checked["done"], &checked["preview"]["rows"]), (&json!(2), &json!([])));
    assert!(!has_part(&shop, &dry, 1).await && !has_part(&shop, &dry, 2).await);

    let path = upload(&shop, &of("members"), &parts).await;
    let done = finish(&shop, &path, "start").await;
    assert_eq!((&done["preview"]["rows"], &done["preview"]["mapping"][0]["field"]), (&json!([]), &json!("email")));
    assert!(has_part(&shop, &path, 1).await && has_part(&shop, &path, 2).await);
    let undone = finish(&shop, &path, "undo").await;
    assert_eq!((&undone["state"], &undone["failed"]), (&json!("undone"), &json!(0)));
    assert_eq!(shop.member("email:ada@example.com").await["points"]["available"], 0);
    assert!(!has_part(&shop, &path, 1).await && !has_part(&shop, &path, 2).await);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_members_imported_referral_codes_lead_nowhere() {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": "https://shop.example/it" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30,
    });
    let shop = Shop::open(&document, CLOCK).await;
    for code in ["ADA-O1L", "SECOND", "third", "ada-o1l"] {
        let file = format!("email,code\nada@example.com,{code}\n");
        assert_eq!(import(&shop, &of("referral_codes"), &[file.as_bytes()]).await["failed"], 0, "{code}");
    }
    for code in ["ADA-O1L", "SECOND", "THIRD"] {
        let seen = shop.request(Method::GET, &format!("/v1/referral-codes/{code}"), None).await;
        assert_eq!(seen.status, 200, "{code}: {}", seen.body);
    }
    let erased = shop.request(Method::DELETE, "/v1/members/email:ada@example.com", None).await;
    assert_eq!(erased.status, 204, "{}", erased.body);
    for code in ["ADA-O1L", "SECOND", "THIRD"] {
        let seen = shop.request(Method::GET, &format!("/v1/referral-codes/{code}"), None).await;
        assert_eq!(seen.status, 404, "{code}: {}", seen.body);
    }
    // Somebody else may have one of them now.
    let file = b"email,code\nbob@example.com,SECOND\n";
    assert_eq!(import(&shop, &of("referral_codes"), &[file]).await["failed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_a_bounded_number_of_referral_codes() {
    let shop = shop().await;
    let mut file = String::from("email,code\n");
    for n in 0..23 {
        writeln!(file, "ada@example.com,CODE-{n}").unwrap();
    }
    let state = import(&shop, &of("referral_codes"), &[file.as_bytes()]).await;
    assert_eq!(state["failed"], 2, "{state}");
    let reason = "a member has at most 20 referral codes besides the present one";
    assert_eq!(errors(&shop, &state).await, [format!("22,,{reason}"), format!("23,,{reason}")]);
}

/// The rows of orders of several customers, each with its lines.
const ORDERS: [&str; 8] = [
    "o-1,c-1,10.00",
    "o-2,c-2,20.00",
    "o-2,c-2,5.00",
    "o-2,c-2,1.00",
    "o-3,c-1,7.00",
    "o-4,c-3,3.00",
    "o-4,c-3,4.00",
    "o-5,c-3,2.00",
];

/// Imports orders in parts that begin at some rows; returns the state, and the points of the three customers.
async fn orders_in_parts(shop: &Shop, prefix: &str, rows: &[&str], cuts: &[usize]) -> (Value, Vec<i64>) {
    let lines = |rows: &[&str]| {
        let lines = rows.iter().map(|row| {
            let (named, amount) = row.rsplit_once(',').unwrap();
            format!("{named},2026-02-01,{amount}\n")
        });
        lines.collect::<String>()
    };
    let mut parts = Vec::new();
    for (place, start) in cuts.iter().enumerate() {
        let end = cuts.get(place + 1).copied().unwrap_or(rows.len());
        let header = if place == 0 { "order,customer id,date,amount\n" } else { "" };
        parts.push(format!("{header}{}", lines(&rows[*start..end])).into_bytes());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let body = json!({ "kind": "orders", "key": prefix, "options": { "id_prefix": prefix } });
    let state = import(shop, &body, &parts).await;
    shop.settle().await;
    let mut points = Vec::new();
    for customer in ["c-1", "c-2", "c-3"] {
        let member = shop.request(Method::GET, &format!("/v1/members/{prefix}{customer}"), None).await;
        points.push(member.body["points"]["available"].as_i64().unwrap_or(0));
    }
    (state, points)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_whole_wherever_the_file_is_cut() {
    let shop = shop().await;
    let mut all: Vec<Vec<usize>> = (1..ORDERS.len()).map(|cut| vec![0, cut]).collect();
    all.push((0..ORDERS.len()).collect());
    all.push(vec![0]);
    all.push(vec![0, 2, 3, 6]);
    for (place, cuts) in all.iter().enumerate() {
        let (state, points) = orders_in_parts(&shop, &format!("k{place}-"), &ORDERS, cuts).await;
        assert_eq!((&state["done"], &state["failed"]), (&json!(8), &json!(0)), "{cuts:?}: {state}");
        assert_eq!(points, [17, 26, 9], "{cuts:?}");
    }
    // Undone, whatever the cuts.
    let undone = finish(&shop, &path_of(&shop, "k3-").await, "undo").await;
    assert_eq!((&undone["state"], &undone["failed"]), (&json!("undone"), &json!(0)), "{undone}");
    shop.settle().await;
    assert_eq!(shop.member("k3-c-2").await["points"]["available"], 0);
    shop.verify().await;
}

/// The path of an import of orders with a key.
async fn path_of(shop: &Shop, key: &str) -> String {
    let body = json!({ "kind": "orders", "key": key, "options": { "id_prefix": key } });
    let known = shop.post("/v1/imports", &body).await;
    assert_eq!(known.status, 200, "{}", known.body);
    format!("/v1/imports/{}", known.body["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_order_never_counts() {
    let shop = shop().await;
    let apart = "the rows of this order do not stand together; sort the file by order";
    let refused = "another row of this order is refused, so that the order would not be whole";
    let several = "the rows of this order name different members";
    let scattered = ["o-1,c-1,1.00", "o-2,c-2,2.00", "o-1,c-1,4.00"];
    let broken = ["o-1,c-1,1.00", "o-1,c-1,ten", "o-1,c-1,4.00", "o-2,c-2,2.00"];
    let shared = ["o-1,c-1,1.00", "o-1,c-3,4.00", "o-2,c-2,2.00"];
    let faults = ["2,amount,is not a number".to_owned(), "2,total,is missing".to_owned()];
    let whole = || {
        let [amount, total] = faults.clone();
        vec![format!("1,,{refused}"), amount, total, format!("3,,{refused}")]
    };
    let mut number = 0;
    for (rows, cuts, reasons) in [
        (&scattered[..], &[0][..], vec![format!("1,,{apart}"), format!("3,,{apart}")]),
        (&broken, &[0], whole()),
        (&broken, &[0, 1], whole()),
        (&broken, &[0, 2], whole()),
        (&broken, &[0, 1, 2], whole()),
        (&shared, &[0], vec![format!("1,,{several}"), format!("2,,{several}")]),
        (&shared, &[0, 1], vec![format!("1,,{several}"), format!("2,,{several}")]),
    ] {
        number += 1;
        let (state, points) = orders_in_parts(&shop, &format!("p{number}-"), rows, cuts).await;
        assert_eq!(points, [0, 2, 0], "{rows:?} {cuts:?}: {state}");
        // A reason with a comma stands in quotes.
        let found: Vec<String> = errors(&shop, &state).await.iter().map(|line| line.replace('"', "")).collect();
        assert_eq!(found, reasons, "{rows:?} {cuts:?}");
        assert_eq!(state["failed"], rows.len() - 1, "{state}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_finds_what_the_import_refuses() {
    let shop = shop().await;
    import(&shop, &of("referral_codes"), &[b"email,code\nada@example.com,ADA\n"]).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    shop.settle().await;
    let files: [(&str, &[u8], usize); 3] = [
        ("referral_codes", b"email,code\nbob@example.com,ada\nada@example.com,ADA\ncio@example.com,X1\nbob@example.com,x1\n", 2),
        ("coupons", b"email,code,reward\nada@example.com,ONE,five-off\nbob@example.com,one,five-off\nbob@example.com,two,five-off\n", 1),
        ("orders", b"customer id,order,date,total\nc-1,r-1,2026-02-01,31.00\nc-1,r-2,2026-02-01,5.00\n", 1),
    ];
    for (kind, file, refused) in files {
        let dry = import(&shop, &json!({ "kind": kind, "dry_run": true }), &[file]).await;
        let before = errors(&shop, &dry).await;
        let done = import(&shop, &of(kind), &[file]).await;
        assert_eq!((before.len(), &before), (refused, &errors(&shop, &done).await), "{kind}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_of_coupons_and_tiers_are_said_as_they_are() {
    let mut document = program(&per_euro());
    document["tiers"]["vip"] = json!([{ "id": "friends", "name": "Friends" }]);
    let shop = Shop::open(&document, CLOCK).await;
    let coupons = b"email,code,reward,expires at\nada@example.com,OLD,five-off,2020-01-01\n";
    let state = import(&shop, &of("coupons"), &[coupons]).await;
    assert_eq!(errors(&shop, &state).await, ["1,,\"ended on 2020-01-01, before today\""]);
    let tiers = b"email,tier,until\nada@example.com,friends,2026-12-31\nbob@example.com,Friends,\n";
    let state = import(&shop, &of("tiers"), &[tiers]).await;
    let refused = errors(&shop, &state).await;
    assert_eq!(refused, ["1,,\"the tier friends stands outside the ladder and never falls; leave its end empty\""]);
    assert_eq!(shop.member("email:bob@example.com").await["tier"]["id"], "friends");
}
