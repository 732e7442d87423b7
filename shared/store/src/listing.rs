//! Lists of members: all, those of a status or a tier by the week of their last activity, and those of a name.
//!
//! A member's place is an item of its own. A commit writes it only when week, status or tier change, so that most receipts
//! leave it alone; the account that every receipt writes stays free of it. Each list is one Query of one index.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tessera_domain::account::{Account, Status};
use tessera_domain::ids::{MemberId, ProgramId, TierId};
use tessera_domain::member::{Profile, fold_name};
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::items::{Item, Reader, item, name, text};
use crate::keys::{self, Key};
use crate::page::Page;
use crate::writes::Write;
use crate::{OpenedMember, Store, StoreError};

const LIST: &str = "listing members";

/// Which members a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberList {
    /// All.
    All,
    /// Those of a status.
    Status(Status),
    /// Those of a tier.
    Tier(TierId),
}

/// A member under a folded name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedMember {
    /// The member.
    pub member: MemberId,
    /// The name, as [`fold_name`] folds it.
    pub name: String,
}

/// Where a page of idle members continues: first those who never did anything.
#[derive(Debug, Clone)]
pub struct IdleCursor {
    never: bool,
    start: Option<Item>,
}

/// A page of idle members.
#[derive(Debug, Clone)]
pub struct IdleMembers {
    /// The members.
    pub members: Vec<MemberId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<IdleCursor>,
}

/// Where a member stands in the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListPlace {
    /// The day of the last activity; `None` before the first.
    active: Option<Day>,
    status: Status,
    tier: Option<TierId>,
}

impl ListPlace {
    /// The place of a contact who has no account yet.
    pub const NEW: Self = Self { active: None, status: Status::Visitor, tier: None };

    /// The place of an account's member; `None` for an account that is part of another, or was erased.
    fn of(account: &Account, zone: &TimeZone) -> Option<Self> {
        if account.merged_into.is_some() || account.erased_at.is_some() {
            return None;
        }
        Some(Self {
            // A week is enough: the index is written once a week at most.
            active: account.last_activity.map(|at| Day::of(at, zone).monday()),
            status: account.status,
            tier: account.tier.current().cloned(),
        })
    }

    /// The item that shows the member at this place. `now`: what a member without any activity is sorted by.
    fn item(&self, program: &ProgramId, member: &MemberId, now: Timestamp, zone: &TimeZone) -> Item {
        let at = listed_week(self.active.ok_or_else(|| Day::of(now, zone)));
        let partition = |of: &str, value: &str| text(keys::listed_members(program, of, value));
        let mut item = item(
            &keys::listing(program, member),
            [
                (name::LISTED, partition("a", "")),
                (name::LISTED_STATUS, partition("s", status_name(self.status))),
                (name::LISTED_AT, text(keys::listed_at(&at, member))),
            ],
        );
        if let Some(tier) = &self.tier {
            item.insert(name::LISTED_TIER.to_owned(), partition("t", tier.as_str()));
        }
        item
    }
}

/// The ISO week of the last activity; that of the first sight, before all others, for a member without any.
fn listed_week(day: Result<Day, Day>) -> String {
    let week = |day: Day| {
        let week = day.date().iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    };
    match day {
        Ok(active) => week(active),
        Err(seen) => format!("-{}", week(seen)),
    }
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Visitor => "visitor",
        Status::Pending => "pending",
        Status::Member => "member",
        Status::Excluded => "excluded",
    }
}

/// The write that lists a new contact.
pub(crate) fn new_listing(
    table: &str,
    program: &ProgramId,
    member: &MemberId,
    now: Timestamp,
    zone: &TimeZone,
) -> Write {
    Write::put(table, ListPlace::NEW.item(program, member, now, zone))
}

/// The write that follows from a changed account; `None` when the member stays at the same place.
pub(crate) fn moved_listing(
    table: &str,
    program: &ProgramId,
    member: &MemberId,
    (before, after): (&Account, &Account),
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Write> {
    let was = if before.version == 0 { Some(ListPlace::NEW) } else { ListPlace::of(before, zone) };
    let is = ListPlace::of(after, zone);
    if was == is {
        return None;
    }
    Some(match is {
        Some(place) => Write::put(table, place.item(program, member, now, zone)),
        None => Write::delete(table, &keys::listing(program, member)),
    })
}

/// The members in whose partitions items are.
fn owners_of(items: &[Item]) -> Result<Vec<MemberId>, StoreError> {
    let owner = |item| {
        let parsed = keys::parse_member_partition(Reader::new(LIST, item).text(name::PK)?);
        parsed.map(|(_, member)| member).ok_or(StoreError::Item { operation: LIST, attribute: name::PK })
    };
    items.iter().map(owner).collect()
}

impl Store {
    /// A page of the members of a list, by the week of their last activity, the latest first. Those who were never active
    /// come last. One Query; a change of this moment may be missing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn list_members(
        &self,
        program: &ProgramId,
        list: &MemberList,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<MemberId>, StoreError> {
        self.listed_members(program, list, true, limit, cursor).await
    }

    /// A page of all members, the longest idle first: whoever becomes active meanwhile is met again, and nobody is missed.
    /// As [`Store::list_members`] otherwise.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn every_member(
        &self,
        program: &ProgramId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<MemberId>, StoreError> {
        self.listed_members(program, &MemberList::All, false, limit, cursor).await
    }

    async fn listed_members(
        &self,
        program: &ProgramId,
        list: &MemberList,
        latest_first: bool,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<MemberId>, StoreError> {
        let (index, of, value, condition) = match list {
            MemberList::All => ("activity", "a", "", "lp = :list"),
            MemberList::Status(status) => ("statuses", "s", status_name(*status), "ls = :list"),
            MemberList::Tier(tier) => ("tiers", "t", tier.as_str(), "lt = :list"),
        };
        let attribute = &condition[..2];
        let partition = text(keys::listed_members(program, of, value));
        let start = cursor.and_then(|cursor| {
            let mut start = crate::items::key(&keys::listing(program, &keys::parse_listed_at(cursor)?));
            start.insert(attribute.to_owned(), partition.clone());
            start.insert(name::LISTED_AT.to_owned(), text(cursor));
            Some(start)
        });
        let output = self
            .dynamodb
            .query()
            .table_name(&self.tables.members)
            .index_name(index)
            .key_condition_expression(condition)
            .expression_attribute_values(":list", partition)
            .scan_index_forward(!latest_first)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::call(LIST, error))?;
        let items = owners_of(output.items.as_deref().unwrap_or_default())?;
        let next = output.last_evaluated_key.and_then(|mut key| match key.remove(name::LISTED_AT) {
            Some(AttributeValue::S(at)) => Some(at),
            _ => None,
        });
        Ok(Page { items, next })
    }

    /// A page of the members of a status who did nothing since the week of a day, or, if they never did anything, were first
    /// seen before it. The week of the day itself is included. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn idle_members(
        &self,
        program: &ProgramId,
        status: Status,
        since: Day,
        limit: u32,
        cursor: Option<IdleCursor>,
    ) -> Result<IdleMembers, StoreError> {
        // Members without any activity sort before all others.
        let (never, start) = cursor.map_or((true, None), |cursor| (cursor.never, cursor.start));
        let week = if never { listed_week(Err(since)) } else { listed_week(Ok(since)) };
        let from = if never { "-" } else { "0" };
        let request = self
            .dynamodb
            .query()
            .table_name(&self.tables.members)
            .index_name("statuses")
            .key_condition_expression("ls = :list AND lk BETWEEN :from AND :until")
            .expression_attribute_values(":list", text(keys::listed_members(program, "s", status_name(status))))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":until", text(format!("{week}~")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(LIST, error))?;
        let members = owners_of(output.items.as_deref().unwrap_or_default())?;
        let next = match output.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(start) => Some(IdleCursor { never, start: Some(start) }),
            None => never.then_some(IdleCursor { never: false, start: None }),
        };
        Ok(IdleMembers { members, next })
    }

    /// A page of the members whose name, first or last name first, begins with a text. One Query, by name.
    ///
    /// A member whose both forms begin with it is found twice.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn members_named(
        &self,
        program: &ProgramId,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<NamedMember>, StoreError> {
        let folded = fold_name(prefix);
        let Some(first) = folded.chars().next() else { return Ok(Page { items: Vec::new(), next: None }) };
        let prefix = keys::names_with(&folded);
        let range = Range {
            consistent: false,
            limit: Some(limit),
            after: cursor.filter(|cursor| cursor.starts_with(&prefix)),
            ..Range::all(keys::names(program, first), &prefix)
        };
        let (items, next) = self.page(LIST, &self.tables.members, &range).await?;
        let found = items.iter().map(|item| {
            let reader = Reader::new(LIST, item);
            let folded = keys::parse_name(reader.text(name::SK)?);
            let name = folded.ok_or(StoreError::Item { operation: LIST, attribute: name::SK })?;
            Ok(NamedMember { member: reader.parsed(name::MEMBER)?, name })
        });
        Ok(Page { items: found.collect::<Result<_, StoreError>>()?, next })
    }

    /// Several members, in their order, each followed to whom they are part of now; `None` for an erased one. Eventually
    /// consistent, a unit for each member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn view_members(
        &self,
        program: &ProgramId,
        members: &[MemberId],
    ) -> Result<Vec<Option<OpenedMember>>, StoreError> {
        // A batch takes no key twice.
        let distinct: BTreeSet<&MemberId> = members.iter().collect();
        let wanted: Vec<Key> = distinct
            .into_iter()
            .flat_map(|member| [keys::profile(program, member), keys::account(program, member)])
            .collect();
        let found = self.get_many(LIST, &self.tables.members, &wanted, false).await?;
        let (mut profiles, mut accounts) = (HashMap::new(), HashMap::new());
        for item in &found {
            let reader = Reader::new(LIST, item);
            let owner = reader.text(name::PK)?.to_owned();
            if reader.text(name::SK)? == keys::PROFILE {
                profiles.insert(owner, reader.body::<Profile>()?);
            } else {
                accounts.insert(owner, reader.body::<Account>()?);
            }
        }
        let mut opened = Vec::with_capacity(members.len());
        for member in members {
            let owner = keys::member_partition(program, member);
            let account = accounts.get(&owner).cloned().unwrap_or_default();
            opened.push(if account.merged_into.is_some() {
                self.view_member(program, member).await?
            } else {
                let profile = profiles.get(&owner).cloned();
                profile.map(|profile| OpenedMember { member: member.clone(), profile, account })
            });
        }
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().map(Day::from_date).unwrap()
    }

    #[test]
    fn weeks_sort_by_time_and_members_without_activity_before_them() {
        let weeks = [
            Err(day("2027-01-05")),
            Ok(day("2025-12-28")),
            Ok(day("2025-12-29")),
            Ok(day("2026-03-02")),
            Ok(day("2026-10-05")),
        ];
        let texts: Vec<String> = weeks.into_iter().map(listed_week).collect();
        assert_eq!(texts, ["-2027-W01", "2025-W52", "2026-W01", "2026-W10", "2026-W41"]);
        assert!(texts.is_sorted());
    }

    #[test]
    fn a_place_changes_with_week_status_and_tier_alone() {
        let (program, member, utc) = (ProgramId::new("p").unwrap(), MemberId::new("m_1").unwrap(), TimeZone::UTC);
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let account =
            |version, status, active| Account { version, status, last_activity: active, ..Account::default() };
        let moves = |before: &Account, after: &Account| {
            moved_listing("t", &program, &member, (before, after), Timestamp::UNIX_EPOCH, &utc).is_some()
        };
        let monday = account(2, Status::Member, at("2026-03-02T00:00:00Z"));
        assert!(!moves(&monday, &account(3, Status::Member, at("2026-03-08T23:59:59Z"))));
        assert!(moves(&monday, &account(3, Status::Member, at("2026-03-09T00:00:00Z"))));
        assert!(moves(&monday, &account(3, Status::Excluded, monday.last_activity)));
        assert!(!moves(&account(0, Status::Visitor, None), &account(1, Status::Visitor, None)));
        assert!(moves(
            &monday,
            &Account { merged_into: MemberId::new("m_2").ok(), ..account(3, Status::Member, None) }
        ));
    }
}
