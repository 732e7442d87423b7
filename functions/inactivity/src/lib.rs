//! Inactivity: the members for whom something may have come due, a lapse or the review of a tier, are handed to the
//! queue of facts. It also frees the stock of lapsed reservations.

mod stock;

use serde_json::Value;
use tessera_domain::fact::FactId;
use tessera_lambda::job::{Days, Job, JobError, Outbox, each_program};
use tessera_lambda::{Services, Variable};
use tessera_store::{ActiveProgram, DUE_SHARDS};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::FactsQueueUrl];

/// Frees the stock of lapsed reservations and serves the days that have begun. The input says nothing: a run does what is to
/// be done.
///
/// # Errors
/// When some program could not be served; the next run goes on with it.
pub async fn handle(services: &Services, _input: Value) -> Result<Value, String> {
    let freed = stock::free_lapsed(services).await;
    let served = each_program(services, &Inactivity).await?;
    freed.map(|()| served)
}

struct Inactivity;

impl Job for Inactivity {
    const NAME: &'static str = "inactivity";

    /// Hands on everyone for whom something has come due by the last of the days: what was missed before it is decided with
    /// it. Where no rule waits for the passing of time nobody stands in the index.
    async fn serve(
        &self,
        services: &Services,
        program: &ActiveProgram,
        days: Days,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), JobError> {
        let day = days.last;
        for shard in 0..DUE_SHARDS {
            let mut cursor = None;
            loop {
                let page = services.store.members_due(&program.id, day, shard, cursor).await?;
                for member in page.members {
                    outbox.push(&program.id, member, day, FactId::Due { day }).await?;
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}
