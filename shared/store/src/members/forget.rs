//! Forgetting a person: the profile, and everything that leads from a name or an identifier to it.

use std::collections::BTreeSet;

use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::referral::FriendReferrals;

use super::Namespace;
use crate::items::{Reader, bytes, item, name, number, packed, text};
use crate::keys::{self, Key};
use crate::writes::{MAX_WRITES, Transacted, Write};
use crate::{IdentityKey, Store, StoreError, retry};

const FORGET: &str = "forgetting a person";

impl Store {
    /// Deletes the profiles of an erased member and of those whose accounts it took over, with their notes and places in
    /// lists, and frees their ids and identifiers. Repeating it completes what a fault interrupted.
    ///
    /// The member's own profile goes last, in one transaction with all that leads to it: until then, every name that the
    /// member had in a request finds it again.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn forget_person(
        &self,
        program: &ProgramId,
        identity_key: &IdentityKey,
        owners: &[MemberId],
    ) -> Result<(), StoreError> {
        let namespace = Namespace { program, identity_key };
        for attempt in 1..=retry::TRIES {
            let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
            for owner in owners.iter().rev() {
                all.push(self.forget_writes(namespace, owner, owners, &mut seen).await?);
            }
            if all.iter().map(Vec::len).sum::<usize>() <= MAX_WRITES {
                all = vec![all.concat()];
            }
            let mut is_done = true;
            for writes in all.into_iter().filter(|writes| !writes.is_empty()) {
                is_done &= self.transact_patiently(FORGET, writes).await? == Transacted::Done;
                if !is_done {
                    break;
                }
            }
            if is_done {
                return Ok(());
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: FORGET, tries: retry::TRIES })
    }

    /// The writes that forget one profile; none when it is gone. A key that leads to somebody else by now stays. `seen`: the keys
    /// that are deleted already, because a transaction writes no item twice.
    async fn forget_writes(
        &self,
        namespace: Namespace<'_>,
        owner: &MemberId,
        owners: &[MemberId],
        seen: &mut BTreeSet<Key>,
    ) -> Result<Vec<Write>, StoreError> {
        let (program, table) = (namespace.program, &*self.tables.members);
        let Some((profile, version)) = self.stored_profile(program, owner, true).await? else { return Ok(Vec::new()) };
        let codes = profile.codes().filter_map(FoldedCode::parse);
        // Two spellings of a code are one key.
        let codes: BTreeSet<Key> = codes.map(|code| keys::referral_code(program, &code)).collect();
        let led: Vec<Key> = namespace.of_profile(owner, &profile).await?.into_keys().chain(codes).collect();
        let found = self.get_many(FORGET, table, &led, true).await?;
        let mut writes = Vec::with_capacity(found.len() + 3);
        for lead in &found {
            let reader = Reader::new(FORGET, lead);
            let holder: MemberId = reader.parsed(name::MEMBER)?;
            let key = Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() };
            if owners.contains(&holder) && seen.insert(key.clone()) {
                let delete = Write::delete(table, &key).when("attribute_not_exists(pk) OR m = :member");
                writes.push(delete.value(":member", text(holder.as_str())));
            }
        }
        // Whom the member brought, or was brought by, stays counted; nobody is reminded any more.
        let friend = keys::friend(program, owner);
        if let Some(found) = self.get(FORGET, table, &friend, true).await? {
            let reader = Reader::new(FORGET, &found);
            let (known, version): (FriendReferrals, u64) = (reader.body()?, reader.number(name::VERSION)?);
            let known = FriendReferrals { news: None, ..known };
            let body = bytes(packed(FORGET, &known)?);
            let after = item(&friend, [(name::VERSION, number(version + 1)), (name::BODY, body)]);
            writes.push(Write::put(table, after).when("v = :version").value(":version", number(version)));
        }
        writes.push(Write::delete(table, &keys::listing(program, owner)));
        writes.push(Write::delete(table, &keys::notes(program, owner)));
        let profile = Write::delete(table, &keys::profile(program, owner)).when("v = :version");
        writes.push(profile.value(":version", number(version)));
        Ok(writes)
    }
}
