//! Figures: what the entries of a ledger add up to, and the reports made of it.
//!
//! [`Figures::add`] is the one definition of every counter: the stream consumer and the rebuild from the ledger both use
//! it. Entries count on the local day on which they were booked, so that a closed day never changes.

mod budget;
mod count;
mod flows;
mod liability;
mod overview;
mod period;
mod valuation;

pub use budget::{BudgetUse, ProgramBudget};
pub use flows::Flows;
pub use liability::{Breakage, ExpiryForecast, Liability, RollForward, RollForwardRow};
pub use overview::{AverageOrder, FigureRow, FigureValues, Overview, ReferralFigures, TopReward, TopRule};
pub use period::{FigureHistory, PeriodFault, ReportPeriod, SeriesBucket};
pub use valuation::{PointsAmount, Valuation};

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::account::Firsts;
use crate::ids::{RewardId, RuleId, TierId};
use crate::ledger::Entry;
use crate::time::{Day, Month};

/// The most rules, and the most rewards, that are counted one by one. A day's item must stay far below DynamoDB's limit.
pub const MOST_NAMES: usize = 1_000;

/// The sums of some entries: of a day, or of all days.
///
/// Field names are short: the sums of a day are one stored item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    /// The flows of redeemable points, by the tier of their members.
    #[serde(rename = "t", skip_serializing_if = "BTreeMap::is_empty")]
    pub by_tier: BTreeMap<Option<TierId>, Flows>,
    /// The flows of redeemable points, by month of issue. `None` holds reserved points and debts.
    #[serde(rename = "m", skip_serializing_if = "BTreeMap::is_empty")]
    pub by_issue: BTreeMap<Option<Month>, Flows>,
    /// The changes of open lots, by month of issue and month of expiry.
    #[serde(rename = "l", skip_serializing_if = "BTreeMap::is_empty")]
    pub lots: BTreeMap<(Month, Option<Month>), i64>,
    /// The part of the issued points that was imported.
    #[serde(rename = "i", skip_serializing_if = "is_zero")]
    pub imported: i64,
    /// The change of pending points.
    #[serde(rename = "p", skip_serializing_if = "is_zero")]
    pub pending: i64,
    /// The change of the number of members.
    #[serde(rename = "n", skip_serializing_if = "is_zero")]
    pub members: i64,
    /// The change of the number of visitors, pending ones included.
    #[serde(rename = "v", skip_serializing_if = "is_zero")]
    pub visitors: i64,
    /// The change of the number of members, by tier.
    #[serde(rename = "k", skip_serializing_if = "BTreeMap::is_empty")]
    pub members_by_tier: BTreeMap<TierId, i64>,
    /// What counts for a period only, not for the position.
    #[serde(rename = "d", skip_serializing_if = "Events::is_empty")]
    pub events: Events,
}

/// The counters of what happened in a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// The members who enrolled.
    #[serde(rename = "n", skip_serializing_if = "is_zero")]
    pub new_members: i64,
    /// Distinct people: the entries that are a first of their kind and period, by the places of [`Firsts`].
    #[serde(rename = "f", skip_serializing_if = "People::is_empty")]
    pub people: People,
    /// The receipts of members.
    #[serde(rename = "m", skip_serializing_if = "Sales::is_empty")]
    pub member_sales: Sales,
    /// The receipts of others.
    #[serde(rename = "o", skip_serializing_if = "Sales::is_empty")]
    pub other_sales: Sales,
    /// The receipts that used a coupon of the program.
    #[serde(rename = "c", skip_serializing_if = "Sales::is_empty")]
    pub coupon_sales: Sales,
    /// Points and firings, by rule.
    #[serde(rename = "r", skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<RuleId, (i64, i64)>,
    /// Points and redemptions, by reward.
    #[serde(rename = "w", skip_serializing_if = "BTreeMap::is_empty")]
    pub rewards: BTreeMap<RewardId, (i64, i64)>,
    /// The referrals. No entry has them: a rebuild from the ledger leaves them as they are.
    #[serde(rename = "e", skip_serializing_if = "ReferralFunnel::is_empty")]
    pub referrals: ReferralFunnel,
}

/// What became of referral links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[i64; 4]", into = "[i64; 4]")]
pub struct ReferralFunnel {
    /// The members who shared their link for the first time.
    pub advocates: i64,
    /// The clicks.
    pub clicks: i64,
    /// The friends who came.
    pub friends: i64,
    /// The friends who qualified, less those whose order was returned.
    pub qualified: i64,
}

impl From<[i64; 4]> for ReferralFunnel {
    fn from([advocates, clicks, friends, qualified]: [i64; 4]) -> Self {
        Self { advocates, clicks, friends, qualified }
    }
}

impl From<ReferralFunnel> for [i64; 4] {
    fn from(ReferralFunnel { advocates, clicks, friends, qualified }: ReferralFunnel) -> Self {
        [advocates, clicks, friends, qualified]
    }
}

impl ReferralFunnel {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.advocates += other.advocates;
        self.clicks += other.clicks;
        self.friends += other.friends;
        self.qualified += other.qualified;
    }
}

/// The number of distinct people, by the places of [`Firsts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct People([i64; Firsts::BITS]);

impl People {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }
}

/// Receipts and their money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64)", into = "(i64, i64)")]
pub struct Sales {
    /// The number of receipts.
    pub receipts: i64,
    /// Their totals, in minor units of the program's currency, before any return.
    pub minor: i64,
}

impl From<(i64, i64)> for Sales {
    fn from((receipts, minor): (i64, i64)) -> Self {
        Self { receipts, minor }
    }
}

impl From<Sales> for (i64, i64) {
    fn from(Sales { receipts, minor }: Sales) -> Self {
        (receipts, minor)
    }
}

impl Sales {
    const fn is_empty(&self) -> bool {
        self.receipts == 0 && self.minor == 0
    }
}

impl Events {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The local day on which an entry counts.
pub fn booking_day(entry: &Entry, zone: &TimeZone) -> Day {
    Day::of(entry.decided_at, zone)
}
