//! Who holds an identifier.

use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::Identifier;

use super::Namespace;
use crate::calls::Range;
use crate::items::{Reader, name};
use crate::keys;
use crate::{IdentityKey, Store, StoreError};

const READ: &str = "looking for who holds an identifier";

/// A member whom a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMember {
    /// The member, before any alias is followed.
    pub member: MemberId,
    /// True when a key leads to the member; false for contact data and names.
    pub by_key: bool,
}

impl Store {
    /// The members who hold an identifier, at most `limit`, the one whose key it is first. One Query.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn members_holding(
        &self,
        program: &ProgramId,
        identity_key: &IdentityKey,
        identifier: &Identifier,
        limit: u32,
    ) -> Result<Vec<FoundMember>, StoreError> {
        let guard = Namespace { program, identity_key }.of(identifier).await?;
        // The guard sorts behind the records of contact data.
        let range = Range { consistent: false, backwards: true, limit: Some(limit), ..Range::all(guard.pk, "") };
        let (items, _) = self.page(READ, &self.tables.members, &range).await?;
        let found = items.iter().map(|item| {
            let reader = Reader::new(READ, item);
            let by_key = !reader.text(name::SK)?.starts_with(keys::CONTACT_DATA);
            Ok(FoundMember { member: reader.parsed(name::MEMBER)?, by_key })
        });
        found.collect()
    }
}
