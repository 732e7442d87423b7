//! Texts that a shopper sees, in one language or in several.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::input::Node;

/// The languages that texts can be given in.
pub const LOCALES: [&str; 4] = ["it", "en", "ro", "ru"];

/// A text that a shopper sees: one string for all, or one for each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Text {
    /// The same in every language.
    Plain(String),
    /// By language.
    Localised(BTreeMap<String, String>),
}

impl Text {
    /// Reads a text of at most 500 bytes in each language.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        if let Value::String(_) = node.value {
            return node.text(500).map(Self::Plain);
        }
        let texts = node.entries(LOCALES.len(), |text| text.text(500))?;
        if texts.is_empty() || texts.iter().any(|(locale, _)| !LOCALES.contains(&locale.as_str())) {
            return node.refuse("must be a text, or an object of texts by it, en, ro, ru");
        }
        Some(Self::Localised(texts.into_iter().collect()))
    }

    /// The text in a language; where that is missing, in English, else in any.
    pub fn in_locale(&self, locale: &str) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Localised(texts) => texts
                .get(locale)
                .or_else(|| texts.get("en"))
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }
}
