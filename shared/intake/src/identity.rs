//! Whose fact it is. Intake decides this once, so that evaluation never has to.

use serde::Serialize;
use tessera_domain::ids::MemberId;
use tessera_domain::member::{IdentifierKind, MemberRef};
use tessera_store::{Identified, IdentityError, KnownMember, ProfileNews, StoreError};

use crate::Intake;

/// What became of the identifiers of a request; part of its response.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentityNotes {
    /// Unverified identifiers under which the points of a contact without an id wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that belong to another member, who has an id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub identity_conflict: Vec<IdentifierKind>,
}

impl From<&KnownMember> for IdentityNotes {
    fn from(known: &KnownMember) -> Self {
        Self { claimable: known.claimable.clone(), identity_conflict: known.conflict.clone() }
    }
}

impl From<&Identified> for IdentityNotes {
    fn from(identified: &Identified) -> Self {
        Self { claimable: identified.claimable.clone(), identity_conflict: identified.conflict.clone() }
    }
}

impl Intake<'_> {
    /// Looks a reference up and changes nothing. `strong`: also sees what was written a moment ago.
    pub(crate) async fn look_up(&self, reference: &MemberRef, strong: bool) -> Result<KnownMember, StoreError> {
        self.store.resolve(&self.program.id, &self.program.head.identity_key, reference, strong).await
    }

    /// Finds the member or creates a visitor, and writes what the reference verifies.
    pub(crate) async fn identify(&self, reference: &MemberRef, news: ProfileNews) -> Result<Identified, IdentityError> {
        self.store.find_or_create_with(self.program, reference, self.now, news, &|_| {}).await
    }

    /// True when a fact's owner is the person of a reference, or is about to join that person.
    pub(crate) async fn is_of(&self, known: &KnownMember, owner: &MemberId) -> Result<bool, StoreError> {
        let Some(member) = &known.member else { return Ok(false) };
        Ok(known.joins.contains(owner) || self.store.is_one_member(&self.program.id, owner, member).await?)
    }

    /// Completes the identification of a fact that was stored before: the reference may verify more than it did then.
    pub(crate) async fn identify_again(
        &self,
        reference: &MemberRef,
        known: &KnownMember,
        news: ProfileNews,
    ) -> Result<IdentityNotes, IdentityError> {
        if known.settled {
            return Ok(known.into());
        }
        self.identify(reference, news).await.map(|identified| IdentityNotes::from(&identified))
    }
}
