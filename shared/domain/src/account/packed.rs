//! How parts of a counter are stored: rows of numbers.

/// What counted on each day.
pub(super) mod days {
    use serde::{Deserializer, Serializer};

    use crate::pack::rows;
    use crate::time::Day;

    pub(in super::super) fn serialize<S: Serializer>(days: &[(Day, i64)], serializer: S) -> Result<S::Ok, S::Error> {
        rows::serialize(days.iter().map(|(day, counted)| [i64::from(day.number()), *counted]), serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Day, i64)>, D::Error> {
        let rows = rows::deserialize::<2, D>(deserializer)?;
        Ok(rows.into_iter().map(|[day, counted]| (Day::from_number(day), counted)).collect())
    }
}

/// Firings; their coupons stand beside them, because few have any.
pub(super) mod runs {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_bytes::ByteBuf;

    use crate::account::firings::Run;
    use crate::ids::CouponCode;
    use crate::pack::rows;
    use crate::points::{Both, Points};
    use crate::time::Day;

    /// No day.
    const NEVER: i64 = -1;

    pub(in super::super) fn serialize<S: Serializer>(runs: &[Run], serializer: S) -> Result<S::Ok, S::Error> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let packed = rows::fold(runs.iter().map(|run| {
            let day = run.day.map_or(NEVER, |day| i64::from(day.number()));
            [day, number(run.count), number(run.lost), run.each.redeemable.get(), run.each.qualifying.get()]
        }));
        let coupons: Vec<(usize, &[CouponCode])> = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.coupons.is_empty())
            .map(|(place, run)| (place, run.coupons.as_slice()))
            .collect();
        (ByteBuf::from(packed), coupons).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Run>, D::Error> {
        let (packed, coupons) = <(ByteBuf, Vec<(usize, Vec<CouponCode>)>)>::deserialize(deserializer)?;
        let wrong = || D::Error::custom("not rows of firings");
        let mut runs: Vec<Run> = rows::unfold(&packed)
            .ok_or_else(wrong)?
            .into_iter()
            .map(|[day, count, lost, redeemable, qualifying]| Run {
                count: u64::try_from(count).unwrap_or_default(),
                lost: u64::try_from(lost).unwrap_or_default(),
                each: Both { redeemable: Points::new(redeemable), qualifying: Points::new(qualifying) },
                day: (day != NEVER).then(|| Day::from_number(day)),
                coupons: Vec::new(),
            })
            .collect();
        for (place, coupons) in coupons {
            runs.get_mut(place).ok_or_else(wrong)?.coupons = coupons;
        }
        Ok(runs)
    }
}
