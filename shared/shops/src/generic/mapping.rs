//! Mappings of payloads to receipts, refunds and interactions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ShopFact;
use crate::payload::{Payload, PayloadError};

/// One mapping: which payloads it is for, and what they become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// JSON pointers and the values that a payload must have there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Value>,
    /// What a payload becomes.
    pub kind: MappingKind,
    /// Where its fields come from.
    pub fields: BTreeMap<String, FieldSource>,
}

/// What a payload becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingKind {
    /// A receipt.
    Receipt,
    /// A refund.
    Refund,
    /// An interaction.
    Interaction,
}

/// Where a field comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldSource {
    /// A JSON pointer into the payload, or into an item of it.
    Pointer(String),
    /// Always the same value.
    Const(Value),
    /// An object of fields.
    Object(BTreeMap<String, FieldSource>),
    /// For each item of a list: an object of fields.
    Each {
        /// The JSON pointer of the list.
        list: String,
        /// Where the fields of each item come from: pointers are relative to the item.
        fields: BTreeMap<String, FieldSource>,
    },
}

/// Applies the first mapping that is for a payload; `None` when there is none. Ids get the connection's name.
///
/// # Errors
/// When the payload lacks an id.
pub fn apply(connection: &str, mappings: &[Mapping], payload: &Value) -> Result<Option<ShopFact>, PayloadError> {
    let Some(mapping) = mappings.iter().find(|mapping| mapping.is_for(payload)) else { return Ok(None) };
    let mut body = object(&mapping.fields, payload);
    if matches!(mapping.fields.get("member"), Some(FieldSource::Pointer(_)))
        && let Some(Value::Object(member)) = body.get_mut("member")
    {
        // Whoever signs the payload must not decide what is proven: only a constant of the mapping may.
        member.remove("verified");
    }
    let mut name = |field: &str| {
        let id = body.get(field).and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| PayloadError(format!("the mapping finds no {field} in the payload")))?;
        let id = format!("{connection}:{id}");
        body.insert(field.to_owned(), Value::String(id.clone()));
        Ok(id)
    };
    name("id")?;
    Ok(Some(match mapping.kind {
        MappingKind::Receipt => {
            // A payload without a buyer is an anonymous receipt.
            body.entry("member").or_insert(Value::Null);
            ShopFact::Receipt(Value::Object(body))
        }
        MappingKind::Refund => {
            let receipt = name("receipt")?;
            body.remove("receipt");
            ShopFact::Refund { receipt, body: Value::Object(body) }
        }
        MappingKind::Interaction => ShopFact::Interaction(Value::Object(body)),
    }))
}

impl Mapping {
    /// Whether a payload has the values that this mapping asks for. Numbers are compared by their decimal text.
    fn is_for(&self, payload: &Value) -> bool {
        self.when.iter().all(|(pointer, wanted)| {
            let wanted = match wanted {
                Value::Number(number) => Value::String(number.to_string()),
                other => other.clone(),
            };
            payload.pointer(pointer) == Some(&wanted)
        })
    }
}

/// The object of some fields. What the payload lacks, or has as null, is left out.
fn object(fields: &BTreeMap<String, FieldSource>, payload: &Value) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, source) in fields {
        if let Some(value) = source.value(payload) {
            object.insert(name.clone(), value);
        }
    }
    object
}

impl FieldSource {
    fn value(&self, payload: &Value) -> Option<Value> {
        match self {
            Self::Pointer(pointer) => payload.pointer(pointer).filter(|value| !value.is_null()).cloned(),
            Self::Const(value) => Some(value.clone()),
            Self::Object(fields) => {
                let object = object(fields, payload);
                // A member of whom nothing but constants is known is nobody.
                let is_known =
                    fields.iter().any(|(name, source)| object.contains_key(name) && !matches!(source, Self::Const(_)));
                is_known.then_some(Value::Object(object))
            }
            Self::Each { list, fields } => {
                payload.pointer(list)?;
                let items = Payload::new(payload).list(list);
                Some(items.map(|item| Value::Object(object(fields, item.value()))).collect())
            }
        }
    }
}
