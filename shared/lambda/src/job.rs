//! Scheduled jobs: each hands the members of a day to the queue of facts, day by day and program by program.
//!
//! A run serves the local days of every program that have begun since the job's marker, oldest first. It moves the marker
//! after each page that it handed over, and stops before its deadline; the next run of the schedule resumes at the marker.
//! A page that is handed over twice does nothing the second time: every fact is decided once for each member and day.

mod days;

use std::future::Future;

use serde::Serialize;
use serde_json::Value;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::time::Day;
use tessera_store::{ActiveProgram, FoundMembers, IndexCursor, JobMarker, JobPosition, StoreError};

pub use crate::deadline::Deadline;

use self::days::days_to_serve;
use crate::Services;
use crate::config::Queue;
use crate::message::FactMessage;
use crate::sender::{OutgoingMessage, SendError};

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;

/// An invocation of a job.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The schedule's input. Jobs do what is left to do and need none.
    pub input: Value,
    /// When the invocation is stopped.
    pub deadline: Deadline,
}

/// Why a job could not serve a program.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The facts were not sent.
    #[error("facts were not sent: {0}")]
    Send(#[from] SendError),
}

/// What a run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct JobReport {
    /// Programs whose days were served to their end.
    pub programs: u32,
    /// Members handed over, counted once for each day.
    pub members: u64,
    /// Programs that failed; the next run resumes at their markers.
    pub failed: u32,
    /// Programs that are left to the next run: the deadline was near, or another run was serving them.
    pub unfinished: u32,
}

/// Which days a job serves when it missed some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissedDays {
    /// Each of them.
    Each,
    /// Only the last: it includes what fell due on the others.
    OnlyLast,
}

/// A job: which members it hands over on a day, and with which fact.
pub trait Job: Sync {
    /// The name in the job's marker.
    const NAME: &'static str;
    /// What becomes of missed days.
    const MISSED_DAYS: MissedDays;

    /// The shards of the members of a day, in ascending order. A day without shards costs no read.
    fn shards(&self, program: &ActiveProgram, day: Day) -> Vec<u32>;

    /// A page of the members of a shard.
    fn members(
        &self,
        services: &Services,
        program: &ProgramId,
        day: Day,
        position: JobPosition,
    ) -> impl Future<Output = Result<FoundMembers, StoreError>> + Send;

    /// The fact that is handed over for each member.
    fn fact(&self, day: Day) -> FactId;
}

/// How a run left a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProgramOutcome {
    NothingToDo,
    Served,
    Unfinished,
}

/// Serves every program. A program that fails does not keep the others from being served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed; the text is for the function's log.
pub async fn run_job<J: Job>(services: &Services, job: &J, deadline: &Deadline) -> Result<JobReport, String> {
    let mut report = JobReport::default();
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            match serve_program(services, job, program, deadline, &mut report.members).await {
                Ok(ProgramOutcome::NothingToDo) => {}
                Ok(ProgramOutcome::Served) => report.programs += 1,
                Ok(ProgramOutcome::Unfinished) => report.unfinished += 1,
                Err(error) => {
                    tracing::error!(%program, job = J::NAME, %error, "a program could not be served");
                    report.failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || deadline.is_near() {
            break;
        }
    }
    report.unfinished += u32::from(cursor.is_some());
    let JobReport { programs, members, failed, unfinished } = report;
    tracing::info!(job = J::NAME, programs, members, failed, unfinished, "a job ran");
    if failed > 0 { Err(format!("{failed} programs could not be served")) } else { Ok(report) }
}

async fn serve_program<J: Job>(
    services: &Services,
    job: &J,
    program: &ProgramId,
    deadline: &Deadline,
    handed: &mut u64,
) -> Result<ProgramOutcome, JobError> {
    if deadline.is_near() {
        return Ok(ProgramOutcome::Unfinished);
    }
    let Some(active) = services.programs.get(program).await? else { return Ok(ProgramOutcome::NothingToDo) };
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let marker = services.store.job_marker(program, J::NAME).await?;
    let days = days_to_serve(marker.as_ref(), today, J::MISSED_DAYS);
    if days.is_empty() {
        return Ok(ProgramOutcome::NothingToDo);
    }
    let mut run = ProgramRun { services, job, program: &active, deadline, marker, handed };
    for (day, from) in days {
        if run.serve_day(day, from).await? == ProgramOutcome::Unfinished {
            return Ok(ProgramOutcome::Unfinished);
        }
    }
    // Also a program without rules for the job has its days served: a rule that is added later does not look back.
    Ok(if run.move_marker(today, None).await? { ProgramOutcome::Served } else { ProgramOutcome::Unfinished })
}

/// A job's work on one program.
struct ProgramRun<'a, J> {
    services: &'a Services,
    job: &'a J,
    program: &'a ActiveProgram,
    deadline: &'a Deadline,
    /// The marker that was read or moved last.
    marker: Option<JobMarker>,
    handed: &'a mut u64,
}

impl<J: Job> ProgramRun<'_, J> {
    /// Hands over the members of a day, from a position on.
    async fn serve_day(&mut self, day: Day, from: Option<JobPosition>) -> Result<ProgramOutcome, JobError> {
        let first = from.as_ref().map_or(0, |from| from.shard);
        let mut cursor = from.and_then(|from| from.cursor.map(|cursor| (from.shard, cursor)));
        for shard in self.job.shards(self.program, day).into_iter().filter(|shard| *shard >= first) {
            let mut cursor = cursor.take().filter(|(of, _)| *of == shard).map(|(_, cursor)| cursor);
            loop {
                if self.deadline.is_near() {
                    // Days and shards without members moved no marker yet.
                    self.move_marker(day, Some(JobPosition { shard, cursor })).await?;
                    return Ok(ProgramOutcome::Unfinished);
                }
                let position = JobPosition { shard, cursor };
                let page = self.job.members(self.services, &self.program.id, day, position).await?;
                let has_members = !page.members.is_empty();
                self.hand_over(page.members, day).await?;
                cursor = page.next;
                if has_members && !self.move_marker(day, Some(after(shard, cursor.clone()))).await? {
                    return Ok(ProgramOutcome::Unfinished);
                }
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(ProgramOutcome::Served)
    }

    /// Sends a page of members to the queue of facts.
    async fn hand_over(&mut self, members: Vec<MemberId>, day: Day) -> Result<(), JobError> {
        let messages: Vec<OutgoingMessage> = members
            .into_iter()
            .map(|member| {
                let message = FactMessage::new(self.program.id.clone(), member, self.job.fact(day), None);
                let group = message.group();
                // The same in every run, so that SQS drops a repeated message for five minutes.
                let deduplication = format!("{}-{day}-{group}", J::NAME);
                OutgoingMessage::fifo(message.to_text(), group, deduplication)
            })
            .collect();
        self.services.send(Queue::Facts, &messages).await?;
        *self.handed += messages.len() as u64;
        Ok(())
    }

    /// Moves the marker; false when another run has moved it.
    async fn move_marker(&mut self, day: Day, position: Option<JobPosition>) -> Result<bool, StoreError> {
        let store = &self.services.store;
        let moved = store.move_job_marker(&self.program.id, J::NAME, self.marker.as_ref(), day, position).await?;
        let is_moved = moved.is_some();
        self.marker = moved;
        Ok(is_moved)
    }
}

/// The position after a page.
fn after(shard: u32, cursor: Option<IndexCursor>) -> JobPosition {
    let shard = if cursor.is_some() { shard } else { shard.saturating_add(1) };
    JobPosition { shard, cursor }
}
