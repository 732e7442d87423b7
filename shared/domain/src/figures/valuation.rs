//! The money that points are worth.

use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::money::{Currency, Money};
use crate::program::Program;

/// The value of a point today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valuation {
    program: String,
    rate: Option<Decimal>,
    currency: Currency,
}

/// Points, with the money that they are worth today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsAmount {
    /// The points.
    pub points: i64,
    /// Points × today's point value; null in a program without point value.
    pub money: Option<String>,
}

impl Valuation {
    /// The valuation of a program.
    pub fn of(program: &Program) -> Self {
        let rate = program.points.point_value.as_deref().and_then(|text| Decimal::from_str(text).ok());
        Self { program: program.name.clone(), rate, currency: program.currency }
    }

    /// The name of the program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The value of a point as text; `None` in a program without point value.
    pub fn point_value(&self) -> Option<String> {
        self.rate.map(|rate| rate.to_string())
    }

    /// The currency of all money.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Points with their money, rounded half-even once.
    pub fn amount(&self, points: i64) -> PointsAmount {
        let money = self.rate.and_then(|rate| rate.checked_mul(Decimal::from(points))).map(|money| {
            let decimals = self.currency.decimals();
            let rounded = money.round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven);
            format!("{rounded:.places$}", places = decimals as usize)
        });
        PointsAmount { points, money }
    }

    /// An amount of money in minor units.
    pub(super) fn money(&self, minor: i64) -> String {
        Money::new(minor, self.currency).to_string()
    }
}

/// A quotient with four decimals, rounded half-even; `None` without a divisor.
pub(super) fn ratio(part: i64, whole: i64) -> Option<String> {
    let ratio = Decimal::from(part).checked_div(Decimal::from(whole))?;
    Some(format!("{:.4}", ratio.round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven)))
}
