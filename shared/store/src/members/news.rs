//! Which changes of profiles are sent to targets.

use tessera_domain::ids::{CustomerId, MemberId};
use tessera_domain::member::Profile;

/// Which writes of a profile are sent to targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileNews {
    /// New contacts, and changes.
    All,
    /// Changes alone: the first fact of a new contact announces the contact.
    Changes,
    /// None: nobody is notified of an import.
    None,
}

impl ProfileNews {
    /// True when targets must hear of a write, because it changes what they show. `before`: the profile before the write.
    pub(super) fn tells(self, before: Option<&Profile>, after: &Profile) -> bool {
        match (self, before) {
            (Self::All, None) => true,
            (Self::All | Self::Changes, Some(before)) => !before.is_shown_as(after),
            (Self::Changes, None) | (Self::None, _) => false,
        }
    }
}

/// The name by which targets know a member: the shop's id, else ours.
pub(crate) fn external_id<'a>(member: &'a MemberId, profile: &'a Profile) -> &'a str {
    profile.id.as_ref().map_or(member.as_str(), CustomerId::as_str)
}
