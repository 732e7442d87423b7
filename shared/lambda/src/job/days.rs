//! The local days that a job has to serve.

use jiff::ToSpan as _;
use tessera_domain::time::Day;
use tessera_store::{JobMarker, JobPosition};

use super::MissedDays;

/// The days since a marker up to today, oldest first, each with the position at which it goes on.
///
/// Before its first run a job has served yesterday. A marker ahead of today (the clock was set back) leaves nothing to do.
pub(super) fn days_to_serve(
    marker: Option<&JobMarker>,
    today: Day,
    missed: MissedDays,
) -> Vec<(Day, Option<JobPosition>)> {
    let yesterday = || Day::from_date(today.date().saturating_sub(1.day()));
    let served = marker.map_or_else(yesterday, |marker| marker.day);
    if served > today {
        return Vec::new();
    }
    let interrupted = marker.and_then(|marker| Some((marker.day, Some(marker.position.clone()?))));
    let first = match missed {
        MissedDays::Each => served.plus_days(1),
        MissedDays::OnlyLast if served < today => today,
        MissedDays::OnlyLast => today.plus_days(1),
    };
    // The last day of the calendar has no next one.
    let next = |day: &Day| Some(day.plus_days(1)).filter(|next| next > day);
    let since = std::iter::successors(Some(first), next).take_while(|day| *day <= today);
    interrupted.into_iter().chain(since.map(|day| (day, None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    fn days(marker: Option<&JobMarker>, today: &str, missed: MissedDays) -> Vec<String> {
        let days = days_to_serve(marker, day(today), missed);
        let text = |(day, from): (Day, Option<JobPosition>)| match from {
            None => day.to_string(),
            Some(position) => format!("{day} from {}", position.shard),
        };
        days.into_iter().map(text).collect()
    }

    fn served(text: &str) -> JobMarker {
        JobMarker::new(day(text), None)
    }

    fn interrupted(text: &str) -> JobMarker {
        JobMarker::new(day(text), Some(JobPosition { shard: 3, cursor: None }))
    }

    #[test]
    fn every_day_since_the_marker_is_served_once() {
        let each = |marker: Option<JobMarker>, today| days(marker.as_ref(), today, MissedDays::Each);
        assert_eq!(each(None, "2026-03-01"), ["2026-03-01"]);
        assert_eq!(each(Some(served("2028-02-27")), "2028-03-01"), ["2028-02-28", "2028-02-29", "2028-03-01"]);
        assert_eq!(each(Some(served("2026-02-27")), "2026-03-01"), ["2026-02-28", "2026-03-01"]);
        assert!(each(Some(served("2026-03-01")), "2026-03-01").is_empty());
        assert!(each(Some(JobMarker::new(Day::LAST, None)), "2026-03-01").is_empty());
        assert_eq!(days_to_serve(None, Day::LAST, MissedDays::Each), [(Day::LAST, None)]);
    }

    #[test]
    fn an_interrupted_day_goes_on_first() {
        let of = |missed, today| days(Some(&interrupted("2026-03-01")), today, missed);
        assert_eq!(of(MissedDays::Each, "2026-03-01"), ["2026-03-01 from 3"]);
        assert_eq!(of(MissedDays::Each, "2026-03-03"), ["2026-03-01 from 3", "2026-03-02", "2026-03-03"]);
        assert_eq!(of(MissedDays::OnlyLast, "2026-03-03"), ["2026-03-01 from 3", "2026-03-03"]);
        assert_eq!(of(MissedDays::OnlyLast, "2026-03-01"), ["2026-03-01 from 3"]);
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_to_do() {
        for marker in [served("2026-03-02"), interrupted("2026-03-02")] {
            assert!(days(Some(&marker), "2026-03-01", MissedDays::Each).is_empty());
            assert!(days(Some(&marker), "2026-03-01", MissedDays::OnlyLast).is_empty());
        }
    }
}
