//! Runs backtests: reads the stored receipts, replays them under the current and the draft rules, stores the report.
//!
//! Messages may be delivered more than once: a finished backtest is skipped, an interrupted one starts again.

mod gather;

pub use gather::{GatherError, gather};

use std::num::NonZeroUsize;
use std::thread;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tessera_backtest::{BacktestPeriod, Partitions, Plan, Report, Spill, SpillError, run};
use tessera_domain::ids::ProgramId;
use tessera_domain::pack::PackError;
use tessera_domain::program::StoredProgram;
use tessera_lambda::message::MessageError;
use tessera_lambda::task::TaskMessage;
use tessera_lambda::{Services, Variable, batch};
use tessera_store::{BacktestRequest, StoreError, Task, TaskCounts, TaskKind};

/// The number of segments of the table `facts` that are read in parallel.
const SEGMENTS: u32 = 8;

/// Why a backtest was interrupted. Its message is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The message cannot be parsed.
    #[error("the message cannot be parsed: {0}")]
    Message(#[from] MessageError),
    /// The message is for another worker.
    #[error("the message asks for a task of kind {}", .0.name())]
    OtherKind(TaskKind),
    /// DynamoDB failed.
    #[error("the backtest cannot be read or stored: {0}")]
    Store(#[from] StoreError),
    /// The draft cannot be read: a newer version stored it.
    #[error(transparent)]
    Draft(#[from] PackError),
    /// The receipts cannot be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The receipts cannot be grouped by member on disk.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// The temporary folder cannot be created.
    #[error("the temporary folder cannot be created: {0}")]
    Folder(#[from] std::io::Error),
    /// The replay panicked.
    #[error("the replay ended early: {0}")]
    Replay(#[from] tokio::task::JoinError),
}

/// The environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[];

/// Runs the backtests of a batch of messages.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    batch::queue(event, async |message: SqsMessage| Box::pin(take(services, &message)).await).await
}

async fn take(services: &Services, message: &SqsMessage) -> Result<(), BacktestError> {
    let TaskMessage { program, task: id, kind, .. } = TaskMessage::parse(message.body.as_deref().unwrap_or_default())?;
    let task: Option<Task<BacktestRequest>> = match kind {
        TaskKind::Backtest => services.store.get_task(&program, &id).await?,
        TaskKind::Import => return Err(BacktestError::OtherKind(kind)),
    };
    let Some(task) = task else {
        tracing::warn!(%program, backtest = id, "the backtest has expired");
        return Ok(());
    };
    if task.status.is_final() {
        return Ok(());
    }
    services.store.start_task(&program, kind, &id).await?;
    let report = report(services, &program, &task.request).await?;
    let (result, receipts) = match &report {
        Ok(report) => (serde_json::to_string(report).map_err(|error| error.to_string()), report.facts.receipts),
        Err(reason) => (Err(reason.clone()), 0),
    };
    let result = result.as_deref().map_err(String::as_str);
    let (counts, now) = (TaskCounts { done: receipts, failed: 0 }, services.clock.now());
    match services.store.finish_task(&program, kind, &id, result, counts, now).await {
        // A repetition would have the same report.
        Err(StoreError::TooLarge { what, .. }) => {
            let reason = format!("the report is too large: {what}");
            services.store.finish_task(&program, kind, &id, Err(&reason), counts, now).await?;
        }
        finished => finished?,
    }
    tracing::info!(%program, backtest = id, receipts, done = result.is_ok(), "the backtest has finished");
    Ok(())
}

/// The report, or the reason why no repetition can produce one.
async fn report(
    services: &Services,
    program: &ProgramId,
    request: &BacktestRequest,
) -> Result<Result<Report, String>, BacktestError> {
    let Some(compiled) = services.programs.at_version(program, request.version).await? else {
        return Ok(Err(format!("version {} of the program does not exist", request.version)));
    };
    let period =
        BacktestPeriod { from: request.from, to: request.to, as_of: request.to.unwrap_or(request.requested_at) };
    let draft = StoredProgram::unpack(&request.draft)?;
    let plan = Plan::new(compiled.program.clone(), draft.program().clone(), period).with_referrals();
    let folder = tempfile::tempdir()?;
    let spill = Spill::new(folder.path())?;
    let facts = gather(&services.store, program, SEGMENTS, plan.asks_referrals().then(|| plan.zone()), spill).await?;
    let replayed = tokio::task::spawn_blocking(move || replay(&plan, &facts));
    Ok(Ok(replayed.await??))
}

/// Replays the gathered facts on all cores.
///
/// # Errors
/// When a temporary file cannot be read.
pub fn replay(plan: &Plan, facts: &Partitions) -> Result<Report, SpillError> {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let period = plan.period();
    let tally = run(plan, threads, facts.parts(), |part, take| facts.each(part, &period, take))?;
    Ok(Report::new(plan, &tally))
}
