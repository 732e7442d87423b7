//! Rules that gave nothing, and why.

use serde::{Deserialize, Serialize};

use crate::ids::RuleId;

/// A rule that matched the fact and gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// The rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The reason.
    #[serde(rename = "w")]
    pub reason: SkipReason,
    /// What was missing: an amount of money or a count.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// The reason of consecutive rules that an entry does not list.
///
/// It holds up to the next run. Rules in between that fired, that the entry lists, or whose reason follows from the receipt
/// and the rule alone do not use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PackedRun", into = "PackedRun")]
pub struct ReasonRun {
    /// The position of the first rule in its program version.
    pub from: u32,
    /// The reason; `None` where the entry had no room for more runs.
    pub reason: Option<SkipReason>,
}

/// A run as it is stored: the position, and the reason's place in [`RUN_REASONS`], from 1; 0 for none.
type PackedRun = (u32, u8);

/// The reasons that runs have. The order is stored: only add at the end.
const RUN_REASONS: [SkipReason; 5] = [
    SkipReason::PredicateNotMet,
    SkipReason::BelowThreshold,
    SkipReason::OutsideRange,
    SkipReason::OutsideWindow,
    SkipReason::LimitReached,
];

impl From<ReasonRun> for PackedRun {
    fn from(ReasonRun { from, reason }: ReasonRun) -> Self {
        let code = (1..).zip(RUN_REASONS).find(|(_, known)| Some(*known) == reason).map_or(0, |(code, _)| code);
        (from, code)
    }
}

impl TryFrom<PackedRun> for ReasonRun {
    type Error = String;

    fn try_from((from, code): PackedRun) -> Result<Self, Self::Error> {
        let reason = match usize::from(code).checked_sub(1) {
            None => None,
            Some(place) => Some(*RUN_REASONS.get(place).ok_or_else(|| format!("an unknown reason {code}"))?),
        };
        Ok(Self { from, reason })
    }
}

/// Why a rule gave nothing (`api.md`, Facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The member's tier is not one of the rule's.
    TierOutOfScope,
    /// A condition does not hold.
    PredicateNotMet,
    /// The measure has not reached the rule's threshold.
    BelowThreshold,
    /// The running total is outside the rule's range.
    OutsideRange,
    /// The fact is outside the rule's window.
    OutsideWindow,
    /// A limit of the rule is used up.
    LimitReached,
    /// A budget of the rule or of the programme is used up, or has less than was due.
    BudgetExhausted,
    /// The transaction holds no more coupons. The points of the firings are credited.
    RewardLimit,
    /// The reward is out of stock. The points of the firings are credited.
    OutOfStock,
    /// It has counted before.
    Duplicate,
    /// The member is excluded.
    MemberExcluded,
    /// The rule was not in force at the time. Only in explanations of every rule.
    OutsideCalendar,
    /// The fact does not pass the rule's filter. Only in explanations of every rule.
    FilterNotMet,
    /// The rule has another trigger. Only in explanations of every rule.
    OtherTrigger,
}
