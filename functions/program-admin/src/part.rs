//! Rules, rewards and tiers as parts of the one document.
//!
//! A part has no life of its own: adding, replacing or removing one is an edit of the document, which is then checked and
//! put as if someone had sent it whole.

use serde_json::{Map, Value, json};
use tessera_domain::input::Fault;

/// A kind of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgramPart {
    /// Earning rules.
    Rules,
    /// The catalogue of rewards.
    Rewards,
    /// Tiers: those with a threshold stand on the ladder, those without outside it.
    Tiers,
}

/// Why a part cannot be edited like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartError {
    /// There is none with this identifier.
    Unknown,
    /// There is one with this identifier already.
    Duplicate(String),
    /// The body is not a part.
    Malformed(Fault),
}

const LADDER: &str = "/tiers/ladder";
const VIP: &str = "/tiers/vip";

impl ProgramPart {
    /// Its name in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Rewards => "rewards",
            Self::Tiers => "tiers",
        }
    }

    /// The lists of the document that hold such parts.
    const fn lists(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &["/rules"],
            Self::Rewards => &["/rewards"],
            Self::Tiers => &[LADDER, VIP],
        }
    }

    /// All parts of the kind, in the document's order.
    pub fn all(self, document: &Value) -> Vec<&Value> {
        self.lists().iter().filter_map(|list| document.pointer(list)?.as_array()).flatten().collect()
    }

    /// The part with an identifier.
    pub fn get<'a>(self, document: &'a Value, id: &str) -> Option<&'a Value> {
        self.all(document).into_iter().find(|part| is(part, id))
    }

    /// Adds a part; gives its pointer.
    pub fn insert(self, document: &mut Value, part: Value) -> Result<String, PartError> {
        let Value::Object(fields) = &part else { return Err(malformed("", "must be an object")) };
        let id = fields.get("id").and_then(Value::as_str);
        if let Some(id) = id.filter(|id| self.get(document, id).is_some()) {
            return Err(PartError::Duplicate(id.to_owned()));
        }
        let list = match self {
            Self::Tiers if !fields.contains_key("threshold") => VIP,
            Self::Tiers => LADDER,
            Self::Rules | Self::Rewards => self.lists()[0],
        };
        let items = list_at(document, list).ok_or_else(|| malformed("", "the program has no place for it"))?;
        let place = if list == LADDER { step(items, &part) } else { items.len() };
        items.insert(place, part);
        Ok(format!("{list}/{place}"))
    }

    /// Replaces the part with an identifier; gives its pointer. The body may leave the identifier out.
    pub fn replace(self, document: &mut Value, id: &str, mut part: Value) -> Result<String, PartError> {
        let Value::Object(fields) = &mut part else { return Err(malformed("", "must be an object")) };
        let named = fields.entry("id").or_insert_with(|| json!(id));
        if named.as_str() != Some(id) {
            return Err(malformed("/id", "must be the identifier in the path; it cannot be changed"));
        }
        let (list, place) = self.find(document, id).ok_or(PartError::Unknown)?;
        let items = list_at(document, list).ok_or(PartError::Unknown)?;
        items.remove(place);
        let place = if list == LADDER && part.get("threshold").is_some() { step(items, &part) } else { place };
        items.insert(place, part);
        Ok(format!("{list}/{place}"))
    }

    /// Removes the part with an identifier. With the last tier the program has no tiers at all.
    pub fn remove(self, document: &mut Value, id: &str) -> Result<(), PartError> {
        let (list, place) = self.find(document, id).ok_or(PartError::Unknown)?;
        list_at(document, list).ok_or(PartError::Unknown)?.remove(place);
        if self == Self::Tiers
            && self.all(document).is_empty()
            && let Some(document) = document.as_object_mut()
        {
            document.remove("tiers");
        }
        Ok(())
    }

    fn find(self, document: &Value, id: &str) -> Option<(&'static str, usize)> {
        self.lists().iter().find_map(|list| {
            let place = document.pointer(list)?.as_array()?.iter().position(|part| is(part, id))?;
            Some((*list, place))
        })
    }
}

/// Faults of the document for a request that sent one part of it. The pointers of the part's own faults begin at the part;
/// others stand at its root, and their text names the place in the program.
pub(crate) fn relative(faults: Vec<Fault>, part: &str) -> Vec<Fault> {
    let localize = |fault: Fault| match fault.pointer.strip_prefix(part) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            Fault { pointer: rest.to_owned(), detail: fault.detail }
        }
        _ => Fault { pointer: String::new(), detail: format!("in the program, {}: {}", fault.pointer, fault.detail) },
    };
    faults.into_iter().map(localize).collect()
}

fn is(part: &Value, id: &str) -> bool {
    part.get("id").and_then(Value::as_str) == Some(id)
}

fn malformed(pointer: &str, detail: &str) -> PartError {
    PartError::Malformed(Fault { pointer: pointer.to_owned(), detail: detail.to_owned() })
}

/// Where on the ladder a tier belongs by its threshold; at the end when it has none that is a number.
fn step(ladder: &[Value], tier: &Value) -> usize {
    let threshold = |tier: &Value| tier.get("threshold").and_then(Value::as_i64);
    let Some(wanted) = threshold(tier) else { return ladder.len() };
    ladder.iter().position(|step| threshold(step).is_some_and(|step| step > wanted)).unwrap_or(ladder.len())
}

/// A list of the document, which is made when it is not there yet.
fn list_at<'a>(document: &'a mut Value, pointer: &str) -> Option<&'a mut Vec<Value>> {
    let mut at = document;
    let names: Vec<&str> = pointer.split('/').skip(1).collect();
    for (depth, name) in names.iter().enumerate() {
        let last = depth + 1 == names.len();
        let blank = || if last { json!([]) } else { Value::Object(Map::new()) };
        let next = at.as_object_mut()?.entry(*name).or_insert_with(blank);
        if next.is_null() {
            *next = blank();
        }
        at = next;
    }
    at.as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "rules": [{ "id": "a", "n": 1 }, { "id": "b", "n": 1 }],
            "rewards": [],
            "tiers": {
                "ladder": [{ "id": "base", "threshold": 0 }, { "id": "gold", "threshold": 1000 }],
                "vip": [{ "id": "vip" }]
            }
        })
    }

    fn order(document: &Value, pointer: &str) -> Vec<String> {
        let items = document.pointer(pointer).unwrap().as_array().unwrap();
        items.iter().map(|part| part["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn parts_are_listed_and_found() {
        let document = document();
        assert_eq!(ProgramPart::Rules.all(&document).len(), 2);
        assert_eq!(ProgramPart::Tiers.all(&document).len(), 3);
        assert_eq!(ProgramPart::Tiers.get(&document, "vip"), Some(&json!({ "id": "vip" })));
        assert_eq!(ProgramPart::Rewards.get(&document, "a"), None);
    }

    #[test]
    fn a_part_is_added_once() {
        let mut document = document();
        assert_eq!(ProgramPart::Rules.insert(&mut document, json!({ "id": "c" })), Ok("/rules/2".to_owned()));
        assert_eq!(
            ProgramPart::Rules.insert(&mut document, json!({ "id": "c" })),
            Err(PartError::Duplicate("c".to_owned()))
        );
        assert!(matches!(ProgramPart::Rules.insert(&mut document, json!([])), Err(PartError::Malformed(_))));
        // What has no identifier is left to the check of the whole document.
        assert_eq!(ProgramPart::Rules.insert(&mut document, json!({})), Ok("/rules/3".to_owned()));
    }

    #[test]
    fn a_tier_finds_its_place() {
        let mut document = document();
        let silver = json!({ "id": "silver", "threshold": 500 });
        assert_eq!(ProgramPart::Tiers.insert(&mut document, silver), Ok("/tiers/ladder/1".to_owned()));
        assert_eq!(ProgramPart::Tiers.insert(&mut document, json!({ "id": "friend" })), Ok("/tiers/vip/1".to_owned()));
        let silver = json!({ "id": "silver", "threshold": 2000 });
        assert_eq!(ProgramPart::Tiers.replace(&mut document, "silver", silver), Ok("/tiers/ladder/2".to_owned()));
        assert_eq!(order(&document, "/tiers/ladder"), ["base", "gold", "silver"]);
        // Without its threshold a step stays where it is, and the check of the document says what is missing.
        let base = json!({ "id": "base" });
        assert_eq!(ProgramPart::Tiers.replace(&mut document, "base", base), Ok("/tiers/ladder/0".to_owned()));
    }

    #[test]
    fn a_part_is_replaced_in_its_place() {
        let mut document = document();
        assert_eq!(ProgramPart::Rules.replace(&mut document, "a", json!({ "n": 2 })), Ok("/rules/0".to_owned()));
        assert_eq!(document["rules"][0], json!({ "id": "a", "n": 2 }));
        let renamed = ProgramPart::Rules.replace(&mut document, "a", json!({ "id": "z" }));
        assert!(matches!(renamed, Err(PartError::Malformed(fault)) if fault.pointer == "/id"));
        assert_eq!(ProgramPart::Rules.replace(&mut document, "z", json!({})), Err(PartError::Unknown));
    }

    #[test]
    fn a_part_is_removed_and_with_the_last_tier_all_of_them() {
        let mut document = document();
        assert_eq!(ProgramPart::Rules.remove(&mut document, "a"), Ok(()));
        assert_eq!(order(&document, "/rules"), ["b"]);
        assert_eq!(ProgramPart::Rules.remove(&mut document, "a"), Err(PartError::Unknown));
        for tier in ["gold", "vip", "base"] {
            assert_eq!(ProgramPart::Tiers.remove(&mut document, tier), Ok(()));
        }
        assert_eq!(document.get("tiers"), None);
        let base = json!({ "id": "base", "threshold": 0 });
        assert_eq!(ProgramPart::Tiers.insert(&mut document, base), Ok("/tiers/ladder/0".to_owned()));
    }

    #[test]
    fn faults_are_told_by_their_place_in_the_part() {
        let fault = |pointer: &str| Fault { pointer: pointer.to_owned(), detail: "is wrong".to_owned() };
        let told = relative(vec![fault("/rules/1/then"), fault("/rules/1"), fault("/rules/12/on")], "/rules/1");
        let told: Vec<(&str, &str)> =
            told.iter().map(|fault| (fault.pointer.as_str(), fault.detail.as_str())).collect();
        assert_eq!(told, [("/then", "is wrong"), ("", "is wrong"), ("", "in the program, /rules/12/on: is wrong")]);
    }
}
