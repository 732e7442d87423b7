//! Indexes of members by time: birthdays, and what falls due.
//!
//! Both are sparse, contain keys alone, and lag a moment behind, like all indexes. A profile is indexed by its birthday, an
//! account by the earliest day on which something may fall due; a write that leaves that day alone does not write the
//! index.

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

/// Number of shards of the index `due`.
pub const DUE_SHARDS: u32 = keys::DUE_SHARDS;

/// Members of a page: what a job hands over between two moves of its marker.
pub const INDEX_PAGE: i32 = 100;

/// Where a page of an index continues.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexCursor(pub(crate) Item);

/// A page of members.
#[derive(Debug, Clone)]
pub struct FoundMembers {
    /// The members of the page.
    pub members: Vec<MemberId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<IndexCursor>,
}

/// A profile's attribute for the index of birthdays.
pub(crate) fn birthday(program: &ProgramId, profile: &Profile) -> Option<(&'static str, AttributeValue)> {
    let born = profile.birth_date?;
    Some((name::BORN, text(keys::birthdays(program, born.month(), born.day()))))
}

/// An account's attributes for the index `due`.
pub(crate) fn due(program: &ProgramId, member: &MemberId, account: &Account) -> Vec<(&'static str, AttributeValue)> {
    let Some(due) = account.due else { return Vec::new() };
    let partition = keys::due(program, keys::due_shard(member));
    vec![(name::DUE_IN, text(partition)), (name::DUE_ON, text(keys::due_on(due)))]
}

impl Store {
    /// A page of at most [`INDEX_PAGE`] members born on a day of any year, of every status.
    ///
    /// `cursor` is the previous page's `next`.
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

    /// A page of at most [`INDEX_PAGE`] members of a shard for whom something may fall due by a local day, earliest first.
    ///
    /// `shard` is below [`DUE_SHARDS`], `cursor` the previous page's `next`.
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
            .key_condition_expression("dp = :shard AND dd < :after")
            .expression_attribute_values(":shard", text(keys::due(program, shard)))
            .expression_attribute_values(":after", text(until.plus_days(1).to_string()));
        self.found(request, cursor).await
    }

    async fn found(
        &self,
        request: aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
        cursor: Option<IndexCursor>,
    ) -> Result<FoundMembers, StoreError> {
        let output = request
            .table_name(&self.tables.members)
            .limit(INDEX_PAGE)
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
