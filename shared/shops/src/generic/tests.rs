//! Mappings of any sender.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::fact::{read_early_refund, read_interaction, read_receipt};
use tessera_domain::money::Currency;

use super::*;
use crate::{Payload, ShopFact};

fn pointer(pointer: &str) -> FieldSource {
    FieldSource::Pointer(pointer.to_owned())
}

fn fields<const N: usize>(fields: [(&str, FieldSource); N]) -> std::collections::BTreeMap<String, FieldSource> {
    fields.into_iter().map(|(name, source)| (name.to_owned(), source)).collect()
}

/// The mappings of a till: sales, returns and visits.
fn till() -> Vec<Mapping> {
    let when = |kind: &str| [("/type".to_owned(), json!(kind))].into();
    let line = fields([("id", pointer("/pos")), ("sku", pointer("/ean")), ("amount", pointer("/sum"))]);
    let sale = fields([
        ("id", pointer("/no")),
        ("occurred_at", pointer("/at")),
        ("currency", FieldSource::Const(json!("EUR"))),
        ("total", pointer("/sum")),
        ("channel", FieldSource::Const(json!("pos"))),
        ("lines", FieldSource::Each { list: "/items".to_owned(), fields: line }),
        (
            "member",
            FieldSource::Object(fields([
                ("card", pointer("/card")),
                ("verified", FieldSource::Const(json!(["card"]))),
            ])),
        ),
    ]);
    let returned = fields([
        ("id", pointer("/no")),
        ("receipt", pointer("/of")),
        ("occurred_at", pointer("/at")),
        ("amount", pointer("/sum")),
    ]);
    let visit = fields([
        ("id", pointer("/no")),
        ("occurred_at", pointer("/at")),
        ("name", FieldSource::Const(json!("visit"))),
        ("member", FieldSource::Object(fields([("card", pointer("/card"))]))),
    ]);
    vec![
        Mapping { when: when("sale"), kind: MappingKind::Receipt, fields: sale },
        Mapping { when: when("return"), kind: MappingKind::Refund, fields: returned },
        Mapping { when: [("/visits".to_owned(), json!(1))].into(), kind: MappingKind::Interaction, fields: visit },
    ]
}

fn mapped(body: &Value) -> Option<ShopFact> {
    apply("till", &till(), &Payload::parse(body.to_string().as_bytes()).unwrap()).unwrap()
}

#[test]
fn payloads_become_what_their_mapping_says() {
    let sale = json!({ "type": "sale", "no": 17, "at": "2026-03-01T10:15:00+01:00", "sum": 19.9, "card": 4711,
                       "items": [{ "pos": 1, "ean": "800", "sum": 15 }, { "pos": 2, "sum": 4.9 }] });
    let Some(ShopFact::Receipt(body)) = mapped(&sale) else { panic!() };
    let read = read_receipt(&body, Currency::from_code("EUR").unwrap()).unwrap();
    assert_eq!((read.receipt.id.as_str(), read.receipt.total), ("till:17", 1_990));
    assert_eq!(body["member"], json!({ "card": "4711", "verified": ["card"] }));
    let mut nobody = sale.clone();
    nobody["card"] = Value::Null;
    let Some(ShopFact::Receipt(body)) = mapped(&nobody) else { panic!() };
    assert_eq!(body["member"], Value::Null);

    let back = json!({ "type": "return", "no": 18, "of": 17, "at": "2026-03-02T10:15:00+01:00", "sum": "4.90" });
    let Some(ShopFact::Refund { receipt, body }) = mapped(&back) else { panic!() };
    assert_eq!(receipt, "till:17");
    assert_eq!(read_early_refund(&body).unwrap().id.as_str(), "till:18");

    let visit = json!({ "type": "door", "visits": 1, "no": 19, "at": "2026-03-02T10:15:00+01:00", "card": "4711" });
    let Some(ShopFact::Interaction(body)) = mapped(&visit) else { panic!() };
    assert!(read_interaction(&body).is_ok());
    assert_eq!(mapped(&json!({ "type": "drawer opened" })), None);
}

#[test]
fn a_payload_never_says_what_is_verified() {
    let mut mappings = till();
    mappings[0].fields.insert("member".to_owned(), pointer("/customer"));
    let sale = json!({ "type": "sale", "no": "17", "customer": { "email": "ada@example.com", "verified": ["email"] } });
    let Some(ShopFact::Receipt(body)) = apply("till", &mappings, &sale).unwrap() else { panic!() };
    assert_eq!(body["member"], json!({ "email": "ada@example.com" }));
}

#[test]
fn a_payload_without_an_id_is_an_error() {
    for payload in [json!({ "type": "sale" }), json!({ "type": "return", "no": "18" })] {
        assert!(apply("till", &till(), &payload).is_err(), "{payload}");
    }
}

#[test]
fn each_scheme_verifies_with_its_own_headers() {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit, Mac};

    let body = b"{}";
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(body);
    let signed = mac.finalize().into_bytes();
    let hex = format!("sha256={}", hex::encode(signed));
    let base64 = base64::engine::general_purpose::STANDARD.encode(signed);
    let scheme = |encoding, prefix: Option<&str>| SignatureScheme::HmacSha256 {
        header: "x-signature".to_owned(),
        encoding,
        prefix: prefix.map(str::to_owned),
    };
    let check = |scheme: &SignatureScheme, value: &'static str| {
        let header = |name: &str| (name == "x-signature").then_some(value);
        scheme.verify(&["secret"], header, body, Timestamp::UNIX_EPOCH)
    };
    let (hex, base64): (&'static str, &'static str) = (hex.leak(), base64.leak());
    assert_eq!(check(&scheme(SignatureEncoding::Hex, Some("sha256=")), hex), Ok(()));
    assert_eq!(check(&scheme(SignatureEncoding::Base64, None), base64), Ok(()));
    assert_eq!(check(&scheme(SignatureEncoding::Hex, None), hex), Err(SignatureError::Malformed));
    assert_eq!(check(&scheme(SignatureEncoding::Hex, Some("v1=")), hex), Err(SignatureError::Malformed));
    assert_eq!(check(&SignatureScheme::StandardWebhooks, hex), Err(SignatureError::Malformed));
}

proptest! {
    #[test]
    fn no_payload_panics(text in "\\PC{0,40}", number in any::<i64>(), key in "(type|no|at|sum|items|card|of|visits)") {
        let payload = json!({ "type": "sale", "no": 1, "items": [text.clone(), { "sum": number }], key: text });
        let _ = apply("till", &till(), &payload);
    }
}
