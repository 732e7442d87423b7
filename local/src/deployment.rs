//! A stack in an AWS account, used with the operator's credentials.

use anyhow::Context;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use clap::Args;
use tessera_store::{Store, Tables};

/// The stack to use.
#[derive(Debug, Clone, Args)]
pub struct DeploymentArgs {
    /// The stack's name in `sam deploy`. Region and credentials come from the environment, as for the AWS CLI.
    #[arg(long, default_value = "tessera", value_name = "NAME")]
    pub stack: String,
}

/// A deployed stack.
#[derive(Debug)]
pub struct Deployment {
    /// Its tables.
    pub store: Store,
    /// Its queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The configuration for further AWS clients.
    pub sdk: SdkConfig,
    name: String,
}

impl Deployment {
    /// Connects to the tables and queues by their names in the template.
    pub async fn connect(stack: &str) -> Self {
        // The default client would link a second cryptography library.
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
        let table = |table: &str| format!("{stack}-{table}");
        let tables = Tables {
            members: table("members"),
            facts: table("facts"),
            programs: table("programs"),
            credentials: table("credentials"),
        };
        Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(&config), tables),
            sqs: aws_sdk_sqs::Client::new(&config),
            sdk: config,
            name: stack.to_owned(),
        }
    }

    /// Looks up the URL of a queue, such as `facts.fifo` or `facts-dead.fifo`.
    ///
    /// # Errors
    /// When the queue does not exist or access is denied.
    pub async fn queue_url(&self, queue: &str) -> anyhow::Result<String> {
        let queue = format!("{}-{queue}", self.name);
        let response = self.sqs.get_queue_url().queue_name(&queue).send().await;
        let response = response.with_context(|| format!("the queue {queue} cannot be found"))?;
        response.queue_url.with_context(|| format!("the queue {queue} has no URL"))
    }
}
