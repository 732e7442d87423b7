//! Backtests of draft rules: requested here, run by `backtest-run`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::program::SubmittedProgram;
use tessera_domain::rule::Rule;
use tessera_domain::time::Moment;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::task::TaskMessage;
use tessera_lambda::{Problem, Queue, Route, Services, handler};
use tessera_store::{BacktestRequest, Task, TaskKind, TaskStatus};

use crate::ADMIN;
use crate::change::latest;
use crate::parts;

/// Size limit of the packed draft, which is stored in one item.
const MAX_DRAFT_BYTES: usize = 350 * 1024;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The body of a request, with its rules not parsed yet.
#[derive(Debug)]
struct Draft {
    rules: Value,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// The routes of backtests.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/rules/backtest", ADMIN, handler!(post))
        .named("backtestRules", "Program", "Tries rules on the stored receipts")
        .details("What they would have cost, beside what the current rules did. Rules with status `draft` work here.")
        .takes::<BacktestBody>(BacktestBody::example)
        .gives::<BacktestAccepted>(202, "It is queued."),
    Route::get("/v1/rules/backtest/{id}", ADMIN, handler!(get))
        .named("getBacktest", "Program", "Reads a backtest's state and report")
        .details("Kept for 30 days.")
        .gives::<BacktestView>(200, "Its status, with the report when it is done."),
];

/// Rules to try.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Backtest), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_body` reads")]
struct BacktestBody {
    /// All rules of the program as they would be.
    rules: Vec<Rule>,
    /// Receipts from this date or time on; without an offset it is the program's.
    from: Option<String>,
    /// Receipts and refunds before this date or time.
    to: Option<String>,
}

impl BacktestBody {
    fn example() -> Value {
        json!({ "rules": [parts::rule_example("every-50")], "from": "2026-01-01", "to": "2026-03-01" })
    }
}

/// A backtest that was queued.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct BacktestAccepted {
    /// Its id.
    id: String,
    /// Always `queued`.
    #[cfg_attr(feature = "openapi", schema(value_type = BacktestState))]
    status: &'static str,
}

/// A backtest.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BacktestTask))]
struct BacktestView {
    /// Its id.
    id: String,
    /// Its state.
    #[cfg_attr(feature = "openapi", schema(value_type = BacktestState))]
    status: &'static str,
    /// The report, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<tessera_backtest::Report>))]
    report: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    reason: Option<String>,
}

/// The state of a backtest.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = BacktestStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `status`")]
enum BacktestState {
    /// It waits.
    Queued,
    /// It has started.
    Running,
    /// It has a report.
    Done,
    /// It cannot be done.
    Failed,
}

/// Reads the body of `POST /v1/rules/backtest`. Times without an offset are the program's.
fn read_body(body: &Value, zone: &TimeZone) -> Result<Draft, Vec<Fault>> {
    let moment = |node: &Node<'_>| {
        let read = |text: &str| Moment::parse(text).ok_or("must be a date or a time, such as \"2026-03-01\"");
        node.parsed(read).map(|moment| moment.at(zone))
    };
    input::read(body, |node| {
        let object = node.object()?;
        let rules = object.required("rules", |rules| Some(rules.value.clone()));
        let from = object.optional("from", moment);
        let to = object.optional("to", moment);
        object.finish();
        let (from, to) = (from?, to?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return node.refuse("from must be before to");
        }
        Some(Draft { rules: rules?, from, to })
    })
}

/// `POST /v1/rules/backtest`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let present = latest(services, &caller.program).await?;
    let body = read_body(&request.large_json()?, &present.zone).map_err(Problem::malformed)?;
    let now = services.clock.now();
    let draft = SubmittedProgram::with_rules(&present.program, &body.rules).map_err(Problem::malformed)?;
    let draft = draft.first_version().pack().map_err(|error| Problem::internal(&error))?;
    if draft.len() > MAX_DRAFT_BYTES {
        return Err(Problem::too_large(format!("the rules are larger than {} KB", MAX_DRAFT_BYTES / 1024)));
    }
    let kind = TaskKind::Backtest;
    if !services.store.take_task_budget(&caller.program, kind, now).await? {
        return Err(Problem::too_many_requests(
            format!("a program has {} backtests a day, counted in UTC", kind.daily_budget()),
            seconds_until_tomorrow(now),
        ));
    }
    let task = BacktestRequest { version: present.version, from: body.from, to: body.to, requested_at: now, draft };
    let id = services.store.create_task(&caller.program, &task).await?;
    let message = TaskMessage::new(kind, caller.program.clone(), id.clone()).to_text();
    services.send(Queue::Backtests, &[OutgoingMessage::standard(message)]).await?;
    Ok(http::json(202, &BacktestAccepted { id, status: TaskStatus::Queued.name() }))
}

/// Seconds until the next UTC day begins, at least 1.
fn seconds_until_tomorrow(now: Timestamp) -> u32 {
    let passed = now.as_second().rem_euclid(SECONDS_PER_DAY);
    u32::try_from(SECONDS_PER_DAY - passed).unwrap_or(1)
}

/// `GET /v1/rules/backtest/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let id = request.path("id")?;
    let found: Option<Task<BacktestRequest>> = services.store.get_task(&caller.program, id).await?;
    let task = found.ok_or_else(|| Problem::not_found("there is no such backtest; they are kept for 30 days"))?;
    let (report, reason) = match task.status {
        TaskStatus::Done => (task.result, None),
        TaskStatus::Failed => (None, task.result),
        TaskStatus::Queued | TaskStatus::Running => (None, None),
    };
    let report = report.map(|text| serde_json::from_str(&text)).transpose();
    let report = report.map_err(|error| Problem::internal(&error))?;
    Ok(http::json(200, &BacktestView { id: id.to_owned(), status: task.status.name(), report, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_is_renewed_at_midnight() {
        let left = |now: &str| seconds_until_tomorrow(now.parse().unwrap());
        assert_eq!(left("2026-03-01T00:00:00Z"), 86_400);
        assert_eq!(left("2026-03-01T23:59:59.5Z"), 1);
    }

    #[test]
    fn times_without_an_offset_are_in_the_programs_time_zone() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let body =
            read_body(&json!({ "rules": [], "from": "2026-03-01", "to": "2026-04-01T00:00:00Z" }), &rome).unwrap();
        assert_eq!(body.from, Some("2026-02-28T23:00:00Z".parse().unwrap()));
        assert_eq!(body.to, Some("2026-04-01T00:00:00Z".parse().unwrap()));
        let faults = read_body(&json!({ "from": "soon", "until": null }), &rome).unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/rules", "/from", "/until"]);
        assert!(read_body(&json!({ "rules": [], "from": "2026-03-02", "to": "2026-03-01" }), &rome).is_err());
    }
}
