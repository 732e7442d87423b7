//! `POST /v1/interactions`.

use serde_json::Value;
use tessera_domain::fact::{InteractionInput, read_interaction};
use tessera_intake::TimeLimit;
use tessera_lambda::http::Response;
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, PutFact};

use crate::response::{accepted, different_content, intake};

/// Stores an interaction once, with the person's internal id.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let read = read_interaction(body);
    let InteractionInput { interaction, member } =
        TimeLimit::live(now).check_body(read, body).map_err(Problem::malformed)?;
    let reference = caller.verified(program, member)?;

    let id = interaction.id.clone();
    let outcome = intake(services, program, now).interaction(interaction, &reference).await?;
    match outcome.put {
        PutFact::Stored | PutFact::Waiting => Ok(accepted(202, id.as_str(), outcome.notes)),
        PutFact::Same => Ok(accepted(200, id.as_str(), outcome.notes)),
        PutFact::Different => {
            Err(different_content(format!("interaction {id} was sent before with other content, or of another member")))
        }
    }
}
