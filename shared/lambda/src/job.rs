//! Scheduled jobs: each run serves the local days of every program that have begun since the one before, oldest first.
//!
//! A run that is missed is made up for by the next, one that comes twice does nothing the second time: how far a job has
//! come with a program is noted, and the facts that it sends are decided once for each member and day.

use std::future::Future;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use jiff::ToSpan as _;
use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::time::Day;
use tessera_store::{ActiveProgram, StoreError};

use crate::Services;
use crate::message::FactMessage;

/// How many programs are listed at once.
const PAGE: u32 = 100;
/// SQS takes so many messages at once.
const MOST_MESSAGES: usize = 10;

/// Why a job could not serve a program.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The function does not know the queue of facts.
    #[error("FACTS_QUEUE_URL is not set")]
    NoQueue,
    /// The messages were not sent.
    #[error("messages were not sent: {0}")]
    Send(String),
}

/// What a run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Programs with days to serve.
    pub programs: u32,
    /// Members handed on, once for each day.
    pub members: u64,
    /// Programs that could not be served to the end; the next run goes on with them.
    pub failed: u32,
}

/// The local days that a job has to serve, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The day after the one that was served last.
    pub first: Day,
    /// Today.
    pub last: Day,
}

impl Days {
    /// The days since a mark, up to today; `None` when there is none. Before its first run a job has served yesterday.
    pub fn since(mark: Option<Day>, today: Day) -> Option<Self> {
        let mark = mark.unwrap_or_else(|| Day::from_date(today.date().saturating_sub(1.day())));
        (mark < today).then(|| Self { first: mark.plus_days(1), last: today })
    }

    /// Each of them, oldest first.
    pub fn each(self) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self.first), |day| Some(day.plus_days(1))).take_while(move |day| *day <= self.last)
    }
}

/// A job.
pub trait Job: Sync {
    /// Under which name it notes how far it has come.
    const NAME: &'static str;

    /// Hands on the members of a program for whom something falls on one of the days.
    fn serve(
        &self,
        services: &Services,
        program: &ActiveProgram,
        days: Days,
        outbox: &mut Outbox<'_>,
    ) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// Serves every program that has days to serve, and notes how far that went. One that fails does not keep the others
/// from being served.
///
/// # Errors
/// When the programs cannot be listed, or some of them could not be served: in words, for the log of the run.
pub async fn each_program<J: Job>(services: &Services, job: &J) -> Result<Value, String> {
    let name = J::NAME;
    let mut run = Run::default();
    let mut cursor = None;
    loop {
        let page = services.store.programs(PAGE, cursor.as_deref()).await.map_err(|error| error.to_string())?;
        for program in &page.items {
            let mut outbox = Outbox::new(services, name);
            match one_program(services, job, program, &mut outbox).await {
                Ok(served) => run.programs += u32::from(served),
                Err(error) => {
                    tracing::error!(%program, job = name, %error, "a program could not be served");
                    run.failed += 1;
                }
            }
            run.members += outbox.sent;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    tracing::info!(job = name, programs = run.programs, members = run.members, failed = run.failed, "a job ran");
    if run.failed > 0 { Err(format!("{} programs could not be served", run.failed)) } else { Ok(json!(run)) }
}

/// Serves a program's days; false when there are none.
async fn one_program<J: Job>(
    services: &Services,
    job: &J,
    program: &ProgramId,
    outbox: &mut Outbox<'_>,
) -> Result<bool, JobError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(false) };
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let mark = services.store.job_mark(program, J::NAME).await?;
    let Some(days) = Days::since(mark, today) else { return Ok(false) };
    job.serve(services, &active, days, outbox).await?;
    outbox.flush().await?;
    // A program without rules for the job has its days served as well: a rule that is added later looks ahead.
    services.store.move_job_mark(program, J::NAME, days.last).await?;
    Ok(true)
}

/// Messages on their way to the queue of facts.
#[derive(Debug)]
pub struct Outbox<'a> {
    services: &'a Services,
    job: &'static str,
    waiting: Vec<(FactMessage, Day)>,
    sent: u64,
}

impl<'a> Outbox<'a> {
    const fn new(services: &'a Services, job: &'static str) -> Self {
        Self { services, job, waiting: Vec::new(), sent: 0 }
    }

    /// Sends a fact of a member's for a day, together with others.
    ///
    /// # Errors
    /// When SQS fails or does not take all of them.
    pub async fn push(
        &mut self,
        program: &ProgramId,
        member: MemberId,
        day: Day,
        fact: FactId,
    ) -> Result<(), JobError> {
        self.waiting.push((FactMessage::new(program.clone(), member, fact, None), day));
        if self.waiting.len() >= MOST_MESSAGES { self.flush().await } else { Ok(()) }
    }

    /// Sends what waits.
    async fn flush(&mut self) -> Result<(), JobError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let queue = self.services.config.facts_queue_url.as_deref().ok_or(JobError::NoQueue)?;
        let entries = self.waiting.iter().enumerate().map(|(place, (message, day))| {
            let group = message.group();
            SendMessageBatchRequestEntry::builder()
                .id(place.to_string())
                // The same whenever the run comes again, so that SQS takes it once.
                .message_deduplication_id(format!("{}-{day}-{group}", self.job))
                .message_group_id(group)
                .message_body(message.to_text())
                .build()
                .map_err(|error| JobError::Send(error.to_string()))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let answer = self.services.sqs.send_message_batch().queue_url(queue).set_entries(Some(entries)).send().await;
        let answer =
            answer.map_err(|error| JobError::Send(aws_sdk_sqs::error::DisplayErrorContext(&error).to_string()))?;
        if let [first, ..] = answer.failed() {
            return Err(JobError::Send(format!("{} of them, the first: {}", answer.failed().len(), first.code())));
        }
        self.sent += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    fn served(mark: Option<&str>, today: &str) -> Vec<String> {
        let days = Days::since(mark.map(day), day(today));
        days.into_iter().flat_map(Days::each).map(|day| day.to_string()).collect()
    }

    #[test]
    fn every_day_since_the_mark_is_served_once() {
        assert_eq!(served(None, "2026-03-01"), ["2026-03-01"]);
        assert_eq!(served(Some("2026-02-27"), "2026-03-01"), ["2026-02-28", "2026-03-01"]);
        assert!(served(Some("2026-03-01"), "2026-03-01").is_empty());
        assert!(served(Some("2026-03-02"), "2026-03-01").is_empty());
    }
}
