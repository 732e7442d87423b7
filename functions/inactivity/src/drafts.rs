//! Publishes the drafts of programs whose time has come.

use tessera_lambda::Services;
use tessera_lambda::job::Deadline;

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;

/// Publishes every program's scheduled drafts, until the deadline is near. A program that fails does not keep the others from
/// being served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn publish_due(services: &Services, deadline: &Deadline) -> Result<(), String> {
    let (mut published, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            if deadline.is_near() {
                break;
            }
            match services.store.publish_due_drafts(program, services.clock.now()).await {
                Ok(0) => {}
                Ok(drafts) => {
                    services.programs.forget(program).await;
                    published += drafts;
                }
                Err(error) => {
                    tracing::error!(%program, %error, "scheduled drafts were not published");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || deadline.is_near() {
            break;
        }
    }
    tracing::info!(published, failed, "scheduled drafts were published");
    if failed > 0 { Err(format!("the drafts of {failed} programs were not published")) } else { Ok(()) }
}
