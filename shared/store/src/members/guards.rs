//! Guards: one item for each identifier, which leads to its member and makes it theirs alone.

use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::{MemberRef, Profile};

use crate::items::{Item, Reader, item, name, text};
use crate::keys::{self, Key};
use crate::writes::{ABSENT, Write};
use crate::{Store, StoreError, hashes};

const READ: &str = "looking up a member";

/// An identifier's guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard {
    /// What kind of identifier: `id`, `card`, `email` or `phone`.
    pub kind: &'static str,
    /// Where it stands.
    pub key: Key,
}

/// The guards of some identifiers, in the order in which they count. E-mail addresses and phone numbers are personal: their
/// keys are keyed hashes.
pub(super) fn guards(
    program: &ProgramId,
    identity_key: &[u8],
    reference: &MemberRef,
) -> Result<Vec<Guard>, StoreError> {
    let hidden = |value: &str| hashes::hmac_hex(READ, identity_key, value.as_bytes());
    let MemberRef { id, card, email, phone } = reference;
    let values = [
        ("id", id.as_ref().map(|id| Ok(id.as_str().to_owned()))),
        ("card", card.as_ref().map(|card| Ok(card.as_str().to_owned()))),
        ("email", email.as_ref().map(|email| hidden(email.as_str()))),
        ("phone", phone.as_ref().map(|phone| hidden(phone.as_str()))),
    ];
    let given = values.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
    given.map(|(kind, value)| Ok(Guard { kind, key: keys::identity_guard(program, kind, &value?) })).collect()
}

/// The identifiers of some kinds.
pub(super) fn only(reference: &MemberRef, kinds: &[&str]) -> MemberRef {
    let has = |kind: &str| kinds.contains(&kind);
    MemberRef {
        id: reference.id.clone().filter(|_| has("id")),
        card: reference.card.clone().filter(|_| has("card")),
        email: reference.email.clone().filter(|_| has("email")),
        phone: reference.phone.clone().filter(|_| has("phone")),
    }
}

/// Whose the guard is that an item is.
fn owner(item: &Item) -> Result<MemberId, StoreError> {
    Reader::new(READ, item).parsed(name::MEMBER)
}

/// A profile's item, with what its change is conditional on.
pub(super) struct StoredProfile {
    pub profile: Profile,
    pub version: u64,
    /// The partitions of the guards that lead to it: more than its identifiers, when someone has several of a kind.
    pub guards: Vec<String>,
}

impl Store {
    /// Whose each of some guards is, in their order.
    pub(super) async fn owners(&self, guards: &[Guard], strong: bool) -> Result<Vec<Option<MemberId>>, StoreError> {
        let table = &*self.tables.members;
        if let [guard] = guards {
            let found = self.get(READ, table, &guard.key, strong).await?;
            return Ok(vec![found.as_ref().map(owner).transpose()?]);
        }
        let keys: Vec<Key> = guards.iter().map(|guard| guard.key.clone()).collect();
        let found = self.get_many(READ, table, &keys, strong).await?;
        let mut owners = vec![None; guards.len()];
        for item in &found {
            let partition = Reader::new(READ, item).text(name::PK)?;
            if let Some(place) = keys.iter().position(|key| key.pk == partition) {
                owners[place] = Some(owner(item)?);
            }
        }
        Ok(owners)
    }

    /// The write that makes an identifier a member's, when it is nobody's.
    pub(super) fn guard_write(&self, guard: &Guard, member: &MemberId) -> Write {
        let guard = item(&guard.key, [(name::MEMBER, text(member.as_str()))]);
        Write::put(&self.tables.members, guard).when(ABSENT)
    }

    /// A profile with what its change is conditional on.
    pub(super) async fn stored_profile(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<Option<StoredProfile>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::profile(program, member), true).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        Ok(Some(StoredProfile {
            profile: reader.body()?,
            version: reader.number(name::VERSION)?,
            guards: reader.texts(name::GUARDS)?,
        }))
    }
}
