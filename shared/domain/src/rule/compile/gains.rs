//! Compiled effects: fixed amounts are summed and rates are integers.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::ids::{RewardId, RuleId, TierId};
use crate::money::Currency;
use crate::points::Rounding;
use crate::points::{Both, Kind, Points};
use crate::rule::{Effect, EffectKind, EventHold, MultiplyScope, Rate};

/// Rates and factors have at most eight decimals.
const DECIMALS: u32 = 8;
/// One, in units of 10⁻⁸.
pub(crate) const ONE: i64 = 10_i64.pow(DECIMALS);

/// The effects of a rule.
#[derive(Debug, Clone, Default)]
pub struct Gains {
    /// What it credits.
    pub credit: Sums,
    /// The event that all its redeemable points wait for.
    pub hold: Option<EventHold>,
    /// What it debits.
    pub debit: Sums,
    /// Whether it resets the balance of a kind: redeemable, qualifying.
    pub reset: (bool, bool),
    /// What it multiplies.
    pub multiply: Vec<Multiplier>,
    /// The rewards that each firing issues.
    pub rewards: Vec<RewardId>,
    /// The tier outside the ladder that it gives.
    pub vip: Option<TierId>,
}

/// Points by firing and by amount. Several effects of one kind are summed, then rounded once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// For each firing.
    pub per_firing: Both,
    /// For each unit of the eligible amount, in units of 10⁻⁸: redeemable, qualifying.
    per_unit: (i64, i64),
}

/// A multiplier (SP9).
#[derive(Debug, Clone)]
pub struct Multiplier {
    /// The factor less one, in units of 10⁻⁸; negative for factors below one.
    more: i64,
    /// Which kinds it concerns: redeemable, qualifying.
    kinds: (bool, bool),
    /// The rules whose credits it multiplies; `None`: every other rule.
    pub rules: Option<Vec<RuleId>>,
    /// Whether it multiplies whole credits, or those earned on the lines of its own filter.
    pub scope: MultiplyScope,
}

impl Multiplier {
    /// True when it concerns points of a kind.
    pub const fn concerns(&self, kind: Kind) -> bool {
        match kind {
            Kind::Redeemable => self.kinds.0,
            Kind::Qualifying => self.kinds.1,
        }
    }

    /// The factor less one.
    pub fn more(&self) -> Decimal {
        Decimal::new(self.more, DECIMALS)
    }
}

impl Sums {
    fn add(&mut self, rate: Rate, kind: EffectKind) {
        let (redeemable, qualifying) = kinds(kind);
        match rate {
            Rate::Points(points) => {
                let of = |concerned: bool| if concerned { points } else { Points::ZERO };
                let both = Both { redeemable: of(redeemable), qualifying: of(qualifying) };
                self.per_firing = self.per_firing.plus(both);
            }
            Rate::PerUnit(rate) => {
                let rate = parts(rate);
                self.per_unit.0 += if redeemable { rate } else { 0 };
                self.per_unit.1 += if qualifying { rate } else { 0 };
            }
        }
    }

    /// The points for an amount in minor units, rounded by the policy, once for each kind.
    pub fn by_amount(&self, amount: i64, currency: Currency, rounding: Rounding) -> Both {
        if self.per_unit == (0, 0) {
            return Both::ZERO;
        }
        let divisor = ONE * 10_i64.pow(currency.decimals());
        let points = |rate: i64| {
            let points = match (amount.checked_mul(rate), rounding) {
                // Division of 128 bits is slow and rarely needed.
                (Some(product), Rounding::Floor) => Points::new(product.div_euclid(divisor)),
                _ => round(i128::from(amount) * i128::from(rate), i128::from(divisor), rounding),
            };
            points.min(Points::MAX)
        };
        Both { redeemable: points(self.per_unit.0), qualifying: points(self.per_unit.1) }
    }

    /// True when it is always zero.
    pub fn is_nothing(&self) -> bool {
        self.per_firing.is_zero() && self.per_unit == (0, 0)
    }

    /// True when it depends on an amount of money.
    pub fn is_by_amount(&self) -> bool {
        self.per_unit != (0, 0)
    }
}

impl Gains {
    /// The effects of a rule.
    pub(super) fn new(effects: &[Effect]) -> Self {
        let mut gains = Self::default();
        for effect in effects {
            match effect {
                Effect::Credit(credit) => {
                    gains.credit.add(credit.rate, credit.kind);
                    if kinds(credit.kind).0 {
                        gains.hold.clone_from(&credit.hold);
                    }
                }
                Effect::Debit(amount) => gains.debit.add(amount.rate, amount.kind),
                Effect::Reset { kind } => {
                    let (redeemable, qualifying) = kinds(*kind);
                    gains.reset.0 |= redeemable;
                    gains.reset.1 |= qualifying;
                }
                Effect::Multiply(multiply) => gains.multiply.push(Multiplier {
                    more: parts(multiply.factor - Decimal::ONE),
                    kinds: kinds(multiply.kind),
                    rules: multiply.rules.clone(),
                    scope: multiply.scope,
                }),
                Effect::Reward { reward } => gains.rewards.push(reward.clone()),
                Effect::Vip { vip } => gains.vip = Some(vip.clone()),
            }
        }
        gains
    }
}

const fn kinds(kind: EffectKind) -> (bool, bool) {
    match kind {
        EffectKind::Redeemable => (true, false),
        EffectKind::Qualifying => (false, true),
        EffectKind::Both => (true, true),
    }
}

/// A number with at most eight decimals, in units of 10⁻⁸.
pub(crate) fn parts(number: Decimal) -> i64 {
    (number * Decimal::from(ONE)).to_i64().unwrap_or(i64::MAX)
}

/// A fraction rounded by a policy; `Floor` rounds towards negative infinity.
pub(crate) fn round(numerator: i128, denominator: i128, rounding: Rounding) -> Points {
    let whole = match rounding {
        Rounding::Floor => numerator.div_euclid(denominator),
        Rounding::HalfUp => (numerator * 2 + denominator).div_euclid(denominator * 2),
        Rounding::Ceil => -(-numerator).div_euclid(denominator),
    };
    Points::new(i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Credit;

    #[test]
    fn a_fraction_is_rounded_by_policy() {
        let ten = |rounding| round(499 * 10, 100, rounding).get();
        assert_eq!([Rounding::Floor, Rounding::HalfUp, Rounding::Ceil].map(ten), [49, 50, 50]);
        let less = |rounding| round(-3, 2, rounding).get();
        assert_eq!([Rounding::Floor, Rounding::HalfUp, Rounding::Ceil].map(less), [-2, -1, -1]);
    }

    #[test]
    fn rates_of_one_kind_are_summed_before_rounding() {
        let credit = |rate: &str| {
            let rate = Rate::PerUnit(rate.parse().unwrap());
            Effect::Credit(Credit { rate, kind: EffectKind::Both, hold: None })
        };
        let gains = Gains::new(&[credit("0.5"), credit("0.5"), credit("0.00000001")]);
        let euro = Currency::from_code("EUR").unwrap();
        let one = Both { redeemable: Points::new(1), qualifying: Points::new(1) };
        assert_eq!(gains.credit.by_amount(100, euro, Rounding::Floor), one);
        assert_eq!(
            gains.credit.by_amount(crate::money::MAX_MINOR, euro, Rounding::Ceil).redeemable.get(),
            10_000_000_100
        );
    }
}
