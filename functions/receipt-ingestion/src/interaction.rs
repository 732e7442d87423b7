//! Interactions: stored once, conditionally, with the member's inner id.

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::{Interaction, InteractionInput, read_interaction};
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutInteraction, StoreError};

use crate::answer::Accepted;
use crate::content::interaction_as_kept;
use crate::identity;
use crate::time::check_time;

/// `POST /v1/interactions`.
pub(crate) async fn accept(services: &Services, program: &ActiveProgram, body: &Value) -> Result<Response, Problem> {
    let now = services.clock.now();
    let InteractionInput { interaction, member } =
        check_time(read_interaction(body), body, now).map_err(Problem::malformed)?;
    let interaction = interaction_as_kept(interaction);

    services.programs.mark_in_use(program).await?;
    let (put, conflict) = store_of(services, program, &member, &interaction, now).await?;
    let answer = Accepted::of(interaction.id.as_str(), conflict);
    match put {
        PutInteraction::Stored => Ok(http::json(202, &answer)),
        PutInteraction::Same => Ok(http::json(200, &answer)),
        PutInteraction::Different => Err(Problem::unprocessable(
            "different_content",
            format!("interaction {} was sent before with other content, or of another member", interaction.id),
        )),
    }
}

/// Stores what someone did. One read of guards and one write when every identifier is known.
async fn store_of(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    interaction: &Interaction,
    now: Timestamp,
) -> Result<(PutInteraction, bool), StoreError> {
    let known = identity::look_up(services, program, reference, false).await?;
    if let Some(member) = known.member.filter(|_| known.settled) {
        let put = services.store.put_interaction(&program.id, &member, interaction, now).await?;
        return Ok((put, known.conflict));
    }
    // Someone will be made, or identifiers attached: never for an interaction that is then refused.
    if let Some(stored) = services.store.get_interaction(&program.id, &interaction.id).await? {
        let who = identity::look_up(services, program, reference, true).await?;
        let is_same = who.member.as_ref() == Some(&stored.member) && stored.interaction == *interaction;
        return Ok((if is_same { PutInteraction::Same } else { PutInteraction::Different }, who.conflict));
    }
    let found = identity::settle(services, program, reference, now).await?;
    let put = services.store.put_interaction(&program.id, &found.member, interaction, now).await?;
    Ok((put, found.conflict))
}
