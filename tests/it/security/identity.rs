//! An unverified identifier never moves a fact, a token or an enrolment to another member.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
const ADA: &str = "ada@example.com";

/// Two values of each kind of identifier.
const KINDS: [(&str, &str, &str); 3] =
    [("card", "C-77", "C-78"), ("email", ADA, "countess@example.com"), ("phone", "+393331234567", "+393331234568")];

/// The routes that take a reference to a member.
const ROUTES: [&str; 5] = ["receipt", "interaction", "claim", "enrol", "patch"];

async fn open() -> Shop {
    Shop::open(&program(&per_euro()), CLOCK).await
}

/// Adds the fields of another object.
fn with(mut fields: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

/// A reference by an id and an identifier, which is verified only when stated.
fn reference(id: &str, kind: &str, value: &str, is_verified: bool) -> Value {
    json!({ "id": id, kind: value, "verified": if is_verified { json!([kind]) } else { json!([]) } })
}

/// Sends a receipt for the member of a reference.
async fn buy(shop: &Shop, id: &str, member: &Value, total: &str) -> Response {
    let sent = shop.post("/v1/receipts", &with(receipt(id, "", total), &json!({ "member": member }))).await;
    shop.settle().await;
    sent
}

/// Sends a reference to one of the routes; `n` makes its ids unique.
async fn send(shop: &Shop, route: &str, n: &str, member: &Value) -> Response {
    let at = "2026-03-01T11:00:00+01:00";
    let sent = match route {
        "receipt" => buy(shop, &format!("r-{n}"), member, "1.00").await,
        "interaction" => {
            let body = json!({ "id": format!("i-{n}"), "occurred_at": at, "member": member, "name": "waved" });
            shop.post("/v1/interactions", &body).await
        }
        "claim" => {
            let (id, nobody) = (format!("a-{n}"), json!(null));
            buy(shop, &id, &nobody, "1.00").await;
            shop.post(&format!("/v1/receipts/{id}/claim"), &json!({ "member": member })).await
        }
        "enrol" => shop.post("/v1/members", member).await,
        "patch" => {
            let id = member["id"].as_str().unwrap();
            shop.post("/v1/members", &json!({ "id": id, "status": "visitor" })).await;
            let mut patch = member.clone();
            patch.as_object_mut().unwrap().remove("id");
            shop.request(Method::PATCH, &format!("/v1/members/{id}"), Some(&patch)).await
        }
        _ => unreachable!("{route}"),
    };
    assert!((200..300).contains(&sent.status), "{route}: {}", sent.body);
    shop.settle().await;
    sent
}

async fn points(shop: &Shop, member: &str) -> Value {
    shop.member(member).await["points"]["available"].clone()
}

/// A member's identifier of a kind and whether it is verified; `None` without one.
async fn holding(shop: &Shop, member: &str, kind: &str) -> Option<(String, bool)> {
    let found = shop.member(member).await;
    let all = found["identifiers"].as_array().unwrap();
    let held = all.iter().find(|held| held["kind"] == kind)?;
    Some((held["value"].as_str().unwrap().to_owned(), held["verified"].as_bool().unwrap()))
}

/// A request with a member token of these claims.
async fn as_member(shop: &Shop, claims: &Value, method: Method, path: &str, body: Option<&Value>) -> Response {
    let exp = shop.stack.now().as_second() + 600;
    let claims = with(json!({ "iss": shop.program, "exp": exp }), claims);
    let token = crate::shop::token(&claims, &shop.secret);
    shop.request_with(method, path, body, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn hub_points(shop: &Shop, claims: &Value) -> Value {
    let hub = as_member(shop, claims, Method::GET, "/v1/hub", None).await;
    assert_eq!(hub.status, 200, "{}", hub.body);
    hub.body["points"]["available"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_identifier_on_any_route_reaches_the_points_of_another() {
    let shop = open().await;
    for (kind, value, _) in KINDS {
        let owner = format!("owner-{kind}");
        buy(&shop, &format!("r-{kind}"), &reference(&owner, kind, value, true), "120.00").await;
        for route in ROUTES {
            for is_verified in [false, true] {
                let (n, thief) = (format!("{kind}-{route}-{is_verified}"), format!("thief-{kind}-{route}"));
                let sent = send(&shop, route, &n, &reference(&thief, kind, value, is_verified)).await;
                let conflict = if is_verified { json!([kind]) } else { Value::Null };
                assert_eq!(sent.body["identity_conflict"], conflict, "{n}: {}", sent.body);
                assert_eq!(sent.body["claimable"], Value::Null, "{n}: {}", sent.body);

                let own = shop.member(&thief).await["points"]["available"].as_i64().unwrap();
                assert!(own <= 4, "{n}: {own}");
                assert_eq!(points(&shop, &owner).await, 120, "{n}");
                assert_eq!(points(&shop, &format!("{kind}:{value}")).await, 120, "{n}");
                let token = json!({ "sub": thief });
                let path = format!("/v1/members/{kind}:{value}/hub");
                assert_eq!(as_member(&shop, &token, Method::GET, &path, None).await.status, 403, "{n}");
                assert_eq!(hub_points(&shop, &token).await, own, "{n}");
            }
        }
        assert_eq!(holding(&shop, &owner, kind).await, Some((value.to_owned(), true)));
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_uses_an_identifier_first_gets_nothing_of_its_owner() {
    for first in ROUTES {
        let shop = open().await;
        for (kind, value, _) in KINDS {
            let (stranger, owner) = (format!("stranger-{kind}"), format!("owner-{kind}"));
            send(&shop, first, &format!("{kind}-1"), &reference(&stranger, kind, value, false)).await;
            assert_eq!(holding(&shop, &stranger, kind).await, Some((value.to_owned(), false)), "{first} {kind}");

            let n = format!("{kind}-2");
            let sent = send(&shop, "receipt", &n, &reference(&owner, kind, value, true)).await;
            assert_eq!(sent.body["identity_conflict"], Value::Null, "{first} {kind}: {}", sent.body);
            assert_eq!(holding(&shop, &owner, kind).await, Some((value.to_owned(), true)), "{first} {kind}");
            // It is no longer the stranger's contact data.
            assert_eq!(holding(&shop, &stranger, kind).await, None, "{first} {kind}");
            buy(&shop, &format!("b-{kind}"), &json!({ kind: value, "verified": [] }), "50.00").await;
            assert_eq!(points(&shop, &owner).await, 51, "{first} {kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_a_guests_identifier_joins_the_points_on_every_route() {
    for route in ["receipt", "interaction", "claim", "enrol"] {
        let shop = open().await;
        for (kind, value, _) in KINDS {
            buy(&shop, &format!("g-{kind}"), &json!({ kind: value, "verified": [] }), "70.00").await;
            let owner = format!("owner-{kind}");
            send(&shop, route, kind, &reference(&owner, kind, value, true)).await;
            let expected = if matches!(route, "receipt" | "claim") { 71 } else { 70 };
            assert_eq!(points(&shop, &owner).await, expected, "{route} {kind}");
            assert_eq!(points(&shop, &format!("{kind}:{value}")).await, expected, "{route} {kind}");
        }
        shop.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_specification_hold() {
    // A takeover attempt, unverified and then verified.
    let shop = open().await;
    buy(&shop, "r-1", &reference("c-1", "email", ADA, true), "100.00").await;
    let sent = buy(&shop, "r-2", &reference("c-2", "email", ADA, false), "7.00").await;
    assert_eq!((sent.status, &sent.body["identity_conflict"]), (202, &Value::Null));
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), (json!(100), json!(7)));
    assert_eq!(holding(&shop, "c-2", "email").await, Some((ADA.to_owned(), false)));
    let sent = buy(&shop, "r-3", &reference("c-2", "email", ADA, true), "8.00").await;
    assert_eq!((sent.status, &sent.body["identity_conflict"]), (202, &json!(["email"])));
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), (json!(100), json!(15)));
    // A till names a verified e-mail only: its owner gets the points.
    buy(&shop, "r-4", &json!({ "email": ADA }), "5.00").await;
    assert_eq!(points(&shop, "c-1").await, 105);

    // A stranger registers the address before its owner does.
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "id": "c-2", "email": ADA }), "9.00").await;
    // A till names an unverified e-mail only: a new contact.
    let enrolled = shop.post("/v1/members", &reference("c-1", "email", ADA, true)).await;
    assert_eq!((enrolled.status, &enrolled.body["identifiers"][0]["verified"]), (201, &json!(true)));
    assert_eq!(holding(&shop, "c-2", "email").await, None);
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), (json!(0), json!(9)));

    // A guest who enrols later.
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "email": ADA }), "30.00").await;
    buy(&shop, "r-2", &json!({ "email": ADA }), "12.00").await;
    assert_eq!(points(&shop, &format!("email:{ADA}")).await, 42);
    let enrolled = shop.post("/v1/members", &reference("c-1", "email", ADA, true)).await;
    assert_eq!((enrolled.status, &enrolled.body["points"]["available"]), (201, &json!(42)));

    // The same, unverified.
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "email": ADA }), "30.00").await;
    let enrolled = shop.post("/v1/members", &json!({ "id": "c-1", "email": ADA })).await;
    assert_eq!((enrolled.status, &enrolled.body["claimable"]), (201, &json!(["email"])));
    assert_eq!(points(&shop, "c-1").await, 0);

    // A till names an unverified e-mail only.
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "id": "c-2", "email": ADA }), "9.00").await;
    buy(&shop, "r-2", &json!({ "email": ADA }), "11.00").await;
    assert_eq!((points(&shop, "c-2").await, points(&shop, &format!("email:{ADA}")).await), (json!(9), json!(11)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_repeated_with_verified_identifiers_joins_the_guest() {
    let shop = open().await;
    let sent = buy(&shop, "r-1", &json!({ "id": "c-1", "email": ADA }), "30.00").await;
    assert_eq!((sent.status, &sent.body["claimable"]), (202, &Value::Null));
    let again = buy(&shop, "r-1", &reference("c-1", "email", ADA, true), "30.00").await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(holding(&shop, "c-1", "email").await, Some((ADA.to_owned(), true)));

    // A guest's receipt, repeated with the guest's new id.
    buy(&shop, "r-2", &json!({ "phone": "+393331234567" }), "40.00").await;
    let again = buy(&shop, "r-2", &reference("c-2", "phone", "+393331234567", true), "40.00").await;
    assert_eq!((again.status, points(&shop, "c-2").await), (200, json!(40)), "{}", again.body);
    // A repetition with other content is refused and changes no member.
    let other = buy(&shop, "r-2", &reference("c-2", "email", "b@x.it", true), "41.00").await;
    assert_eq!((other.status, other.problem()), (422, "different_content"));
    assert_eq!(holding(&shop, "c-2", "email").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_verifies_only_what_it_is_allowed_to() {
    let mut by_mail = program(&per_euro());
    by_mail["identity"] = json!({ "verified": ["card", "email"] });
    let shop = Shop::open(&by_mail, CLOCK).await;
    assert_eq!(shop.get("/v1/program").await["identity"], by_mail["identity"]);
    let created = shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] })).await;
    let till = format!("Bearer {}", created.body["key"].as_str().unwrap());
    let send = async |id: &str, member: Value| {
        let body = with(receipt(id, "", "10.00"), &json!({ "member": member }));
        shop.request_with(Method::POST, "/v1/receipts", Some(&body), &[("authorization", &till)]).await
    };
    for kind in ["email", "phone"] {
        let refused = send("r-1", json!({ "id": "c-1", "email": ADA, "verified": [kind] })).await;
        assert_eq!((refused.status, refused.problem()), (403, "verification_not_allowed"), "{kind}");
    }
    // The program's default verifies only what the key may verify.
    let accepted = send("r-1", json!({ "id": "c-1", "email": ADA, "card": "C-77" })).await;
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    assert_eq!(holding(&shop, "c-1", "email").await, Some((ADA.to_owned(), false)));
    assert_eq!(holding(&shop, "c-1", "card").await, Some(("C-77".to_owned(), true)));
    let accepted = send("r-2", json!({ "id": "c-1", "card": "C-78", "verified": [] })).await;
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    // The admin's key may: its default verifies the mailbox too.
    buy(&shop, "r-3", &json!({ "id": "c-1", "email": ADA }), "1.00").await;
    assert_eq!(holding(&shop, "c-1", "email").await, Some((ADA.to_owned(), true)));

    let token = json!({ "sub": "c-9" });
    let body = json!({ "verified": ["email"] });
    assert_eq!(as_member(&shop, &token, Method::POST, "/v1/members", Some(&body)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_creates_no_key_that_may_verify_more_than_itself() {
    let shop = open().await;
    let create = async |by: &str, verifies: &Value| {
        let mut body = json!({ "name": "made", "scopes": ["admin"], "verifies": verifies });
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let bearer = format!("Bearer {by}");
        shop.request_with(Method::POST, "/v1/api-keys", Some(&body), &[("authorization", &bearer)]).await
    };
    let kinds = [json!([]), json!(["card"]), json!(["card", "email"]), json!(["phone"]), Value::Null];
    // For each creator, which of these it may create.
    let allowed = [
        (json!([]), [true, false, false, false, false]),
        (json!(["card"]), [true, true, false, false, false]),
        (json!(["card", "email"]), [true, true, true, false, false]),
        // Nothing is beyond all three kinds.
        (json!(["card", "email", "phone"]), [true; 5]),
        (Value::Null, [true; 5]),
    ];
    for (bound, allowed) in allowed {
        let creator = create(crate::shop::KEY, &bound).await;
        let creator = creator.body["key"].as_str().unwrap().to_owned();
        for (verifies, is_allowed) in kinds.iter().zip(allowed) {
            let created = create(&creator, verifies).await;
            if is_allowed {
                assert_eq!(created.status, 201, "{bound} {verifies}: {}", created.body);
            } else {
                let refused = (created.status, created.problem());
                assert_eq!(refused, (403, "verification_not_allowed"), "{bound} {verifies}");
            }
        }
    }
    // Nor does it let a connection verify more.
    let creator = create(crate::shop::KEY, &json!(["card"])).await;
    let bearer = format!("Bearer {}", creator.body["key"].as_str().unwrap());
    for (kinds, status) in [(json!(["card"]), 200), (json!(["card", "email"]), 403)] {
        let member = json!({ "email": "/mail", "card": "/card", "verified": { "const": kinds } });
        let sale = json!({ "receipt": { "id": "/no", "occurred_at": "/at", "total": "/sum", "member": member } });
        let settings = json!({ "signature": { "scheme": "standard_webhooks" }, "mappings": [sale] });
        let credentials = json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
        let body = json!({ "enabled": true, "settings": settings, "credentials": credentials });
        let path = "/v1/integrations/generic/till";
        let sent = shop.request_with(Method::PUT, path, Some(&body), &[("authorization", &bearer)]).await;
        assert_eq!(sent.status, status, "{kinds}: {}", sent.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_joins_only_the_contact_of_its_verified_claims() {
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "email": ADA }), "60.00").await;
    let unproven = json!({ "sub": "c-2", "email": ADA, "email_verified": false });
    assert_eq!(hub_points(&shop, &unproven).await, 0);
    let enrolled = as_member(&shop, &unproven, Method::POST, "/v1/members", Some(&json!({}))).await;
    assert_eq!((enrolled.status, &enrolled.body["points"]["available"]), (201, &json!(0)));
    for field in ["claimable", "identity_conflict"] {
        assert_eq!(enrolled.body[field], Value::Null, "{field}");
    }

    let proven = json!({ "sub": "c-1", "email": ADA, "email_verified": true });
    assert_eq!(hub_points(&shop, &proven).await, 60, "before the enrolment, the contact's");
    let body = json!({ "first_name": "Ada", "birth_date": "1990-02-28", "locale": "it", "click": "k-1" });
    let enrolled = as_member(&shop, &proven, Method::POST, "/v1/members", Some(&body)).await;
    assert_eq!((enrolled.status, &enrolled.body["points"]["available"]), (201, &json!(60)), "{}", enrolled.body);
    assert_eq!(points(&shop, "c-1").await, 60);
    let late = json!({ "sub": "c-3", "email": ADA, "email_verified": true });
    assert_eq!(hub_points(&shop, &late).await, 0);
    let enrolled = as_member(&shop, &late, Method::POST, "/v1/members", None).await;
    assert_eq!((enrolled.status, &enrolled.body["identity_conflict"]), (201, &json!(["email"])));
    for field in ["id", "email", "card", "phone", "status", "tags", "attributes"] {
        let refused = as_member(&shop, &late, Method::POST, "/v1/members", Some(&json!({ field: "c-3" }))).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!(format!("/{field}"))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_are_returned_and_can_be_removed() {
    let shop = open().await;
    let patch = async |member: &str, body: Value| {
        shop.request(Method::PATCH, &format!("/v1/members/{member}"), Some(&body)).await
    };
    for (kind, value, other) in KINDS {
        let id = format!("c-{kind}");
        shop.post("/v1/members", &reference(&id, kind, value, true)).await;
        // Beside a verified address or number, an unverified one is dropped.
        let changed = patch(&id, json!({ kind: other, "verified": [] })).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        if kind != "card" {
            assert_eq!(holding(&shop, &id, kind).await, Some((value.to_owned(), true)), "{kind}");
        }
        assert_eq!(patch(&id, json!({ kind: null })).await.status, 200);
        assert_eq!(holding(&shop, &id, kind).await, None, "{kind}");
        assert_eq!(shop.request(Method::GET, &format!("/v1/members/{kind}:{value}"), None).await.status, 404, "{kind}");
        patch(&id, json!({ kind: other, "verified": [] })).await;
        assert_eq!(holding(&shop, &id, kind).await, Some((other.to_owned(), false)), "{kind}");
        assert_eq!(shop.request(Method::GET, &format!("/v1/members/{kind}:{other}"), None).await.status, 404, "{kind}");
        let changed = patch(&id, json!({ kind: other, "verified": [kind] })).await;
        assert_eq!(changed.body["identifiers"], json!([{ "kind": kind, "value": other, "verified": true }]));
        assert_eq!(shop.member(&format!("{kind}:{other}")).await["id"], id);
        // A removed identifier is free for its next owner.
        let next = shop.post("/v1/members", &reference(&format!("next-{kind}"), kind, value, true)).await;
        assert_eq!((next.status, &next.body["identity_conflict"]), (201, &Value::Null), "{kind}");
    }
    // A contact keeps at least one key.
    buy(&shop, "r-1", &json!({ "email": ADA.replace("ada", "guest") }), "5.00").await;
    let refused = patch("email:guest@example.com", json!({ "email": null })).await;
    assert_eq!((refused.status, refused.problem()), (422, "no_identifier"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_one_address_one_number_and_ten_cards() {
    let shop = open().await;
    for (kind, value, other) in &KINDS[1..] {
        for value in [value, other] {
            shop.post("/v1/members", &reference("c-1", kind, value, true)).await;
        }
        assert_eq!(holding(&shop, "c-1", kind).await, Some(((*other).to_owned(), true)));
        assert_eq!(shop.request(Method::GET, &format!("/v1/members/{kind}:{value}"), None).await.status, 404, "{kind}");
    }
    for number in 0..10 {
        let card = json!({ "id": "c-1", "card": format!("A-{number}") });
        assert_eq!(shop.post("/v1/members", &card).await.status, 200);
    }
    let eleventh = json!({ "id": "c-1", "card": "A-10" });
    let refused = shop.post("/v1/members", &eleventh).await;
    assert_eq!((refused.status, refused.problem()), (422, "limit_reached"));
    let refused = shop.request(Method::PATCH, "/v1/members/c-1", Some(&json!({ "card": "A-10" }))).await;
    assert_eq!((refused.status, refused.problem()), (422, "limit_reached"));
    let refused = buy(&shop, "r-1", &eleventh, "1.00").await;
    assert_eq!((refused.status, refused.problem()), (422, "limit_reached"));
    assert_eq!(shop.member("c-1").await["identifiers"].as_array().unwrap().len(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_id_stays_an_alias() {
    let shop = open().await;
    buy(&shop, "r-1", &json!({ "id": "c-1" }), "10.00").await;
    buy(&shop, "r-2", &json!({ "id": "c-2" }), "10.00").await;
    let rename = async |from: &str, to: &str| {
        shop.request(Method::PATCH, &format!("/v1/members/{from}"), Some(&json!({ "id": to }))).await
    };
    let taken = rename("c-1", "c-2").await;
    assert_eq!((taken.status, taken.problem()), (422, "id_taken"));
    assert_eq!(rename("c-1", "c-9").await.body["id"], "c-9");
    buy(&shop, "r-3", &json!({ "id": "c-1" }), "5.00").await;
    buy(&shop, "r-4", &json!({ "id": "c-9" }), "5.00").await;
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-9").await), (json!(20), json!(20)));
    assert_eq!(hub_points(&shop, &json!({ "sub": "c-1" })).await, 20);
    // An alias is as taken as an id, except to its own member.
    let taken = rename("c-2", "c-1").await;
    assert_eq!((taken.status, taken.problem()), (422, "id_taken"));
    assert_eq!(rename("c-9", "c-1").await.body["id"], "c-1");
    assert_eq!(shop.verify().await.members, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_with_a_reserved_prefix_or_hidden_characters_are_refused() {
    let shop = open().await;
    let hostile = ["m_1", "card:1", "email:a@x.it", "phone:+391", "c\u{200b}1", "c\u{202e}1", "c\u{0}1", "\u{feff}c"];
    for id in hostile {
        for (path, body) in [
            ("/v1/members", json!({ "id": id })),
            ("/v1/receipts", with(receipt("r-1", id, "1.00"), &json!({}))),
            ("/v1/receipts/preview", with(receipt("r-1", id, "1.00"), &json!({}))),
        ] {
            let refused = shop.post(path, &body).await;
            assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{path} {id:?}");
        }
        let refused = as_member(&shop, &json!({ "sub": id }), Method::GET, "/v1/hub", None).await;
        assert_eq!(refused.status, 400, "{id:?}");
        let refused = as_member(&shop, &json!({ "sub": id }), Method::POST, "/v1/members", None).await;
        assert_eq!(refused.status, 400, "{id:?}");
    }
    shop.post("/v1/members", &json!({ "id": "Ame\u{301}lie" })).await;
    let again = shop.post("/v1/members", &json!({ "id": "Am\u{e9}lie" })).await;
    assert_eq!(again.status, 200, "two spellings of one id");
    for path in ["/v1/members/", "/v1/receipts/", "/v1/interactions/", "/v1/coupons/", "/v1/rules/", "/v1/rewards/"] {
        let response = shop.request(Method::GET, &format!("{path}{}", "x".repeat(10 * 1024)), None).await;
        assert_eq!(response.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_enrolments_one_is_the_first() {
    let shop = open().await;
    let created = |responses: &[Response]| {
        let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
        assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
        statuses.iter().filter(|status| **status == 201).count()
    };
    let body = reference("c-1", "email", ADA, true);
    let enrolled = join_all((0..20).map(|_| shop.post("/v1/members", &body))).await;
    assert_eq!(created(&enrolled), 1);
    shop.post("/v1/members", &json!({ "id": "c-2", "status": "visitor" })).await;
    let nothing = json!({});
    let activated = join_all((0..8).map(|_| shop.post("/v1/members/c-2/activate", &nothing))).await;
    assert_eq!(created(&activated), 1);
    assert_eq!(shop.verify().await.members, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_birth_date_is_between_1900_and_today() {
    let shop = open().await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    for born in ["2026-03-02", "2190-01-01", "1899-12-31", "0000-01-01"] {
        let body = json!({ "id": "c-2", "birth_date": born });
        let refused = shop.post("/v1/members", &body).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/birth_date")), "{born}");
        let patch = json!({ "birth_date": born });
        assert_eq!(shop.request(Method::PATCH, "/v1/members/c-1", Some(&patch)).await.status, 400, "{born}");
        let token = json!({ "sub": "c-3" });
        assert_eq!(as_member(&shop, &token, Method::POST, "/v1/members", Some(&patch)).await.status, 400, "{born}");
    }
    for born in ["2026-03-01", "1900-01-01", "--02-29"] {
        let patch = json!({ "birth_date": born });
        assert_eq!(shop.request(Method::PATCH, "/v1/members/c-1", Some(&patch)).await.status, 200, "{born}");
    }
}
