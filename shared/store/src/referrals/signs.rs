//! Signs by which two people are taken for one, and counters of referrals. Everything is stored as keyed hashes.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::referral::{ContextKind, FriendSign};
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::items::{Reader, item, name, number, text};
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
/// The most members who are read for one sign. Whether particular members have it is known beyond that, too.
const MAX_SHARERS: usize = 20;
/// The most referrals that are counted for one network or advocate on a day; far more than any check asks for.
const MAX_COUNTED: usize = 50;

/// The referrals of a network or an advocate on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Velocity {
    /// The other referrals.
    pub others: usize,
    /// True when this referral is counted.
    pub is_counted: bool,
}

impl Store {
    /// The keyed hash of a sign. The kind is part of it: a phone number never equals a device.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub async fn hash_sign(&self, key: &IdentityKey, kind: &str, value: &str) -> Result<String, StoreError> {
        key.hash(HASH, &format!("{kind}:{value}")).await
    }

    /// The members who share each of some signs; strongly consistent. Of many, some are returned, and those of `asked` who
    /// share it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn who_shares(
        &self,
        program: &ProgramId,
        signs: &[FriendSign],
        asked: &[MemberId],
    ) -> Result<Vec<(ContextKind, BTreeSet<MemberId>)>, StoreError> {
        let mut shared = Vec::new();
        for sign in signs {
            shared.push((sign.kind, self.sharers(program, sign.kind.name(), &sign.hash, asked).await?));
        }
        Ok(shared)
    }

    /// Notes that a member has some signs. Repeating it changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_signs(
        &self,
        program: &ProgramId,
        member: &MemberId,
        signs: &[FriendSign],
    ) -> Result<(), StoreError> {
        for sign in signs {
            self.note_sharer(program, sign.kind.name(), &sign.hash, member).await?;
        }
        Ok(())
    }

    /// Notes a network from which an advocate shared a link.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_shared_from(
        &self,
        program: &ProgramId,
        advocate: &MemberId,
        network: &str,
    ) -> Result<(), StoreError> {
        self.note_sharer(program, SHARED_FROM, network, advocate).await
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
        let sharers = self.sharers(program, SHARED_FROM, network, owners).await?;
        Ok(owners.iter().any(|owner| sharers.contains(owner)))
    }

    /// The members who share a sign: one read unit while they are few.
    async fn sharers(
        &self,
        program: &ProgramId,
        kind: &str,
        hash: &str,
        asked: &[MemberId],
    ) -> Result<BTreeSet<MemberId>, StoreError> {
        let partition = keys::sign_partition(program, kind, hash);
        // The newest members come first: those who are invented to bring rewards come close together.
        let limit = u32::try_from(MAX_SHARERS).ok();
        let range = Range { limit, backwards: true, ..Range::all(partition, "") };
        let (mut items, next) = self.page(READ, &self.tables.members, &range).await?;
        if next.is_some() {
            let places: Vec<Key> = asked.iter().map(|member| keys::sharer(program, kind, hash, member)).collect();
            items.extend(self.get_many(READ, &self.tables.members, &places, true).await?);
        }
        let mut members = BTreeSet::new();
        for item in &items {
            let reader = Reader::new(READ, item);
            if reader.has(name::MEMBER) {
                members.insert(reader.parsed(name::MEMBER)?);
                continue;
            }
            // An earlier version kept the first members of a sign in one item.
            for member in reader.texts(name::MEMBERS)? {
                let member = MemberId::new(member);
                members.insert(member.map_err(|_| StoreError::Item { operation: READ, attribute: name::MEMBERS })?);
            }
        }
        Ok(members)
    }

    async fn note_sharer(
        &self,
        program: &ProgramId,
        kind: &str,
        hash: &str,
        member: &MemberId,
    ) -> Result<(), StoreError> {
        let key = keys::sharer(program, kind, hash, member);
        let note = Write::put(&self.tables.members, item(&key, [(name::MEMBER, text(member.as_str()))]));
        self.write(NOTE, &note).await.map(drop)
    }

    /// The referrals of a network or an advocate on a day, strongly consistent. `natural`: the name of one of them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn velocity(
        &self,
        program: &ProgramId,
        (kind, of): (&str, &str),
        day: Day,
        natural: &str,
    ) -> Result<Velocity, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::velocity(program, kind, of, day), true).await?;
        let Some(found) = found else { return Ok(Velocity { others: 0, is_counted: false }) };
        let reader = Reader::new(READ, &found);
        // An earlier version counted without names.
        let counted = if reader.has(name::NUMBER) { reader.number(name::NUMBER)? } else { 0 };
        let names = reader.texts(name::MEMBERS)?;
        let is_counted = names.iter().any(|other| other == natural);
        Ok(Velocity { others: counted + names.len() - usize::from(is_counted), is_counted })
    }

    /// Counts a referral for a network or an advocate. Repeating it changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count_velocity(
        &self,
        program: &ProgramId,
        (kind, of): (&str, &str),
        day: Day,
        natural: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::velocity(program, kind, of, day);
        let count = Write::update(&self.tables.members, &key, "ADD ms :natural SET #ttl = :ttl")
            .when("attribute_not_exists(ms) OR size(ms) < :most")
            .value(":natural", AttributeValue::Ss(vec![natural.to_owned()]))
            .value(":most", number(MAX_COUNTED))
            .expires(now.as_second() + KEPT_SECONDS);
        self.write(NOTE, &count).await.map(drop)
    }
}
