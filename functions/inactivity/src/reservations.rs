//! Ends lapsed reservations in every run: a unit of stock is offered again without waiting for demand, and the lapse is
//! announced.

use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_store::StoreError;

use crate::programs::serve_all;

/// Ends every program's lapsed reservations, until the deadline is near. The next run ends those that are left.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn free_lapsed(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "lapsed reservations", |program| async move {
        free_lapsed_of(services, &program, deadline).await.map_err(|error| error.to_string())
    })
    .await
}

async fn free_lapsed_of(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, StoreError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(0) };
    let mut freed = 0;
    for reward in &active.compiled.program.rewards {
        loop {
            if deadline.is_near() {
                return Ok(freed);
            }
            let batch = services.store.free_lapsed_batch(program, &reward.id, services.clock.now()).await?;
            if batch == 0 {
                break;
            }
            freed += batch;
        }
    }
    Ok(freed)
}
