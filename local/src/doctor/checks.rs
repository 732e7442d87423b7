//! The checks, in the order in which the later ones depend on the earlier.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TableStatus;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::error::display::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use http::Method;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Value, json};
use tessera_lambda::Clock;
use tessera_store::{SecretsKey, StoreError};

use super::expected::ExpectedStack;
use super::{Finding, Health};
use crate::aws_call::{self, CLOUDWATCH, Call, DYNAMODB, SSM, refusal};
use crate::aws_fault::AwsFault;
use crate::deployment::Deployment;
use crate::event_sources::{self, short_name};
use crate::web::WebRequest;

/// From this on, a clock is reported; AWS refuses requests from 300 s on.
const SECONDS_OFF: i64 = 60;
/// How much of an error is shown.
const ERROR_CHARS: usize = 160;
/// Requests at once.
const PARALLEL: usize = 8;

/// A stack under examination.
pub(super) struct Patient<'a> {
    pub deployment: &'a Deployment,
    pub expected: &'a ExpectedStack,
    pub findings: Vec<Finding>,
}

/// What is there of a stack's parts.
#[derive(Default)]
struct CheckedParts {
    found: usize,
    missing: Vec<String>,
    faults: Vec<String>,
}

impl Patient<'_> {
    /// Runs all checks.
    ///
    /// # Errors
    /// Why AWS cannot be asked at all.
    pub async fn examine(&mut self, parameter: &str) -> Result<(), AwsFault> {
        self.check_region()?;
        self.check_clock().await?;
        self.check_tables().await?;
        self.check_queues().await;
        self.check_functions().await;
        self.check_event_sources().await;
        self.check_alarms().await;
        self.check_secrets(parameter).await;
        Ok(())
    }

    fn note(&mut self, check: &'static str, status: Health, detail: impl Into<String>, remedy: Option<String>) {
        self.findings.push(Finding { check, status, detail: detail.into(), remedy });
    }

    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.note(check, Health::Ok, detail, None);
    }

    fn fault(&mut self, check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.note(check, Health::Fault, detail, Some(remedy.into()));
    }

    /// Something could not be looked at: only a person can say whether that matters.
    fn unknown(&mut self, check: &'static str, why: &str) {
        let fault = AwsFault::read(why);
        let detail = format!("cannot be looked at: {}", one_line(why));
        self.note(check, Health::Unknown, detail, fault.map(|fault| fault.to_string()));
    }

    /// Notes that nothing can be asked.
    fn stop(&mut self, check: &'static str, fault: AwsFault) -> AwsFault {
        self.note(check, Health::Fault, fault.to_string(), None);
        fault
    }

    fn check_region(&mut self) -> Result<(), AwsFault> {
        match self.deployment.sdk.region() {
            Some(region) => {
                let detail = format!("stack {} in {region}", self.deployment.name);
                self.ok("region", detail);
                Ok(())
            }
            None => Err(self.stop("region", AwsFault::NoRegion)),
        }
    }

    /// Compares the clock of this machine with that of `DynamoDB`: a request needs no credentials to be dated.
    async fn check_clock(&mut self) -> Result<(), AwsFault> {
        let endpoint = DYNAMODB.endpoint(&self.deployment.sdk).unwrap_or_default();
        let request = WebRequest::new(Method::GET, format!("{endpoint}/"));
        let Ok(response) = self.deployment.web.send(request).await else {
            return Err(self.stop("clock", AwsFault::Unreachable));
        };
        let there = response.header("date").and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        let Some(there) = there else {
            self.unknown("clock", "DynamoDB's response has no date");
            return Ok(());
        };
        let off = Clock::system().now().as_second() - there.as_second();
        if off.abs() < SECONDS_OFF {
            self.ok("clock", "this machine's clock is right");
        } else {
            let direction = if off > 0 { "ahead" } else { "behind" };
            let detail = format!("this machine's clock is {} s {direction}", off.abs());
            self.fault("clock", detail, "set it by NTP: AWS refuses requests from 300 s on");
        }
        Ok(())
    }

    async fn check_tables(&mut self) -> Result<(), AwsFault> {
        let mut parts = CheckedParts::default();
        for (name, has_stream) in &self.expected.tables {
            match self.deployment.dynamodb.describe_table().table_name(name).send().await {
                Ok(described) => {
                    parts.found += 1;
                    let table =
                        described.table.unwrap_or_else(|| aws_sdk_dynamodb::types::TableDescription::builder().build());
                    if table.table_status != Some(TableStatus::Active) {
                        let status = table.table_status.as_ref().map_or("unknown", TableStatus::as_str);
                        parts.faults.push(format!("{name} is {status}"));
                    }
                    let streams = table.stream_specification.is_some_and(|stream| stream.stream_enabled);
                    if *has_stream && !streams {
                        parts.faults.push(format!("{name} has no stream: nothing written to it goes on"));
                    }
                }
                Err(error) => {
                    let text = DisplayErrorContext(&error).to_string();
                    match AwsFault::read(&text) {
                        Some(AwsFault::Missing) => parts.missing.push(name.clone()),
                        Some(fault) => return Err(self.stop("tables", fault)),
                        None => parts.faults.push(format!("{name}: {}", one_line(&text))),
                    }
                }
            }
        }
        if parts.found == 0 && parts.faults.is_empty() {
            let (name, region) = (&self.deployment.name, self.deployment.sdk.region());
            let region = region.map_or_else(String::new, ToString::to_string);
            let detail = format!("there is no stack {name} in {region}: none of its tables exist");
            self.fault("tables", detail, "check --stack and AWS_REGION");
            return Err(AwsFault::Missing);
        }
        self.report("tables", parts);
        Ok(())
    }

    async fn check_queues(&mut self) {
        let deployment = self.deployment;
        let mut parts = CheckedParts::default();
        let mut letters = Vec::new();
        let all = self.expected.queues.iter().chain(&self.expected.dead);
        let seen: Vec<_> = stream::iter(all)
            .map(|name| async move { (name, messages(deployment, name).await) })
            .buffered(PARALLEL)
            .collect()
            .await;
        for (name, waiting) in seen {
            match waiting {
                Ok(count) => {
                    parts.found += 1;
                    if count > 0 && self.expected.dead.contains(name) {
                        letters.push((name.clone(), count));
                    }
                }
                Err(text) if AwsFault::read(&text) == Some(AwsFault::Missing) => parts.missing.push(name.clone()),
                Err(text) => parts.faults.push(format!("{name}: {}", one_line(&text))),
            }
        }
        self.report("queues", parts);
        if letters.is_empty() {
            self.ok("dead_letters", "no dead letters wait");
        }
        for (name, count) in letters {
            let remedy = self.redrive_of(&name);
            self.fault("dead_letters", format!("{name} holds {count} dead letters"), remedy);
        }
    }

    /// What moves the dead letters of a queue.
    fn redrive_of(&self, name: &str) -> String {
        let stack = &self.deployment.name;
        let short = name.strip_prefix(&format!("{stack}-")).unwrap_or(name);
        let queue = short.trim_end_matches(".fifo").strip_suffix("-dead");
        queue.map_or_else(
            || "see docs/runbook.md".to_owned(),
            |queue| format!("put the cause right (docs/runbook.md), then `tessera redrive dead-letters --stack {stack} --queue {queue}`"),
        )
    }

    async fn check_functions(&mut self) {
        let deployment = self.deployment;
        let seen: Vec<_> = stream::iter(&self.expected.functions)
            .map(|name| async move { (name, configuration(deployment, name).await) })
            .buffered(PARALLEL)
            .collect()
            .await;
        let mut parts = CheckedParts::default();
        let mut builds: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, configuration) in &seen {
            match configuration {
                Ok(Some(found)) => {
                    parts.found += 1;
                    parts.faults.extend(fault_of_function(name, found));
                    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
                    let architecture = found["Architectures"][0].as_str().unwrap_or_default();
                    let build = format!("{} on {architecture}", text("Runtime"));
                    builds.entry(build).or_default().push(name);
                }
                Ok(None) => parts.missing.push((*name).clone()),
                Err(why) => return self.unknown("functions", why),
            }
        }
        if builds.len() > 1 {
            let minority = builds.iter().min_by_key(|(_, names)| names.len());
            let (build, names) = minority.map(|(build, names)| (build.clone(), names.join(", "))).unwrap_or_default();
            parts.faults.push(format!("{names}: {build}, unlike the others: two versions are deployed"));
        }
        self.report("functions", parts);
    }

    async fn check_event_sources(&mut self) {
        let sources = match event_sources::list(self.deployment).await {
            Ok(sources) => sources,
            Err(why) => return self.unknown("event_sources", &why),
        };
        let streams = match event_sources::current_streams(self.deployment, &sources).await {
            Ok(streams) => streams,
            Err(why) => return self.unknown("event_sources", &why),
        };
        let mut faults = Vec::new();
        for source in sources.iter().filter(|source| source.is_current(&streams) && source.state != "Enabled") {
            let (function, from) = (short_name(&source.function), short_name(&source.from));
            let remedy = "enable the event source mapping, or run `sam deploy` again".to_owned();
            faults.push((format!("{function} does not read {from}: {}", source.state), remedy));
        }
        for (source, stream) in event_sources::former(&sources, &streams) {
            let (function, table) = (short_name(&source.function), &stream.table);
            let detail = format!("{function} does not read the stream of {table}, but one that the table had before");
            faults.push((detail, format!("run `tessera reconnect --stack {}`", self.deployment.name)));
        }
        if sources.is_empty() {
            self.fault("event_sources", "no function reads a queue or a stream", "run `sam deploy` again");
        } else if faults.is_empty() {
            self.ok("event_sources", format!("{} are read", sources.len()));
        }
        for (detail, remedy) in faults {
            self.fault("event_sources", detail, remedy);
        }
    }

    async fn check_alarms(&mut self) {
        let prefix = format!("{}-", self.deployment.name);
        let encoded = percent_encoding::utf8_percent_encode(&prefix, percent_encoding::NON_ALPHANUMERIC);
        let body = format!("Action=DescribeAlarms&Version=2010-08-01&MaxRecords=100&AlarmNamePrefix={encoded}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let call = Call { service: CLOUDWATCH, method: Method::POST, path: "/", headers: &headers, body };
        let described = match aws_call::send(&self.deployment.web, &self.deployment.sdk, call).await {
            Ok(response) if response.status.is_success() => response.text(),
            Ok(response) => return self.unknown("alarms", &refusal(&response)),
            Err(why) => return self.unknown("alarms", &why),
        };
        let states: Vec<(String, String)> =
            elements(&described, "AlarmName").into_iter().zip(elements(&described, "StateValue")).collect();
        let mut parts = CheckedParts::default();
        let mut ringing = Vec::new();
        for alarm in &self.expected.alarms {
            let own = format!("{prefix}{alarm}-");
            match states.iter().find(|(name, _)| name.starts_with(&own) || *name == format!("{prefix}{alarm}")) {
                None => parts.missing.push(alarm.clone()),
                Some((_, state)) => {
                    parts.found += 1;
                    if state == "ALARM" {
                        ringing.push(alarm.clone());
                    }
                }
            }
        }
        if ringing.is_empty() || !parts.missing.is_empty() {
            self.report("alarms", parts);
        }
        for alarm in ringing {
            let remedy = format!("see docs/runbook.md, section {alarm}");
            self.fault("alarms", format!("{alarm} is in the state ALARM"), remedy);
        }
    }

    async fn check_secrets(&mut self, parameter: &str) {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AmazonSSM.GetParameter")];
        let body = json!({ "Name": parameter, "WithDecryption": true }).to_string();
        let call = Call { service: SSM, method: Method::POST, path: "/", headers: &headers, body };
        let response = match aws_call::send(&self.deployment.web, &self.deployment.sdk, call).await {
            Ok(response) => response,
            Err(why) => return self.unknown("secrets", &why),
        };
        if response.text().contains("ParameterNotFound") {
            let remedy = "create it with the value of your backup: stored secrets open with no other. If it has another name, say --secrets-key-parameter";
            return self.fault("secrets", format!("the SSM parameter {parameter} is missing"), remedy);
        }
        if !response.status.is_success() {
            return self.unknown("secrets", &refusal(&response));
        }
        let value = response.json()["Parameter"]["Value"].as_str().unwrap_or_default().trim().to_owned();
        let remedy = "restore the value that the stack was created with";
        let Some(key) = STANDARD.decode(value).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
            let detail = format!("the SSM parameter {parameter} is not 32 bytes in base64");
            return self.fault("secrets", detail, remedy);
        };
        match self.opens(&SecretsKey::new(key)).await {
            Ok(None) => self.ok("secrets", format!("{parameter} holds a key; there is no program yet")),
            Ok(Some(true)) => self.ok("secrets", format!("{parameter} opens the stored secrets")),
            Ok(Some(false)) => {
                let detail = format!("{parameter} holds another key than the one that encrypted the stored secrets");
                self.fault("secrets", detail, remedy);
            }
            Err(error) => self.unknown("secrets", &error.to_string()),
        }
    }

    /// Whether a key opens the secrets of a program; `None` without a program.
    async fn opens(&self, key: &SecretsKey) -> Result<Option<bool>, StoreError> {
        let store = &self.deployment.store;
        let Some(program) = store.programs(1, None).await?.items.into_iter().next() else { return Ok(None) };
        match store.storefront_secrets(&program, key).await {
            Ok(_) => Ok(Some(true)),
            Err(StoreError::Secret { .. }) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// Reports the parts of one kind: those that are missing say that a deployment ended half way.
    fn report(&mut self, check: &'static str, parts: CheckedParts) {
        let CheckedParts { found, missing, faults } = parts;
        if missing.is_empty() && faults.is_empty() {
            return self.ok(check, format!("{found} are there"));
        }
        if !missing.is_empty() {
            let detail = format!("the stack is half deployed, {} missing: {}", missing.len(), missing.join(", "));
            self.fault(check, detail, "run `sam deploy` again; restore a table from its backup (docs/runbook.md)");
        }
        for fault in faults {
            self.fault(check, fault, "look at the stack's events in CloudFormation");
        }
    }
}

/// The beginning of an error: the SDK's contain whole responses.
fn one_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().chars().take(ERROR_CHARS).collect()
}

/// How many messages a queue holds.
async fn messages(deployment: &Deployment, name: &str) -> Result<u64, String> {
    let sqs = &deployment.sqs;
    let url = sqs.get_queue_url().queue_name(name).send().await;
    let url = url.map_err(|error| DisplayErrorContext(&error).to_string())?.queue_url.unwrap_or_default();
    let wanted = QueueAttributeName::ApproximateNumberOfMessages;
    let asked = sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await;
    let attributes = asked.map_err(|error| DisplayErrorContext(&error).to_string())?.attributes.unwrap_or_default();
    Ok(attributes.get(&wanted).and_then(|count| count.parse().ok()).unwrap_or(0))
}

/// The configuration of a function; `None` when there is none.
async fn configuration(deployment: &Deployment, name: &str) -> Result<Option<Value>, String> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let response = event_sources::get(deployment, &path).await?;
    match response.status.as_u16() {
        200 => Ok(Some(response.json())),
        404 if response.text().contains("ResourceNotFoundException") => Ok(None),
        _ => Err(refusal(&response)),
    }
}

/// What is wrong with a function, if anything.
fn fault_of_function(name: &str, configuration: &Value) -> Option<String> {
    let text = |field: &str| configuration[field].as_str();
    let (state, update) = (text("State").unwrap_or("Active"), text("LastUpdateStatus").unwrap_or("Successful"));
    // An idle function is started again by its next call.
    if !matches!(state, "Active" | "Inactive") {
        let why = text("StateReason").unwrap_or("no reason is given");
        return Some(format!("{name} is {state}: {why}"));
    }
    let why = text("LastUpdateStatusReason").unwrap_or("no reason is given");
    (update != "Successful").then(|| format!("the last update of {name} is {update}: {why}"))
}

/// The texts of all elements of a name, in their order.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts.filter_map(|part| part.split_once(close.as_str())).map(|(text, _)| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_failed_or_is_half_updated_is_a_fault() {
        let of = |value: Value| fault_of_function("tessera-kpi", &value);
        assert_eq!(of(json!({ "State": "Active", "LastUpdateStatus": "Successful" })), None);
        assert_eq!(of(json!({ "State": "Inactive" })), None);
        let failed = of(json!({ "State": "Failed", "StateReason": "no image" }));
        assert_eq!(failed.as_deref(), Some("tessera-kpi is Failed: no image"));
        let half = of(json!({ "State": "Active", "LastUpdateStatus": "InProgress" }));
        assert_eq!(half.as_deref(), Some("the last update of tessera-kpi is InProgress: no reason is given"));
    }

    #[test]
    fn elements_are_found_in_their_order() {
        let xml = "<a><AlarmName>x</AlarmName><S>1</S></a><a><AlarmName>y</AlarmName></a>";
        assert_eq!(elements(xml, "AlarmName"), ["x", "y"]);
    }
}
