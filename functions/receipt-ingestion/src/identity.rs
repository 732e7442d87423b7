//! Whose a fact is: decided here once, so that evaluation never has to.

use jiff::Timestamp;
use serde::Serialize;
use tessera_domain::member::{IdentifierKind, MemberRef};
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Identified, IdentityError, Known, StoreError};

/// What became of the identifiers of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Notes {
    /// Unverified identifiers at which the points of a contact without an id wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that stay with another member, who has an id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity_conflict: Vec<IdentifierKind>,
}

impl From<&Known> for Notes {
    fn from(known: &Known) -> Self {
        Self { claimable: known.claimable.clone(), identity_conflict: known.conflict.clone() }
    }
}

impl From<&Identified> for Notes {
    fn from(identified: &Identified) -> Self {
        Self { claimable: identified.claimable.clone(), identity_conflict: identified.conflict.clone() }
    }
}

/// Looks up who is meant, without a change. `strong` also sees what was written a moment ago.
pub(crate) async fn look_up(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    strong: bool,
) -> Result<Known, StoreError> {
    services.store.resolve(&program.id, &program.head.identity_key, reference, strong).await
}

/// Finds who is meant or creates a visitor, and writes what the reference may change.
pub(crate) async fn settle(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    now: Timestamp,
) -> Result<Identified, IdentityError> {
    services.store.find_or_create_visitor(&program.id, &program.head.identity_key, reference, now).await
}

/// What is left to do for a fact that was sent before: its reference may verify now what it only mentioned then.
pub(crate) async fn settle_again(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    known: &Known,
    now: Timestamp,
) -> Result<Notes, IdentityError> {
    if known.settled {
        return Ok(known.into());
    }
    settle(services, program, reference, now).await.map(|identified| Notes::from(&identified))
}
