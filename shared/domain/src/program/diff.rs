//! What differs between two versions of a program.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{AuditChange, bound};

/// The most differences that one answer lists.
pub const MOST_DIFFERENCES: usize = 200;

/// One place where two documents differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// Where, as a JSON pointer into the later document; into the earlier one for what was removed.
    pub pointer: String,
    /// How.
    pub change: DifferenceKind,
    /// What stood there before; absent where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub before: Option<Value>,
    /// What stands there now; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub after: Option<Value>,
    /// True if it changes who may publish.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub publishing: bool,
}

impl From<Difference> for AuditChange {
    fn from(difference: Difference) -> Self {
        let Difference { pointer, change: _, before, after, publishing: _ } = difference;
        Self { field: pointer, before, after }
    }
}

/// How a place differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the later document has it.
    Added,
    /// Only the earlier document has it.
    Removed,
    /// Both have it, with different values.
    Changed,
    /// The parts of this list stand in another order.
    Reordered,
}

/// The differences from one document to another, the first 200 of them. Parts that have an `id` (rules, rewards, tiers)
/// are compared with their namesakes, so that one rule more at the beginning is one difference.
pub fn diff(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found.truncate(MOST_DIFFERENCES);
    found
}

/// The differences that a stored record keeps: without values that are too large, and not too many. True if something was
/// left out.
pub fn bounded_diff(before: &Value, after: &Value) -> (Vec<Difference>, bool) {
    let all = diff(before, after);
    let is_cut = all.len() == MOST_DIFFERENCES;
    let (kept, is_bounded) = bound(all, |difference| [&mut difference.before, &mut difference.after]);
    (kept, is_cut || is_bounded)
}

fn compare(pointer: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    if before == after || found.len() >= MOST_DIFFERENCES {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                either(pointer, old.get(name), new.get(name), found);
            }
        }
        (Value::Array(old), Value::Array(new)) => match (named(old), named(new)) {
            (Some(old), Some(new)) => compare_parts(pointer, &old, &new, found),
            _ => found.push(changed(pointer.to_owned(), before, after)),
        },
        _ => found.push(changed(pointer.to_owned(), before, after)),
    }
}

fn either(pointer: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(before), Some(after)) => compare(&pointer, before, after, found),
        (Some(before), None) => {
            found.push(difference(pointer, DifferenceKind::Removed, Some(before.clone()), None));
        }
        (None, Some(after)) => {
            found.push(difference(pointer, DifferenceKind::Added, None, Some(after.clone())));
        }
        (None, None) => {}
    }
}

/// A difference. Who may publish is part of the document, and marked.
fn difference(pointer: String, change: DifferenceKind, before: Option<Value>, after: Option<Value>) -> Difference {
    let publishing = ["/publishing", "/publishing/two_person"].contains(&pointer.as_str());
    Difference { pointer, change, before, after, publishing }
}

fn changed(pointer: String, before: &Value, after: &Value) -> Difference {
    difference(pointer, DifferenceKind::Changed, Some(before.clone()), Some(after.clone()))
}

/// A part with its identifier.
type Named<'a> = (&'a str, &'a Value);

/// The parts of a list by their identifiers; `None` when they are not such parts.
fn named(list: &[Value]) -> Option<Vec<Named<'_>>> {
    list.iter().map(|part| Some((part.get("id")?.as_str()?, part))).collect()
}

fn compare_parts(pointer: &str, old: &[Named<'_>], new: &[Named<'_>], found: &mut Vec<Difference>) {
    let place = |parts: &[Named<'_>]| -> std::collections::HashMap<String, usize> {
        parts.iter().enumerate().map(|(place, (id, _))| ((*id).to_owned(), place)).collect()
    };
    let (old_places, new_places) = (place(old), place(new));
    for (place, (id, part)) in old.iter().enumerate() {
        if !new_places.contains_key(*id) {
            either(format!("{pointer}/{place}"), Some(part), None, found);
        }
    }
    for (place, (id, part)) in new.iter().enumerate() {
        let before = old_places.get(*id).map(|place| old[*place].1);
        either(format!("{pointer}/{place}"), before, Some(part), found);
    }
    let kept = |parts: &[Named<'_>], others: &std::collections::HashMap<String, usize>| -> Vec<String> {
        parts.iter().filter(|(id, _)| others.contains_key(*id)).map(|(id, _)| (*id).to_owned()).collect()
    };
    let (before, after) = (kept(old, &new_places), kept(new, &old_places));
    if before != after {
        let [before, after] = [before, after].map(|ids| Some(ids.into()));
        found.push(difference(pointer.to_owned(), DifferenceKind::Reordered, before, after));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(before: &Value, after: &Value) -> Vec<(String, DifferenceKind)> {
        diff(before, after).into_iter().map(|difference| (difference.pointer, difference.change)).collect()
    }

    #[test]
    fn equal_documents_do_not_differ() {
        let document = json!({ "name": "Club", "rules": [{ "id": "a" }] });
        assert_eq!(diff(&document, &document), []);
    }

    #[test]
    fn fields_are_named_with_both_values() {
        let (before, after) = (json!({ "a": 1, "b/c": 2, "d": 3 }), json!({ "a": 9, "b/c": 2, "e": 4 }));
        let found = diff(&before, &after);
        assert_eq!(found[0], changed("/a".to_owned(), &json!(1), &json!(9)));
        assert_eq!(
            pointers(&before, &after)[1..],
            [("/d".to_owned(), DifferenceKind::Removed), ("/e".to_owned(), DifferenceKind::Added)]
        );
        assert_eq!(
            pointers(&json!({ "b/c": 1 }), &json!({ "b/c": 2 })),
            [("/b~1c".to_owned(), DifferenceKind::Changed)]
        );
    }

    #[test]
    fn parts_are_compared_with_their_namesakes() {
        let before = json!({ "rules": [{ "id": "a", "n": 1 }, { "id": "b", "n": 1 }, { "id": "c", "n": 1 }] });
        let after = json!({ "rules": [{ "id": "new" }, { "id": "a", "n": 1 }, { "id": "c", "n": 2 }] });
        assert_eq!(
            pointers(&before, &after),
            [
                ("/rules/1".to_owned(), DifferenceKind::Removed),
                ("/rules/0".to_owned(), DifferenceKind::Added),
                ("/rules/2/n".to_owned(), DifferenceKind::Changed),
            ]
        );
    }

    #[test]
    fn another_order_is_one_difference() {
        let (before, after) = (json!([{ "id": "a" }, { "id": "b" }]), json!([{ "id": "b" }, { "id": "a" }]));
        assert_eq!(pointers(&before, &after), [(String::new(), DifferenceKind::Reordered)]);
    }

    #[test]
    fn a_change_of_who_may_publish_is_marked() {
        let (before, after) = (json!({ "n": 1, "publishing": { "two_person": true } }), json!({ "n": 2 }));
        let marks: Vec<bool> = diff(&before, &after).iter().map(|difference| difference.publishing).collect();
        assert_eq!(marks, [false, true]);
    }

    #[test]
    fn a_flood_is_cut() {
        let many = |n: u32| -> Value { (0..500).map(|i| (format!("f{i:03}"), json!(n))).collect() };
        assert_eq!(diff(&many(1), &many(2)).len(), MOST_DIFFERENCES);
    }
}
