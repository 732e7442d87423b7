//! Codes that shops created: asks for a look at every pool.

use tessera_lambda::Services;
use tessera_lambda::job::Deadline;

use crate::programs::serve_all;

/// Asks for what is to be done about the pools of every program that is connected to a shop, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn ask(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "codes of shops", |program| async move {
        // Each run asks anew, also within the time in which the queue drops what is repeated.
        let run = tessera_store::seed().map_err(|error| error.to_string())?;
        Ok(u32::from(services.ask_codes(&program, &format!("run {:?}", run.0)).await?))
    })
    .await
}
