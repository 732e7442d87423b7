//! An entry: what one fact did to one member, why, and from what numbers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::posting::Movement;
use crate::account::{LotKey, Taken};
use crate::ids::{CouponCode, InteractionId, ReceiptId, RefundId, RewardId, RuleId, TierId};
use crate::points::{Both, Points};
use crate::time::Day;

/// What one fact did to one member. Its key is made from the fact alone, so there is exactly one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When the fact happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// When it was decided.
    #[serde(rename = "n", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub decided_at: Timestamp,
    /// The account's version after it: the order in which a member's entries were written.
    #[serde(rename = "v")]
    pub sequence: u64,
    /// The version of the program that decided.
    #[serde(rename = "g")]
    pub program_version: u32,
    /// What caused it.
    #[serde(rename = "c")]
    pub cause: Cause,
    /// What moved.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<Movement>,
    /// The rules that fired, or were reversed.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// The rules that the fact met but that gave nothing.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// True when some of `skipped` were left out to keep the entry small.
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The tier before and after, where the program has tiers.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<TierMove>,
    /// The redeemable balance after it.
    #[serde(rename = "b")]
    pub balance: Points,
    /// The lot that the points of a receipt went to.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotKey>,
    /// The program's coupons that the receipt used.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CouponCode>,
    /// The coupons that the receipt named but could not use, and why.
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<(CouponCode, String)>,
    /// On a refund that cancels more coupons than a transaction holds: which step it is, from 0. The last step, which
    /// decides the refund, has none.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Why the fact was accepted but could not be applied.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
}

/// What caused an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A receipt.
    Receipt(ReceiptId),
    /// A refund of a receipt.
    Refund(ReceiptId, RefundId),
    /// An interaction.
    Interaction(InteractionId),
    /// Enrolment.
    Enrollment,
    /// A change of the profile: lists or attributes that rules ask for.
    Profile,
    /// The local day on which rules for the member's birthday came due.
    Birthday(Day),
    /// The local day on which so long had passed since the last purchase that rules came due.
    Inactivity(Day),
    /// What the rules for a change of tier did; the change came with the entry before it, which had this cause.
    TierChange(Box<Cause>),
    /// A referral that succeeded.
    Referral(String),
    /// A review of the tier when its time was over.
    TierReview(Day),
    /// A change of a coupon: redemption, commit, cancellation.
    Coupon {
        /// The coupon.
        code: CouponCode,
        /// Its reward.
        reward: RewardId,
        /// What was done with it.
        action: CouponAction,
    },
    /// Something a person did.
    Adjustment {
        /// Who: the name of the API key.
        actor: String,
        /// Why.
        reason: String,
    },
}

/// What was done with a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponAction {
    /// Bought with points.
    Redeem,
    /// Points were set aside for it.
    Reserve,
    /// A reservation was carried out.
    Commit,
    /// It was given back.
    Cancel,
    /// Its points were settled with its owner after its use: taken again, or restored because the order was returned.
    Settle,
}

/// What one rule gave, or, on a refund, gave back (negative).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The version of the program in which the rule last changed.
    #[serde(rename = "v")]
    pub rule_version: u32,
    /// The firings granted; on a refund, those reversed, negative.
    #[serde(rename = "n", default = "one", skip_serializing_if = "is_one")]
    pub firings: i64,
    /// The firings that were due but cut by a limit.
    #[serde(rename = "x", default, skip_serializing_if = "is_zero")]
    pub lost: i64,
    /// On a refund, the firings whose reward was used already: they stay (R3).
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    pub unrecoverable: i64,
    /// The points that the firings gave.
    #[serde(rename = "f", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub fixed: Both,
    /// The points that the eligible amount gave.
    #[serde(rename = "u", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub per_unit: Both,
    /// What a multiplier added to other rules' points; below zero when its factor is below one.
    #[serde(rename = "m", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub extra: Both,
    /// The points that were taken; on a refund, those that came back, below zero.
    #[serde(rename = "d", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub debited: Both,
    /// The lots that they were taken from.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Taken>,
    /// The points that a reset emptied.
    #[serde(rename = "z", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub reset: Both,
    /// The tier outside the ladder that was given.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<TierId>,
    /// The amount that a debit by amount was reckoned on, in minor units.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub amount: i64,
    /// What the receipt counted for the rule: minor units, receipts or items.
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    pub counted: i64,
    /// The running total before, of a cumulative measure.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// The coupons that were given, or cancelled.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub rewards: Vec<CouponCode>,
}

const fn one() -> i64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_one(n: &i64) -> bool {
    *n == 1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(n: &i64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn both_zero(both: &Both) -> bool {
    both.is_zero()
}

impl Outcome {
    /// Nothing yet, of a rule.
    pub(crate) const fn nothing(rule: RuleId, rule_version: u32) -> Self {
        Self {
            rule,
            rule_version,
            firings: 0,
            lost: 0,
            unrecoverable: 0,
            fixed: Both::ZERO,
            per_unit: Both::ZERO,
            extra: Both::ZERO,
            debited: Both::ZERO,
            taken: Vec::new(),
            reset: Both::ZERO,
            vip: None,
            amount: 0,
            counted: 0,
            before: None,
            rewards: Vec::new(),
        }
    }

    /// The points that it gave, multipliers included.
    pub const fn credits(&self) -> Both {
        self.fixed.plus(self.per_unit).plus(self.extra)
    }

    /// By how much it changed the balances.
    pub const fn net(&self) -> Both {
        self.credits().minus(self.debited).minus(self.reset)
    }
}

/// A rule that the fact met but that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// The rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// Why.
    #[serde(rename = "w")]
    pub reason: SkipReason,
    /// How much was missing, as money or as a count.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
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
    /// Not enough yet.
    BelowThreshold,
    /// The running total is outside the rule's range.
    OutsideRange,
    /// Outside the rule's window.
    OutsideWindow,
    /// A limit is used up.
    LimitReached,
    /// The fact gave as many coupons as its transaction holds; the firings' points are credited.
    RewardLimit,
    /// The reward is out of stock; the firings' points are credited.
    OutOfStock,
    /// It counted already.
    Duplicate,
    /// The member is shut out.
    MemberExcluded,
    /// The rule was not in force at the time. Told only when every rule is asked about.
    OutsideCalendar,
    /// The fact is not what the rule's filter asks for. Told only when every rule is asked about.
    FilterNotMet,
    /// The rule waits for something else. Told only when every rule is asked about.
    OtherTrigger,
}

/// The tier before a fact and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierMove {
    /// Before.
    pub before: TierId,
    /// After.
    pub after: TierId,
    /// The steps of the ladder that were passed over, from the lowest (T4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<TierId>,
}

/// Why a fact that was accepted could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// A refund of more than what remained.
    MoreThanRemains,
    /// A refund of a line that the receipt does not have.
    UnknownLine,
    /// A refund that came before its receipt, with more decimals than the receipt's currency has.
    Currency,
    /// The member's account has no room for what the fact would record.
    AccountFull,
}

impl Entry {
    /// An entry that tells nothing yet.
    pub(crate) const fn new(
        at: Timestamp,
        decided_at: Timestamp,
        sequence: u64,
        program_version: u32,
        cause: Cause,
    ) -> Self {
        Self {
            at,
            decided_at,
            sequence,
            program_version,
            cause,
            movements: Vec::new(),
            outcomes: Vec::new(),
            skipped: Vec::new(),
            truncated: false,
            tier: None,
            balance: Points::ZERO,
            lot: None,
            coupons: Vec::new(),
            ignored: Vec::new(),
            step: None,
            rejected: None,
        }
    }

    /// By how much it changes the member's balances.
    pub fn delta(&self) -> Both {
        self.movements.iter().fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()))
    }
}
