//! Facts that the store refuses for good: those for which a member's account has no room, and those of an erased member. They
//! are decided as rejected, instead of waiting as dead letters.

use std::convert::Infallible;

use jiff::Timestamp;
use tessera_domain::decide::decide_rejection;
use tessera_domain::ledger::{Cause, Rejection};
use tessera_lambda::Services;
use tessera_store::{Commit, CommitError, Committed, Party, StoreError};

use crate::EvaluationError;

/// Why a fact whose commit failed with this error is rejected; `None` when it is to be tried again.
pub const fn reason_of(error: &StoreError) -> Option<Rejection> {
    match error {
        StoreError::AccountFull { .. } => Some(Rejection::AccountFull),
        StoreError::Erased { .. } => Some(Rejection::Erased),
        _ => None,
    }
}

/// The same party, erased or not: a rejection is written for either.
pub(crate) fn of_anyone<'a>(commit: &Commit<'a>) -> Commit<'a> {
    let parties = commit.parties.clone().map(|party| Party { even_erased: true, ..party });
    Commit { parties, ..*commit }
}

/// Commits the rejection of a fact, once. `at` is when the fact happened.
///
/// # Errors
/// When the store fails.
pub async fn reject(
    services: &Services,
    commit: &Commit<'_>,
    at: Timestamp,
    cause: Cause,
    reason: Rejection,
) -> Result<Committed, EvaluationError> {
    let (now, anyone) = (services.clock.now(), of_anyone(commit));
    let committed = services.store.commit(&anyone, |seen| {
        let context = seen.context(commit.config, now);
        Ok::<_, Infallible>(decide_rejection(&context, seen.account, at, cause.clone(), reason))
    });
    committed.await.map_err(|error| match error {
        CommitError::Refused(never) => match never {},
        CommitError::Store(error) => error.into(),
    })
}
