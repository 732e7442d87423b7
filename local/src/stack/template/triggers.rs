//! A function's triggers: the events of `AWS::Serverless::Function`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::read::{json, list, queue_name, required};
use super::resolve::{NameScope, scalar};
use super::yaml::TemplateNode;
use super::{Authorizer, Poller, RecordFilter, Schedule, Stream, Template, TemplateRoute};

/// The implicit API of events that name none.
const IMPLICIT_API: &str = "ServerlessHttpApi";

/// The authorizers of a template's HTTP APIs.
#[derive(Debug, Default)]
pub(super) struct Apis(HashMap<String, Api>);

#[derive(Debug, Default)]
struct Api {
    default: Option<String>,
    authorizers: HashMap<String, Authorizer>,
}

/// Reads every `AWS::Serverless::HttpApi`.
pub(super) fn apis(scope: &NameScope<'_>, present: &[(&String, String, &TemplateNode)]) -> Result<Apis> {
    let mut apis = HashMap::new();
    for (id, kind, resource) in present {
        if kind != "AWS::Serverless::HttpApi" {
            continue;
        }
        let mut api = Api::default();
        if let Some(auth) = resource.at(&["Properties", "Auth"]) {
            let auth = scope.resolve(auth).with_context(|| (*id).clone())?;
            api.default = auth.get("DefaultAuthorizer").and_then(scalar);
            for (name, definition) in auth.get("Authorizers").map_or(&[][..], TemplateNode::pairs) {
                api.authorizers.insert(name.clone(), authorizer(definition)?);
            }
        }
        apis.insert((*id).clone(), api);
    }
    Ok(Apis(apis))
}

fn authorizer(definition: &TemplateNode) -> Result<Authorizer> {
    let headers = list(definition.at(&["Identity", "Headers"]));
    if headers.len() != 1 || headers.iter().filter_map(scalar).any(|name| !name.eq_ignore_ascii_case("authorization")) {
        bail!("the local stack's authorizers are identified by the Authorization header alone");
    }
    let arn = required(definition, "FunctionArn")?;
    let seconds = definition.at(&["Identity", "ReauthorizeEvery"]).and_then(scalar);
    Ok(Authorizer {
        function: queue_name(&arn),
        keep: Duration::from_secs(match seconds {
            Some(text) => text.parse().context("ReauthorizeEvery")?,
            None => 0,
        }),
    })
}

/// Adds the triggers of a function to the template.
pub(super) fn read(
    scope: &NameScope<'_>,
    apis: &Apis,
    function: &str,
    properties: &TemplateNode,
    template: &mut Template,
) -> Result<()> {
    for (name, event) in properties.get("Events").map_or(&[][..], TemplateNode::pairs) {
        let kind = event.get("Type").and_then(scalar).unwrap_or_default();
        let own =
            scope.resolve(event.get("Properties").unwrap_or(&TemplateNode::Null)).with_context(|| name.clone())?;
        if own.get("Enabled").and_then(scalar).as_deref() == Some("false") {
            continue;
        }
        let source = TemplateEvent { function, own: &own };
        match kind.as_str() {
            "HttpApi" => template.routes.push(source.route(apis)?),
            "SQS" => template.pollers.push(source.poller()?),
            "DynamoDB" => template.streams.push(source.stream()?),
            "Schedule" | "ScheduleV2" => template.schedules.push(Schedule {
                name: own.get("Name").and_then(scalar).unwrap_or_else(|| name.clone()),
                function: function.to_owned(),
                every: rate(&required(&own, if kind == "Schedule" { "Schedule" } else { "ScheduleExpression" })?)
                    .with_context(|| name.clone())?,
                input: own.get("Input").and_then(scalar),
            }),
            other => bail!("the local stack does not support the trigger {other} of {name}"),
        }
    }
    Ok(())
}

/// The period of `rate(15 minutes)`; `None` for other schedules.
fn rate(expression: &str) -> Result<Option<Duration>> {
    let Some(inside) = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) else {
        return Ok(None);
    };
    let (number, unit) = inside.split_once(' ').ok_or_else(|| anyhow!("{expression} has no unit"))?;
    let number: u64 = number.parse().with_context(|| expression.to_owned())?;
    let minutes = match unit.trim_end_matches('s') {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        other => bail!("{expression}: {other} is not a unit of a rate"),
    };
    Ok(Some(Duration::from_secs(number.saturating_mul(minutes * 60))))
}

struct TemplateEvent<'a> {
    function: &'a str,
    own: &'a TemplateNode,
}

impl TemplateEvent<'_> {
    fn route(&self, apis: &Apis) -> Result<TemplateRoute> {
        let api = self.own.get("ApiId").and_then(scalar).unwrap_or_else(|| IMPLICIT_API.to_owned());
        let api = apis.0.get(&api);
        let chosen = self.own.at(&["Auth", "Authorizer"]).and_then(scalar);
        let authorizer = match chosen.or_else(|| api.and_then(|api| api.default.clone())) {
            None => None,
            Some(none) if none == "NONE" => None,
            Some(name) => Some(
                api.and_then(|api| api.authorizers.get(&name))
                    .cloned()
                    .ok_or_else(|| anyhow!("there is no authorizer {name}"))?,
            ),
        };
        Ok(TemplateRoute {
            method: required(self.own, "Method")?.to_ascii_uppercase(),
            path: required(self.own, "Path")?,
            function: self.function.to_owned(),
            authorizer,
        })
    }

    fn poller(&self) -> Result<Poller> {
        Ok(Poller {
            function: self.function.to_owned(),
            queue: queue_name(&required(self.own, "Queue")?),
            batch: self.number("BatchSize")?.unwrap_or(10),
            concurrency: self
                .own
                .at(&["ScalingConfig", "MaximumConcurrency"])
                .and_then(scalar)
                .map(|text| text.parse().context("MaximumConcurrency"))
                .transpose()?,
            partial: self.partial(),
        })
    }

    fn stream(&self) -> Result<Stream> {
        let arn = required(self.own, "Stream")?;
        let table = arn.split('/').nth(1).ok_or_else(|| anyhow!("{arn} is not the ARN of a stream"))?.to_owned();
        let filters = list(self.own.at(&["FilterCriteria", "Filters"]))
            .iter()
            .map(|filter| match filter.get("Pattern") {
                Some(TemplateNode::Text(pattern)) => RecordFilter::parse(pattern),
                Some(pattern) => RecordFilter::parse(&json(pattern).to_string()),
                None => bail!("a filter needs its Pattern"),
            })
            .collect::<Result<Vec<_>>>()?;
        let retries = self.own.get("MaximumRetryAttempts").and_then(scalar);
        Ok(Stream {
            function: self.function.to_owned(),
            table,
            batch: self.number("BatchSize")?.unwrap_or(100),
            retries: match retries.as_deref() {
                None | Some("-1") => None,
                Some(text) => Some(text.parse().context("MaximumRetryAttempts")?),
            },
            bisect: self.own.get("BisectBatchOnFunctionError").and_then(scalar).as_deref() == Some("true"),
            partial: self.partial(),
            failures: self
                .own
                .at(&["DestinationConfig", "OnFailure", "Destination"])
                .and_then(scalar)
                .map(|arn| queue_name(&arn)),
            filters,
        })
    }

    fn number(&self, key: &str) -> Result<Option<usize>> {
        self.own.get(key).and_then(scalar).map(|text| text.parse().with_context(|| key.to_owned())).transpose()
    }

    fn partial(&self) -> bool {
        list(self.own.get("FunctionResponseTypes"))
            .iter()
            .filter_map(scalar)
            .any(|kind| kind == "ReportBatchItemFailures")
    }
}
