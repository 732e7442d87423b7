//! New contacts in bulk: those whom nobody knows are found by many keys in one call, and created with their first decision.
//!
//! A row of an import costs one transaction so, where a look-up, a creation and a commit take two and three reads.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tessera_domain::decide::Decision;
use tessera_domain::member::{MemberRef, Profile};

use super::guards::Namespace;
use super::{IDENTIFY, ProfileNews, new_member};
use crate::items::{Reader, name};
use crate::keys::Key;
use crate::{
    ActiveProgram, Commit, CommitError, Committed, EntryKey, Party, PartyAccount, Snapshot, Store, StoreError,
};

impl Store {
    /// For each reference, whether nobody has its id or any of its identifiers. Eventually consistent, and somebody may get one
    /// a moment later: [`Store::commit_new`] finds out.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn unknown(&self, program: &ActiveProgram, references: &[MemberRef]) -> Result<Vec<bool>, StoreError> {
        let namespace = Namespace { program: &program.id, identity_key: &program.head.identity_key };
        let mut keys = Vec::with_capacity(references.len());
        for reference in references {
            let mut own: Vec<Key> = reference.id.iter().map(|id| namespace.of_id(id)).collect();
            for identifier in reference.identifiers() {
                own.push(namespace.of(&identifier).await?);
            }
            keys.push(own);
        }
        // A batch must not name a key twice.
        let all: Vec<Key> = keys.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let found = self.get_many(IDENTIFY, &self.tables.members, &all, false).await?;
        let found = found.iter().map(|item| Reader::new(IDENTIFY, item).text(name::PK));
        let found = found.collect::<Result<BTreeSet<&str>, _>>()?;
        let is_unknown = |own: &Vec<Key>| !own.is_empty() && own.iter().all(|key| !found.contains(&*key.pk));
        Ok(keys.iter().map(is_unknown).collect())
    }

    /// Creates the contact of a reference together with a first decision on it, in one transaction, for an import: targets are not
    /// told. `complete` completes the profile. `None`, and nothing written, when somebody has the id or an identifier of the reference.
    ///
    /// # Errors
    /// As [`Store::commit`]; a refusal creates nobody.
    pub async fn commit_new<E, F>(
        &self,
        program: &ActiveProgram,
        reference: &MemberRef,
        now: Timestamp,
        complete: &(dyn Fn(&mut Profile) + Sync),
        key: &EntryKey,
        decide: F,
    ) -> Result<Option<Committed>, CommitError<E>>
    where
        F: Fn(&Snapshot<'_>) -> Result<Decision, E>,
    {
        let namespace = Namespace { program: &program.id, identity_key: &program.head.identity_key };
        let member = new_member()?;
        let mut profile = Profile::new(reference, now);
        complete(&mut profile);
        let creation = self.creation(namespace, &member, &profile, ProfileNews::None).await?;
        let party = Party { account: PartyAccount::New, ..Party::new(&member, key) };
        let commit = Commit::for_one(&program.id, &program.compiled, party);
        let decide = |[party]: &[Snapshot<'_>; 1]| decide(party).map(|decision| [decision]);
        let committed = self.commit_with(&commit, |_, _| Ok(creation.clone()), decide).await?;
        Ok(committed.map(|[committed]| committed))
    }
}
