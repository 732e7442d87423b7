//! How many points a rule gives: exact arithmetic, one rounding for each rule and receipt.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::money::Currency;
use crate::points::{Both, Points};
use crate::program::Rounding;
use crate::rule::{Amount, Effect, EffectKind, Rate, Rule};

/// What the `points` credits of a rule give for one firing.
pub(super) fn per_firing(rule: &Rule) -> Both {
    credits(rule).fold(Both::ZERO, |sum, amount| match amount.rate {
        Rate::Points(points) => sum.plus(of_kind(amount.kind, points)),
        Rate::PerUnit(_) => sum,
    })
}

/// What the `per_unit` credits of a rule give for an eligible amount: summed by kind, then rounded, once.
pub(super) fn per_unit(rule: &Rule, amount: i64, currency: Currency, rounding: Rounding) -> Both {
    let (mut redeemable, mut qualifying) = (Decimal::ZERO, Decimal::ZERO);
    for credit in credits(rule) {
        if let Rate::PerUnit(rate) = credit.rate {
            match credit.kind {
                EffectKind::Redeemable => redeemable += rate,
                EffectKind::Qualifying => qualifying += rate,
                EffectKind::Both => {
                    redeemable += rate;
                    qualifying += rate;
                }
            }
        }
    }
    let units = Decimal::new(amount, currency.decimals());
    Both { redeemable: round(units, redeemable, rounding), qualifying: round(units, qualifying, rounding) }
}

/// The rewards that a rule gives for one firing.
pub(super) fn rewards(rule: &Rule) -> impl Iterator<Item = &crate::ids::RewardId> {
    rule.then.iter().filter_map(|effect| match effect {
        Effect::Reward { reward } => Some(reward),
        _ => None,
    })
}

fn credits(rule: &Rule) -> impl Iterator<Item = &Amount> {
    rule.then.iter().filter_map(|effect| match effect {
        Effect::Credit(amount) => Some(amount),
        _ => None,
    })
}

const fn of_kind(kind: EffectKind, points: Points) -> Both {
    match kind {
        EffectKind::Redeemable => Both { redeemable: points, qualifying: Points::ZERO },
        EffectKind::Qualifying => Both { redeemable: Points::ZERO, qualifying: points },
        EffectKind::Both => Both { redeemable: points, qualifying: points },
    }
}

fn round(units: Decimal, rate: Decimal, rounding: Rounding) -> Points {
    let strategy = match rounding {
        Rounding::Floor => RoundingStrategy::ToZero,
        Rounding::HalfUp => RoundingStrategy::MidpointAwayFromZero,
        Rounding::Ceil => RoundingStrategy::AwayFromZero,
    };
    let exact = units.checked_mul(rate).map(|points| points.round_dp_with_strategy(0, strategy));
    let points = exact.and_then(|points| points.to_i64()).map_or(Points::MAX, Points::new);
    points.min(Points::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_rounded_by_policy() {
        let units = "4.99".parse().unwrap();
        let ten = Decimal::TEN;
        assert_eq!(round(units, ten, Rounding::Floor), Points::new(49));
        assert_eq!(round(units, ten, Rounding::HalfUp), Points::new(50));
        assert_eq!(round(units, ten, Rounding::Ceil), Points::new(50));
        assert_eq!(round("9999999999.99".parse().unwrap(), "99999999".parse().unwrap(), Rounding::Ceil), Points::MAX);
    }
}
