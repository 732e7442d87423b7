//! Backtests of draft rules: taken in here, made by `backtest-run`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_backtest::{Period, Plan};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::time::Moment;
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::message::BacktestMessage;
use tessera_lambda::{Problem, Services};
use tessera_store::{BACKTESTS_PER_DAY, BacktestStatus, BacktestWish};

use crate::change::latest;

/// The largest list of rules, in bytes of JSON: it is kept in one item.
const MOST_RULES_BYTES: usize = 350 * 1024;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// What is to be tried, before its rules are read.
#[derive(Debug)]
struct Wish {
    rules: Value,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// Reads the body of `POST /v1/rules/backtest`. Times without an offset are the program's.
fn read_wish(body: &Value, zone: &TimeZone) -> Result<Wish, Vec<Fault>> {
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
        Some(Wish { rules: rules?, from, to })
    })
}

/// `POST /v1/rules/backtest`
pub(crate) async fn post(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let Some(queue) = &services.config.backtests_queue_url else {
        return Err(Problem::internal(&"there is no queue of backtests"));
    };
    let (version, document) = latest(services, &caller.program).await?;
    let zone = document["timezone"].as_str().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let wish = read_wish(&request.large_json()?, &zone).map_err(Problem::malformed)?;
    let asked_at = services.clock.now();
    let period = Period { from: wish.from, to: wish.to, as_of: wish.to.unwrap_or(asked_at) };
    Plan::read(&document, &wish.rules, period).map_err(Problem::malformed)?;
    let rules = wish.rules.to_string();
    if rules.len() > MOST_RULES_BYTES {
        return Err(Problem::too_large(format!("the rules are larger than {} KB", MOST_RULES_BYTES / 1024)));
    }
    if !services.store.take_backtest(&caller.program, asked_at).await? {
        return Err(Problem::too_many_requests(
            format!("a program has {BACKTESTS_PER_DAY} backtests a day, counted in UTC"),
            seconds_until_tomorrow(asked_at),
        ));
    }
    let wish = BacktestWish { version, from: wish.from, to: wish.to, asked_at, rules };
    let id = services.store.create_backtest(&caller.program, &wish).await?;
    let message = BacktestMessage::new(caller.program.clone(), id.clone()).to_text();
    services.sqs.send_message().queue_url(queue).message_body(message).send().await.map_err(|error| {
        tracing::error!(error = %aws_sdk_sqs::error::DisplayErrorContext(&error), "a backtest was not queued");
        Problem::unavailable()
    })?;
    Ok(http::json(202, &json!({ "id": id, "status": BacktestStatus::Queued.word() })))
}

/// Seconds until the next UTC day begins, at least 1.
fn seconds_until_tomorrow(now: Timestamp) -> u32 {
    let passed = now.as_second().rem_euclid(SECONDS_PER_DAY);
    u32::try_from(SECONDS_PER_DAY - passed).unwrap_or(1)
}

/// `GET /v1/rules/backtest/{id}`
pub(crate) async fn get(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let id = request.path("id")?;
    let found = services.store.get_backtest(&caller.program, id).await?;
    let found = found.ok_or_else(|| Problem::not_found("there is no such backtest; they are kept for 30 days"))?;
    let mut told = json!({ "id": id, "status": found.status.word() });
    match (found.status, found.result) {
        (BacktestStatus::Done, Some(report)) => {
            told["report"] = serde_json::from_str(&report).map_err(|error| Problem::internal(&error))?;
        }
        (BacktestStatus::Failed, Some(reason)) => told["reason"] = json!(reason),
        _ => {}
    }
    Ok(http::json(200, &told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_returns_at_midnight() {
        let left = |now: &str| seconds_until_tomorrow(now.parse().unwrap());
        assert_eq!(left("2026-03-01T00:00:00Z"), 86_400);
        assert_eq!(left("2026-03-01T23:59:59.5Z"), 1);
    }

    #[test]
    fn a_wish_is_read_in_the_programs_time() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let wish =
            read_wish(&json!({ "rules": [], "from": "2026-03-01", "to": "2026-04-01T00:00:00Z" }), &rome).unwrap();
        assert_eq!(wish.from, Some("2026-02-28T23:00:00Z".parse().unwrap()));
        assert_eq!(wish.to, Some("2026-04-01T00:00:00Z".parse().unwrap()));
        let faults = read_wish(&json!({ "from": "soon", "until": null }), &rome).unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/rules", "/from", "/until"]);
        assert!(read_wish(&json!({ "rules": [], "from": "2026-03-02", "to": "2026-03-01" }), &rome).is_err());
    }
}
