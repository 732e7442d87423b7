//! Makes backtests: reads the stored receipts, replays them under the present and the draft rules, keeps the report.
//!
//! A message may come any number of times: a backtest that is done stays as it is, one that was interrupted is made anew.

mod gather;

pub use gather::{GatherError, gather};

use std::num::NonZeroUsize;
use std::thread;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde_json::Value;
use tessera_backtest::{Partitions, Period, Plan, Report, Spill, SpillError, run};
use tessera_domain::ids::ProgramId;
use tessera_lambda::message::{BacktestMessage, MessageError};
use tessera_lambda::{Services, Variable, batch};
use tessera_store::{BacktestStatus, BacktestWish, StoreError};

/// In how many segments the table of facts is read at once.
const SEGMENTS: u32 = 8;

/// Why a backtest was not made; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The message cannot be understood.
    #[error("the message cannot be understood: {0}")]
    Message(#[from] MessageError),
    /// The tables cannot be used.
    #[error("the backtest cannot be read or kept: {0}")]
    Store(#[from] StoreError),
    /// The receipts cannot be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The receipts cannot be brought together.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// There is no room for them.
    #[error("there is no temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The replay panicked.
    #[error("the replay ended early: {0}")]
    Replay(#[from] tokio::task::JoinError),
}

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[];

/// Makes the backtests of a batch of messages.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    batch::queue(event, async |message: SqsMessage| Box::pin(take(services, &message)).await).await
}

async fn take(services: &Services, message: &SqsMessage) -> Result<(), BacktestError> {
    let BacktestMessage { program, backtest, .. } =
        BacktestMessage::parse(message.body.as_deref().unwrap_or_default())?;
    let Some(stored) = services.store.get_backtest(&program, &backtest).await? else {
        tracing::warn!(%program, backtest, "a backtest is gone");
        return Ok(());
    };
    if matches!(stored.status, BacktestStatus::Done | BacktestStatus::Failed) {
        return Ok(());
    }
    services.store.begin_backtest(&program, &backtest).await?;
    let made = make(services, &program, &stored.wish).await?;
    let (result, facts) = match &made {
        Ok(report) => (serde_json::to_string(report).map_err(|error| error.to_string()), report.facts.receipts),
        Err(reason) => (Err(reason.clone()), 0),
    };
    let result = result.as_deref().map_err(String::as_str);
    let now = services.clock.now();
    match services.store.finish_backtest(&program, &backtest, result, now).await {
        // Another try would come to the same.
        Err(StoreError::TooLarge { what, .. }) => {
            let reason = format!("the report is too large: {what}");
            services.store.finish_backtest(&program, &backtest, Err(&reason), now).await?;
        }
        kept => kept?,
    }
    tracing::info!(%program, backtest, receipts = facts, done = result.is_ok(), "a backtest was made");
    Ok(())
}

/// The report; or why there can be none, whoever tries.
async fn make(
    services: &Services,
    program: &ProgramId,
    wish: &BacktestWish,
) -> Result<Result<Report, String>, BacktestError> {
    let Some(compiled) = services.programs.at_version(program, wish.version).await? else {
        return Ok(Err(format!("version {} of the program is gone", wish.version)));
    };
    let period = Period { from: wish.from, to: wish.to, as_of: wish.to.unwrap_or(wish.asked_at) };
    let document = serde_json::to_value(&compiled.program).unwrap_or_default();
    let rules: Value = serde_json::from_str(&wish.rules).unwrap_or_default();
    // The rules were read when they came: only those that an older version took are refused now.
    let plan = match Plan::read(&document, &rules, period) {
        Ok(plan) => plan,
        Err(faults) => {
            let first = faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.pointer, fault.detail));
            return Ok(Err(format!("the rules cannot be read any more: {first}")));
        }
    };
    let folder = tempfile::tempdir()?;
    let spill = Spill::new(folder.path())?;
    let facts = gather(&services.store, program, SEGMENTS, spill).await?;
    let replayed = tokio::task::spawn_blocking(move || replay(&plan, &facts));
    Ok(Ok(replayed.await??))
}

/// Replays what was gathered on every core.
///
/// # Errors
/// When a temporary file cannot be read.
pub fn replay(plan: &Plan, facts: &Partitions) -> Result<Report, SpillError> {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let period = plan.period();
    let tally = run(plan, threads, facts.parts(), |part, take| facts.each(part, &period, take))?;
    Ok(Report::new(plan, &tally))
}
