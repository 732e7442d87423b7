//! The response to a fact that is stored.

use serde::Serialize;

use crate::identity::Notes;

/// The response to a fact that is stored; the same for every repeat of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Accepted<'a> {
    /// The fact's identifier, as the shop gave it.
    pub id: &'a str,
    /// Always `accepted`: what it did to the member is decided afterwards.
    pub status: &'static str,
    /// What became of the identifiers of the request.
    #[serde(flatten)]
    pub notes: Notes,
}

impl<'a> Accepted<'a> {
    /// A fact that names no member.
    pub fn new(id: &'a str) -> Self {
        Self::of(id, Notes::default())
    }

    /// A fact that names its member.
    pub const fn of(id: &'a str, notes: Notes) -> Self {
        Self { id, status: "accepted", notes }
    }
}
