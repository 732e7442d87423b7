//! Accounts: the numbers of members, without personal data.
//!
//! A stored account changes only with a decision. What a member has *now* follows from lots and time: [`Account::settle`]
//! advances a copy to a moment, to show it or to decide on it.

mod advocacy;
mod arming;
mod counter;
mod due;
mod firings;
mod holds;
mod lots;
mod packed;
mod retired;
mod seen;
mod settle;
mod tier;
mod unite;
mod uses;
mod warnings;

pub use advocacy::{Advocacy, MilestoneGift};
pub use arming::DueTerms;
pub use counter::Counter;
pub use due::{Due, DueKind};
pub(crate) use firings::mark_of;
pub use firings::{Extra, ReceiptMark, Run};
pub use holds::{Hold, Holds};
pub(crate) use holds::{HoldEnd, HoldState};
pub use lots::{Lot, LotKey, Lots, TakenLot, between, last_taken};
pub use retired::Retired;
pub use seen::{Firsts, Seen};
pub use tier::{Gift, HeldTier, TierState, oldest_month, window_sum};
pub use unite::MAX_SOURCES;
pub(crate) use uses::most_moments;
pub use uses::{Used, Uses, When};
pub use warnings::ExpiryWarning;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CouponCode, MemberId, RewardId, RuleId};
use crate::points::Points;
use crate::time::{Day, Month};

/// A person's standing in the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Known by a purchase, not enrolled: earns and cannot redeem.
    #[default]
    Visitor,
    /// Invited and not enrolled yet; otherwise like a visitor.
    Pending,
    /// Enrolled.
    Member,
    /// Excluded: earns and redeems nothing.
    Excluded,
}

/// The account of one member. Field names are short: it is read and written with every purchase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The version: raised by one with every commit, to detect conflicts.
    #[serde(rename = "v")]
    pub version: u64,
    /// The member's status.
    #[serde(rename = "s")]
    pub status: Status,
    /// Redeemable points, pending and spendable.
    #[serde(rename = "l", default, skip_serializing_if = "Lots::is_empty")]
    pub lots: Lots,
    /// Points that wait for an event.
    #[serde(rename = "i", default, skip_serializing_if = "Holds::is_empty")]
    pub holds: Holds,
    /// Open reservations.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<Reservation>,
    /// Redeemable points owed.
    #[serde(rename = "d", default, skip_serializing_if = "points_zero")]
    pub debt: Points,
    /// The local day up to which, inclusive, entries have released and expired lots.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Day>,
    /// Qualifying points by the month in which they were earned.
    #[serde(rename = "q", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualifying: BTreeMap<Month, Points>,
    /// The tier.
    #[serde(rename = "t", default)]
    pub tier: TierState,
    /// The counter of each rule.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<RuleId, Counter>,
    /// The counters of rules that were changed or removed, for refunds; oldest first.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
    /// The redemptions of each reward with a limit per member, without cancelled and lapsed ones.
    #[serde(rename = "w", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub issued: BTreeMap<RewardId, u32>,
    /// Points from rules and awards, less what refunds took back.
    #[serde(rename = "e", default, skip_serializing_if = "points_zero")]
    pub lifetime_earned: Points,
    /// Points redeemed, less what was restored.
    #[serde(rename = "p", default, skip_serializing_if = "points_zero")]
    pub lifetime_redeemed: Points,
    /// When the member enrolled.
    #[serde(
        rename = "n",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub enrolled_at: Option<Timestamp>,
    /// The last purchase.
    #[serde(
        rename = "b",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub last_purchase: Option<Timestamp>,
    /// The earliest day on which something may fall due, for the index `due`.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// The last purchase, interaction, redemption or enrolment.
    #[serde(
        rename = "a",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub last_activity: Option<Timestamp>,
    /// The member whose account took everything of this one over. An account with it is empty and never changes again.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<MemberId>,
    /// The members whose accounts this one took over: their entries, coupons and once-only markers count here.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<MemberId>,
    /// When the member was last seen, for reports.
    #[serde(rename = "f", default, skip_serializing_if = "Seen::is_blank")]
    pub seen: Seen,
    /// The day up to which, inclusive, warnings of points that expire were given.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Day>,
    /// The member as an advocate.
    #[serde(rename = "y", default, skip_serializing_if = "Advocacy::is_empty")]
    pub advocacy: Advocacy,
    /// The last local day on which a purchase may concern a referral that brought the member.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub referred_until: Option<Day>,
    /// When the member was erased. Such an account is empty, and every later fact is rejected.
    #[serde(
        rename = "h",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub erased_at: Option<Timestamp>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn points_zero(points: &Points) -> bool {
    points.is_zero()
}

/// Points set aside for a coupon until it is committed, cancelled or lapses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// The coupon.
    #[serde(rename = "c")]
    pub coupon: CouponCode,
    /// The coupon's reward.
    #[serde(rename = "w")]
    pub reward: RewardId,
    /// True if it counts against the reward's limit per member.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// When it lapses.
    #[serde(rename = "u", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub until: Timestamp,
    /// The lots that the points came from.
    #[serde(rename = "l")]
    pub taken: Vec<TakenLot>,
}

impl Reservation {
    /// The points set aside.
    pub fn points(&self) -> Points {
        self.taken.iter().map(|taken| taken.points).sum()
    }
}

impl Account {
    /// An account without any points or history.
    pub fn new(status: Status) -> Self {
        Self { status, ..Self::default() }
    }

    /// Spendable points, as of the day that the account is settled to.
    pub fn available(&self) -> Points {
        self.settled.map_or(Points::ZERO, |day| self.lots.spendable(day))
    }

    /// Points that are not spendable yet, as of the day that the account is settled to.
    pub fn pending(&self) -> Points {
        self.lots.total().minus(self.available())
    }

    /// Points set aside.
    pub fn reserved(&self) -> Points {
        self.reservations.iter().map(Reservation::points).sum()
    }

    /// All redeemable points that the member has, pending and reserved ones included, less the debt.
    pub fn balance(&self) -> Points {
        self.lots.total().plus(self.reserved()).minus(self.debt)
    }

    /// The points that are missing to pay a cost and any debt; not positive if none are.
    pub fn missing_for(&self, cost: Points) -> Points {
        cost.plus(self.debt).minus(self.available())
    }

    /// Counts a redemption against the reward's limit per member.
    pub(crate) fn count_redemption(&mut self, reward: &RewardId) {
        let standing = self.issued.entry(reward.clone()).or_default();
        *standing = standing.saturating_add(1);
    }

    /// Removes a cancelled or lapsed redemption from the count.
    pub(crate) fn uncount_redemption(&mut self, reward: &RewardId) {
        if let Some(standing) = self.issued.get_mut(reward) {
            *standing = standing.saturating_sub(1);
            if *standing == 0 {
                self.issued.remove(reward);
            }
        }
    }

    /// All qualifying points ever earned, less those taken back.
    pub fn qualifying_total(&self) -> Points {
        self.qualifying.values().copied().sum()
    }
}
