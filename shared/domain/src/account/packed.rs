//! The stored form of counters: rows of numbers.

/// The count of each day.
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

/// Runs of firings, with a separate list for the details that few of them have.
pub(super) mod runs {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_bytes::ByteBuf;

    use crate::account::firings::{Extra, ReceiptMark, Run};
    use crate::ids::CouponCode;
    use crate::pack::rows;
    use crate::points::{Both, Points};
    use crate::time::Day;

    /// The number that stands for no day.
    const NEVER: i64 = -1;

    /// The details that few runs have, with the place of the run.
    #[derive(Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Details {
        #[serde(rename = "i")]
        place: usize,
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        coupons: Vec<CouponCode>,
        #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
        spent: u64,
        #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
        receipt: Option<ReceiptMark>,
        #[serde(rename = "u", default, skip_serializing_if = "Both::is_zero_ref", with = "crate::points::packed")]
        per_unit: Both,
        #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
        extras: Vec<Extra>,
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    const fn is_zero(n: &u64) -> bool {
        *n == 0
    }

    pub(in super::super) fn serialize<S: Serializer>(runs: &[Run], serializer: S) -> Result<S::Ok, S::Error> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let packed = rows::fold(runs.iter().map(|run| {
            let day = run.day.map_or(NEVER, |day| i64::from(day.number()));
            [day, number(run.count), number(run.lost), run.each.redeemable.get(), run.each.qualifying.get()]
        }));
        let details: Vec<Details> = runs
            .iter()
            .enumerate()
            .map(|(place, run)| Details {
                place,
                coupons: run.coupons.clone(),
                spent: run.spent,
                receipt: run.receipt,
                per_unit: run.per_unit,
                extras: run.extras.clone(),
            })
            .filter(|details| *details != Details { place: details.place, ..Details::default() })
            .collect();
        (ByteBuf::from(packed), details).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Run>, D::Error> {
        let (packed, details) = <(ByteBuf, Vec<Details>)>::deserialize(deserializer)?;
        let wrong = || D::Error::custom("not rows of firings");
        let mut runs: Vec<Run> = rows::unfold(&packed)
            .ok_or_else(wrong)?
            .into_iter()
            .map(|[day, count, lost, redeemable, qualifying]| Run {
                count: u64::try_from(count).unwrap_or_default(),
                lost: u64::try_from(lost).unwrap_or_default(),
                each: Both { redeemable: Points::new(redeemable), qualifying: Points::new(qualifying) },
                day: (day != NEVER).then(|| Day::from_number(day)),
                ..Run::default()
            })
            .collect();
        for details in details {
            let run = runs.get_mut(details.place).ok_or_else(wrong)?;
            run.coupons = details.coupons;
            run.spent = details.spent;
            run.receipt = details.receipt;
            run.per_unit = details.per_unit;
            run.extras = details.extras;
        }
        Ok(runs)
    }
}
