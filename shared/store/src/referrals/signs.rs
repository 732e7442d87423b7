//! Signs by which two people are taken for one, and counters of referrals. Everything is stored as keyed hashes.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::referral::ContextKind;
use tessera_domain::time::Day;

use crate::items::{Reader, name, number};
use crate::keys::{self, Key};
use crate::writes::Write;
use crate::{IdentityKey, Store, StoreError};

const READ: &str = "reading the signs of a referral";
const NOTE: &str = "noting the signs of a referral";
const HASH: &str = "hashing a sign";
/// The kind of the sign that a network is the advocate's.
const SHARED_FROM: &str = "shared-from";
/// For how long a counter of one day is kept, in seconds.
const KEPT_SECONDS: i64 = 3 * 24 * 3600;
/// The most members who are remembered for one sign.
const MAX_MEMBERS: usize = 20;

impl Store {
    /// The keyed hash of a sign. The kind is part of it: a phone number never equals a device.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub async fn hash_sign(&self, key: &IdentityKey, kind: &str, value: &str) -> Result<String, StoreError> {
        key.hash(HASH, &format!("{kind}:{value}")).await
    }

    /// The members who share each of some signs, by hash; strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn who_shares(
        &self,
        program: &ProgramId,
        signs: &[(ContextKind, String)],
    ) -> Result<Vec<(ContextKind, Vec<MemberId>)>, StoreError> {
        let places: Vec<Key> =
            signs.iter().map(|(kind, hash)| keys::referral_sign(program, kind.name(), hash)).collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.get_many(READ, &self.tables.members, &places, true).await?;
        let mut shared = Vec::new();
        for item in &found {
            let reader = Reader::new(READ, item);
            let place = places.iter().position(|key| reader.text(name::PK).is_ok_and(|pk| pk == key.pk));
            let Some((kind, _)) = place.and_then(|place| signs.get(place)) else { continue };
            let members = reader.texts(name::MEMBERS)?.into_iter().map(MemberId::new);
            let members = members.collect::<Result<Vec<_>, _>>();
            let members = members.map_err(|_| StoreError::Item { operation: READ, attribute: name::MEMBERS })?;
            shared.push((*kind, members));
        }
        Ok(shared)
    }

    /// Remembers that a member has some signs. Doing it again changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_signs(
        &self,
        program: &ProgramId,
        member: &MemberId,
        signs: &[(ContextKind, String)],
    ) -> Result<(), StoreError> {
        for (kind, hash) in signs {
            let key = keys::referral_sign(program, kind.name(), hash);
            let note = Write::update(&self.tables.members, &key, "ADD ms :member")
                .when("attribute_not_exists(ms) OR size(ms) < :most")
                .value(":member", AttributeValue::Ss(vec![member.to_string()]))
                .value(":most", number(MAX_MEMBERS));
            self.write(NOTE, &note).await?;
        }
        Ok(())
    }

    /// Remembers a network from which an advocate shared a link.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_shared_from(
        &self,
        program: &ProgramId,
        advocate: &MemberId,
        network: &str,
    ) -> Result<(), StoreError> {
        let key = keys::referral_sign(program, SHARED_FROM, network);
        let note = Write::update(&self.tables.members, &key, "ADD ms :member")
            .when("attribute_not_exists(ms) OR size(ms) < :most")
            .value(":member", AttributeValue::Ss(vec![advocate.to_string()]))
            .value(":most", number(MAX_MEMBERS));
        self.write(NOTE, &note).await.map(drop)
    }

    /// True if one of some owners shared a link from a network.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shares_from(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        network: &str,
    ) -> Result<bool, StoreError> {
        let key = keys::referral_sign(program, SHARED_FROM, network);
        let Some(found) = self.get(READ, &self.tables.members, &key, true).await? else { return Ok(false) };
        let members = Reader::new(READ, &found).texts(name::MEMBERS)?;
        Ok(owners.iter().any(|owner| members.iter().any(|member| member == owner.as_str())))
    }

    /// The referrals of a network or an advocate on a day, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn velocity(&self, program: &ProgramId, kind: &str, of: &str, day: Day) -> Result<u32, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::velocity(program, kind, of, day), true).await?;
        found.map_or(Ok(0), |item| Reader::new(READ, &item).number(name::NUMBER))
    }

    /// Counts a referral of a network or an advocate.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count_velocity(
        &self,
        program: &ProgramId,
        kind: &str,
        of: &str,
        day: Day,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::velocity(program, kind, of, day);
        let count = Write::update(&self.tables.members, &key, "ADD n :one SET #ttl = :ttl")
            .value(":one", number(1))
            .expires(now.as_second() + KEPT_SECONDS);
        self.write(NOTE, &count).await.map(drop)
    }
}
