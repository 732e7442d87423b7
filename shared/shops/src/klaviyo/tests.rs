use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::fact::read_interaction;

use super::*;
use crate::{Payload, SignatureError};

const BODY: &[u8] = br#"{"data":[]}"#;

fn sign(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn fixture() -> Value {
    Payload::parse(include_bytes!("fixtures/system.json")).unwrap()
}

fn only(payload: &Value) -> EmailEvent {
    let mut found = events(payload, None).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).unwrap()
}

#[test]
fn a_signature_covers_body_and_timestamp_as_they_stand() {
    let now = at("2026-03-01T10:32:00Z");
    for timestamp in [
        "2026-03-01T10:32:00+00:00",
        "2026-03-01T11:32:00.123456+01:00",
        "2026-03-01T10:32:00",
        "2026-03-01 10:32:00Z",
        "Sun, 01 Mar 2026 10:32:00 GMT",
    ] {
        let signed = sign("secret", &[BODY, timestamp.as_bytes()]);
        let check = |body: &[u8], timestamp: &str, signature: &str, now: &str| {
            verify(&["newer", "secret"], body, timestamp, signature, at(now))
        };
        assert_eq!(verify(&["secret"], BODY, timestamp, &signed, now), Ok(()), "{timestamp}");
        assert_eq!(check(BODY, timestamp, &signed, "2026-03-01T10:36:59Z"), Ok(()));
        assert_eq!(check(BODY, timestamp, &signed, "2026-03-01T10:40:00Z"), Err(SignatureError::Stale));
        assert_eq!(check(BODY, timestamp, &signed, "2026-03-01T10:20:00Z"), Err(SignatureError::Stale));
        assert_eq!(check(&BODY[1..], timestamp, &signed, "2026-03-01T10:32:00Z"), Err(SignatureError::Wrong));
        // The same moment, spelled otherwise.
        let other = check(BODY, "2026-03-01T10:32:00+0000", &signed, "2026-03-01T10:32:00Z");
        assert!(other.is_err(), "{other:?}");
        let swapped = sign("secret", &[timestamp.as_bytes(), BODY]);
        assert_eq!(check(BODY, timestamp, &swapped, "2026-03-01T10:32:00Z"), Err(SignatureError::Wrong));
    }
    assert_eq!(
        verify(&["secret"], BODY, "soon", &sign("secret", &[BODY, b"soon"]), now),
        Err(SignatureError::Malformed)
    );
    assert_eq!(verify(&["secret"], BODY, "2026-03-01T10:32:00Z", "short", now), Err(SignatureError::Malformed));
}

#[test]
fn a_shared_secret_is_one_of_the_valid_ones() {
    assert_eq!(verify_shared(&["new", "old"], "old"), Ok(()));
    for wrong in ["ol", "olds", "OLD"] {
        assert_eq!(verify_shared(&["new", "old"], wrong), Err(SignatureError::Wrong), "{wrong}");
    }
    assert_eq!(verify_shared(&[], "old"), Err(SignatureError::Wrong));
    assert_eq!(verify_shared(&["new"], ""), Err(SignatureError::Malformed));
}

#[test]
fn opens_and_clicks_become_interactions() {
    let found = events(&fixture(), Some("whk_1")).unwrap();
    let [opened, clicked] = found.as_slice() else { panic!("{found:?}") };
    let now = at("2026-03-01T12:00:00Z");
    let body = |event: &Result<EmailEvent, _>| {
        let event = event.as_ref().unwrap();
        event.interaction(&json!({ "id": event.external_id }), now).unwrap()
    };
    let read = read_interaction(&body(opened)).unwrap();
    assert_eq!((read.interaction.id.as_str(), &*read.interaction.name), ("klaviyo:4vRpBTEx9pK", "email_opened"));
    assert_eq!(read.interaction.occurred_at, at("2026-03-01T10:30:00Z"));
    assert_eq!(read.member.id.unwrap().as_str(), "c-1");
    assert_eq!(read.interaction.texts("message"), ["01JNQ5M8"]);
    assert_eq!(read.interaction.texts("campaign_category"), ["Spring relaunch"]);
    assert_eq!(read.interaction.texts("device"), ["mobile"]);
    assert!(!read.interaction.is_machine_open());
    let read = read_interaction(&body(clicked)).unwrap();
    assert_eq!(
        (&*read.interaction.name, read.interaction.texts("link")),
        ("email_clicked", vec!["https://shop.example/rewards".to_owned()])
    );
    assert!(events(&fixture(), Some("whk_2")).is_err());
}

#[test]
fn an_open_by_a_mail_program_is_marked() {
    for (value, is_machine) in [
        (json!(true), true),
        (json!("True"), true),
        (json!("false"), false),
        (json!(false), false),
        (json!(null), false),
    ] {
        let mut payload = fixture();
        payload["data"].as_array_mut().unwrap().truncate(1);
        payload["data"][0]["payload"]["data"]["attributes"]["event_properties"]["Apple Privacy Open"] = value.clone();
        let body = only(&payload).interaction(&json!({ "id": "c-1" }), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(read_interaction(&body).unwrap().interaction.is_machine_open(), is_machine, "{value}");
    }
}

#[test]
fn a_flow_webhook_needs_no_id_and_no_time() {
    let flow = Payload::parse(include_bytes!("fixtures/flow.json")).unwrap();
    let event = only(&flow);
    assert_eq!((event.id.as_ref(), event.at), (None, Some(at("2026-03-01T10:31:00Z"))));
    let member = json!({ "id": "c-1" });
    let id = |event: &EmailEvent, member: &Value| {
        event.interaction(member, Timestamp::UNIX_EPOCH).unwrap()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(&event, &member), id(&event, &member));
    assert_ne!(id(&event, &member), id(&event, &json!({ "id": "c-2" })));
    let mut other = event.clone();
    other.properties.insert("link".to_owned(), json!("https://shop.example/other"));
    assert_ne!(id(&event, &member), id(&other, &member));
    let without = EmailEvent { at: None, ..event };
    let body = without.interaction(&member, at("2026-03-01T12:00:00Z")).unwrap();
    assert_eq!(body["occurred_at"], "2026-03-01T12:00:00Z");
}

#[test]
fn a_payload_without_its_profile_may_name_the_customer_in_the_envelope() {
    let mut payload = fixture();
    payload["data"].as_array_mut().unwrap().truncate(1);
    payload["data"][0]["external_id"] = json!("c-7");
    payload["data"][0]["payload"].as_object_mut().unwrap().remove("included");
    let event = only(&payload);
    assert_eq!((event.envelope_id.as_deref(), event.id.as_deref()), (Some("c-7"), Some("4vRpBTEx9pK")));
    // With its profile, the envelope's id is the event's.
    let with = events(&fixture(), None).unwrap().remove(0).unwrap();
    assert_eq!((with.external_id.as_deref(), with.envelope_id), (Some("c-1"), None));
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_a_panic() {
    for payload in [json!({}), json!([]), json!({ "data": {} }), json!({ "data": 7 }), json!("x"), json!(null)] {
        let read = events(&payload, None).unwrap();
        assert!(read.iter().all(Result::is_err), "{payload}");
    }
    let item = json!({ "topic": "event:klaviyo.opened_email" });
    assert!(events(&json!({ "data": [item] }), None).unwrap()[0].is_err());
    let many = vec![item; MOST_EVENTS + 1];
    assert!(events(&json!({ "data": many }), None).is_err());
    let mut flow = Payload::parse(include_bytes!("fixtures/flow.json")).unwrap();
    flow["properties"] = json!({ "URL": "я".repeat(300) });
    let event = only(&flow);
    assert!(
        event.interaction(&json!({ "id": "c-1" }), Timestamp::UNIX_EPOCH).is_err(),
        "which e-mail it was is unknown"
    );
    assert_eq!(event.properties["link"].as_str().unwrap().chars().count(), 128);
}
