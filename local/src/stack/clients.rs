//! The SDK clients of a function, each on the function's own wire.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};

use super::engines::Engines;
use super::names;
use super::wire::FunctionWire;

/// Ordinary SDK clients of the local engines.
#[derive(Debug, Clone)]
pub struct LocalClients {
    /// `DynamoDB`.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
}

impl LocalClients {
    /// Creates clients on a wire.
    pub(super) fn new(wire: &FunctionWire, engines: &Engines) -> Self {
        let credentials = Credentials::new(engines.access_key.id(), "local", None, None, "tessera-local");
        // Injected faults need no real backoff.
        let mut retries = RetryConfig::standard();
        if wire.meets_faults() {
            retries = retries.with_initial_backoff(Duration::from_millis(1));
        }
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(names::REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(&engines.dynamodb_url)
            .retry_config(retries.clone())
            .http_client(wire.clone())
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(names::REGION))
            .credentials_provider(credentials)
            .endpoint_url(&engines.sqs_url)
            .retry_config(retries)
            .http_client(wire.clone())
            .build();
        Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb), sqs: aws_sdk_sqs::Client::from_conf(sqs) }
    }
}
