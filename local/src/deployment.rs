//! A stack in an AWS account, used with the operator's credentials.

use anyhow::Context;
use aws_config::{BehaviorVersion, SdkConfig};
use clap::Args;
use tessera_store::{Store, Tables};

use crate::web::WebClient;

/// The stack to use.
#[derive(Debug, Clone, Args)]
pub struct DeploymentArgs {
    /// The stack's name in `sam deploy`. Region and credentials come from the environment, as for the AWS CLI.
    #[arg(long, default_value = "tessera", value_name = "NAME")]
    pub stack: String,
}

/// Where a stack's secrets key is.
#[derive(Debug, Clone, Args)]
pub struct SecretsKeyArgs {
    /// The SSM parameter that holds the secrets key: the template's `SecretsKeyParameter`. By default /NAME/secrets-key, where
    /// NAME is the stack's name, as in `samconfig.toml`.
    #[arg(long, value_name = "NAME")]
    secrets_key_parameter: Option<String>,
}

impl SecretsKeyArgs {
    /// The parameter of a stack.
    pub fn parameter(&self, stack: &str) -> String {
        self.secrets_key_parameter.clone().unwrap_or_else(|| format!("/{stack}/secrets-key"))
    }
}

/// A deployed stack.
#[derive(Debug)]
pub struct Deployment {
    /// Its tables.
    pub store: Store,
    /// Its queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The client of its tables.
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    /// The configuration for further AWS clients.
    pub sdk: SdkConfig,
    /// The HTTP client below all of them.
    pub(crate) web: WebClient,
    /// Its name.
    pub(crate) name: String,
}

impl Deployment {
    /// Connects to the tables and queues by their names in the template.
    pub async fn connect(stack: &str) -> Self {
        let web = WebClient::new();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(web.sdk()).load().await;
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
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sdk: config,
            web,
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
