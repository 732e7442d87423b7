//! Kinds of identifiers by which people are recognised.

/// A kind of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// The number of a loyalty card.
    Card,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl IdentifierKind {
    /// Every kind, in the order in which they decide who somebody is.
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
}
