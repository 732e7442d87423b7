//! Kinds of identifier besides the shop's id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::input::Node;

/// A kind of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// The number of a loyalty card.
    Card,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl IdentifierKind {
    /// Every kind, in the order of precedence.
    pub const ALL: [Self; 3] = [Self::Card, Self::Email, Self::Phone];

    /// Its name in requests and responses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reads a list of kinds; a kind that is listed twice counts once.
    pub(crate) fn read_set(node: &Node<'_>) -> Option<BTreeSet<Self>> {
        let choices = Self::ALL.map(|kind| (kind.name(), kind));
        node.list(16, |item| item.choice(&choices)).map(|kinds| kinds.into_iter().collect())
    }
}

/// A card, e-mail address or phone number, normalized.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// Which kind.
    #[serde(rename = "k")]
    pub kind: IdentifierKind,
    /// The normalized text.
    #[serde(rename = "v")]
    pub value: String,
}
