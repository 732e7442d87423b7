//! Referrals: one item for each friend, which every change of a referral is conditional on.
//!
//! A link in the advocate's partition and a guard lead from the advocate and from a referral's identifier to the friend. The
//! friend's item stands in the index `due` while a hold ends later, or while the friend is to be reminded.

mod clicks;
mod codes;
mod signs;

pub use clicks::{AdvocateCounts, ReferralClick, ReferralShare};
pub use codes::{ImportedCode, ReferralCode};
pub use signs::Velocity;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use jiff::Timestamp;
use tessera_domain::account::DueKind;
use tessera_domain::decide::Decision;
use tessera_domain::ids::{MemberId, ProgramId, ReferralId};
use tessera_domain::referral::{FriendReferrals, Referral, ReferralStatus};
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::indexes::{FoundMembers, INDEX_PAGE, IndexCursor};
use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::keys::{self, ADVOCATED, Key};
use crate::page::Page;
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Commit, CommitError, Committed, Snapshot, Store, StoreError};

const READ: &str = "reading referrals";
const WRITE: &str = "changing a referral";

/// The referrals of a friend as they were read. A friend whose account took others over has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFriend {
    /// The member in whose partition they are.
    pub member: MemberId,
    /// The referrals.
    pub known: FriendReferrals,
    /// Raised with every change; 0 when nothing is stored.
    pub version: u64,
}

/// The referrals of a friend as they become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendUpdate {
    /// The referrals.
    pub after: FriendReferrals,
    /// The local day on which the next thing falls due.
    pub due: Option<Day>,
    /// When they change.
    pub at: Timestamp,
}

/// A referral in a list: it is read from its friend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReferral {
    /// The referral.
    pub id: ReferralId,
    /// The member in whose partition it is.
    pub friend: MemberId,
}

impl Store {
    /// The referrals of a friend, strongly consistent; without any, a blank one of the first owner. `owners`: as
    /// [`Store::owners`] says.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn friend_referrals(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
    ) -> Result<Vec<StoredFriend>, StoreError> {
        let places: Vec<Key> = owners.iter().map(|owner| keys::friend(program, owner)).collect();
        let found = self.get_many(READ, &self.tables.members, &places, true).await?;
        let mut friends = Vec::new();
        for (place, owner) in owners.iter().enumerate() {
            let partition = &places[place].pk;
            let item = found.iter().find(|item| Reader::new(READ, item).text(name::PK).is_ok_and(|pk| pk == partition));
            match item {
                Some(item) => {
                    let reader = Reader::new(READ, item);
                    let (known, version) = (reader.body()?, reader.number(name::VERSION)?);
                    friends.push(StoredFriend { member: owner.clone(), known, version });
                }
                None if place == 0 => {
                    friends.push(StoredFriend { member: owner.clone(), known: FriendReferrals::default(), version: 0 });
                }
                None => {}
            }
        }
        Ok(friends)
    }

    /// The referrals of those of some members who were referred, strongly consistent, each with the day on which something
    /// falls due of them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn armed_friends(
        &self,
        program: &ProgramId,
        members: &[MemberId],
    ) -> Result<Vec<(StoredFriend, Option<Day>)>, StoreError> {
        let places: Vec<Key> = members.iter().map(|member| keys::friend(program, member)).collect();
        let found = self.get_many(READ, &self.tables.members, &places, true).await?;
        let friends = found.iter().map(|item| {
            let reader = Reader::new(READ, item);
            let owner = keys::parse_member_partition(reader.text(name::PK)?);
            let (_, member) = owner.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
            let due = reader.has(name::DUE_ON).then(|| reader.text(name::DUE_ON)).transpose()?;
            let day = due.map(|due| {
                keys::parse_due_on(due).ok_or(StoreError::Item { operation: READ, attribute: name::DUE_ON })
            });
            let known = StoredFriend { member, known: reader.body()?, version: reader.number(name::VERSION)? };
            Ok((known, day.transpose()?))
        });
        friends.collect()
    }

    /// The friend of a referral, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn friend_of(&self, program: &ProgramId, id: &ReferralId) -> Result<Option<MemberId>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::referral(program, id), true).await?;
        found.map(|item| Reader::new(READ, &item).parsed(name::MEMBER)).transpose()
    }

    /// The referrals of an advocate, newest first. `owners`: as [`Store::owners`] says.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn advocated(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<FoundReferral>, StoreError> {
        let (items, next) = self.newest(READ, program, owners, ADVOCATED, limit, cursor).await?;
        Ok(Page { items: items.iter().map(found).collect::<Result<_, _>>()?, next })
    }

    /// The referrals that a person has to look at, oldest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn flagged_referrals(
        &self,
        program: &ProgramId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<FoundReferral>, StoreError> {
        let after = cursor.filter(|cursor| cursor.starts_with(ADVOCATED));
        let range = Range { limit: Some(limit), after, ..Range::all(keys::flagged_partition(program), ADVOCATED) };
        let (items, next) = self.page(READ, &self.tables.members, &range).await?;
        Ok(Page { items: items.iter().map(found).collect::<Result<_, _>>()?, next })
    }

    /// A page of friends of a shard for whom a hold ends, or a reminder falls due, by a local day.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn referrals_due(
        &self,
        program: &ProgramId,
        until: Day,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<FoundMembers, StoreError> {
        let output = self
            .dynamodb
            .query()
            .table_name(&self.tables.members)
            .index_name("due")
            .key_condition_expression("dp = :shard AND dd < :after")
            .expression_attribute_values(":shard", text(keys::referrals_due(program, shard)))
            .expression_attribute_values(":after", text(until.plus_days(1).to_string()))
            .limit(INDEX_PAGE)
            .set_exclusive_start_key(cursor.map(|cursor| cursor.0))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::call(READ, error))?;
        let members = output.items.iter().flatten().map(|item| {
            let parsed = keys::parse_member_partition(Reader::new(READ, item).text(name::PK)?);
            let (_, member) = parsed.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
            Ok(member)
        });
        let members = members.collect::<Result<_, StoreError>>()?;
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(IndexCursor);
        Ok(FoundMembers { members, next })
    }

    /// Replaces a friend's referrals. False, and nothing written, when they have changed since they were read.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn update_friend(
        &self,
        program: &ProgramId,
        before: &StoredFriend,
        update: &FriendUpdate,
    ) -> Result<bool, StoreError> {
        let writes = self.friend_writes(program, before, update)?;
        Ok(self.transact_patiently(WRITE, writes).await? == Transacted::Done)
    }

    /// As [`Store::update_friend`], for a person's review of one of the referrals.
    ///
    /// # Errors
    /// As [`Store::update_friend`].
    pub async fn review_friend(
        &self,
        program: &ProgramId,
        before: &StoredFriend,
        update: &FriendUpdate,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let mut writes = self.friend_writes(program, before, update)?;
        writes.push(self.audit_write(program, audit, [])?);
        Ok(self.transact_patiently(WRITE, writes).await? == Transacted::Done)
    }

    /// Commits decisions on a referral, and replaces the friend's referrals in the same transaction. `None`, and nothing
    /// written, when the referrals have changed since they were read.
    ///
    /// # Errors
    /// As [`Store::commit_all`].
    pub async fn commit_referral<const N: usize, E, F>(
        &self,
        commit: &Commit<'_, N>,
        before: &StoredFriend,
        update: impl Fn(&[Decision; N]) -> FriendUpdate,
        decide: F,
    ) -> Result<Option<[Committed; N]>, CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; N]) -> Result<[Decision; N], E>,
    {
        let further = |_: &[Snapshot<'_>; N], decisions: &[Decision; N]| {
            self.friend_writes(commit.program, before, &update(decisions))
        };
        self.commit_with(commit, further, decide).await
    }

    pub(crate) fn friend_writes(
        &self,
        program: &ProgramId,
        before: &StoredFriend,
        FriendUpdate { after, due, at }: &FriendUpdate,
    ) -> Result<Vec<Write>, StoreError> {
        let table = &*self.tables.members;
        let friend = &before.member;
        let after = &after.clone().announcing(&before.known, *at);
        let lead = || [(name::MEMBER, text(friend.as_str()))];
        let mut stored = item(
            &keys::friend(program, friend),
            [(name::VERSION, number(before.version + 1)), (name::BODY, bytes(packed(WRITE, after)?))],
        );
        if let Some(day) = due {
            let shard = keys::due_shard(friend);
            stored.insert(name::DUE_IN.to_owned(), text(keys::referrals_due(program, shard)));
            let on = tessera_domain::account::Due { day: *day, kind: DueKind::Hold };
            stored.insert(name::DUE_ON.to_owned(), text(keys::due_on(on)));
        }
        let stored = Write::put(table, stored);
        let mut writes = vec![match before.version {
            0 => stored.when(ABSENT),
            version => stored.when("v = :before").value(":before", number(version)),
        }];
        for one in &after.referrals {
            let known = before.known.referrals.iter().find(|other| other.id == one.id);
            if known.is_none() {
                writes.push(Write::put(table, item(&keys::referral(program, &one.id), lead())).when(ABSENT));
                let link = keys::advocated(program, &one.advocate, one.first_at, &one.id);
                writes.push(Write::put(table, item(&link, lead())));
            }
            let was_flagged = known.is_some_and(|known| known.status == ReferralStatus::Flagged);
            let is_flagged = one.status == ReferralStatus::Flagged;
            // The key is made from the time at which the referral became known, which never changes.
            let since = known.map_or(one.first_at, |known| known.first_at);
            let key = keys::flagged(program, since, &one.id);
            match (was_flagged, is_flagged) {
                (false, true) => {
                    writes.push(Write::put(table, item(&keys::flagged(program, one.first_at, &one.id), lead())));
                }
                (true, false) => writes.push(Write::delete(table, &key)),
                (true, true) if since != one.first_at => {
                    writes.push(Write::delete(table, &key));
                    writes.push(Write::put(table, item(&keys::flagged(program, one.first_at, &one.id), lead())));
                }
                (true, true) | (false, false) => {}
            }
        }
        let mut counts: BTreeMap<&MemberId, i64> = BTreeMap::new();
        for one in &after.referrals {
            let known = before.known.referrals.iter().find(|other| other.id == one.id);
            let change = i64::from(one.has_qualified()) - i64::from(known.is_some_and(Referral::has_qualified));
            *counts.entry(&one.advocate).or_default() += change;
        }
        for (advocate, change) in counts.into_iter().filter(|(_, change)| *change != 0) {
            let counter = Write::update(table, &keys::qualified(program, advocate), "ADD n :change");
            writes.push(counter.value(":change", number(change)));
        }
        Ok(writes)
    }
}

fn found(item: &Item) -> Result<FoundReferral, StoreError> {
    let reader = Reader::new(READ, item);
    let id = keys::parse_referral_link(reader.text(name::SK)?);
    let id = id.ok_or(StoreError::Item { operation: READ, attribute: name::SK })?;
    Ok(FoundReferral { id, friend: reader.parsed(name::MEMBER)? })
}
