//! Who a customer is: guards that lead from a shop's identifiers to a member, and the profile.

mod guards;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::{MemberRef, Profile};

use self::guards::{Guard, StoredProfile, guards, only};
use crate::items::{bytes, item, name, number, packed, text};
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{Store, StoreError, indexes, keys, random, retry};

const IDENTIFY: &str = "identifying a member";
const REPLACE: &str = "replacing a profile";

/// Who was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The member.
    pub member: MemberId,
    /// True when they were made now.
    pub created: bool,
    /// True when one of the identifiers belongs to someone else, and stays there.
    pub conflict: bool,
}

/// What is known of the identifiers that a body names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The first that is known, in the order id, card, e-mail, phone.
    pub member: Option<MemberId>,
    /// The identifiers that nobody has.
    pub unknown: MemberRef,
    /// True when one of them belongs to someone else.
    pub conflict: bool,
}

/// Why a profile was not written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// An identifier belongs to someone else.
    #[error("the {identifier} belongs to another member")]
    Taken {
        /// Which one: `id`, `card`, `email` or `phone`.
        identifier: &'static str,
    },
    /// The profile changed since it was read.
    #[error("the profile changed meanwhile")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Looks up who is meant, without changing anything. `strong`: see also what was written a moment ago.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn resolve(
        &self,
        program: &ProgramId,
        identity_key: &[u8],
        reference: &MemberRef,
        strong: bool,
    ) -> Result<Known, StoreError> {
        let guards = guards(program, identity_key, reference)?;
        self.known(&guards, reference, strong).await
    }

    async fn known(&self, guards: &[Guard], reference: &MemberRef, strong: bool) -> Result<Known, StoreError> {
        let owners = self.owners(guards, strong).await?;
        let member = owners.iter().flatten().next().cloned();
        let conflict = owners.iter().flatten().any(|owner| Some(owner) != member.as_ref());
        let unknown = guards.iter().zip(&owners).filter(|(_, owner)| owner.is_none());
        let unknown: Vec<&str> = unknown.map(|(guard, _)| guard.kind).collect();
        Ok(Known { member, unknown: only(reference, &unknown), conflict })
    }

    /// Finds who is meant, or makes a visitor of them; identifiers that nobody has are attached. One eventually
    /// consistent read (half a unit) for someone known by the one identifier that is given.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn find_or_create_visitor(
        &self,
        program: &ProgramId,
        identity_key: &[u8],
        reference: &MemberRef,
        now: Timestamp,
    ) -> Result<Identified, StoreError> {
        let guards = guards(program, identity_key, reference)?;
        let mut new = None;
        for attempt in 0..retry::TRIES {
            if attempt > 1 {
                retry::pause(attempt - 1).await;
            }
            // Whoever is unknown at a glance may have been made a moment ago.
            let known = self.known(&guards, reference, attempt > 0).await?;
            let Known { member, unknown, conflict } = known;
            if let Some(member) = member {
                // Our own attempt, when only its answer was lost.
                let created = new.as_ref() == Some(&member);
                if unknown.is_empty() || self.attach(program, identity_key, &member, &unknown, now).await? {
                    return Ok(Identified { member, created, conflict });
                }
            } else if attempt > 0 {
                let member = MemberId::new(random::id("m_"))
                    .map_err(|_| StoreError::Item { operation: IDENTIFY, attribute: name::MEMBER })?;
                let profile = Profile::new(reference.clone(), now);
                if self.create_visitor(program, &member, &guards, &profile).await? {
                    return Ok(Identified { member, created: true, conflict: false });
                }
                new = Some(member);
            }
        }
        Err(StoreError::Contended { operation: IDENTIFY, tries: retry::TRIES })
    }

    /// Writes a new profile and its guards; false when one of the identifiers has become someone's.
    async fn create_visitor(
        &self,
        program: &ProgramId,
        member: &MemberId,
        guards: &[Guard],
        profile: &Profile,
    ) -> Result<bool, StoreError> {
        let partitions = guards.iter().map(|guard| guard.key.pk.clone()).collect();
        let profile = self.profile_write(program, member, profile, 1, &partitions)?.when(ABSENT);
        let guards = guards.iter().map(|guard| self.guard_write(guard, member));
        let writes = guards.chain([profile]).collect();
        Ok(self.transact_patiently(IDENTIFY, writes).await? == Transacted::Done)
    }

    /// Gives a member identifiers that nobody has; false when something changed meanwhile.
    async fn attach(
        &self,
        program: &ProgramId,
        identity_key: &[u8],
        member: &MemberId,
        unknown: &MemberRef,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let guards = guards(program, identity_key, unknown)?;
        let Some(stored) = self.stored_profile(program, member).await? else {
            let profile = Profile::new(unknown.clone(), now);
            return self.create_visitor(program, member, &guards, &profile).await;
        };
        let StoredProfile { mut profile, version, guards: partitions } = stored;
        profile.attach(unknown);
        let partitions = partitions.into_iter().chain(guards.iter().map(|guard| guard.key.pk.clone())).collect();
        let profile = self
            .profile_write(program, member, &profile, version + 1, &partitions)?
            .when("v = :before")
            .value(":before", number(version));
        let guards = guards.iter().map(|guard| self.guard_write(guard, member));
        let writes = guards.chain([profile]).collect();
        Ok(self.transact_patiently(IDENTIFY, writes).await? == Transacted::Done)
    }

    /// Replaces a profile. Identifiers that it gained or changed are guarded anew, those that it lost are given free, all
    /// in one transaction that is conditional on the profile being `before`.
    ///
    /// # Errors
    /// [`IdentityError::Taken`] when a new identifier is someone else's, [`IdentityError::Changed`] when the profile is no
    /// longer `before` (read again, patch again).
    pub async fn replace_profile(
        &self,
        program: &ProgramId,
        identity_key: &[u8],
        member: &MemberId,
        before: &Profile,
        after: &Profile,
    ) -> Result<(), IdentityError> {
        let stored = self.stored_profile(program, member).await?.ok_or(IdentityError::Changed)?;
        if stored.profile == *after {
            return Ok(());
        }
        if stored.profile != *before {
            return Err(IdentityError::Changed);
        }
        let old = guards(program, identity_key, &before.reference())?;
        let new = guards(program, identity_key, &after.reference())?;
        let lost: Vec<&Guard> = old.iter().filter(|guard| !new.contains(guard)).collect();
        let gained: Vec<&Guard> = new.iter().filter(|guard| !old.contains(guard)).collect();
        let mut partitions: BTreeSet<String> = stored.guards.into_iter().collect();
        partitions.retain(|partition| !lost.iter().any(|guard| guard.key.pk == *partition));
        partitions.extend(gained.iter().map(|guard| guard.key.pk.clone()));

        // One that is theirs already, beside the one that the profile shows, is simply taken over.
        let gains = gained.iter().map(|guard| {
            let own = self.guard_write(guard, member).when("attribute_not_exists(pk) OR m = :member");
            own.value(":member", text(member.as_str()))
        });
        let losses = lost.iter().map(|guard| {
            let free = Write::delete(&self.tables.members, &guard.key);
            free.when("attribute_not_exists(pk) OR m = :member").value(":member", text(member.as_str()))
        });
        let profile = self
            .profile_write(program, member, after, stored.version + 1, &partitions)?
            .when("v = :before")
            .value(":before", number(stored.version));
        let writes = gains.chain(losses).chain([profile]).collect();
        let Transacted::Cancelled(obstacles) = self.transact_patiently(REPLACE, writes).await? else { return Ok(()) };
        let mut taken =
            gained.iter().zip(&obstacles).filter(|(_, obstacle)| matches!(obstacle, Obstacle::Condition(_)));
        Err(taken.next().map_or(IdentityError::Changed, |(guard, _)| IdentityError::Taken { identifier: guard.kind }))
    }

    fn profile_write(
        &self,
        program: &ProgramId,
        member: &MemberId,
        profile: &Profile,
        version: u64,
        guards: &BTreeSet<String>,
    ) -> Result<Write, StoreError> {
        let mut new = item(
            &keys::profile(program, member),
            [(name::VERSION, number(version)), (name::BODY, bytes(packed(IDENTIFY, profile)?))],
        );
        new.extend(indexes::birthday(program, profile).map(|(name, value)| (name.to_owned(), value)));
        // A set is never empty in DynamoDB.
        if !guards.is_empty() {
            new.insert(name::GUARDS.to_owned(), AttributeValue::Ss(guards.iter().cloned().collect()));
        }
        Ok(Write::put(&self.tables.members, new))
    }
}
