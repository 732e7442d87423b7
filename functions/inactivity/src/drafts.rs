//! Publishes the drafts of programs whose time has come.

use tessera_lambda::Services;
use tessera_lambda::job::Deadline;

use crate::programs::serve_all;

/// Publishes every program's scheduled drafts, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn publish_due(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "scheduled drafts", |program| async move {
        let published = services.store.publish_due_drafts(&program, services.clock.now()).await;
        let published = published.map_err(|error| error.to_string())?;
        if published > 0 {
            services.programs.forget(&program).await;
        }
        Ok(published)
    })
    .await
}
