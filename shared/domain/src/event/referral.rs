//! The events of referrals, shares and clicks.

use jiff::Timestamp;
use serde_json::json;

use super::Event;
use crate::ids::MemberId;
use crate::referral::{FriendReferrals, ReferralStatus, ReferralStep};

/// The type of the event of a click on a referral link.
pub const CLICKED: &str = "tessera.referral_event.click";
/// The type of the event of a shared referral link.
pub const SHARED: &str = "tessera.referral_event.share";

/// The events of the last change of a friend's referrals, each with the advocate whom it is about. `id` identifies the change
/// in its program, `friend` is the friend's name for receivers.
pub fn events_of_referrals(id: &str, friend: &str, known: &FriendReferrals) -> Vec<(MemberId, Event)> {
    let Some(news) = &known.news else { return Vec::new() };
    let steps = news.what.iter().zip(1_u32..).filter_map(|((referral, step), place)| {
        let advocate = &known.referrals.iter().find(|one| one.id == *referral)?.advocate;
        let mut data = json!({ "id": referral, "at": news.at.to_string(), "member": advocate, "friend": friend });
        let kind = match step {
            ReferralStep::Status(status) => {
                data["status"] = json!(status);
                of_status(*status)
            }
            ReferralStep::Progress(friends) => {
                (data["event"], data["friends"]) = (json!("progress"), json!(friends));
                "tessera.referral_event.progress"
            }
            ReferralStep::Reminder => {
                data["event"] = json!("reminder");
                "tessera.referral_event.reminder"
            }
        };
        Some((advocate.clone(), Event { id: format!("{id}:{place}"), kind: kind.to_owned(), at: news.at, data }))
    });
    steps.collect()
}

/// The event of a click on a member's link. `id` identifies the click in its program.
pub fn event_of_click(id: &str, advocate: &MemberId, code: &str, at: Timestamp) -> Event {
    let data = json!({ "at": at.to_string(), "event": "click", "member": advocate, "code": code });
    Event { id: format!("{id}:{}", at.as_millisecond()), kind: CLICKED.to_owned(), at, data }
}

/// The event of a share of a member's link. `id` identifies the share in its program.
pub fn event_of_share(id: &str, advocate: &MemberId, code: &str, channel: &str, at: Timestamp) -> Event {
    let data = json!({ "at": at.to_string(), "event": "share", "member": advocate, "code": code, "channel": channel });
    Event { id: id.to_owned(), kind: SHARED.to_owned(), at, data }
}

const fn of_status(status: ReferralStatus) -> &'static str {
    match status {
        ReferralStatus::Pending => "tessera.referral.pending",
        ReferralStatus::Qualified => "tessera.referral.qualified",
        ReferralStatus::Rewarded => "tessera.referral.rewarded",
        ReferralStatus::Flagged => "tessera.referral.flagged",
        ReferralStatus::Rejected => "tessera.referral.rejected",
        ReferralStatus::Reversed => "tessera.referral.reversed",
    }
}
