//! Members by when something may happen to them: the indexes of birthdays and of what comes due.
//!
//! Both are sparse and hold keys alone. A birthday stands on the profile; what comes due on the account, where only a
//! day that changes writes the index. Like all indexes they are a moment behind.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::Profile;
use tessera_domain::time::Day;

use crate::items::{Item, Reader, name, text};
use crate::{Store, StoreError, keys};

const READ: &str = "reading an index of members";
const BIRTHDAYS: &str = "birthdays";
const DUE: &str = "due";

/// Over how many shards the members are spread in the index of what comes due.
pub const DUE_SHARDS: u32 = keys::DUE_SHARDS;

/// Where a look at an index goes on.
#[derive(Debug, Clone)]
pub struct IndexCursor(Item);

/// A page of members.
#[derive(Debug, Clone)]
pub struct FoundMembers {
    /// Who they are.
    pub members: Vec<MemberId>,
    /// Where it goes on; `None` at the end.
    pub next: Option<IndexCursor>,
}

/// Where a profile stands in the index of birthdays.
pub(crate) fn birthday(program: &ProgramId, profile: &Profile) -> Option<(&'static str, AttributeValue)> {
    let born = profile.birth_date?;
    Some((name::BORN, text(keys::birthdays(program, born.month(), born.day()))))
}

/// Where an account stands in the index of what comes due.
pub(crate) fn due(program: &ProgramId, member: &MemberId, account: &Account) -> Vec<(&'static str, AttributeValue)> {
    let Some(day) = account.due else { return Vec::new() };
    vec![(name::DUE_IN, text(keys::due(program, keys::due_shard(member)))), (name::DUE_ON, text(day.to_string()))]
}

impl Store {
    /// A page of the members born on a day of any year, whatever their status. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn members_born(
        &self,
        program: &ProgramId,
        month: i8,
        day: i8,
        cursor: Option<IndexCursor>,
    ) -> Result<FoundMembers, StoreError> {
        let request = self
            .dynamodb
            .query()
            .index_name(BIRTHDAYS)
            .key_condition_expression("bp = :born")
            .expression_attribute_values(":born", text(keys::birthdays(program, month, day)));
        self.found(request, cursor).await
    }

    /// A page of the members of a shard (below [`DUE_SHARDS`]) to whom something may happen by the end of a local day,
    /// those who wait longest first. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn members_due(
        &self,
        program: &ProgramId,
        until: Day,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<FoundMembers, StoreError> {
        let request = self
            .dynamodb
            .query()
            .index_name(DUE)
            .key_condition_expression("dp = :shard AND dd <= :until")
            .expression_attribute_values(":shard", text(keys::due(program, shard)))
            .expression_attribute_values(":until", text(until.to_string()));
        self.found(request, cursor).await
    }

    async fn found(
        &self,
        request: aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
        cursor: Option<IndexCursor>,
    ) -> Result<FoundMembers, StoreError> {
        let output = request
            .table_name(&self.tables.members)
            .set_exclusive_start_key(cursor.map(|cursor| cursor.0))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::call(READ, error))?;
        let members = output.items.iter().flatten().map(|item| {
            let partition = Reader::new(READ, item).text(name::PK)?;
            let parsed = keys::parse_member_partition(partition);
            let (_, member) = parsed.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
            Ok(member)
        });
        let members = members.collect::<Result<_, StoreError>>()?;
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(IndexCursor);
        Ok(FoundMembers { members, next })
    }
}
