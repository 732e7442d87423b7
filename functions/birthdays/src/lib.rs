//! Birthdays: for each local day of a program, the members for whom a rule comes due are handed to the queue of facts.

use serde_json::Value;
use tessera_domain::fact::FactId;
use tessera_lambda::job::{Days, Job, JobError, Outbox, each_program};
use tessera_lambda::{Services, Variable};
use tessera_store::ActiveProgram;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::FactsQueueUrl];

/// Serves the days that have begun. The input says nothing: a run does what is to be done.
///
/// # Errors
/// When some program could not be served; the next run goes on with it.
pub async fn handle(services: &Services, _input: Value) -> Result<Value, String> {
    each_program(services, &Birthdays).await
}

struct Birthdays;

impl Job for Birthdays {
    const NAME: &'static str = "birthdays";

    /// Hands on everyone with a birthday that comes due on one of the days. A day without such a rule costs nothing.
    async fn serve(
        &self,
        services: &Services,
        program: &ActiveProgram,
        days: Days,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), JobError> {
        for day in days.each() {
            for (month, of_month) in program.compiled.birthdays_on(day) {
                let mut cursor = None;
                loop {
                    let page = services.store.members_born(&program.id, month, of_month, cursor).await?;
                    for member in page.members {
                        outbox.push(&program.id, member, day, FactId::Birthday { day }).await?;
                    }
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
