//! What a day brings: birthdays, and what else has come due. A member has one decision of each kind for a local day.

use tessera_domain::account::Account;
use tessera_domain::decide::{Context, Decision, decide_birthday, decide_due};
use tessera_domain::ids::MemberId;
use tessera_domain::ledger::Cause;
use tessera_domain::program::Asked;
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, Party, StoreError};

use crate::{EvaluationError, Outcome, rejection};

/// Decides on the birthday rules that come due for a member on a local day, which may be past.
pub(crate) async fn birthday(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    day: Day,
) -> Result<Outcome, EvaluationError> {
    let key = EntryKey::birthday(day);
    let commit = Commit::for_one(&program.id, &program.compiled, Party { profile: true, ..Party::new(member, &key) });
    let decide = |context: &Context<'_>, account: &Account| decide_birthday(context, account, day);
    evaluate(services, &commit, day, Cause::Birthday(day), decide).await
}

/// Decides on what has come due for a member by now. `day` is the local day whose run found them.
pub(crate) async fn due(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    day: Day,
) -> Result<Outcome, EvaluationError> {
    let key = EntryKey::due(day);
    let profile = program.compiled.asks_profile(Asked::Due);
    let commit = Commit::for_one(&program.id, &program.compiled, Party { profile, ..Party::new(member, &key) });
    evaluate(services, &commit, day, Cause::Inactivity(day), decide_due).await
}

/// Nothing comes due.
struct Nothing;

async fn evaluate(
    services: &Services,
    commit: &Commit<'_>,
    day: Day,
    cause: Cause,
    decide: impl Fn(&Context<'_>, &Account) -> Option<Decision>,
) -> Result<Outcome, EvaluationError> {
    let now = services.clock.now();
    let committed = services.store.commit(commit, |seen| {
        let context = seen.context(commit.config, now);
        decide(&context, seen.account).ok_or(Nothing)
    });
    match committed.await {
        Ok(committed) => Ok(Outcome::of(&committed)),
        Err(CommitError::Refused(Nothing)) => Ok(Outcome::Nothing),
        Err(CommitError::Store(StoreError::AccountFull { .. })) => {
            let at = day.start(&commit.config.zone);
            Ok(Outcome::of(&rejection::account_full(services, commit, at, cause).await?))
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
