//! Events: what webhooks and connections receive, as `CloudEvents` 1.0.
//!
//! An entry of the ledger is the event: [`events_of_entry`] derives everything from it. Changes of a coupon that write no
//! entry are events of the coupon ([`event_of_coupon`]); those of referrals are noted where referrals are stored
//! ([`events_of_referrals`]). Notices are events too ([`event_of_notice`]). [`EVENT_TYPES`] lists every type. What changes a
//! profile without an event is an update of the profile ([`update_of_profile`]), for targets that keep profiles.

mod coupon;
mod entry;
mod kind;
mod notice;
mod profile;
mod referral;
mod schema;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::ProgramId;

pub use coupon::event_of_coupon;
pub use entry::{event_types_of_entry, events_of_entry};
pub use kind::{EVENT_TYPES, EventType};
pub use notice::event_of_notice;
pub use profile::{UPDATED_PROFILE, is_shown_in_profile, update_of_profile, update_of_renamed};
pub use referral::{CLICKED, SHARED, event_of_click, event_of_share, events_of_referrals};

/// An event, before it is addressed to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id: the same in every delivery.
    pub id: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Its content.
    pub data: Value,
}

impl Event {
    /// The `CloudEvents` 1.0 envelope. Tests and replays carry the extension attribute `test`.
    pub fn envelope(&self, program: &ProgramId, is_test: bool) -> Value {
        let mut envelope = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": format!("urn:tessera:program:{program}"),
            "type": self.kind,
            "time": self.at.to_string(),
            "datacontenttype": "application/json",
            "data": self.data,
        });
        if let Some(member) = self.data.get("member").filter(|member| member.is_string()) {
            envelope["subject"] = member.clone();
        }
        if is_test {
            envelope["test"] = json!(true);
        }
        envelope
    }
}

#[cfg(test)]
mod tests;
