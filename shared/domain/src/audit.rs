//! The audit: who made which administrative change, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Size limit of one value, in bytes of JSON.
const MAX_VALUE_BYTES: usize = 2_000;
/// Size limit of all values of a record, in bytes of JSON.
const MAX_BYTES: usize = 16_000;
/// The most changes of a record.
const MAX_CHANGES: usize = 200;

/// One field that an administrative request changed. Personal data and secrets have a name here, and no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditChange {
    /// The field: a JSON pointer into the object, or a name.
    pub field: String,
    /// Its value before; absent where there was none, or where it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub before: Option<Value>,
    /// Its value afterwards; absent where there is none, or where it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub after: Option<Value>,
}

/// One administrative change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its identifier.
    pub id: String,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Who made it: the name of the API key.
    pub actor: String,
    /// The id of that key; absent for the operator of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub key: Option<String>,
    /// What was done, such as `rule.replace`.
    pub action: String,
    /// What it was done to, such as `rules/every-50`.
    pub object: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub reason: Option<String>,
    /// The fields that changed.
    pub changes: Vec<AuditChange>,
    /// True if values, or further changes, were too large to be recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub truncated: bool,
}

impl AuditChange {
    /// A field with both values.
    pub fn new(field: impl Into<String>, before: Option<Value>, after: Option<Value>) -> Self {
        Self { field: field.into(), before, after }
    }

    /// A field that is new.
    pub fn added(field: &str, after: Value) -> Self {
        Self::new(field, None, Some(after))
    }

    /// A field that is removed.
    pub fn removed(field: &str, before: Value) -> Self {
        Self::new(field, Some(before), None)
    }

    /// A field whose values are personal or secret.
    pub fn without_values(field: impl Into<String>) -> Self {
        Self::new(field, None, None)
    }
}

/// Bounds the changes of a record. True if something was left out.
pub fn bounded_changes(changes: Vec<AuditChange>) -> (Vec<AuditChange>, bool) {
    bound(changes, |change| [&mut change.before, &mut change.after])
}

/// Drops values that are too large, and items that do not fit. True if something was dropped.
pub(crate) fn bound<T>(items: Vec<T>, values: impl Fn(&mut T) -> [&mut Option<Value>; 2]) -> (Vec<T>, bool) {
    let (mut kept, mut room, mut is_cut) = (Vec::with_capacity(items.len()), MAX_BYTES, false);
    for mut item in items {
        let mut bytes = 0;
        for value in values(&mut item) {
            let size = value.as_ref().map_or(0, |value| value.to_string().len());
            if size > MAX_VALUE_BYTES {
                *value = None;
                is_cut = true;
            } else {
                bytes += size;
            }
        }
        if bytes > room || kept.len() >= MAX_CHANGES {
            return (kept, true);
        }
        room -= bytes;
        kept.push(item);
    }
    (kept, is_cut)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(field: &str, after: Value) -> AuditChange {
        AuditChange::new(field, None, Some(after))
    }

    #[test]
    fn small_changes_stay_as_they_are() {
        let changes = vec![change("/a", json!(1)), AuditChange::without_values("/b")];
        assert_eq!(bounded_changes(changes.clone()), (changes, false));
    }

    #[test]
    fn a_large_value_is_dropped_and_its_field_named() {
        let (kept, is_cut) = bounded_changes(vec![change("/a", json!("x".repeat(3_000))), change("/b", json!(1))]);
        assert_eq!((kept, is_cut), (vec![AuditChange::without_values("/a"), change("/b", json!(1))], true));
    }

    #[test]
    fn a_record_has_a_largest_size() {
        for value in [json!(1), json!("x".repeat(1_900))] {
            let (kept, is_cut) = bounded_changes((0..1_000).map(|_| change("/a", value.clone())).collect());
            let size: usize = kept.iter().map(|change| json!(change).to_string().len()).sum();
            assert!(is_cut && !kept.is_empty() && size < 20_000, "{size}");
        }
    }
}
