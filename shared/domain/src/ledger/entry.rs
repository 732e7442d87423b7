//! Entries of the ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::posting::{LotChange, Movement};
use super::skipped::{ReasonRun, Skipped};
use super::standing::StandingMove;
use crate::account::{Firsts, LotKey, Status, TakenLot};
use crate::coupon::Coupon;
use crate::fact::Receipt;
use crate::ids::{CouponCode, ReceiptId, RewardId, RuleId, TierId};
use crate::money::{Currency, convert};
use crate::points::{Both, Points};

/// Why a receipt ignored a code that no coupon of the program has.
pub const UNKNOWN_COUPON: &str = "unknown";

/// What one fact did to one member, and why.
///
/// Its key derives from the fact alone, so that a fact has exactly one entry. It is also the event that reports, webhooks
/// and marketing tools receive: they need no second read.
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
    /// The movements of points.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<Movement>,
    /// The rules that fired, or were reversed.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// The rules that matched the fact and gave nothing.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// True when some of `skipped` were left out to keep the entry small.
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The reasons of receipt rules that were left out of `skipped` and cannot be recomputed, by ascending position.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ReasonRun>,
    /// The tier before and after; the same when it did not change. `None` in a program without tiers.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none", with = "packed_tier")]
    pub tier: Option<TierMove>,
    /// The member's status after it.
    #[serde(rename = "w", default = "member", skip_serializing_if = "is_member")]
    pub status: Status,
    /// The money of a receipt, or of what a refund returned. `None` for other causes and for rejected facts.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<Purchase>,
    /// The redeemable balance after it.
    #[serde(rename = "b")]
    pub balance: Points,
    /// The lot that holds the points of a receipt.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotKey>,
    /// Lots whose expiry an activity moved (`inactive_months`); other changes of lots stand with their movements.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<LotChange>,
    /// The program's coupons that the receipt used.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<NamedCoupon>,
    /// The coupons that the receipt named and could not use, with the reason.
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<(CouponCode, String)>,
    /// The step of a refund or a departure that cancels more coupons than a transaction holds, from 0. The last step has
    /// none: it decides the refund.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Why an accepted fact could not be applied.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
    /// The periods in which it is the member's first activity or purchase, for reports.
    #[serde(rename = "f", default, skip_serializing_if = "Firsts::is_empty")]
    pub firsts: Firsts,
    /// True for an order of the past that an import brought: targets are not notified.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
    /// The change of status and tier, for reports.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingMove>,
}

/// The money of a purchase, or of a return of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    /// Minor units of the receipt's currency; negative for a refund.
    #[serde(rename = "a")]
    pub amount: i64,
    /// The receipt's currency.
    #[serde(rename = "y")]
    pub currency: Currency,
    /// Minor units of the program's currency, where that is another one.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub converted: Option<i64>,
}

impl Purchase {
    /// The money of `amount` minor units of a receipt's currency.
    pub(crate) fn of(receipt: &Receipt, amount: i64, program: Currency) -> Self {
        let converted = receipt.fx_rate.map(|rate| convert(amount, receipt.currency, program, rate));
        Self { amount, currency: receipt.currency, converted }
    }
}

/// A coupon with its reward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedCoupon", into = "PackedCoupon")]
pub struct NamedCoupon {
    /// The coupon's code.
    pub code: CouponCode,
    /// Its reward.
    pub reward: RewardId,
}

/// A coupon as it is stored: code, reward.
type PackedCoupon = (CouponCode, RewardId);

impl From<PackedCoupon> for NamedCoupon {
    fn from((code, reward): PackedCoupon) -> Self {
        Self { code, reward }
    }
}

impl From<NamedCoupon> for PackedCoupon {
    fn from(NamedCoupon { code, reward }: NamedCoupon) -> Self {
        (code, reward)
    }
}

impl From<&Coupon> for NamedCoupon {
    fn from(coupon: &Coupon) -> Self {
        Self { code: coupon.code.clone(), reward: coupon.reward.clone() }
    }
}

/// A tier before and after as a list of identifiers: one when it did not change, otherwise both and those passed over.
mod packed_tier {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TierMove;
    use crate::ids::TierId;

    #[allow(clippy::ref_option, reason = "serde's with passes a reference")]
    pub fn serialize<S: Serializer>(tier: &Option<TierMove>, serializer: S) -> Result<S::Ok, S::Error> {
        let tiers: Vec<&TierId> = match tier {
            None => Vec::new(),
            Some(tier) if tier.is_unchanged() => vec![&tier.after],
            Some(TierMove { before, after, skipped }) => [before, after].into_iter().chain(skipped).collect(),
        };
        tiers.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TierMove>, D::Error> {
        let mut tiers = Vec::<TierId>::deserialize(deserializer)?.into_iter();
        let before = tiers.next().ok_or_else(|| D::Error::custom("a tier without an identifier"))?;
        let after = tiers.next().unwrap_or_else(|| before.clone());
        Ok(Some(TierMove { before, after, skipped: tiers.collect() }))
    }
}

/// What one rule gave; on a refund, what it took back (negative).
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
    /// The firings that a limit cut.
    #[serde(rename = "x", default, skip_serializing_if = "is_zero")]
    pub lost: i64,
    /// On a refund, the firings that stay because their reward was used (R3).
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    pub unrecoverable: i64,
    /// The points that the firings gave.
    #[serde(rename = "f", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub fixed: Both,
    /// The points that the eligible amount gave.
    #[serde(rename = "u", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub per_unit: Both,
    /// The points that a multiplier added to other rules; negative if its factor is below 1.
    #[serde(rename = "m", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub extra: Both,
    /// The points that a debit took; on a refund, those that it returned (negative).
    #[serde(rename = "d", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub debited: Both,
    /// The lots that the debit took its points from.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenLot>,
    /// The points that a reset removed.
    #[serde(rename = "z", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub reset: Both,
    /// The tier outside the ladder that the rule gave.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<TierId>,
    /// The amount that a debit by amount was computed from, in minor units.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub amount: i64,
    /// What the rule's measure counted: minor units, receipts or items.
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    pub counted: i64,
    /// The running total of a cumulative measure before the fact.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// The redeemable points of a multiplier that a budget cut.
    #[serde(rename = "q", default, skip_serializing_if = "is_zero")]
    pub cut: i64,
    /// The points that wait for an event, with the extras on them; on a refund, those that were lost (negative).
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldCredit>,
    /// The coupons that were given; on a refund, those that were cancelled.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<NamedCoupon>,
}

const fn member() -> Status {
    Status::Member
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_member(status: &Status) -> bool {
    matches!(status, Status::Member)
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
    /// An outcome that gives nothing.
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
            cut: 0,
            held: None,
            coupons: Vec::new(),
        }
    }

    /// The points that the rule gave, multipliers included.
    pub const fn credits(&self) -> Both {
        self.fixed.plus(self.per_unit).plus(self.extra)
    }

    /// The change of the balances.
    pub const fn net(&self) -> Both {
        self.credits().minus(self.debited).minus(self.reset)
    }
}

/// Points of a rule that wait for an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldCredit {
    /// The redeemable points, extras included.
    #[serde(rename = "p")]
    pub points: Points,
    /// The extras of multipliers on a rule per receipt, of both kinds: a refund recomputes them for this rule alone.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<(RuleId, Both)>,
}

impl HeldCredit {
    /// Adds others.
    pub(crate) fn add(&mut self, other: Self) {
        self.points = self.points.plus(other.points);
        for (rule, extra) in other.extras {
            match self.extras.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, sum)) => *sum = sum.plus(extra),
                None => self.extras.push((rule, extra)),
            }
        }
    }
}

/// The tier before a fact and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierMove {
    /// Before.
    pub before: TierId,
    /// After.
    pub after: TierId,
    /// The steps of the ladder between the two, from the lowest (T4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<TierId>,
}

impl TierMove {
    /// A tier that stays.
    pub fn unchanged(tier: TierId) -> Self {
        Self { before: tier.clone(), after: tier, skipped: Vec::new() }
    }

    /// True if the tier stays.
    pub fn is_unchanged(&self) -> bool {
        self.before == self.after
    }
}

/// Why an accepted fact could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// A refund exceeds what remains of its receipt.
    MoreThanRemains,
    /// A refund names a line that the receipt does not have.
    UnknownLine,
    /// A refund arrived before its receipt and has more decimals than the receipt's currency.
    Currency,
    /// The member's account has no room for what the fact would record.
    AccountFull,
    /// The member was erased.
    Erased,
}

impl Entry {
    /// An entry of a member, without any effect yet.
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
            left_out: Vec::new(),
            tier: None,
            status: Status::Member,
            purchase: None,
            balance: Points::ZERO,
            lot: None,
            extended: Vec::new(),
            coupons: Vec::new(),
            ignored: Vec::new(),
            step: None,
            rejected: None,
            firsts: Firsts::NONE,
            history: false,
            standing: None,
        }
    }

    /// True for the decision on this receipt, not on one of its refunds.
    pub fn is_decision_on(&self, receipt: &ReceiptId) -> bool {
        self.cause.receipt() == Some(receipt)
    }

    /// The change of the member's balances.
    pub fn delta(&self) -> Both {
        self.movements.iter().fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()))
    }
}
