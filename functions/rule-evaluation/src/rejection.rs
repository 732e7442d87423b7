//! Facts for which a member's account has no room: they are decided as rejected, instead of waiting as dead letters.

use std::convert::Infallible;

use jiff::Timestamp;
use tessera_domain::decide::decide_rejection;
use tessera_domain::ledger::{Cause, Rejection};
use tessera_lambda::Services;
use tessera_store::{Commit, CommitError, Committed};

use crate::EvaluationError;

/// Commits the rejection of a fact, once. `at` is when the fact happened.
pub(crate) async fn account_full(
    services: &Services,
    commit: &Commit<'_>,
    at: Timestamp,
    cause: Cause,
) -> Result<Committed, EvaluationError> {
    let now = services.clock.now();
    let committed = services.store.commit(commit, |seen| {
        let context = seen.context(commit.config, now);
        Ok::<_, Infallible>(decide_rejection(&context, seen.account, at, cause.clone(), Rejection::AccountFull))
    });
    committed.await.map_err(|error| match error {
        CommitError::Refused(never) => match never {},
        CommitError::Store(error) => error.into(),
    })
}
