//! Tasks: long work that a request starts, a queue runs, and a later request reads the result of.
//!
//! Every kind shares one item with the request, the status, the counts and a reference to the result; one budget per day;
//! and one expiry. A new kind is a variant of [`TaskKind`] and a type that implements [`TaskRequest`].

mod backtest;

pub use backtest::BacktestRequest;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;

use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys, random, retry};

const COUNT: &str = "counting a task";
const CREATE: &str = "storing a task";
const READ: &str = "reading a task";
const START: &str = "starting a task";
const FINISH: &str = "finishing a task";

/// How long a task and its result are stored.
const RETENTION: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
/// Size limit of a request or a result. DynamoDB allows 400 KB per item; the rest is for keys and attributes.
const MAX_BODY_BYTES: usize = 390 * 1024;

/// The names of a task's own attributes.
mod attribute {
    pub const KIND: &str = "tk";
    pub const STATUS: &str = "st";
    /// The sort key of the item that holds the result.
    pub const RESULT: &str = "rs";
    /// Units of work that were done.
    pub const DONE: &str = "cd";
    /// Units of work that failed.
    pub const FAILED: &str = "cf";
    /// On the daily count: the UTC day that is counted.
    pub const DAY: &str = "d";
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Replays stored facts under draft rules.
    Backtest,
    /// Imports the rows of a file, or undoes them. Its state is a [`crate::StoredImport`].
    Import,
}

/// A task's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Its message is in the queue.
    Queued,
    /// A worker has started it.
    Running,
    /// It succeeded, and its result is stored.
    Done,
    /// It failed for good, and the reason is stored.
    Failed,
}

/// Units of work, such as receipts of a backtest or rows of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Units that were done.
    pub done: u64,
    /// Units that failed.
    pub failed: u64,
}

/// The request of one kind of task, as it is stored.
pub trait TaskRequest: Serialize + DeserializeOwned {
    /// The kind of task that this asks for.
    const KIND: TaskKind;

    /// When the task was requested. Expiry is counted from here.
    fn requested_at(&self) -> Timestamp;
}

/// A stored task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task<R> {
    /// The request.
    pub request: R,
    /// The progress.
    pub status: TaskStatus,
    /// What was done so far.
    pub counts: TaskCounts,
    /// The result once it is done, or why it failed.
    pub result: Option<String>,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Backtest, Self::Import];

    /// The name in keys, items and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backtest => "backtest",
            Self::Import => "import",
        }
    }

    /// How many tasks of this kind a program may start in one UTC day.
    pub const fn daily_budget(self) -> u32 {
        match self {
            // Each reads the whole table of facts.
            Self::Backtest => 20,
            // Each may store gigabytes for 30 days.
            Self::Import => 200,
        }
    }

    const fn id_prefix(self) -> &'static str {
        match self {
            Self::Backtest => "bt_",
            Self::Import => "imp_",
        }
    }
}

impl TaskStatus {
    const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    /// The name in items and responses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// True when no worker will change the task any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Done | Self::Failed => true,
        }
    }
}

impl Store {
    /// Counts a task against its program's budget for the day. Returns false, and counts nothing, when the budget is spent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_task_budget(
        &self,
        program: &ProgramId,
        kind: TaskKind,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (table, key) = (&*self.tables.programs, keys::task_count(program, kind.name()));
        let today = || text(Day::of(now, &TimeZone::UTC).to_string());
        for attempt in 1..=retry::TRIES {
            let next = Write::update(table, &key, "SET n = n + :one")
                .when("d = :today AND n < :budget")
                .value(":one", number(1))
                .value(":today", today())
                .value(":budget", number(kind.daily_budget()));
            let Written::Refused(found) = self.write(COUNT, &next).await? else { return Ok(true) };
            if found.is_some_and(|item| item.get(attribute::DAY) == Some(&today())) {
                return Ok(false);
            }
            let first = Write::update(table, &key, "SET d = :today, n = :one")
                .when("attribute_not_exists(d) OR d <> :today")
                .value(":one", number(1))
                .value(":today", today());
            if self.write(COUNT, &first).await? == Written::Done {
                return Ok(true);
            }
            // Another request was the first of the day.
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: COUNT, tries: retry::TRIES })
    }

    /// Stores a new task and returns its identifier.
    ///
    /// # Errors
    /// When DynamoDB fails, or the request exceeds the size of an item.
    pub async fn create_task<R: TaskRequest>(&self, program: &ProgramId, request: &R) -> Result<String, StoreError> {
        let body = within_size(CREATE, packed(CREATE, request)?)?;
        let id = random::id(R::KIND.id_prefix());
        let new = item(
            &keys::task(program, R::KIND.name(), &id),
            [
                (name::BODY, bytes(body)),
                (attribute::KIND, text(R::KIND.name())),
                (attribute::STATUS, text(TaskStatus::Queued.name())),
                (name::TTL, number(expiry(request.requested_at()))),
            ],
        );
        match self.write(CREATE, &Write::put(&self.tables.programs, new).when(ABSENT)).await? {
            // Identifiers are random: a refusal means that our own first attempt succeeded and its response was lost.
            Written::Done | Written::Refused(_) => Ok(id),
        }
    }

    /// Reads a task with its result; `None` when there is none of this kind with this identifier.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_task<R: TaskRequest>(&self, program: &ProgramId, id: &str) -> Result<Option<Task<R>>, StoreError> {
        let table = &*self.tables.programs;
        let key = keys::task(program, R::KIND.name(), id);
        let Some(found) = self.get(READ, table, &key, true).await? else { return Ok(None) };
        let mut task = read(&found)?;
        let reader = Reader::new(READ, &found);
        if reader.has(attribute::RESULT) {
            let result = keys::task_result(program, reader.text(attribute::RESULT)?);
            let found = self.get(READ, table, &result, true).await?;
            task.result = found.map(|item| Reader::new(READ, &item).text(name::BODY).map(str::to_owned)).transpose()?;
        }
        Ok(Some(task))
    }

    /// Marks a task as running.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn start_task(&self, program: &ProgramId, kind: TaskKind, id: &str) -> Result<(), StoreError> {
        let key = keys::task(program, kind.name(), id);
        let set = Write::update(&self.tables.programs, &key, "SET st = :status")
            .when("attribute_exists(pk)")
            .value(":status", text(TaskStatus::Running.name()));
        self.write(START, &set).await.map(drop)
    }

    /// Stores a task's result, or the reason why it failed. A repetition replaces the result.
    ///
    /// # Errors
    /// When DynamoDB fails, or the result exceeds the size of an item.
    pub async fn finish_task(
        &self,
        program: &ProgramId,
        kind: TaskKind,
        id: &str,
        result: Result<&str, &str>,
        counts: TaskCounts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (status, body) = match result {
            Ok(result) => (TaskStatus::Done, result),
            Err(reason) => (TaskStatus::Failed, reason),
        };
        let body = within_size(FINISH, body.to_owned())?;
        let reference = keys::task_result_sort(kind.name(), id);
        let result = keys::task_result(program, &reference);
        let new = item(&result, [(name::BODY, text(body)), (name::TTL, number(expiry(now)))]);
        self.write(FINISH, &Write::put(&self.tables.programs, new)).await?;
        let key = keys::task(program, kind.name(), id);
        let set =
            Write::update(&self.tables.programs, &key, "SET st = :status, rs = :result, cd = :done, cf = :failed")
                .when("attribute_exists(pk)")
                .value(":status", text(status.name()))
                .value(":result", text(reference))
                .value(":done", number(counts.done))
                .value(":failed", number(counts.failed));
        self.write(FINISH, &set).await.map(drop)
    }
}

/// The task of an item, without its result.
fn read<R: TaskRequest>(item: &Item) -> Result<Task<R>, StoreError> {
    let reader = Reader::new(READ, item);
    let invalid = |attribute| StoreError::Item { operation: READ, attribute };
    if reader.text(attribute::KIND)? != R::KIND.name() {
        return Err(invalid(attribute::KIND));
    }
    let status = reader.text(attribute::STATUS)?;
    let status = TaskStatus::ALL.into_iter().find(|known| known.name() == status);
    let status = status.ok_or_else(|| invalid(attribute::STATUS))?;
    let count = |attribute| if reader.has(attribute) { reader.number(attribute) } else { Ok(0) };
    let counts = TaskCounts { done: count(attribute::DONE)?, failed: count(attribute::FAILED)? };
    Ok(Task { request: reader.body()?, status, counts, result: None })
}

fn expiry(from: Timestamp) -> i64 {
    from.as_second().saturating_add(RETENTION.as_secs())
}

fn within_size<T: AsRef<[u8]>>(operation: &'static str, value: T) -> Result<T, StoreError> {
    let bytes = value.as_ref().len();
    if bytes > MAX_BODY_BYTES {
        return Err(StoreError::TooLarge { operation, what: format!("{bytes} bytes") });
    }
    Ok(value)
}
