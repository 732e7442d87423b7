//! Interactions: stored once, conditionally, with the member's inner id.

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::{Interaction, InteractionInput, read_interaction};
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, PutInteraction};

use crate::answer::Accepted;
use crate::content::interaction_as_kept;
use crate::identity::{self, Notes};
use crate::time::check_time;

/// `POST /v1/interactions`.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let InteractionInput { interaction, member } =
        check_time(read_interaction(body), body, now).map_err(Problem::malformed)?;
    let interaction = interaction_as_kept(interaction);
    let reference = caller.verified(program, member)?;

    services.programs.mark_in_use(program).await?;
    let (put, notes) = store_of(services, program, &reference, &interaction, now).await?;
    let answer = Accepted::of(interaction.id.as_str(), notes);
    match put {
        PutInteraction::Stored => Ok(http::json(202, &answer)),
        PutInteraction::Same => Ok(http::json(200, &answer)),
        PutInteraction::Different => Err(Problem::unprocessable(
            "different_content",
            format!("interaction {} was sent before with other content, or of another member", interaction.id),
        )),
    }
}

/// Stores what someone did. One read of guards and one write when nothing is left to settle.
async fn store_of(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    interaction: &Interaction,
    now: Timestamp,
) -> Result<(PutInteraction, Notes), Problem> {
    let known = identity::look_up(services, program, reference, false).await?;
    if let Some(member) = known.member.as_ref().filter(|_| known.settled) {
        let put = services.store.put_interaction(&program.id, member, interaction, now).await?;
        return Ok((put, Notes::from(&known)));
    }
    // A member will be created or changed: never for an interaction that is then refused.
    if let Some(stored) = services.store.get_interaction(&program.id, &interaction.id).await? {
        let known = identity::look_up(services, program, reference, true).await?;
        let is_same = known.member.as_ref() == Some(&stored.member) && stored.interaction == *interaction;
        if !is_same {
            return Ok((PutInteraction::Different, Notes::default()));
        }
        let notes = identity::settle_again(services, program, reference, &known, now).await?;
        return Ok((PutInteraction::Same, notes));
    }
    let found = identity::settle(services, program, reference, now).await?;
    let put = services.store.put_interaction(&program.id, &found.member, interaction, now).await?;
    Ok((put, Notes::from(&found)))
}
