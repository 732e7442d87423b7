//! Frees the stock of lapsed reservations in every run, so that a reward is offered again without waiting for demand.

use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_store::StoreError;

use crate::programs::serve_all;

/// Frees the stock of every program's lapsed reservations, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn free_lapsed(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "lapsed reservations", |program| async move {
        free_lapsed_of(services, &program).await.map_err(|error| error.to_string())
    })
    .await
}

async fn free_lapsed_of(services: &Services, program: &ProgramId) -> Result<u32, StoreError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(0) };
    let stocked = active.compiled.program.rewards.iter().filter(|reward| reward.stock.is_some());
    let mut freed = 0;
    for reward in stocked {
        freed += services.store.free_lapsed(program, &reward.id, services.clock.now()).await?;
    }
    Ok(freed)
}
