//! What a shop hears of a fact that it sent.

use serde::Serialize;

/// The answer to a fact that is stored; the same for every repeat of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Accepted<'a> {
    /// The fact's identifier, as the shop gave it.
    pub id: &'a str,
    /// Always `accepted`: what it did to the member is decided afterwards.
    pub status: &'static str,
    /// True when one of the identifiers that were sent belongs to someone else, and stays there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub identity_conflict: bool,
}

impl<'a> Accepted<'a> {
    /// A fact without a member to name, or whose member was plain.
    pub fn new(id: &'a str) -> Self {
        Self::of(id, false)
    }

    /// A fact with its member; `conflict` is what was found out about the identifiers.
    pub const fn of(id: &'a str, identity_conflict: bool) -> Self {
        Self { id, status: "accepted", identity_conflict }
    }
}
