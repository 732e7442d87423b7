//! Who a fact concerns: settled here once, so that evaluation never has to.

use jiff::Timestamp;
use tessera_domain::ids::MemberId;
use tessera_domain::member::MemberRef;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Identified, Known, StoreError};

/// Who was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// The member; `None` when nobody has any of the identifiers.
    pub member: Option<MemberId>,
    /// True when an identifier belongs to another member, and stays there.
    pub conflict: bool,
    /// True when every identifier belongs to someone: nothing is left to be written.
    pub settled: bool,
}

/// Looks up who is meant without changing anything. `strong` also sees what was written a moment ago.
pub(crate) async fn look_up(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    strong: bool,
) -> Result<Who, StoreError> {
    let known = services.store.resolve(&program.id, &program.head.identity_key, reference, strong).await?;
    let Known { member, unknown, conflict } = known;
    let settled = member.is_some() && unknown.is_empty();
    Ok(Who { member, conflict, settled })
}

/// Finds who is meant; someone new becomes a visitor, and new identifiers of someone known are attached to them.
pub(crate) async fn settle(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    now: Timestamp,
) -> Result<Identified, StoreError> {
    services.store.find_or_create_visitor(&program.id, &program.head.identity_key, reference, now).await
}
