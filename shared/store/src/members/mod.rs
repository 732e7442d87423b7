//! Identity: guards that lead from ids and identifiers to a member, and the member's profile.
//!
//! The id is the authority, and only verified identifiers lead to a member with an id. `judge` decides from the guards what
//! a request may change. This module writes it: each step is one transaction, conditional on what it was decided from.

mod first;
mod forget;
mod guards;
mod holding;
mod join;
mod judge;
mod news;

pub use holding::FoundMember;

use std::collections::BTreeSet;

use jiff::Timestamp;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::{Holding, Identifier, IdentifierKind, MemberRef, Profile, TooMany};

use self::guards::{GuardWrite, Guards, Namespace};
use self::join::Joined;
use self::judge::Verdict;
pub use self::news::ProfileNews;
pub(crate) use self::news::external_id;
use crate::items::{Item, bytes, item, name, number, packed, text};
use crate::listing::new_listing;
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{ActiveProgram, IdentityKey, Store, StoreError, indexes, keys, random, retry};

const IDENTIFY: &str = "identifying a member";
const REPLACE: &str = "replacing a profile";

/// The member whom a reference identifies, after everything it may change was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The member, as the reference names it: it may be the source of a merge.
    pub member: MemberId,
    /// True when this request created the member.
    pub created: bool,
    /// Identifiers of contacts without an id, whose points wait.
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that stay with another member.
    pub conflict: Vec<IdentifierKind>,
}

/// The member whom a reference names, as far as nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMember {
    /// The member; `None` when a new one would be created.
    pub member: Option<MemberId>,
    /// True when the reference changes nothing.
    pub settled: bool,
    /// Contacts without an id whose identifiers the reference verifies: they will join the member.
    pub joins: Vec<MemberId>,
    /// Identifiers of contacts without an id, whose points wait.
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that stay with another member.
    pub conflict: Vec<IdentifierKind>,
}

/// Why a profile was not written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// An id or identifier belongs to someone else.
    #[error("the {identifier} belongs to another member")]
    Taken {
        /// Which one: `id`, `card`, `email` or `phone`.
        identifier: &'static str,
    },
    /// The member would have too many identifiers of one kind.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The profile changed since it was read.
    #[error("the profile changed meanwhile")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Looks a reference up and changes nothing. `strong`: also sees what was written a moment ago.
    ///
    /// The member may be the source of a merge: whoever opens it, or commits for it, follows its alias.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn resolve(
        &self,
        program: &ProgramId,
        identity_key: &IdentityKey,
        reference: &MemberRef,
        strong: bool,
    ) -> Result<KnownMember, StoreError> {
        let namespace = Namespace { program, identity_key };
        let mut look_up = self.look_up(namespace, reference, None, strong).await?;
        let mut verdict = Verdict::of(reference, &look_up, &BTreeSet::new());
        let mut settled = self.is_settled(program, &verdict, strong).await?;
        if !settled && !look_up.is_followed {
            look_up = self.follow(program, look_up).await?;
            verdict = Verdict::of(reference, &look_up, &BTreeSet::new());
            settled = self.is_settled(program, &verdict, strong).await?;
        }
        let Verdict { member, joins, claimable, conflict, .. } = verdict;
        let member = member.map(|member| look_up.as_named(member));
        Ok(KnownMember { member, settled, joins, claimable, conflict })
    }

    /// True when the reference names a member and changes nothing. Reads the profile only where contact data may be missing.
    async fn is_settled(&self, program: &ProgramId, verdict: &Verdict, strong: bool) -> Result<bool, StoreError> {
        let Some(member) = &verdict.member else { return Ok(false) };
        if verdict.adopts || !verdict.verify.is_empty() || !verdict.joins.is_empty() {
            return Ok(false);
        }
        if verdict.fill.is_empty() {
            return Ok(true);
        }
        let stored = self.stored_profile(program, member, strong).await?;
        Ok(stored.is_some_and(|(profile, _)| {
            verdict.fill.iter().all(|identifier| profile.identifier(identifier.kind).is_some())
        }))
    }

    /// Finds the member or creates a visitor, and writes what the reference may change. Costs one eventually consistent read
    /// (half a unit) for a member who is known by the only id or identifier of the reference.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] for an eleventh card; when DynamoDB fails.
    pub async fn find_or_create_visitor(
        &self,
        program: &ActiveProgram,
        reference: &MemberRef,
        now: Timestamp,
    ) -> Result<Identified, IdentityError> {
        self.find_or_create_with(program, reference, now, ProfileNews::Changes, &|_| {}).await
    }

    /// As [`Store::find_or_create_visitor`]. `news`: which writes are sent to targets. `complete` fills in the profile of a new contact
    /// before it is written for the first time.
    ///
    /// # Errors
    /// As [`Store::find_or_create_visitor`].
    pub async fn find_or_create_with(
        &self,
        program: &ActiveProgram,
        reference: &MemberRef,
        now: Timestamp,
        news: ProfileNews,
        complete: &(dyn Fn(&mut Profile) + Sync),
    ) -> Result<Identified, IdentityError> {
        self.settle_identity(program, reference, None, now, (news, complete)).await
    }

    /// Makes the verified identifiers of a reference keys of a member. Contacts without an id that hold them join it.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] for an eleventh card; when DynamoDB fails.
    pub async fn verify_identifiers(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        reference: &MemberRef,
        now: Timestamp,
    ) -> Result<Identified, IdentityError> {
        self.settle_identity(program, reference, Some(member), now, (ProfileNews::Changes, &|_| {})).await
    }

    async fn settle_identity(
        &self,
        program: &ActiveProgram,
        reference: &MemberRef,
        given: Option<&MemberId>,
        now: Timestamp,
        (news, complete): (ProfileNews, &(dyn Fn(&mut Profile) + Sync)),
    ) -> Result<Identified, IdentityError> {
        let namespace = Namespace { program: &program.id, identity_key: &program.head.identity_key };
        let mut new = None;
        let mut waiting = BTreeSet::new();
        for attempt in 0..retry::TRIES {
            if attempt > 1 {
                retry::pause(attempt - 1).await;
            }
            // A member whom an eventually consistent read misses may have been created a moment ago.
            let strong = attempt > 0;
            let look_up = self.look_up(namespace, reference, given, strong).await?;
            let verdict = Verdict::of(reference, &look_up, &waiting);
            let settled = self.is_settled(&program.id, &verdict, strong).await?;
            if !settled && !strong {
                continue;
            }
            if let Some(member) = verdict.member.as_ref().filter(|_| !settled && !verdict.joins.is_empty()) {
                self.check_room(&program.id, member, reference, &verdict).await?;
            }
            // A contact that gets an id gets it first. Each one that joins changes the guards, so they are read again.
            if let (Some(member), Some(contact), false) = (&verdict.member, verdict.joins.first(), verdict.adopts) {
                if self.join(program, contact, member, reference, now).await? == Joined::Waits {
                    waiting.insert(contact.clone());
                }
                continue;
            }
            let (member, written) = if let Some(member) = verdict.member.clone() {
                let written = settled || self.attach(namespace, &member, reference, &verdict, news).await?;
                (member, written)
            } else {
                let member = new_member()?;
                let mut profile = Profile::new(&without(reference, &verdict.conflict), now);
                complete(&mut profile);
                let listing = new_listing(&self.tables.members, &program.id, &member, now, &program.compiled.zone);
                let written = self.create(namespace, &member, &profile, listing, news).await?;
                new = Some(member.clone());
                (member, written)
            };
            if written && verdict.joins.is_empty() {
                // When the response to the creation was lost, the next attempt finds the member that this one created.
                let created = new.as_ref() == Some(&member);
                let Verdict { claimable, conflict, .. } = verdict;
                return Ok(Identified { member: look_up.as_named(member), created, claimable, conflict });
            }
        }
        Err(StoreError::Contended { operation: IDENTIFY, tries: retry::TRIES }.into())
    }

    /// Refuses a reference that verifies more than the member has room for, before the first contact joins.
    async fn check_room(
        &self,
        program: &ProgramId,
        member: &MemberId,
        reference: &MemberRef,
        verdict: &Verdict,
    ) -> Result<(), IdentityError> {
        let Some((mut profile, _)) = self.stored_profile(program, member, true).await? else { return Ok(()) };
        let is_new = |identifier: &Identifier| {
            reference.is_verified(identifier.kind) && !verdict.conflict.contains(&identifier.kind)
        };
        for identifier in reference.identifiers().filter(is_new) {
            profile.verify(&identifier)?;
        }
        Ok(())
    }

    /// Writes a new profile, its guards and its place in the lists. False when somebody else got an id or identifier of it
    /// meanwhile.
    async fn create(
        &self,
        namespace: Namespace<'_>,
        member: &MemberId,
        profile: &Profile,
        listing: Write,
        news: ProfileNews,
    ) -> Result<bool, StoreError> {
        let mut writes = self.creation(namespace, member, profile, news).await?;
        writes.push(listing);
        Ok(self.transact_patiently(IDENTIFY, writes).await? == Transacted::Done)
    }

    /// The writes of a new profile and its guards, on condition that nobody has them.
    async fn creation(
        &self,
        namespace: Namespace<'_>,
        member: &MemberId,
        profile: &Profile,
        news: ProfileNews,
    ) -> Result<Vec<Write>, StoreError> {
        for held in profile.identifiers.iter().filter(|held| held.holding == Holding::Verified) {
            self.drop_contact_data(namespace, &held.identifier, member).await?;
        }
        let guards = namespace.of_profile(member, profile).await?;
        let guards = Guards::default().turned_into(&guards, &self.tables.members, member);
        let profile = self.profile_write(namespace.program, member, (None, profile), 1, news)?.when(ABSENT);
        Ok(guards.into_iter().map(|guard| guard.write).chain([profile]).collect())
    }

    /// Writes what a reference changes of a known member. False when something else changed meanwhile.
    async fn attach(
        &self,
        namespace: Namespace<'_>,
        member: &MemberId,
        reference: &MemberRef,
        verdict: &Verdict,
        news: ProfileNews,
    ) -> Result<bool, IdentityError> {
        let Some((before, _)) = self.stored_profile(namespace.program, member, true).await? else { return Ok(false) };
        let mut after = before.clone();
        for identifier in &verdict.verify {
            after.verify(identifier)?;
        }
        for identifier in &verdict.fill {
            after.fill(identifier);
        }
        if let Some(id) = reference.id.as_ref().filter(|_| verdict.adopts) {
            after.set_id(id)?;
        }
        match self.replace_profile(namespace.program, namespace.identity_key, member, [&before, &after], news).await {
            Ok(()) => Ok(true),
            Err(IdentityError::Changed | IdentityError::Taken { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an identifier from the contact data of everybody else, because it is about to become a member's key.
    ///
    /// A fault between this and that write loses only contact data that was about to be removed.
    async fn drop_contact_data(
        &self,
        namespace: Namespace<'_>,
        identifier: &Identifier,
        but: &MemberId,
    ) -> Result<(), StoreError> {
        let Namespace { program, identity_key } = namespace;
        for other in self.with_contact_data(namespace, identifier).await?.iter().filter(|other| *other != but) {
            for attempt in 1..=retry::TRIES {
                let Some((before, version)) = self.stored_profile(program, other, true).await? else { break };
                let mut after = before.clone();
                if !after.forget_contact_data(identifier) {
                    break;
                }
                let change = ProfileChange { before: &before, after: &after, version, news: ProfileNews::Changes };
                if self.write_profile(Namespace { program, identity_key }, other, change).await? == Transacted::Done {
                    break;
                }
                retry::pause(attempt).await;
            }
        }
        Ok(())
    }

    /// Replaces a profile, writes the guards of ids and keys that it gained, and deletes those that it lost. One
    /// transaction, conditional on the profile being `before`. `news`: whether targets hear of it.
    ///
    /// # Errors
    /// [`IdentityError::Taken`] when a new id or key is someone else's, [`IdentityError::Changed`] when the profile is no
    /// longer `before` (read again, change again).
    pub async fn replace_profile(
        &self,
        program: &ProgramId,
        identity_key: &IdentityKey,
        member: &MemberId,
        [before, after]: [&Profile; 2],
        news: ProfileNews,
    ) -> Result<(), IdentityError> {
        let namespace = Namespace { program, identity_key };
        let stored = self.stored_profile(namespace.program, member, true).await?;
        let (stored, version) = stored.ok_or(IdentityError::Changed)?;
        if stored == *after {
            return Ok(());
        }
        if stored != *before {
            return Err(IdentityError::Changed);
        }
        let is_new = |identifier: &Identifier| before.holding(identifier) != Some(Holding::Verified);
        let proven = after.identifiers.iter().filter(|held| held.holding == Holding::Verified);
        for held in proven.filter(|held| is_new(&held.identifier)) {
            self.drop_contact_data(namespace, &held.identifier, member).await?;
        }
        let change = ProfileChange { before, after, version, news };
        let guards = self.guard_writes(namespace, member, &change).await?;
        match self.write_profile(namespace, member, change).await? {
            Transacted::Done => Ok(()),
            Transacted::Cancelled(obstacles) => {
                let taken = guards.iter().zip(&obstacles);
                let mut taken = taken.filter(|(_, obstacle)| matches!(obstacle, Obstacle::Condition(_)));
                let taken = taken.next().map(|(guard, _)| IdentityError::Taken { identifier: guard.named });
                Err(taken.unwrap_or(IdentityError::Changed))
            }
        }
    }

    /// Writes a changed profile and its guards, in one transaction: the guards, then the profile.
    async fn write_profile(
        &self,
        namespace: Namespace<'_>,
        member: &MemberId,
        change: ProfileChange<'_>,
    ) -> Result<Transacted, StoreError> {
        let guards = self.guard_writes(namespace, member, &change).await?;
        let ProfileChange { before, after, version, news } = change;
        let profile = self
            .profile_write(namespace.program, member, (Some(before), after), version + 1, news)?
            .when("v = :before")
            .value(":before", number(version));
        let writes = guards.into_iter().map(|guard| guard.write).chain([profile]).collect();
        self.transact_patiently(REPLACE, writes).await
    }

    async fn guard_writes(
        &self,
        namespace: Namespace<'_>,
        member: &MemberId,
        change: &ProfileChange<'_>,
    ) -> Result<Vec<GuardWrite>, StoreError> {
        let before = namespace.of_profile(member, change.before).await?;
        let after = namespace.of_profile(member, change.after).await?;
        Ok(before.turned_into(&after, &self.tables.members, member))
    }

    /// The write of a profile. `news` and the profile `before` it decide whether targets hear of it.
    pub(crate) fn profile_write(
        &self,
        program: &ProgramId,
        member: &MemberId,
        (before, profile): (Option<&Profile>, &Profile),
        version: u64,
        news: ProfileNews,
    ) -> Result<Write, StoreError> {
        let mut new = item(
            &keys::profile(program, member),
            [(name::VERSION, number(version)), (name::BODY, bytes(packed(IDENTIFY, profile)?))],
        );
        new.extend(indexes::birthday(program, profile).map(|(name, value)| (name.to_owned(), value)));
        if news.tells(before, profile) {
            let known_as = external_id(member, before.unwrap_or(profile));
            new.insert(name::SHOWN.to_owned(), text(known_as));
        }
        Ok(Write::put(&self.tables.members, new))
    }
}

/// The guards and records that lead from a profile's identifiers to its member.
pub(crate) async fn profile_guards(
    program: &ProgramId,
    identity_key: &IdentityKey,
    member: &MemberId,
    profile: &Profile,
) -> Result<Vec<Item>, StoreError> {
    Ok(Namespace { program, identity_key }.of_profile(member, profile).await?.into_items())
}

/// A change of a profile, with the version that was read.
struct ProfileChange<'a> {
    before: &'a Profile,
    after: &'a Profile,
    version: u64,
    news: ProfileNews,
}

/// A random id.
fn new_member() -> Result<MemberId, StoreError> {
    MemberId::new(random::id("m_")).map_err(|_| StoreError::Item { operation: IDENTIFY, attribute: name::MEMBER })
}

/// A reference without the identifiers of some kinds.
fn without(reference: &MemberRef, kinds: &[IdentifierKind]) -> MemberRef {
    let stays = |kind| !kinds.contains(&kind);
    MemberRef {
        card: reference.card.clone().filter(|_| stays(IdentifierKind::Card)),
        email: reference.email.clone().filter(|_| stays(IdentifierKind::Email)),
        phone: reference.phone.clone().filter(|_| stays(IdentifierKind::Phone)),
        ..reference.clone()
    }
}
