//! Views: pure functions from stored data and the time to the JSON of `api.md`.
//!
//! One function makes each view, so that every endpoint returns the same member, entry, receipt or coupon. Accounts are
//! passed as stored; a view settles its own copy to the moment.

mod coupon;
mod entry;
mod explain;
mod held;
mod hub;
mod interaction;
mod language;
mod member;
mod points_name;
mod reach;
mod receipt;
mod reward;
mod rules;
mod tier;
mod way;

pub use coupon::CouponView;
pub use entry::{EntrySource, EntryView};
pub use explain::{Explainer, Explanation};
pub use held::{held_interaction, held_receipt};
pub use hub::{Coupons, HubProgram, HubState, HubView, Prompt, ReferralView, Theme, Visitor, WayView};
pub use interaction::InteractionView;
pub use language::choose_language;
pub use member::{Expiring, IdentifierView, MemberView, PointsView};
pub use reach::{RewardInReach, rewards_within_reach};
pub use receipt::{
    DecisionView, ExaminedView, FactStatus, IgnoredCoupon, OutcomeView, PreviewView, ReceiptView, RefundView,
    SkippedView,
};
pub use reward::{NextReward, Progress, RewardView};
pub use rules::{ReceiptExplanation, RuleView};
pub use tier::{KeepTier, NextTier, TierView};
pub use way::Missing;

#[cfg(test)]
mod tests;
