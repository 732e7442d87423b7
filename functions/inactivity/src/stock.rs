//! Stock of reservations that lapsed: freed every run, so that a reward is offered again although nobody asks for it.

use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_store::StoreError;

/// How many programs are listed at once.
const PAGE: u32 = 100;

/// Frees the stock of every program's lapsed reservations. A program that fails does not keep the others from theirs.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn free_lapsed(services: &Services) -> Result<(), String> {
    let (mut freed, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PAGE, cursor.as_deref()).await.map_err(|error| error.to_string())?;
        for program in &page.items {
            match of_program(services, program).await {
                Ok(units) => freed += units,
                Err(error) => {
                    tracing::error!(%program, %error, "stock of lapsed reservations was not freed");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    tracing::info!(freed, failed, "stock of lapsed reservations was freed");
    if failed > 0 { Err(format!("the stock of {failed} programs was not freed")) } else { Ok(()) }
}

async fn of_program(services: &Services, program: &ProgramId) -> Result<u32, StoreError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(0) };
    let stocked = active.compiled.program.rewards.iter().filter(|reward| reward.stock.is_some());
    let mut freed = 0;
    for reward in stocked {
        freed += services.store.free_lapsed(program, &reward.id, services.clock.now()).await?;
    }
    Ok(freed)
}
