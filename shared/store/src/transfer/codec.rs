//! Items as JSON and back, without loss. Keys lose their program: what is restored belongs to another.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tessera_domain::ids::ProgramId;

use crate::items::{Item, name};
use crate::keys::escape;

/// Stands for the program at the beginning of a text.
const PROGRAM: &str = "~";

/// An item as JSON.
pub(super) fn encode(program: &ProgramId, item: &Item) -> Value {
    let program = escape(program.as_str());
    let stays = item.iter().filter(|(attribute, _)| !is_about_targets(attribute));
    let attributes = stays.map(|(name, value)| (name.clone(), encode_value(&program, value)));
    Value::Object(attributes.collect())
}

/// The item of a program that JSON describes; `None` for anything that [`encode`] does not write.
pub(super) fn decode(program: &ProgramId, value: &Value) -> Option<Item> {
    let program = escape(program.as_str());
    let attributes = value.as_object()?.iter().filter(|(attribute, _)| !is_about_targets(attribute));
    attributes.map(|(name, value)| Some((name.clone(), decode_value(&program, value)?))).collect()
}

/// True for the attributes by which a write says whether targets must hear of it.
fn is_about_targets(attribute: &str) -> bool {
    attribute == name::SHOWN || attribute == name::RESTORED
}

fn encode_text(program: &str, text: &str) -> String {
    match text.strip_prefix(program) {
        Some(rest) if rest.is_empty() || rest.starts_with('#') => format!("{PROGRAM}{rest}"),
        _ if text.starts_with(PROGRAM) => format!("{PROGRAM}{text}"),
        _ => text.to_owned(),
    }
}

fn decode_text(program: &str, text: &str) -> String {
    match text.strip_prefix(PROGRAM) {
        Some(rest) if rest.starts_with(PROGRAM) => rest.to_owned(),
        Some(rest) => format!("{program}{rest}"),
        None => text.to_owned(),
    }
}

fn encode_value(program: &str, value: &AttributeValue) -> Value {
    let texts = |texts: &[String]| texts.iter().map(|text| encode_text(program, text)).collect::<Vec<_>>();
    let blob = |blob: &Blob| STANDARD.encode(blob.as_ref());
    match value {
        AttributeValue::S(text) => json!({ "S": encode_text(program, text) }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": blob(bytes) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Ss(all) => json!({ "SS": texts(all) }),
        AttributeValue::Ns(all) => json!({ "NS": all }),
        AttributeValue::Bs(all) => json!({ "BS": all.iter().map(blob).collect::<Vec<_>>() }),
        AttributeValue::L(all) => json!({ "L": all.iter().map(|one| encode_value(program, one)).collect::<Vec<_>>() }),
        AttributeValue::M(all) => {
            let fields = all.iter().map(|(name, one)| (name.clone(), encode_value(program, one)));
            json!({ "M": fields.collect::<Map<_, _>>() })
        }
        _ => json!({ "NULL": true }),
    }
}

fn decode_value(program: &str, value: &Value) -> Option<AttributeValue> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (kind, value) = object.iter().next()?;
    let texts = || value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let blob = |text: &str| STANDARD.decode(text).ok().map(Blob::new);
    Some(match kind.as_str() {
        "S" => AttributeValue::S(decode_text(program, value.as_str()?)),
        "N" => AttributeValue::N(value.as_str()?.to_owned()),
        "B" => AttributeValue::B(blob(value.as_str()?)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "SS" => AttributeValue::Ss(texts()?.iter().map(|text| decode_text(program, text)).collect()),
        "NS" => AttributeValue::Ns(texts()?),
        "BS" => AttributeValue::Bs(texts()?.iter().map(|text| blob(text)).collect::<Option<_>>()?),
        "L" => {
            AttributeValue::L(value.as_array()?.iter().map(|one| decode_value(program, one)).collect::<Option<_>>()?)
        }
        "M" => {
            let fields = value.as_object()?.iter();
            AttributeValue::M(
                fields.map(|(name, one)| Some((name.clone(), decode_value(program, one)?))).collect::<Option<_>>()?,
            )
        }
        "NULL" => AttributeValue::Null(true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_move_to_another_program_without_loss() {
        let (old, new) = (ProgramId::new("prg#1").unwrap(), ProgramId::new("prg_2").unwrap());
        let of = |program: &str| {
            Item::from([
                ("pk".to_owned(), AttributeValue::S(format!("{program}#m#m_1"))),
                ("sk".to_owned(), AttributeValue::S("~tilde".to_owned())),
                ("own".to_owned(), AttributeValue::S(program.to_owned())),
                ("b".to_owned(), AttributeValue::B(Blob::new([0, 255]))),
                ("v".to_owned(), AttributeValue::N("7".to_owned())),
                ("f".to_owned(), AttributeValue::Ss(vec![format!("{program}#x"), "y".to_owned()])),
                (
                    "l".to_owned(),
                    AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::S("prg_2x".to_owned())]),
                ),
            ])
        };
        let json = encode(&old, &of("prg%231"));
        assert_eq!(decode(&new, &json).unwrap(), of("prg_2"));
        assert_eq!(encode(&new, &of("prg_2")), json);
        for bad in [json!([]), json!({ "a": "x" }), json!({ "a": { "S": 1 } }), json!({ "a": { "Q": "1" } })] {
            assert_eq!(decode(&new, &bad), None, "{bad}");
        }
    }
}
