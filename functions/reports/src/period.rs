//! The period that a request asks for.

use tessera_domain::figures::{PeriodFault, ReportPeriod};
use tessera_domain::time::Day;
use tessera_lambda::http::ApiRequest;
use tessera_lambda::{Parameter, Problem};

/// `?from`.
pub(crate) const FROM: Parameter = Parameter::text(
    "from",
    "The first day, in the program's time zone, such as 2026-03-01; the first of `to`'s month when absent.",
);
/// `?to`.
pub(crate) const TO: Parameter = Parameter::text(
    "to",
    "The day after the last, such as 2026-04-01; tomorrow when absent, so that today is included.",
);

/// The period of a request; without `from` and `to`, this month up to today.
pub(crate) fn of(request: &ApiRequest, today: Day) -> Result<ReportPeriod, Problem> {
    let to = day(request, "to")?.unwrap_or_else(|| today.plus_days(1));
    let from = day(request, "from")?.unwrap_or_else(|| to.before().first_of_month());
    ReportPeriod::new(from, to).map_err(|fault| refused("/to", fault))
}

/// 400: the period cannot be reported.
pub(crate) fn refused(pointer: &str, fault: PeriodFault) -> Problem {
    Problem::malformed_at(pointer, fault.to_string())
}

fn day(request: &ApiRequest, name: &str) -> Result<Option<Day>, Problem> {
    let Some(text) = request.query(name) else { return Ok(None) };
    // A time would be another day in another time zone.
    let date = Some(text).filter(|text| text.len() == "2026-03-01".len()).and_then(|text| text.parse().ok());
    let wrong =
        || Problem::malformed_at(&format!("/{name}"), "must be a date of the program's time zone, such as 2026-03-01");
    date.map(|date| Some(Day::from_date(date))).ok_or_else(wrong)
}
