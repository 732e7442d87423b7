//! Updates of profiles: what a target that keeps profiles is sent when no event says what changed.

use jiff::Timestamp;
use serde_json::json;

use super::Event;
use super::entry::{event_types_of_entry, is_silent};
use crate::ledger::{Cause, Entry, Moved};

/// The type of an update of a profile. It is no type of event: webhooks never receive it.
pub const UPDATED_PROFILE: &str = "profile";

/// An update of a member's profile.
pub fn update_of_profile(id: String, member: &str, at: Timestamp) -> Event {
    Event { id, kind: UPDATED_PROFILE.to_owned(), at, data: json!({ "member": member }) }
}

/// An update of the profile of a member whom targets know by another name, the former one.
pub fn update_of_renamed(id: String, member: &str, former: &str, at: Timestamp) -> Event {
    let data = json!({ "member": member, "former": former });
    Event { data, ..update_of_profile(id, member, at) }
}

/// True for an entry without events that changes what a profile shows: the status, the expiry of points, the number of coupons, or
/// whose account it is.
pub fn is_shown_in_profile(entry: &Entry) -> bool {
    let is_handed_over = matches!(
        entry.cause,
        Cause::Merge { .. } | Cause::Unmerge { .. } | Cause::Move { moved: Moved::Coupon(_), .. }
    );
    let is_shown = entry.standing.is_some() || !entry.extended.is_empty() || is_handed_over;
    is_shown && !is_silent(entry) && event_types_of_entry(entry).is_empty()
}
