//! Job: hands the members whose birthday rules fall due to the queue of facts, for each local day of a program.

use serde_json::{Value, json};
use tessera_domain::fact::FactId;
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::job::{Invocation, Job, MissedDays, run_job};
use tessera_lambda::{Queue, Services, Variable};
use tessera_store::{ActiveProgram, FoundMembers, JobPosition, StoreError};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Facts)];

/// Serves the days that have begun.
///
/// # Errors
/// When a program could not be served; the next run resumes there.
pub async fn handle(services: &Services, invocation: Invocation) -> Result<Value, String> {
    Ok(json!(run_job(services, &Birthdays, &invocation.deadline).await?))
}

struct Birthdays;

impl Job for Birthdays {
    const NAME: &'static str = "birthdays";
    const MISSED_DAYS: MissedDays = MissedDays::Each;

    /// The dates of birth for which a rule falls due, as in 229 for 29 February.
    fn shards(&self, program: &ActiveProgram, day: Day) -> Vec<u32> {
        let dates = program.compiled.birthdays_on(day);
        dates
            .into_iter()
            .map(|(month, day)| u32::from(month.unsigned_abs()) * 100 + u32::from(day.unsigned_abs()))
            .collect()
    }

    async fn members(
        &self,
        services: &Services,
        program: &ProgramId,
        _day: Day,
        JobPosition { shard, cursor }: JobPosition,
    ) -> Result<FoundMembers, StoreError> {
        let part = |number: u32| i8::try_from(number).unwrap_or_default();
        services.store.members_born(program, part(shard / 100), part(shard % 100), cursor).await
    }

    fn fact(&self, day: Day) -> FactId {
        FactId::Birthday { day }
    }
}
