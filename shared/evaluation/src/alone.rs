//! Facts that are decided from the member's account and profile alone.

use tessera_domain::account::Account;
use tessera_domain::decide::{FactContext, InteractionContext, NothingDecided, decide_fact, decide_interaction_by};
use tessera_domain::fact::Fact;
use tessera_domain::ids::MemberId;
use tessera_domain::program::CompiledProgram;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, Party, StoreError};

use crate::{DispatchOutcome, EvaluationError, reason_of, reject};

/// The account of a member to whom nothing happened, with its next due day.
struct Rearm {
    /// The member that was decided on; an alias may lead there from the fact's member.
    member: MemberId,
    account: Account,
}

/// Decides on a fact, once. `profile` says whether the decision must see the member's profile. `decided_by`: the version of
/// the program that decides an interaction; the one in force, unless an unmerge asks for another.
///
/// # Errors
/// When the store fails.
pub async fn evaluate(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    fact: &Fact,
    profile: bool,
    decided_by: Option<&CompiledProgram>,
) -> Result<DispatchOutcome, EvaluationError> {
    let id = fact.id();
    let at = fact.occurred_at(&program.compiled.zone);
    let (key, mark) = (EntryKey::fact(at, &id), fact.once());
    let party = Party { mark: mark.as_deref(), profile, ..Party::new(member, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let now = services.clock.now();
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(&program.compiled, now);
        if let (Some(decided_by), Fact::Interaction(interaction)) = (decided_by, fact) {
            let fact = InteractionContext { interaction, counted_before: seen.marked };
            return Ok(decide_interaction_by(&context, seen.account, &fact, decided_by));
        }
        let fact = FactContext { fact, coupons: &[], counted_before: seen.marked };
        decide_fact(&context, seen.account, fact).map_err(|NothingDecided { due, warned }| {
            (due != seen.account.due).then(|| {
                let account = Account { due, warned, ..seen.account.clone() };
                Box::new(Rearm { member: context.member.clone(), account })
            })
        })
    });
    match committed.await {
        Ok(committed) => Ok(DispatchOutcome::of(&committed)),
        Err(CommitError::Refused(None)) => Ok(DispatchOutcome::Nothing),
        Err(CommitError::Refused(Some(rearm))) => {
            services.store.rearm(&program.id, &rearm.member, &rearm.account).await?;
            Ok(DispatchOutcome::Rearmed)
        }
        // Nothing falls due for who is gone.
        Err(CommitError::Store(StoreError::Erased { .. })) if !id.kind().is_stored() => Ok(DispatchOutcome::Nothing),
        Err(CommitError::Store(error)) => match reason_of(&error) {
            Some(reason) => {
                let rejected = reject(services, &commit, at, id.into(), reason).await?;
                Ok(DispatchOutcome::of(&rejected))
            }
            None => Err(error.into()),
        },
    }
}
