//! Interactions: what of them counts only once for a member is marked with the decision that counts it.

use std::convert::Infallible;

use tessera_domain::decide::{InteractionContext, decide_interaction};
use tessera_domain::fact::Interaction;
use tessera_domain::ids::{InteractionId, MemberId, ProgramId};
use tessera_domain::ledger::Cause;
use tessera_domain::pack::unpack;
use tessera_domain::program::Asked;
use tessera_lambda::Services;
use tessera_lambda::message::Fact;
use tessera_store::{ActiveProgram, Commit, CommitError, Committed, EntryKey, Party, StoreError};

use crate::{EvaluationError, rejection};

/// The interaction of a message: as a rule the message carries it; a long one is read from where it is stored.
pub(crate) async fn carried(
    services: &Services,
    program: &ProgramId,
    named: &InteractionId,
    fact: &Fact,
) -> Result<Interaction, EvaluationError> {
    let Some(packed) = fact.packed()? else {
        let stored = services.store.get_interaction(program, named).await?;
        return stored
            .map(|stored| stored.interaction)
            .ok_or_else(|| EvaluationError::UnknownInteraction(named.clone()));
    };
    let interaction: Interaction = unpack(&packed)?;
    if interaction.id == *named {
        Ok(interaction)
    } else {
        Err(EvaluationError::OtherInteraction { named: named.clone(), carried: interaction.id })
    }
}

/// Decides on an interaction, once: when it was decided before, nothing is written and that decision stands.
pub(crate) async fn evaluate(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    interaction: &Interaction,
) -> Result<Committed, EvaluationError> {
    let key = EntryKey::interaction(interaction.occurred_at, &interaction.id);
    let mark = interaction.once();
    let profile = program.compiled.asks_profile(Asked::Interaction);
    let party = Party { mark: mark.as_deref(), profile, ..Party::new(member, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let now = services.clock.now();
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(&program.compiled, now);
        let fact = InteractionContext { interaction, counted_before: seen.marked };
        Ok::<_, Infallible>(decide_interaction(&context, seen.account, &fact))
    });
    match committed.await {
        Ok(committed) => Ok(committed),
        Err(CommitError::Refused(never)) => match never {},
        Err(CommitError::Store(StoreError::AccountFull { .. })) => {
            let cause = Cause::Interaction(interaction.id.clone());
            rejection::account_full(services, &commit, interaction.occurred_at, cause).await
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
