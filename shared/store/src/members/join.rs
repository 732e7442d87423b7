//! Joining: a contact without an id becomes part of the member who verified its identifier.
//!
//! One transaction merges the accounts, hands the contact's verified identifiers to the member, and leaves an alias. So at
//! every moment the contact's points are in exactly one place, and its identifiers lead there.

use jiff::Timestamp;
use tessera_domain::decide::{MergeFault, decide_merge};
use tessera_domain::ids::MemberId;
use tessera_domain::member::{Holding, IdentifierKind, MAX_CARDS, MemberRef, Profile};

use super::guards::{Guards, Namespace};
use super::{IdentityError, ProfileNews};
use crate::items::number;
use crate::{ActiveProgram, Commit, CommitError, EntryKey, Party, Store, StoreError};

/// How an attempt to join ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// The contact is part of the member now.
    Now,
    /// The contact cannot join: it is excluded, has open reservations or an id, or the account has no room.
    Waits,
    /// Something changed since it was read.
    Changed,
}

impl Store {
    /// Joins a contact to a member who verified one of its identifiers.
    pub(super) async fn join(
        &self,
        program: &ActiveProgram,
        contact: &MemberId,
        member: &MemberId,
        reference: &MemberRef,
        now: Timestamp,
    ) -> Result<Joined, IdentityError> {
        let namespace = Namespace { program: &program.id, identity_key: &program.head.identity_key };
        let (Some((theirs, their_version)), Some((before, version))) = (
            self.stored_profile(&program.id, contact, true).await?,
            self.stored_profile(&program.id, member, true).await?,
        ) else {
            return Ok(Joined::Changed);
        };
        if theirs.id.is_some() {
            return Ok(Joined::Waits);
        }
        let after = united_profile(&before, &theirs, reference)?;
        for held in after.identifiers.iter().filter(|held| held.holding == Holding::Verified) {
            if before.holding(&held.identifier) != Some(Holding::Verified) {
                self.drop_contact_data(namespace, &held.identifier, member).await?;
            }
        }
        let (own, of_contact) =
            (namespace.of_profile(member, &before).await?, namespace.of_profile(contact, &theirs).await?);
        let mut guards = Guards::default();
        // What the member has no room for stays a key all the same.
        for held in theirs.identifiers.iter().filter(|held| held.holding == Holding::Verified) {
            guards = guards.with(namespace.of_verified(member, after.id.is_some(), &held.identifier).await?);
        }
        let guards = guards.with(namespace.of_profile(member, &after).await?);
        let mut writes = own.with(of_contact).taken_over(&guards, &self.tables.members, member, contact);
        // The contact's profile stays as it is. A new version of it refuses whoever is adding a key to the contact, and the
        // other way round: such a key would lead to nobody.
        let profiles = [(member, (&before, &after), version), (contact, (&theirs, &theirs), their_version)];
        for (of, (before, profile), version) in profiles {
            let both = (Some(before), profile);
            let write = self.profile_write(&program.id, of, both, version + 1, ProfileNews::Changes)?;
            writes.push(write.when("v = :before").value(":before", number(version)));
        }

        let keys = [EntryKey::merge(now, member), EntryKey::merge(now, contact)];
        let parties = [(contact, &keys[0]), (member, &keys[1])];
        let parties = parties.map(|(member, key)| Party { profile: true, ..Party::new(member, key) });
        let commit = Commit { program: &program.id, config: &program.compiled, parties };
        let committed = self.commit_with(
            &commit,
            |_, _| Ok(writes.clone()),
            |[source, target]| {
                // Somebody else may have joined one of them meanwhile.
                if (source.member, target.member) != (contact, member) {
                    return Err(MergeFault::MergedMeanwhile);
                }
                let config = &*program.compiled;
                let (source_context, target_context) = (source.context(config, now), target.context(config, now));
                decide_merge((&source_context, source.account), (&target_context, target.account), None)
            },
        );
        match committed.await {
            Ok(Some(_)) => Ok(Joined::Now),
            Ok(None)
            | Err(
                CommitError::Refused(MergeFault::MergedMeanwhile)
                | CommitError::Store(StoreError::OneMember { .. } | StoreError::Erased { .. }),
            ) => Ok(Joined::Changed),
            Err(
                CommitError::Refused(
                    MergeFault::MemberExcluded | MergeFault::OpenReservations | MergeFault::TooManySources,
                )
                | CommitError::Store(StoreError::AccountFull { .. }),
            ) => Ok(Joined::Waits),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

/// The profile of a member whom a contact joins. The identifiers that the request verifies become keys. So do those that the
/// contact holds verified, where the member has room; nothing unverified becomes a key of somebody with an id.
fn united_profile(before: &Profile, contact: &Profile, reference: &MemberRef) -> Result<Profile, IdentityError> {
    let mut after = before.clone();
    for held in &contact.identifiers {
        let (identifier, kind) = (&held.identifier, held.identifier.kind);
        let is_verified_now = reference.is_verified(kind) && reference.identifiers().any(|sent| sent == *identifier);
        let verified = || {
            after
                .identifiers
                .iter()
                .filter(|own| own.identifier.kind == kind && own.holding == Holding::Verified)
                .count()
        };
        let room = if kind == IdentifierKind::Card { MAX_CARDS } else { 1 };
        if is_verified_now || (held.holding == Holding::Verified && verified() < room) {
            after.verify(identifier)?;
        } else if held.holding != Holding::Verified && after.fill(identifier) {
            let is_key = held.holding == Holding::First && after.id.is_none();
            if let Some(filled) = after.identifiers.last_mut().filter(|_| is_key) {
                filled.holding = Holding::First;
            }
        }
    }
    after.take_over(contact);
    Ok(after)
}
