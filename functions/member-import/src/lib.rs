//! Imports the rows of an uploaded file, or undoes them, through the one commit path.
//!
//! A row's entry has a key of its own, so that a row is imported once whoever repeats it. Progress is noted after each batch
//! of rows: a worker that was killed is followed by one that repeats at most a batch. Before its deadline, a worker asks the
//! queue for another.

mod pass;
mod returned;
mod row;
mod undo;

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tessera_domain::ids::ProgramId;
use tessera_domain::pack::{PackError, unpack};
use tessera_import::{ImportPlan, Preview};
use tessera_lambda::message::MessageError;
use tessera_lambda::sender::{OutgoingMessage, SendError};
use tessera_lambda::task::TaskMessage;
use tessera_lambda::{Deadline, Queue, Services, Variable, batch};
use tessera_store::{IdentityError, ImportStatus, StoreError, StoredImport, TaskKind};

pub use pass::PassEnd;

/// How long one invocation works. The function's timeout is 15 minutes.
const WORK: Duration = Duration::from_mins(14);

/// Why an import was interrupted. Its message is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The message cannot be parsed.
    #[error("the message cannot be parsed: {0}")]
    Message(#[from] MessageError),
    /// The message is for another worker.
    #[error("the message asks for a task of kind {}", .0.name())]
    OtherKind(TaskKind),
    /// The plan cannot be read: a newer version stored it.
    #[error(transparent)]
    Plan(#[from] PackError),
    /// The preview cannot be read or written.
    #[error("the preview cannot be read or written: {0}")]
    Preview(serde_json::Error),
    /// DynamoDB failed.
    #[error("the import cannot be read or stored: {0}")]
    Store(#[from] StoreError),
    /// A member cannot be identified.
    #[error("a member cannot be identified: {0}")]
    Identity(#[from] IdentityError),
    /// The next worker was not asked for.
    #[error("the import cannot go on: {0}")]
    Queue(#[from] SendError),
    /// A profile keeps changing.
    #[error("a profile keeps changing")]
    Contended,
}

/// The environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Imports), Variable::SecretsKeyParameter];

/// Works on the imports of a batch of messages.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    let deadline = Deadline::after(WORK);
    batch::queue(event, async |message: SqsMessage| Box::pin(take(services, &message, &deadline)).await).await
}

async fn take(services: &Services, message: &SqsMessage, deadline: &Deadline) -> Result<(), ImportError> {
    let message = TaskMessage::parse(message.body.as_deref().unwrap_or_default())?;
    match message.kind {
        TaskKind::Import => {}
        kind @ TaskKind::Backtest => return Err(ImportError::OtherKind(kind)),
    }
    work(services, &message, deadline).await
}

/// Works on an import until it is over or the deadline is near; then the queue gets the message again.
///
/// # Errors
/// When the store or the queue fails.
pub async fn work(services: &Services, message: &TaskMessage, deadline: &Deadline) -> Result<(), ImportError> {
    let TaskMessage { program, task: id, .. } = message;
    let Some(import) = services.store.get_import(program, id).await? else {
        tracing::warn!(%program, import = id, "there is no such import");
        return Ok(());
    };
    let next = match import.status {
        ImportStatus::Running => ImportStatus::Done,
        ImportStatus::Undoing => ImportStatus::Undone,
        ImportStatus::Uploading | ImportStatus::Done | ImportStatus::Failed | ImportStatus::Undone => return Ok(()),
    };
    let pass = import.status;
    let Some(active) = services.programs.get(program).await? else {
        return Ok(services.store.finish_import(program, id, pass, Err("the program does not exist")).await?);
    };
    let content = UploadedContent::of(&import)?;
    match pass::run(services, &active, id, import, deadline).await? {
        PassEnd::Over => {
            content.drop_unneeded(services, program, id).await?;
            services.store.finish_import(program, id, pass, Ok(next)).await?;
        }
        PassEnd::Expired => {
            let reason = "the uploaded file has expired; it is kept for 30 days";
            services.store.finish_import(program, id, pass, Err(reason)).await?;
        }
        PassEnd::Elsewhere => tracing::info!(%program, import = id, "another worker is at it"),
        PassEnd::DeadlineNear => {
            services.send(Queue::Imports, &[OutgoingMessage::standard(message.to_text())]).await?;
        }
    }
    Ok(())
}

/// What of an uploaded file nobody needs once a pass is over: it is personal data.
struct UploadedContent {
    /// The parts, where nothing of them can be undone any more.
    parts: u32,
}

impl UploadedContent {
    fn of(import: &StoredImport) -> Result<Self, ImportError> {
        let (_, dry_run): (ImportPlan, bool) = unpack(import.plan.as_deref().unwrap_or_default())?;
        let is_needed = import.status == ImportStatus::Running && !dry_run;
        Ok(Self { parts: if is_needed { 0 } else { import.parts } })
    }

    /// Drops it. An attempt that was interrupted is repeated, because the pass is not finished.
    async fn drop_unneeded(&self, services: &Services, program: &ProgramId, id: &str) -> Result<(), ImportError> {
        let store = &services.store;
        if let Some(preview) = store.import_preview(program, id).await? {
            let mut preview: Preview = serde_json::from_str(&preview).map_err(ImportError::Preview)?;
            preview.rows.clear();
            let text = serde_json::to_string(&preview).map_err(ImportError::Preview)?;
            store.put_import_preview(program, id, &text, services.clock.now()).await?;
        }
        for part in 1..=self.parts {
            store.drop_import_part(program, id, part).await?;
        }
        Ok(())
    }
}
