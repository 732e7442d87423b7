//! Invokes functions as Lambda would.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::streams::DynamoDbEventResponse;
use futures::FutureExt;
use futures::future::BoxFuture;
use tessera_lambda::job::Invocation;
use tokio::sync::Notify;

use super::clients::LocalClients;
use super::clock::StackClock;

/// A handler with its services.
pub type BoundHandler<I, O> = Arc<dyn Fn(I) -> BoxFuture<'static, O> + Send + Sync>;

/// A function's handler, by kind of trigger.
#[derive(Clone)]
pub enum Handler {
    /// Handles requests of the HTTP API.
    Http(BoundHandler<lambda_http::Request, lambda_http::Response<lambda_http::Body>>),
    /// Authorizes requests; returns `{ isAuthorized, context }`.
    Authorizer(BoundHandler<ApiGatewayV2CustomAuthorizerV2Request, Result<serde_json::Value, String>>),
    /// Handles batches of messages.
    Queue(BoundHandler<SqsEvent, SqsBatchResponse>),
    /// Handles batches of stream records.
    Stream(BoundHandler<dynamodb::Event, DynamoDbEventResponse>),
    /// Runs a job; returns its report, or why it failed.
    Job(BoundHandler<Invocation, Result<serde_json::Value, String>>),
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Http(_) => "Http",
            Self::Authorizer(_) => "Authorizer",
            Self::Queue(_) => "Queue",
            Self::Stream(_) => "Stream",
            Self::Job(_) => "Job",
        })
    }
}

/// The environment of a function.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The name in the template: the folder of its code.
    pub name: String,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The clients, restricted by its policy.
    pub clients: LocalClients,
    /// The time of the stack.
    pub clock: StackClock,
    /// How many times the limits that vendors publish apply.
    pub vendor_rate: u32,
}

/// Why an invocation has no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The handler panicked.
    #[error("the handler panicked: {0}")]
    Panicked(String),
    /// The handler exceeded the function's timeout.
    #[error("the handler took longer than {0:?}")]
    TimedOut(Duration),
    /// The function's process ended.
    #[error("the function's process ended")]
    Killed,
}

tokio::task_local! {
    /// Signals that the process of an invocation was killed.
    static PROCESS: Arc<Notify>;
}

/// Kills the process of the current invocation.
pub(super) async fn kill<T>() -> T {
    let _ = PROCESS.try_with(|process| process.notify_one());
    std::future::pending().await
}

/// Invokes a handler. A panic fails this invocation only; one that times out or whose process is killed is dropped.
pub(super) async fn call<I, O>(handler: &BoundHandler<I, O>, input: I, limit: Duration) -> Result<O, Failed>
where
    I: Send + 'static,
    O: Send + 'static,
{
    let handler = Arc::clone(handler);
    // The closure itself may panic before it returns a future.
    let calling = AssertUnwindSafe(async move { handler(input).await }).catch_unwind();
    let process = Arc::new(Notify::new());
    let calling = PROCESS.scope(Arc::clone(&process), calling);
    tokio::select! {
        biased;
        () = process.notified() => Err(Failed::Killed),
        called = tokio::time::timeout(limit, calling) => match called {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(panic)) => Err(Failed::Panicked(message(panic.as_ref()))),
            Err(_) => Err(Failed::TimedOut(limit)),
        },
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_panic_a_hang_or_a_kill_fails_one_invocation_only() {
        let handler: BoundHandler<u8, u8> = Arc::new(|input| {
            async move {
                match input {
                    0 => panic!("zero"),
                    1 => std::future::pending().await,
                    2 => kill().await,
                    other => other,
                }
            }
            .boxed()
        });
        let limit = Duration::from_millis(20);
        assert!(matches!(call(&handler, 0, limit).await, Err(Failed::Panicked(text)) if text == "zero"));
        assert!(matches!(call(&handler, 1, limit).await, Err(Failed::TimedOut(_))));
        assert!(matches!(call(&handler, 2, Duration::from_mins(1)).await, Err(Failed::Killed)));
        assert_eq!(call(&handler, 3, limit).await.unwrap(), 3);
    }
}
