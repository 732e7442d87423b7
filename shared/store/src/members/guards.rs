//! Guards: one item for each id and each key. It leads to its member and makes the key unique in the program.
//!
//! An identifier that is contact data has no guard. A record in the guard's partition names each member who has it, so that
//! it can be removed there when somebody else verifies the identifier.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use tessera_domain::ids::{CustomerId, MemberId, ProgramId};
use tessera_domain::member::{Holding, Identifier, MemberRef, Profile};

use crate::calls::Range;
use crate::items::{Item, Reader, item, name, text};
use crate::keys::{self, CONTACT_DATA, Key};
use crate::writes::Write;
use crate::{IdentityKey, Store, StoreError};

const READ: &str = "looking up a member";

/// Condition for writing or deleting a guard: it is free, or the member's own.
const FREE_OR_OWN: &str = "attribute_not_exists(pk) OR m = :member";
/// The same while a contact joins the member: the contact's guards may be taken over.
const FREE_OWN_OR_CONTACTS: &str = "attribute_not_exists(pk) OR m = :member OR m = :contact";

/// A program, with the key under which personal identifiers are hashed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Namespace<'a> {
    pub program: &'a ProgramId,
    pub identity_key: &'a IdentityKey,
}

impl Namespace<'_> {
    /// The guard by which a verified identifier leads to a member, whoever's profile holds it.
    pub async fn of_verified(
        self,
        member: &MemberId,
        has_id: bool,
        identifier: &Identifier,
    ) -> Result<Guards, StoreError> {
        let key = self.of(identifier).await?;
        let [verified, has_id] = [true, has_id].map(AttributeValue::Bool);
        let attributes = [(name::MEMBER, text(member.as_str())), (name::VERIFIED, verified), (name::HAS_ID, has_id)];
        let guard = Guard { named: identifier.kind.name(), item: item(&key, attributes) };
        Ok(Guards(BTreeMap::from([(key, guard)])))
    }

    /// The key of an id's guard.
    pub fn of_id(self, id: &CustomerId) -> Key {
        keys::identity_guard(self.program, "id", id.as_str())
    }

    /// The key of an identifier's guard. E-mail addresses and phone numbers are personal: their keys are hashed.
    pub async fn of(self, identifier: &Identifier) -> Result<Key, StoreError> {
        use tessera_domain::member::IdentifierKind::{Card, Email, Phone};
        let value = match identifier.kind {
            Card => identifier.value.clone(),
            Email | Phone => self.identity_key.hash(READ, &identifier.value).await?,
        };
        Ok(keys::identity_guard(self.program, identifier.kind.name(), &value))
    }

    /// All guards and records that lead from a profile's identifiers and names to its member.
    pub async fn of_profile(self, member: &MemberId, profile: &Profile) -> Result<Guards, StoreError> {
        let owner = || (name::MEMBER, text(member.as_str()));
        let mut guards = Guards::default();
        for id in profile.id.iter().chain(&profile.former_ids) {
            let key = self.of_id(id);
            guards.0.insert(key.clone(), Guard { named: "id", item: item(&key, [owner()]) });
        }
        for held in &profile.identifiers {
            let (key, named) = (self.of(&held.identifier).await?, held.identifier.kind.name());
            let (key, item) = match held.holding {
                Holding::ContactData => {
                    let key = keys::contact_data(&key, member);
                    (key.clone(), item(&key, [owner()]))
                }
                Holding::Verified | Holding::First => {
                    let verified = (name::VERIFIED, AttributeValue::Bool(held.holding == Holding::Verified));
                    let has_id = (name::HAS_ID, AttributeValue::Bool(profile.id.is_some()));
                    (key.clone(), item(&key, [owner(), verified, has_id]))
                }
            };
            guards.0.insert(key, Guard { named, item });
        }
        for folded in profile.folded_names() {
            if let Some(key) = keys::name_record(self.program, &folded, member) {
                guards.0.insert(key.clone(), Guard { named: "name", item: item(&key, [owner()]) });
            }
        }
        Ok(guards)
    }
}

/// A guard, as it is stored.
#[derive(Debug, Clone, PartialEq)]
struct Guard {
    /// The kind of key, for the error when it is somebody else's.
    named: &'static str,
    item: Item,
}

/// All guards of a profile, by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards(BTreeMap<Key, Guard>);

/// A write of a guard, and the kind of its key.
pub(crate) struct GuardWrite {
    pub named: &'static str,
    pub write: Write,
}

impl Guards {
    /// The writes that turn these guards into others.
    pub fn turned_into(&self, after: &Self, table: &str, member: &MemberId) -> Vec<GuardWrite> {
        let owned = |write: Write| write.when(FREE_OR_OWN).value(":member", text(member.as_str()));
        self.changes(after, table, owned)
    }

    /// The writes that turn these guards, a member's and a contact's, into others that all lead to the member.
    pub fn taken_over(&self, after: &Self, table: &str, member: &MemberId, contact: &MemberId) -> Vec<Write> {
        let owned = |write: Write| {
            let write = write.when(FREE_OWN_OR_CONTACTS).value(":member", text(member.as_str()));
            write.value(":contact", text(contact.as_str()))
        };
        self.changes(after, table, owned).into_iter().map(|guard| guard.write).collect()
    }

    /// Their keys.
    pub fn into_keys(self) -> impl Iterator<Item = Key> {
        self.0.into_keys()
    }

    /// The guards as they are stored.
    pub fn into_items(self) -> Vec<Item> {
        self.0.into_values().map(|guard| guard.item).collect()
    }

    /// These guards and others.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    fn changes(&self, after: &Self, table: &str, owned: impl Fn(Write) -> Write) -> Vec<GuardWrite> {
        let lost = self.0.iter().filter(|(key, _)| !after.0.contains_key(*key));
        let lost = lost.map(|(key, guard)| (guard.named, Write::delete(table, key)));
        let written = after.0.iter().filter(|(key, guard)| self.0.get(*key) != Some(*guard));
        let written = written.map(|(_, guard)| (guard.named, Write::put(table, guard.item.clone())));
        lost.chain(written).map(|(named, write)| GuardWrite { named, write: owned(write) }).collect()
    }
}

/// The owner of an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub member: MemberId,
    /// False for the unproven first identifier of a contact.
    pub verified: bool,
    /// False for a contact without an id.
    pub has_id: bool,
}

/// One identifier of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SentIdentifier {
    pub identifier: Identifier,
    /// True when the sender has verified it.
    pub verified: bool,
    /// The member whose key it is.
    pub owner: Option<Owner>,
}

/// The guards of a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GuardLookUp {
    /// The member, where something other than the reference named it, such as a path.
    pub given: Option<MemberId>,
    /// The owner of the id, where one is given.
    pub id_owner: Option<MemberId>,
    /// The identifiers, in the order in which they decide.
    pub sent: Vec<SentIdentifier>,
    /// True when every member is the one that it is part of now.
    pub is_followed: bool,
    /// The member whom the reference itself names, even if it is part of another one.
    pub named: Option<MemberId>,
    /// Members who were replaced, each with the one that it is part of.
    pub aliases: BTreeMap<MemberId, MemberId>,
}

impl GuardLookUp {
    /// The members whom the reference leads to.
    fn members(&self) -> BTreeSet<MemberId> {
        let owners = self.sent.iter().filter_map(|sent| sent.owner.as_ref().map(|owner| &owner.member));
        self.given.iter().chain(&self.id_owner).chain(owners).cloned().collect()
    }

    /// A member by the name that the reference has for it: the source of a merge where that is named. A fact belongs to the
    /// source again when the merge is undone.
    pub fn as_named(&self, member: MemberId) -> MemberId {
        let is_it = |named: &&MemberId| self.aliases.get(*named).is_some_and(|current| *current == member);
        self.named.as_ref().filter(is_it).cloned().unwrap_or(member)
    }

    /// The member whom the reference itself names: its id, else the first of its identifiers that leads to somebody.
    fn first_named(&self) -> Option<&MemberId> {
        let first = || self.sent.iter().find_map(|sent| sent.owner.as_ref()).map(|owner| &owner.member);
        self.given.as_ref().or(self.id_owner.as_ref()).or_else(first)
    }

    /// True for a contact without an id whose identifier the reference verifies: it may get an id or join somebody.
    fn is_claimed(&self, member: &MemberId) -> bool {
        let is_contact = |owner: &Owner| owner.member == *member && !owner.has_id;
        self.sent.iter().any(|sent| sent.verified && sent.owner.as_ref().is_some_and(is_contact))
    }

    /// Puts `current` in the place of a member who is part of it. A contact who is part of a member with an id has that id.
    fn replace(&mut self, member: &MemberId, current: &MemberId, has_id: bool) {
        for named in [&mut self.given, &mut self.id_owner].into_iter().flatten().filter(|named| *named == member) {
            named.clone_from(current);
        }
        if member != current {
            self.aliases.insert(member.clone(), current.clone());
        }
        let owners = self.sent.iter_mut().filter_map(|sent| sent.owner.as_mut());
        for owner in owners.filter(|owner| owner.member == *member) {
            owner.member.clone_from(current);
            owner.has_id |= has_id;
        }
    }
}

impl Store {
    /// Reads the guards of a reference. One read for a reference by one id or identifier. `given`: the member, where something
    /// else named it.
    ///
    /// Guards of a member who was merged by support lead to it as before. Its alias is followed (one read unit for each member)
    /// where that decides something: for a `strong` look-up, and when the reference leads to several members.
    pub(super) async fn look_up(
        &self,
        namespace: Namespace<'_>,
        reference: &MemberRef,
        given: Option<&MemberId>,
        strong: bool,
    ) -> Result<GuardLookUp, StoreError> {
        let look_up = self.read_guards(namespace, reference, given, strong).await?;
        let is_decisive = strong || look_up.members().len() > 1;
        if is_decisive { self.follow(namespace.program, look_up).await } else { Ok(look_up) }
    }

    /// Replaces every member whom a look-up found by the member that it is part of now.
    pub(super) async fn follow(&self, program: &ProgramId, look_up: GuardLookUp) -> Result<GuardLookUp, StoreError> {
        let mut followed = look_up;
        for member in followed.members() {
            let current = self.current_member(program, &member).await?;
            if current != member || followed.is_claimed(&member) {
                let has_id = self.has_id(program, &current).await?;
                followed.replace(&member, &current, has_id);
            }
        }
        followed.is_followed = true;
        Ok(followed)
    }

    /// True for a member with an id, or with one of somebody whose account it took over.
    async fn has_id(&self, program: &ProgramId, member: &MemberId) -> Result<bool, StoreError> {
        for owner in self.owners(program, member).await? {
            let profile = self.stored_profile(program, &owner, true).await?;
            if profile.is_some_and(|(profile, _)| profile.id.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read_guards(
        &self,
        namespace: Namespace<'_>,
        reference: &MemberRef,
        given: Option<&MemberId>,
        strong: bool,
    ) -> Result<GuardLookUp, StoreError> {
        let id = reference.id.as_ref().map(|id| namespace.of_id(id));
        let identifiers: Vec<Identifier> = reference.identifiers().collect();
        let mut keys = Vec::with_capacity(identifiers.len());
        for identifier in &identifiers {
            keys.push(namespace.of(identifier).await?);
        }
        let all: Vec<Key> = id.iter().chain(&keys).cloned().collect();
        let table = &*self.tables.members;
        let found: Vec<Item> = match all.as_slice() {
            [only] => self.get(READ, table, only, strong).await?.into_iter().collect(),
            _ => self.get_many(READ, table, &all, strong).await?,
        };
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        for item in &found {
            let reader = Reader::new(READ, item);
            let owner = Owner {
                member: reader.parsed(name::MEMBER)?,
                verified: reader.is_true(name::VERIFIED),
                has_id: reader.is_true(name::HAS_ID),
            };
            owners.insert(reader.text(name::PK)?.to_owned(), owner);
        }
        let id_owner = id.and_then(|key| owners.get(&key.pk)).map(|owner| owner.member.clone());
        let sent = identifiers.into_iter().zip(keys).map(|(identifier, key)| SentIdentifier {
            verified: reference.is_verified(identifier.kind),
            owner: owners.get(&key.pk).cloned(),
            identifier,
        });
        let given = given.cloned();
        let found = GuardLookUp { given, id_owner, sent: sent.collect(), ..GuardLookUp::default() };
        Ok(GuardLookUp { named: found.first_named().cloned(), ..found })
    }

    /// The members who have an identifier as contact data, strongly consistent.
    pub(super) async fn with_contact_data(
        &self,
        namespace: Namespace<'_>,
        identifier: &Identifier,
    ) -> Result<Vec<MemberId>, StoreError> {
        let range = Range::all(namespace.of(identifier).await?.pk, CONTACT_DATA);
        let found = self.range(READ, &self.tables.members, range).await?;
        found.iter().map(|item| Reader::new(READ, item).parsed(name::MEMBER)).collect()
    }

    /// A profile, and the version that its change is conditional on.
    pub(crate) async fn stored_profile(
        &self,
        program: &ProgramId,
        member: &MemberId,
        strong: bool,
    ) -> Result<Option<(Profile, u64)>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::profile(program, member), strong).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        Ok(Some((reader.body()?, reader.number(name::VERSION)?)))
    }
}
