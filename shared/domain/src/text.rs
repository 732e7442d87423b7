//! Texts that shoppers see, in one language or several.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::Node;
use crate::locale::{in_locale, is_language_tag};

/// The most languages of one text.
pub(crate) const MAX_LOCALES: usize = 50;

/// A text that shoppers see: one string for all languages, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Text {
    /// The same in every language.
    Plain(String),
    /// By language tag (BCP 47).
    Localised(BTreeMap<String, String>),
}

impl Text {
    /// Reads a text of at most 500 bytes in each language.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        if let Value::String(_) = node.value {
            return node.text(500).map(Self::Plain);
        }
        let texts = node.entries(MAX_LOCALES, |text| text.text(500))?;
        if texts.is_empty() || texts.iter().any(|(locale, _)| !is_language_tag(locale)) {
            return node.refuse("must be a text, or an object of texts by language tag, such as \"it\" or \"pt-BR\"");
        }
        Some(Self::Localised(texts.into_iter().collect()))
    }

    /// The text in the nearest language, otherwise in English, otherwise in any.
    pub fn in_locale(&self, locale: &str) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Localised(texts) => {
                let texts = texts.iter().map(|(tag, text)| (tag.as_str(), text.as_str()));
                in_locale(texts, &[locale, "en"]).map_or("", |(_, text)| text)
            }
        }
    }

    /// The language tags of the text.
    pub(crate) fn locales(&self) -> impl Iterator<Item = &str> {
        let by_locale = match self {
            Self::Plain(_) => None,
            Self::Localised(texts) => Some(texts),
        };
        by_locale.into_iter().flatten().map(|(tag, _)| tag.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::input::read;

    #[test]
    fn a_text_has_any_language_tag_as_key() {
        let text = read(&json!({ "ja": "五", "ar": "خمسة", "pt-BR": "cinco" }), Text::read).unwrap();
        assert_eq!([text.in_locale("ar-EG"), text.in_locale("pt-PT"), text.in_locale("JA")], ["خمسة", "cinco", "五"]);
        for refused in [json!({}), json!({ "one": 1 }), json!({ "italian": "a" }), json!({ "": "a" })] {
            assert!(read(&refused, Text::read).is_err(), "{refused}");
        }
    }
}
