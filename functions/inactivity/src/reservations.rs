//! Frees the stock of lapsed reservations in every run, so that a reward is offered again without waiting for demand.

use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_store::StoreError;

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;

/// Frees the stock of every program's lapsed reservations, until the deadline is near. A program that fails does not keep
/// the others from being served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn free_lapsed(services: &Services, deadline: &Deadline) -> Result<(), String> {
    let (mut freed, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            if deadline.is_near() {
                break;
            }
            match free_lapsed_of(services, program).await {
                Ok(units) => freed += units,
                Err(error) => {
                    tracing::error!(%program, %error, "the stock of lapsed reservations was not freed");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || deadline.is_near() {
            break;
        }
    }
    tracing::info!(freed, failed, "the stock of lapsed reservations was freed");
    if failed > 0 { Err(format!("the stock of {failed} programs was not freed")) } else { Ok(()) }
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
