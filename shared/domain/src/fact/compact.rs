//! The form of a [`FactId`] in entries: its letter and its natural key, 30 bytes less than the form of messages.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FactId, FactKind};

pub fn serialize<S: Serializer>(fact: &FactId, serializer: S) -> Result<S::Ok, S::Error> {
    let mut texts = fact.natural_key();
    texts.insert(0, fact.kind().letter().to_string());
    texts.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FactId, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let fact =
        texts.split_first().and_then(|(letter, key)| FactId::from_natural_key(FactKind::from_letter(letter)?, key));
    fact.ok_or_else(|| D::Error::custom("not the name of a fact of a known kind"))
}
