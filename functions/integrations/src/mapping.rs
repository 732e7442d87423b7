//! Reads and shows the settings of a generic connection: signature and mappings.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tessera_domain::input::Node;
use tessera_domain::member::IdentifierKind;
use tessera_shops::GenericSettings;
use tessera_shops::generic::{FieldSource, Mapping, MappingKind, SignatureEncoding, SignatureScheme};

const MOST_MAPPINGS: usize = 50;
const MOST_FIELDS: usize = 60;
const MOST_NAME_BYTES: usize = 100;
const MOST_POINTER_BYTES: usize = 256;
/// How deep fields may be nested: an attribute of a line is the deepest.
const MOST_DEPTH: usize = 4;

/// The fields of Tessera's own format.
const FIELDS: [(&str, MappingKind, &[&str]); 3] = [
    (
        "receipt",
        MappingKind::Receipt,
        &[
            "id",
            "occurred_at",
            "member",
            "store",
            "channel",
            "currency",
            "fx_rate",
            "total",
            "discount",
            "lines",
            "coupons",
            "referral_code",
            "click",
        ],
    ),
    ("refund", MappingKind::Refund, &["id", "receipt", "occurred_at", "lines", "amount"]),
    ("interaction", MappingKind::Interaction, &["id", "occurred_at", "member", "name", "properties"]),
];

/// Reads `{ "signature", "mappings" }`.
pub(crate) fn read_generic(node: &Node<'_>) -> Option<GenericSettings> {
    let object = node.object()?;
    let signature = object.required("signature", read_signature);
    let mappings = object.required("mappings", |node| node.list(MOST_MAPPINGS, read_mapping));
    object.finish();
    Some(GenericSettings { signature: signature?, mappings: mappings? })
}

fn read_signature(node: &Node<'_>) -> Option<SignatureScheme> {
    let object = node.object()?;
    let scheme =
        object.required("scheme", |scheme| scheme.choice(&[("standard_webhooks", false), ("hmac_sha256", true)]));
    if scheme? {
        let header = object.required("header", |node| {
            node.parsed(|text| match text.parse::<http::HeaderName>() {
                Ok(header) if text.len() <= MOST_NAME_BYTES => Ok(header.as_str().to_owned()),
                _ => Err("must be the name of a header"),
            })
        });
        let encodings = [("hex", SignatureEncoding::Hex), ("base64", SignatureEncoding::Base64)];
        let encoding = object.required("encoding", |node| node.choice(&encodings));
        let prefix = object.optional("prefix", |node| node.text(MOST_NAME_BYTES));
        object.finish();
        return Some(SignatureScheme::HmacSha256 { header: header?, encoding: encoding?, prefix: prefix? });
    }
    object.finish();
    Some(SignatureScheme::StandardWebhooks)
}

fn read_mapping(node: &Node<'_>) -> Option<Mapping> {
    let object = node.object()?;
    let when = object.or("when", Vec::new(), |node| {
        node.entries(MOST_FIELDS, |value| {
            check_pointer(value, value.name().unwrap_or_default())?;
            let is_scalar = !value.value.is_object() && !value.value.is_array();
            if is_scalar {
                Some(value.value.clone())
            } else {
                value.refuse("must be a text, a number, true, false or null")
            }
        })
    });
    let fields = object.exactly_one(&FIELDS.map(|(name, ..)| name)).and_then(|(name, node)| {
        let (_, kind, known) = FIELDS.into_iter().find(|(known, ..)| *known == name)?;
        read_fields(&node, Some(known), 0).map(|fields| (kind, fields))
    });
    object.finish();
    let (kind, fields) = fields?;
    Some(Mapping { when: when?.into_iter().collect(), kind, fields })
}

/// Reads an object of fields. `known`: the names that are allowed; `None` for any.
fn read_fields(node: &Node<'_>, known: Option<&[&str]>, depth: usize) -> Option<BTreeMap<String, FieldSource>> {
    let read = |node: &Node<'_>| match (known, node.name()) {
        (Some(known), Some(name)) if !known.contains(&name) => node.refuse("is not a field of Tessera's own format"),
        _ => read_source(node, depth),
    };
    node.entries(MOST_FIELDS, read).map(|fields| fields.into_iter().collect())
}

fn read_source(node: &Node<'_>, depth: usize) -> Option<FieldSource> {
    // Whoever signs the payload must not decide what is proven: only who writes the settings may.
    if node.name() == Some("verified") && node.value.get("const").is_none() {
        return node.refuse("may be set by const only");
    }
    match node.value {
        Value::String(pointer) => {
            check_pointer(node, pointer)?;
            Some(FieldSource::Pointer(pointer.clone()))
        }
        Value::Object(fields) if fields.contains_key("const") => {
            let object = node.object()?;
            let value = object.required("const", |value| {
                if value.value.is_null() { value.refuse("must not be null") } else { Some(value.value.clone()) }
            });
            object.finish();
            let value = value?;
            if node.name() == Some("verified") && !is_verified(&value) {
                return node.refuse("must be a list of card, email and phone");
            }
            Some(FieldSource::Const(value))
        }
        Value::Object(_) if depth >= MOST_DEPTH => node.refuse("is nested too deeply"),
        Value::Object(fields) if fields.contains_key("each") => {
            let mut sources = read_each(node, depth)?;
            match sources.remove("each") {
                Some(FieldSource::Pointer(list)) => Some(FieldSource::Each { list, fields: sources }),
                _ => node.refuse("must name its list by a JSON pointer in each"),
            }
        }
        Value::Object(_) => read_fields(node, None, depth + 1).map(FieldSource::Object),
        _ => node.refuse("must be a JSON pointer, { \"const\": … }, { \"each\": … } or an object of fields"),
    }
}

fn read_each(node: &Node<'_>, depth: usize) -> Option<BTreeMap<String, FieldSource>> {
    read_fields(node, None, depth + 1)
}

fn is_verified(value: &Value) -> bool {
    let known = |kind: &Value| kind.as_str().and_then(IdentifierKind::from_name).is_some();
    value.as_array().is_some_and(|kinds| kinds.iter().all(known))
}

/// The kinds of identifiers that the mappings state as verified.
pub(crate) fn verified_kinds(settings: &GenericSettings) -> Vec<IdentifierKind> {
    fn collect(source: &FieldSource, name: &str, found: &mut Vec<IdentifierKind>) {
        match source {
            FieldSource::Pointer(_) => {}
            FieldSource::Const(value) => {
                let kinds = if name == "verified" { Some(value) } else { value.get("verified") };
                let kinds = kinds.and_then(Value::as_array).into_iter().flatten();
                found.extend(kinds.filter_map(|kind| kind.as_str().and_then(IdentifierKind::from_name)));
            }
            FieldSource::Object(fields) | FieldSource::Each { fields, .. } => {
                for (name, source) in fields {
                    collect(source, name, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    for (name, source) in settings.mappings.iter().flat_map(|mapping| &mapping.fields) {
        collect(source, name, &mut found);
    }
    found
}

fn check_pointer(node: &Node<'_>, pointer: &str) -> Option<()> {
    let is_pointer = (pointer.is_empty() || pointer.starts_with('/')) && pointer.len() <= MOST_POINTER_BYTES;
    if is_pointer { Some(()) } else { node.refuse("must be a JSON pointer, such as \"/order/total\"") }
}

/// The settings as they are read.
pub(crate) fn show_generic(settings: &GenericSettings) -> Value {
    let mappings: Vec<Value> = settings.mappings.iter().map(show_mapping).collect();
    json!({ "signature": settings.signature, "mappings": mappings })
}

fn show_mapping(mapping: &Mapping) -> Value {
    let mut shown = Map::new();
    if !mapping.when.is_empty() {
        shown.insert("when".to_owned(), json!(mapping.when));
    }
    let name = FIELDS.into_iter().find(|(_, kind, _)| *kind == mapping.kind).map_or("receipt", |(name, ..)| name);
    shown.insert(name.to_owned(), show_fields(&mapping.fields));
    Value::Object(shown)
}

fn show_fields(fields: &BTreeMap<String, FieldSource>) -> Value {
    fields.iter().map(|(name, source)| (name.clone(), show_source(source))).collect()
}

fn show_source(source: &FieldSource) -> Value {
    match source {
        FieldSource::Pointer(pointer) => json!(pointer),
        FieldSource::Const(value) => json!({ "const": value }),
        FieldSource::Object(fields) => show_fields(fields),
        FieldSource::Each { list, fields } => {
            let mut shown = show_fields(fields);
            shown["each"] = json!(list);
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use tessera_domain::input;

    use super::*;
    use crate::schema::GenericBody;

    #[test]
    fn settings_are_read_and_shown_alike() {
        let settings = GenericBody::example()["settings"].clone();
        let read = input::read(&settings, read_generic).unwrap();
        assert_eq!(show_generic(&read), settings);
    }

    #[test]
    fn what_a_mapping_must_not_say_is_named() {
        let mapping = |mapping: Value| json!({ "signature": { "scheme": "standard_webhooks" }, "mappings": [mapping] });
        for (pointer, mapped) in [
            ("/mappings/0", json!({})),
            ("/mappings/0", json!({ "receipt": {}, "refund": {} })),
            ("/mappings/0/receipt/totals", json!({ "receipt": { "totals": "/total" } })),
            ("/mappings/0/receipt/total", json!({ "receipt": { "total": "total" } })),
            ("/mappings/0/receipt/total", json!({ "receipt": { "total": 5 } })),
            ("/mappings/0/receipt/member/verified", json!({ "receipt": { "member": { "verified": "/verified" } } })),
            (
                "/mappings/0/receipt/member/verified",
                json!({ "receipt": { "member": { "verified": { "const": ["id"] } } } }),
            ),
            ("/mappings/0/receipt/lines", json!({ "receipt": { "lines": { "each": { "const": [] } } } })),
            ("/mappings/0/when/type", json!({ "when": { "type": "sale" }, "receipt": {} })),
            ("/mappings/0/when/~1type", json!({ "when": { "/type": ["sale"] }, "receipt": {} })),
            ("/mappings/0/then", json!({ "receipt": {}, "then": {} })),
        ] {
            let faults = input::read(&mapping(mapped.clone()), read_generic).unwrap_err();
            assert_eq!(faults[0].pointer, pointer, "{mapped}");
        }
        for signature in [json!({}), json!({ "scheme": "md5" }), json!({ "scheme": "hmac_sha256", "header": "a b" })] {
            let settings = json!({ "signature": signature, "mappings": [] });
            assert!(input::read(&settings, read_generic).is_err(), "{signature}");
        }
    }
}
