//! What a reward costs.

use serde::Serialize;

use crate::money::Money;
use crate::points::Points;

/// What a reward costs: a number of points, or as many as the shopper chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(into = "CostFields")]
pub enum RewardCost {
    /// This many points; zero: the reward cannot be bought, only given.
    Fixed(Points),
    /// Pay with points: the shopper chooses how many.
    Chosen(CostPer),
}

/// Pay with points: what a chosen number of points is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostPer {
    /// The number of points that `value` is given for.
    pub points: Points,
    /// The money that `points` are worth.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub value: Money,
    /// The fewest points that can be chosen: a multiple of `step`.
    pub min: Points,
    /// The most points that can be chosen.
    pub max: Points,
    /// Chosen points are a multiple of this.
    pub step: Points,
}

/// The fields of a reward that say what it costs: exactly one is present.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct CostFields {
    /// Its cost in points; zero: it cannot be bought, only given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    cost: Option<Points>,
    /// Pay with points: the shopper chooses how many; only `amount_off` and `gift_card`, which then have no `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    cost_per: Option<CostPer>,
}

impl From<RewardCost> for CostFields {
    fn from(cost: RewardCost) -> Self {
        match cost {
            RewardCost::Fixed(points) => Self { cost: Some(points), cost_per: None },
            RewardCost::Chosen(per) => Self { cost: None, cost_per: Some(per) },
        }
    }
}

impl RewardCost {
    /// The fewest points that buy the reward. Lists of rewards show and compare it.
    pub const fn lowest(&self) -> Points {
        match self {
            Self::Fixed(points) => *points,
            Self::Chosen(per) => per.min,
        }
    }

    /// True when points can buy the reward; others are only given.
    pub const fn is_for_sale(&self) -> bool {
        self.lowest().is_positive()
    }

    /// What a shopper who chooses the points can choose; `None` for a fixed cost.
    pub const fn chosen(&self) -> Option<&CostPer> {
        match self {
            Self::Fixed(_) => None,
            Self::Chosen(per) => Some(per),
        }
    }
}

impl CostPer {
    /// True if a shopper may choose this number of points.
    pub fn allows(&self, points: Points) -> bool {
        (self.min..=self.max).contains(&points) && points.get().checked_rem(self.step.get()) == Some(0)
    }

    /// How many numbers of points a shopper can choose from.
    pub fn choices_count(&self) -> u64 {
        let span = self.max.get().saturating_sub(self.min.get());
        u64::try_from(span.checked_div(self.step.get()).unwrap_or(0)).unwrap_or(0) + 1
    }

    /// The numbers of points that a shopper can choose, lowest first.
    pub fn choices(&self) -> impl Iterator<Item = Points> + use<> {
        let (min, max, step) = (self.min.get(), self.max.get(), self.step.get());
        std::iter::successors(Some(min), move |points| points.checked_add(step).filter(|next| *next <= max))
            .map(Points::new)
    }

    /// The money that a number of points is worth: ⌊points × `value` ÷ per-points⌋ in minor units.
    pub fn value_of(&self, points: Points) -> Money {
        let exact = i128::from(points.get()) * i128::from(self.value.minor());
        let minor = exact.checked_div_euclid(i128::from(self.points.get())).unwrap_or(0);
        Money::new(i64::try_from(minor).unwrap_or(i64::MAX), self.value.currency())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn per(points: i64, minor: i64, min: i64, max: i64, step: i64) -> CostPer {
        let points_of = Points::new;
        CostPer {
            points: points_of(points),
            value: Money::new(minor, Currency::from_code("EUR").unwrap()),
            min: points_of(min),
            max: points_of(max),
            step: points_of(step),
        }
    }

    #[test]
    fn chosen_points_are_multiples_of_the_step_within_bounds() {
        let per = per(100, 100, 100, 550, 50);
        for (points, allowed) in [(50, false), (100, true), (125, false), (150, true), (550, true), (600, false)] {
            assert_eq!(per.allows(Points::new(points)), allowed, "{points}");
        }
        assert!(!per.allows(Points::ZERO) && !per.allows(Points::new(-100)));
    }

    #[test]
    fn the_value_is_rounded_down_once() {
        // 3 points are worth 0.10: 10 points are 0.333….
        let thirds = per(3, 10, 1, 1_000, 1);
        for (points, minor) in [(1, 3), (2, 6), (3, 10), (10, 33), (300, 1_000)] {
            assert_eq!(thirds.value_of(Points::new(points)).minor(), minor, "{points}");
        }
        let largest = per(1, 999_999_999_999, 1, 1, 1);
        assert_eq!(largest.value_of(Points::MAX).minor(), i64::MAX);
    }

    #[test]
    fn the_lowest_cost_is_the_least_that_can_be_chosen() {
        assert_eq!(RewardCost::Chosen(per(100, 100, 200, 900, 100)).lowest(), Points::new(200));
        assert!(!RewardCost::Fixed(Points::ZERO).is_for_sale());
    }
}
