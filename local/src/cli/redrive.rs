//! `tessera redrive`.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use tessera_lambda::Clock;

use super::{OutputArgs, time};
use crate::deployment::{Deployment, DeploymentArgs};
use crate::redrive::{self, AcceptanceWindow, RedriveQueue};

#[derive(Debug, Subcommand)]
pub(super) enum RedriveCommand {
    /// Resend facts that have no decision. Reads the whole table of facts.
    Facts(FactsArgs),
    /// Move dead letters back to their queue, after the cause was fixed.
    DeadLetters(DeadLettersArgs),
}

/// The time window of facts.
#[derive(Debug, Args)]
pub(super) struct FactsArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Facts accepted from this time on, whenever they occurred.
    #[arg(long, value_parser = time, default_value_t = Timestamp::MIN, hide_default_value = true, value_name = "TIME")]
    from: Timestamp,
    /// Facts accepted before this time.
    #[arg(long, value_parser = time, default_value_t = Timestamp::MAX, hide_default_value = true, value_name = "TIME")]
    to: Timestamp,
    #[command(flatten)]
    output: OutputArgs,
}

/// The dead-letter queue.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// The queue whose dead letters are moved.
    #[arg(long, value_enum, default_value_t = DeadLetterQueue::Facts)]
    queue: DeadLetterQueue,
    #[command(flatten)]
    output: OutputArgs,
}

/// A queue with dead letters.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DeadLetterQueue {
    /// Facts.
    Facts,
    /// Notifications.
    Notifications,
    /// Backtests.
    Backtests,
    /// Imports.
    Imports,
    /// What referrals wait for.
    Referrals,
    /// Deliveries of shops.
    Inbound,
    /// Codes that shops create.
    Codes,
}

impl DeadLetterQueue {
    /// The dead-letter queue, and the queue that its messages come from.
    pub(crate) const fn queues(self) -> (&'static str, &'static str) {
        match self {
            Self::Facts => ("facts-dead.fifo", "facts.fifo"),
            Self::Notifications => ("notifications-dead.fifo", "notifications.fifo"),
            Self::Backtests => ("backtests-dead", "backtests"),
            Self::Imports => ("imports-dead", "imports"),
            Self::Referrals => ("referrals-dead.fifo", "referrals.fifo"),
            Self::Inbound => ("inbound-dead.fifo", "inbound.fifo"),
            Self::Codes => ("codes-dead.fifo", "codes.fifo"),
        }
    }
}

impl RedriveCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let run = format!("redrive-{}", Clock::system().now().as_millisecond());
        match self {
            Self::Facts(args) => args.run(&run).await,
            Self::DeadLetters(args) => args.run(&run).await,
        }
    }
}

impl FactsArgs {
    async fn run(self, run: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.from < self.to, "--from must be before --to");
        let deployment = Deployment::connect(&self.deployment.stack).await;
        let url = deployment.queue_url("facts.fifo").await?;
        let queue = RedriveQueue { sqs: &deployment.sqs, url: &url };
        let done =
            redrive::facts(&deployment.store, queue, AcceptanceWindow { from: self.from, to: self.to }, run).await?;
        let text = format!("{} facts, of which {} had no decision and were sent again\n", done.seen, done.sent);
        self.output.print(&json!({ "seen": done.seen, "sent": done.sent }), &text)
    }
}

impl DeadLettersArgs {
    async fn run(self, run: &str) -> anyhow::Result<()> {
        let deployment = Deployment::connect(&self.deployment.stack).await;
        let (dead, queue) = self.queue.queues();
        let (dead, queue) = (deployment.queue_url(dead).await?, deployment.queue_url(queue).await?);
        let sqs = &deployment.sqs;
        let done =
            redrive::dead_letters(RedriveQueue { sqs, url: &dead }, RedriveQueue { sqs, url: &queue }, run).await?;
        let told = json!({ "seen": done.seen, "sent": done.sent });
        self.output.print(&told, &format!("{} dead letters sent again\n", done.sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dead_letter_queue_of_the_template_can_be_redriven() {
        let template = include_str!("../../../template.yaml");
        let names =
            template.lines().filter_map(|line| line.trim().strip_prefix("QueueName: !Sub \"${AWS::StackName}-"));
        let dead: Vec<&str> =
            names.map(|name| name.trim_end_matches('"')).filter(|name| name.contains("-dead")).collect();
        assert!(dead.len() >= 4, "{dead:?}");
        let known: Vec<&str> = DeadLetterQueue::value_variants().iter().map(|queue| queue.queues().0).collect();
        for name in dead {
            assert!(known.contains(&name), "tessera redrive dead-letters does not know {name}");
        }
    }
}
