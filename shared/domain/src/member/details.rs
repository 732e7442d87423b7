//! Other data of a member: language, attributes, lists, tags, consent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::input::Node;
use crate::locale::is_language_tag;

/// The most attributes that a member may have.
pub const MAX_ATTRIBUTES: usize = 50;
/// The most bytes of all attributes of a member, names and values together.
pub const MAX_ATTRIBUTES_BYTES: usize = 4096;
/// The most bytes of a member's consent, names and values together.
pub const MAX_CONSENT_BYTES: usize = 1024;
/// The most lists, and the most tags, that a member may have.
pub const MAX_LABELS: usize = 100;

/// A language of a member, as a BCP 47 tag: `it`, `it-IT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// Takes a language tag.
    pub fn parse(text: &str) -> Option<Self> {
        is_language_tag(text).then(|| Self(text.to_owned()))
    }

    /// Reads a language tag.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        node.parsed(|text| Self::parse(text).ok_or("must be a language, such as \"it\" or \"it-IT\""))
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone, in lower case: the key of texts.
    pub fn language(&self) -> String {
        self.0.split('-').next().unwrap_or_default().to_ascii_lowercase()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of an attribute that a merchant gave a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// A number, as it was sent.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    Number(Number),
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl Attribute {
    /// Reads a text, a number, true or false, or a list of texts.
    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(_) => node.text(1024).map(Self::Text),
            Value::Array(_) => node.list(100, |item| item.text(256)).map(Self::List),
            Value::Null | Value::Object(_) => {
                node.refuse("must be a text, a number, true or false, or a list of texts")
            }
        }
    }

    /// The texts that rules compare: one, or those of a list.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Flag(flag) => vec![flag.to_string()],
            Self::Number(number) => vec![number.to_string()],
            Self::Text(text) => vec![text.clone()],
            Self::List(texts) => texts.clone(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Flag(_) => 1,
            Self::Number(_) => 9,
            Self::Text(text) => text.len(),
            Self::List(texts) => texts.iter().map(|text| text.len() + 1).sum(),
        }
    }
}

/// A consent of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Consent {
    /// Given or refused.
    Given(bool),
    /// When it was given.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    At(Timestamp),
}

impl Consent {
    /// Reads true, false or a time.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(given) => Some(Self::Given(*given)),
            Value::String(_) => node.timestamp().map(Self::At),
            _ => node.refuse("must be true, false, or the time when it was given"),
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Given(_) => 1,
            Self::At(_) => 30,
        }
    }
}

/// Reads a list of short texts without duplicates: names of lists, or tags.
pub(super) fn labels(node: &Node<'_>) -> Option<BTreeSet<String>> {
    let label = |item: &Node<'_>| item.filled(128);
    node.list(MAX_LABELS, label).map(|labels| labels.into_iter().collect())
}

/// Reads an object with the merchant's own names; null deletes a name.
pub(super) fn named<T>(
    node: &Node<'_>,
    most: usize,
    reader: impl Fn(&Node<'_>) -> Option<T>,
) -> Option<BTreeMap<String, Option<T>>> {
    let entries = node.entries(most, |item| {
        let name = item.name().unwrap_or_default();
        if name.is_empty() || name.len() > 64 {
            return item.refuse("must have a name of 1 to 64 bytes");
        }
        if item.value.is_null() { Some(None) } else { reader(item).map(Some) }
    })?;
    Some(entries.into_iter().collect())
}

/// The bytes of attributes.
pub(super) fn attributes_bytes(attributes: &BTreeMap<String, Attribute>) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.bytes()).sum()
}

/// The bytes of consents.
pub(super) fn consent_bytes(consent: &BTreeMap<String, Consent>) -> usize {
    consent.iter().map(|(name, value)| name.len() + value.bytes()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{pack, unpack};

    #[test]
    fn languages() {
        assert_eq!(Locale::parse("it-IT").unwrap().language(), "it");
        for text in ["", "i", "it_IT", "it-", "1t", "italian"] {
            assert!(Locale::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn values_survive_storage() {
        let attributes = [
            Attribute::Flag(true),
            Attribute::Number(Number::from(-7)),
            Attribute::Number(Number::from_f64(1.5).unwrap()),
            Attribute::Text("2026-01-01".to_owned()),
            Attribute::List(vec!["a".to_owned()]),
        ];
        let stored: Vec<Attribute> = unpack(&pack(&attributes).unwrap()).unwrap();
        assert_eq!(stored, attributes);
        let consent = [Consent::Given(false), Consent::At("2026-01-01T00:00:00Z".parse().unwrap())];
        let stored: Vec<Consent> = unpack(&pack(&consent).unwrap()).unwrap();
        assert_eq!(stored, consent);
    }
}
