//! The loop over all programs that every pass makes.

use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;

/// Serves every program until the deadline is near. A program that fails does not keep the others from being served. `what`
/// names what is served, for the log; `serve` returns how many of them it served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn serve_all<S, F>(
    services: &Services,
    deadline: &Deadline,
    what: &str,
    serve: S,
) -> Result<(), String>
where
    S: Fn(ProgramId) -> F,
    F: Future<Output = Result<u32, String>>,
{
    let (mut served, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in page.items {
            if deadline.is_near() {
                break;
            }
            match serve(program.clone()).await {
                Ok(count) => served += count,
                Err(error) => {
                    tracing::error!(%program, what, error, "a program was not served");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || deadline.is_near() {
            break;
        }
    }
    tracing::info!(what, served, failed, "the programs were served");
    if failed > 0 { Err(format!("{what}: {failed} programs were not served")) } else { Ok(()) }
}
