//! How parts of a counter are stored: rows of small numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::firings::Run;
use crate::ids::CouponCode;
use crate::pack::{fold_rows, unfold_rows};
use crate::points::{Both, Points};
use crate::time::Day;

/// What counted on each day.
pub(super) mod days {
    use super::{D2, Day, Deserialize, Deserializer, Serialize, Serializer, fold_rows, unfold_rows};

    pub(in super::super) fn serialize<S: Serializer>(days: &[(Day, i64)], serializer: S) -> Result<S::Ok, S::Error> {
        fold_rows(days.iter().map(|(day, counted)| [i64::from(day.number()), *counted])).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Day, i64)>, D::Error> {
        let rows: D2 = unfold_rows(&Vec::<i64>::deserialize(deserializer)?);
        let rows = rows.ok_or_else(|| super::wrong::<D>("days"))?;
        Ok(rows.into_iter().map(|[day, counted]| (Day::from_number(day), counted)).collect())
    }
}

type D2 = Option<Vec<[i64; 2]>>;

/// Firings; their coupons stand beside them, because few have any.
pub(super) mod runs {
    use super::{
        Both, CouponCode, Day, Deserialize, Deserializer, Points, Run, Serialize, Serializer, fold_rows, unfold_rows,
    };

    /// No day.
    const NEVER: i64 = -1;

    pub(in super::super) fn serialize<S: Serializer>(runs: &[Run], serializer: S) -> Result<S::Ok, S::Error> {
        let rows = runs.iter().map(|run| {
            let day = run.day.map_or(NEVER, |day| i64::from(day.number()));
            let count = i64::try_from(run.count).unwrap_or(i64::MAX);
            [day, count, run.each.redeemable.get(), run.each.qualifying.get(), i64::from(run.lost)]
        });
        let coupons: Vec<(usize, &[CouponCode])> = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.coupons.is_empty())
            .map(|(place, run)| (place, run.coupons.as_slice()))
            .collect();
        (fold_rows(rows), coupons).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Run>, D::Error> {
        let (rows, coupons) = <(Vec<i64>, Vec<(usize, Vec<CouponCode>)>)>::deserialize(deserializer)?;
        let rows = unfold_rows(&rows).ok_or_else(|| super::wrong::<D>("firings"))?;
        let mut runs: Vec<Run> = rows
            .into_iter()
            .map(|[day, count, redeemable, qualifying, lost]| Run {
                count: u64::try_from(count).unwrap_or_default(),
                each: Both { redeemable: Points::new(redeemable), qualifying: Points::new(qualifying) },
                lost: lost != 0,
                day: (day != NEVER).then(|| Day::from_number(day)),
                coupons: Vec::new(),
            })
            .collect();
        for (place, coupons) in coupons {
            runs.get_mut(place).ok_or_else(|| super::wrong::<D>("coupons"))?.coupons = coupons;
        }
        Ok(runs)
    }
}

fn wrong<'de, D: Deserializer<'de>>(what: &str) -> D::Error {
    D::Error::custom(format_args!("not rows of {what}"))
}
