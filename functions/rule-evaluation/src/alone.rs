//! Facts that are decided from the member's account and profile alone.

use tessera_domain::decide::{FactContext, decide_fact};
use tessera_domain::fact::Fact;
use tessera_domain::ids::MemberId;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, Party, StoreError};

use crate::{DispatchOutcome, EvaluationError, rejection};

/// The decision changes nothing, so that nothing is written.
struct Nothing;

/// Decides on a fact, once. `profile` says whether the decision must see the member's profile.
pub(crate) async fn evaluate(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    fact: &Fact,
    profile: bool,
) -> Result<DispatchOutcome, EvaluationError> {
    let id = fact.id();
    let at = fact.occurred_at(&program.compiled.zone);
    let (key, mark) = (EntryKey::fact(at, &id), fact.once());
    let party = Party { mark: mark.as_deref(), profile, ..Party::new(member, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let now = services.clock.now();
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(&program.compiled, now);
        let fact = FactContext { fact, coupons: &[], counted_before: seen.marked };
        decide_fact(&context, seen.account, fact).ok_or(Nothing)
    });
    match committed.await {
        Ok(committed) => Ok(DispatchOutcome::of(&committed)),
        Err(CommitError::Refused(Nothing)) => Ok(DispatchOutcome::Nothing),
        Err(CommitError::Store(StoreError::AccountFull { .. })) => {
            Ok(DispatchOutcome::of(&rejection::account_full(services, &commit, at, id.into()).await?))
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
