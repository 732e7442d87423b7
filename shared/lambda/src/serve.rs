//! Entry points of the binaries: the environment is read here and nowhere else.
//!
//! A binary runs on one thread: Lambda hands it one event at a time, and what an event does together waits for the network;
//! starting workers would only make the start longer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::streams::DynamoDbEventResponse;
use lambda_http::{Request, RequestExt as _};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::aws;
use crate::clock::Clock;
use crate::config::{Config, Variable};
use crate::http::respond;
use crate::job::{Deadline, Invocation};
use crate::route::Routes;
use crate::secrets::Secrets;
use crate::services::Services;
use crate::stream::{self, StreamBatch};
use crate::trace;

#[expect(clippy::disallowed_methods, reason = "this is where the environment comes in")]
fn services(needs: &[Variable]) -> Result<Arc<Services>, Error> {
    let vars: BTreeMap<String, String> = std::env::vars().collect();
    subscriber(log_level(&vars), std::io::stdout).init();
    // As a text: it is printed as it stands when the function ends by it, in one line.
    let config = Config::from_vars(&vars, needs).map_err(|error| error.to_string())?;
    let sdk = aws::configuration(&vars)?;
    let clients = aws::clients(&sdk, &vars);
    let secrets = Secrets::parameter(config.secrets_key_parameter.clone(), sdk);
    Ok(Arc::new(Services::new(config, clients, Clock::system(), secrets)))
}

/// Writes log lines as JSON. `level` is that of our own code; of other crates only warnings and errors are written, because their
/// finer lines hold requests and responses, and so personal data.
fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let of_target =
        move |target: &str| if target.starts_with("tessera") { level } else { level.min(LevelFilter::WARN) };
    let is_logged = filter_fn(move |metadata: &Metadata<'_>| {
        // The runtime's span carries the id of the request to every line.
        let of_runtime = metadata.is_span() && metadata.target().starts_with("lambda_runtime");
        of_runtime || *metadata.level() <= of_target(metadata.target())
    });
    let lines = tracing_subscriber::fmt().json().with_max_level(level).with_target(false).without_time();
    lines.with_writer(writer).finish().with(is_logged)
}

/// What is logged: Lambda sets the variable where the template asks for JSON logs; without it one line per call is the least.
fn log_level(vars: &BTreeMap<String, String>) -> LevelFilter {
    match vars.get("AWS_LAMBDA_LOG_LEVEL").map(String::as_str) {
        Some("FATAL") => LevelFilter::ERROR,
        level => level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO),
    }
}

/// Serves routes of the HTTP API, with a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn http(needs: &[Variable], routes: Routes) -> Result<(), Error> {
    let services = services(needs)?;
    lambda_http::run(service_fn(|request: Request| {
        let trace = request.lambda_context_ref().and_then(|context| context.xray_trace_id.clone());
        let services = Arc::clone(&services);
        async move { Ok::<_, Error>(trace::within(trace, Box::pin(respond(&services, request, routes))).await) }
    }))
    .await
}

/// Serves a queue, with a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn queue<F, Fut>(needs: &[Variable], handle: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, SqsEvent) -> Fut,
    Fut: Future<Output = SqsBatchResponse> + Send,
{
    let services = services(needs)?;
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        let taken = Box::pin(handle(Arc::clone(&services), event.payload));
        async move { Ok::<_, Error>(trace::within(event.context.xray_trace_id, taken).await) }
    }))
    .await
}

/// Serves a table's stream, with a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn stream<F, Fut>(needs: &[Variable], handle: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, dynamodb::Event) -> Fut,
    Fut: Future<Output = DynamoDbEventResponse> + Send,
{
    let services = services(needs)?;
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<dynamodb::Event>| {
        let taken = Box::pin(handle(Arc::clone(&services), event.payload));
        async move { Ok::<_, Error>(trace::within(event.context.xray_trace_id, taken).await) }
    }))
    .await
}

/// Serves a table's stream in windows, which name the shard of each batch, with a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn windowed_stream<F, Fut>(needs: &[Variable], handle: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, StreamBatch) -> Fut,
    Fut: Future<Output = DynamoDbEventResponse> + Send,
{
    let services = services(needs)?;
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<StreamBatch>| {
        let taken = Box::pin(handle(Arc::clone(&services), event.payload));
        async move {
            let response = trace::within(event.context.xray_trace_id, taken).await;
            Ok::<_, Error>(stream::window_response(&response))
        }
    }))
    .await
}

/// Runs a job by its schedule, in a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn job<F, Fut, T>(needs: &[Variable], run: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, Invocation) -> Fut,
    Fut: Future<Output = Result<T, String>> + Send,
    T: Serialize,
{
    let services = services(needs)?;
    let run = &run;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let invocation = Invocation { input: event.payload, deadline: Deadline::at(event.context.deadline()) };
        let ran = Box::pin(run(Arc::clone(&services), invocation));
        async move { trace::within(event.context.xray_trace_id, ran).await.map_err(Error::from) }
    }))
    .await
}

/// Serves the gateway's question who calls, with a function that needs these variables.
///
/// # Errors
/// When a variable is missing, or the runtime ends.
pub async fn authorizer<F, Fut>(needs: &[Variable], handle: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, ApiGatewayV2CustomAuthorizerV2Request) -> Fut,
    Fut: Future<Output = Result<Value, String>> + Send,
{
    let services = services(needs)?;
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2CustomAuthorizerV2Request>| {
        let answer = Box::pin(handle(Arc::clone(&services), event.payload));
        async move { answer.await.map_err(Error::from) }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;

    /// Collects what is written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), || {
            let span = tracing::info_span!(target: "lambda_runtime::layers", "invoke", requestId = "r-1");
            let _entered = span.enter();
            tracing::debug!(target: "tessera_store::commit", "own, fine");
            tracing::error!(target: "tessera_store::commit", "own, error");
            tracing::info!(target: "lambda_runtime::layers", "theirs, with the event");
            tracing::trace!(target: "aws_smithy_runtime::client", "theirs, with the request");
            tracing::warn!(target: "aws_smithy_runtime::client", "theirs, warning");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn other_crates_log_warnings_alone_whatever_the_level() {
        let all = logged(LevelFilter::TRACE);
        for (text, is_there) in
            [("own, fine", true), ("own, error", true), ("theirs, with", false), ("theirs, warning", true)]
        {
            assert_eq!(all.contains(text), is_there, "{text} in {all}");
        }
        assert_eq!(all.matches("r-1").count(), 3 * 2, "{all}");
        let errors = logged(LevelFilter::ERROR);
        assert!(errors.contains("own, error") && !errors.contains("theirs"), "{errors}");
    }

    #[test]
    fn logs_are_as_severe_as_lambda_says() {
        let level = |text: &str| log_level(&BTreeMap::from([("AWS_LAMBDA_LOG_LEVEL".to_owned(), text.to_owned())]));
        assert_eq!(
            ["WARN", "FATAL", "nonsense"].map(level),
            [LevelFilter::WARN, LevelFilter::ERROR, LevelFilter::INFO]
        );
        assert_eq!(log_level(&BTreeMap::new()), LevelFilter::INFO);
    }
}
