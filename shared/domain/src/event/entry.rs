//! The events of an entry: one for each line, then those of tier and coupons.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Event;
use super::kind::{TIER_CHANGED, of_coupon, of_movement};
use crate::coupon::CouponStatus;
use crate::ids::{CouponCode, RewardId};
use crate::ledger::{Cause, CouponAction, Entry, TierMove};
use crate::view::{EntrySource, EntryView, Explainer};

/// What a further event of an entry is about.
enum Further<'a> {
    Tier(&'a TierMove),
    Coupon { code: &'a CouponCode, reward: &'a RewardId, status: CouponStatus },
}

impl Further<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Tier(_) => TIER_CHANGED,
            Self::Coupon { status, .. } => of_coupon(*status),
        }
    }

    fn data(&self, member: &str, at: Timestamp, source: &EntrySource) -> Value {
        let mut data = match self {
            Self::Tier(TierMove { before, after, skipped }) => {
                json!({ "before": before, "after": after, "skipped": skipped })
            }
            Self::Coupon { code, reward, status } => json!({ "code": code, "reward": reward, "status": status }),
        };
        data["member"] = json!(member);
        data["at"] = json!(at.to_string());
        data["source"] = json!(source);
        data
    }
}

/// The events of an entry beside its lines, in a fixed order: their ids count them.
fn further(entry: &Entry) -> Vec<Further<'_>> {
    let mut all: Vec<Further<'_>> = entry.tier.iter().filter(|tier| !tier.is_unchanged()).map(Further::Tier).collect();
    // A refund names the coupons that it cancelled where other facts name those that they gave.
    let status = if entry.cause.refund().is_some() { CouponStatus::Cancelled } else { CouponStatus::Available };
    for coupon in entry.outcomes.iter().flat_map(|outcome| &outcome.coupons) {
        all.push(Further::Coupon { code: &coupon.code, reward: &coupon.reward, status });
    }
    if let Cause::Coupon { code, reward, action } = &entry.cause {
        let status = match action {
            CouponAction::Redeem | CouponAction::Commit => Some(CouponStatus::Available),
            CouponAction::Reserve => Some(CouponStatus::Reserved),
            CouponAction::Cancel => Some(CouponStatus::Cancelled),
            // Points alone changed hands.
            CouponAction::Settle => None,
        };
        all.extend(status.map(|status| Further::Coupon { code, reward, status }));
    }
    all
}

/// The types of an entry's events: what decides which targets receive them.
pub fn event_types_of_entry(entry: &Entry) -> Vec<&'static str> {
    if is_silent(entry) {
        return Vec::new();
    }
    let lines = entry.movements.iter().map(|movement| of_movement(movement.kind));
    lines.chain(further(entry).iter().map(Further::kind)).collect()
}

/// True for what an import brought: it happened elsewhere, and nobody is notified of it.
pub(super) const fn is_silent(entry: &Entry) -> bool {
    entry.history || matches!(entry.cause, Cause::Import { .. })
}

/// The events of an entry, in the order in which they happened.
///
/// `id` identifies the entry in its program, `member` is the member's name for the receiver. A line's event has the line's
/// id; the others have `{line 0}:1`, `{line 0}:2` and so on.
pub fn events_of_entry(id: &str, member: &str, entry: &Entry, explainer: &Explainer<'_>) -> Vec<Event> {
    let lines = EntryView::of(id, entry, explainer).into_iter().rev().map(|line| {
        let mut data = json!(line);
        data["member"] = json!(member);
        Event { id: line.id, kind: of_movement(line.kind).to_owned(), at: line.at, data }
    });
    let source = EntrySource::of(entry);
    let others = further(entry).into_iter().zip(1_u32..).map(|(further, place)| Event {
        id: format!("{id}~0:{place}"),
        kind: further.kind().to_owned(),
        at: entry.at,
        data: further.data(member, entry.at, &source),
    });
    lines.chain(others).collect()
}
