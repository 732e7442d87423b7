//! A stack in an AWS account, reached with the operator's own credentials.

use anyhow::Context;
use aws_config::{BehaviorVersion, SdkConfig};
use clap::Args;
use tessera_store::{Store, Tables};

/// Which stack.
#[derive(Debug, Clone, Args)]
pub struct DeploymentArgs {
    /// The name of the stack, as `sam deploy` was given it. Region and credentials come from the environment, as for the
    /// AWS CLI.
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
    /// For whatever else is asked of AWS.
    pub sdk: SdkConfig,
    name: String,
}

impl Deployment {
    /// Finds the tables and queues by the names that the template gives them.
    pub async fn connect(stack: &str) -> Self {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
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

    /// The URL of one of its queues: `facts.fifo`, `facts-dead.fifo`, …
    ///
    /// # Errors
    /// When there is none, or it may not be seen.
    pub async fn queue_url(&self, queue: &str) -> anyhow::Result<String> {
        let queue = format!("{}-{queue}", self.name);
        let answer = self.sqs.get_queue_url().queue_name(&queue).send().await;
        let answer = answer.with_context(|| format!("the queue {queue} cannot be found"))?;
        answer.queue_url.with_context(|| format!("the queue {queue} has no URL"))
    }
}
