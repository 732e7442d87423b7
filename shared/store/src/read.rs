//! Reads of a member: account, profile, entries.

use std::collections::HashSet;

use jiff::Timestamp;
use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;

use crate::calls::Range;
use crate::items::{Item, Reader, name};
use crate::keys::{self, ENTRIES, Key};
use crate::{EntryKey, Page, ReceiptHistory, Store, StoreError};

const READ: &str = "reading a member";
/// The entries that one read of a history returns, and the most reads for one owner.
const HISTORY_PAGE: u32 = 100;
const MAX_HISTORY_PAGES: u32 = 20;

/// An entry with its key.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// In whose partition it is.
    pub member: MemberId,
    /// Its key among the member's.
    pub key: EntryKey,
    /// The entry.
    pub entry: Entry,
}

impl StoredEntry {
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        let key = EntryKey::from_text(reader.text(name::SK)?);
        let key = key.ok_or(StoreError::Item { operation: READ, attribute: name::SK })?;
        let owner = keys::parse_member_partition(reader.text(name::PK)?);
        let (_, member) = owner.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
        Ok(Self { member, key, entry: reader.body()? })
    }

    /// Its id in the program.
    pub fn id(&self) -> String {
        crate::entry_id(&self.member, &self.key)
    }
}

impl Store {
    /// A member's account, strongly consistent; `None` when nothing was ever committed (a visitor with nothing).
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_account(&self, program: &ProgramId, member: &MemberId) -> Result<Option<Account>, StoreError> {
        let item = self.get_of_member(&keys::account(program, member)).await?;
        item.map(|item| Reader::new(READ, &item).body()).transpose()
    }

    /// A member's profile, strongly consistent; `None` when there is no such member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_profile(&self, program: &ProgramId, member: &MemberId) -> Result<Option<Profile>, StoreError> {
        let item = self.get_of_member(&keys::profile(program, member)).await?;
        item.map(|item| Reader::new(READ, &item).body()).transpose()
    }

    /// A member's profile and account in one call, strongly consistent; `None` when there is no such member. An account
    /// that does not exist yet reads as a blank visitor's. Aliases are not followed.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub(crate) async fn get_member(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<Option<(Profile, Account)>, StoreError> {
        let keys = [keys::profile(program, member), keys::account(program, member)];
        let items = self.get_many(READ, &self.tables.members, &keys, true).await?;
        let (mut profile, mut account) = (None, None);
        for item in &items {
            let reader = Reader::new(READ, item);
            if reader.text(name::SK)? == keys[0].sk {
                profile = Some(reader.body()?);
            } else {
                account = Some(reader.body()?);
            }
        }
        Ok(profile.map(|profile| (profile, account.unwrap_or_default())))
    }

    /// A member's account, strongly consistent, and profile, eventually consistent, read at once. A profile that was created a
    /// moment ago is read again. `None` when there is no such member. Aliases are not followed.
    pub(crate) async fn get_member_for_view(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<Option<(Profile, Account)>, StoreError> {
        let key = keys::profile(program, member);
        let profile = self.get(READ, &self.tables.members, &key, false);
        let (profile, account) = tokio::join!(profile, self.get_account(program, member));
        let profile = match profile? {
            Some(item) => Some(Reader::new(READ, &item).body()?),
            None => self.get_profile(program, member).await?,
        };
        let account = account?.unwrap_or_default();
        Ok(profile.map(|profile| (profile, account)))
    }

    /// The entries of a member, by the time of their facts, newest first. `owners`: whose entries count, as
    /// [`Store::owners`] says. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn entries(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredEntry>, StoreError> {
        let (items, next) = self.newest(READ, program, owners, ENTRIES, limit, cursor).await?;
        let items = items.iter().map(StoredEntry::read).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// The entries of some owners whose facts happened in a span of time, by that time, strongly consistent; without `from`,
    /// from the first on. Long histories are cut: the first pages hold what a friend's referrals depend on.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn history(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        from: Option<Timestamp>,
        until: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let start = from.map(|from| format!("{ENTRIES}{}", keys::time(from)));
        let end = format!("{ENTRIES}{}", keys::time(until));
        let mut found: Vec<StoredEntry> = Vec::new();
        for owner in owners {
            let (partition, mut after) = (keys::member_partition(program, owner), start.clone());
            for _ in 0..MAX_HISTORY_PAGES {
                let range = Range {
                    limit: Some(HISTORY_PAGE),
                    after: after.as_deref(),
                    ..Range::all(partition.clone(), ENTRIES)
                };
                let (items, next) = self.page(READ, &self.tables.members, &range).await?;
                for item in &items {
                    found.push(StoredEntry::read(item)?);
                }
                let is_over = found.last().is_some_and(|stored| stored.key.as_str() >= end.as_str());
                after = next;
                if is_over || after.is_none() {
                    break;
                }
            }
        }
        found.retain(|stored| stored.key.as_str() < end.as_str());
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found.into_iter().map(|stored| stored.entry).collect())
    }

    /// A receipt's decision, those of its refunds, and its departure, in the order in which they were made; strongly
    /// consistent, one Query for each owner. What was decided before another move of the receipt is left out.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn receipt_entries(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        history: ReceiptHistory<'_>,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let prefix = EntryKey::receipt(history.at, history.receipt);
        let mut all = Vec::new();
        // What others decided came before their accounts were taken over, the latest of which is the last of them.
        for owner in owners.iter().skip(1).chain(owners.first()) {
            let range = Range::all(keys::member_partition(program, owner), prefix.as_str());
            let items = self.range(READ, &self.tables.members, range).await?;
            let mut entries = items.iter().map(StoredEntry::read).collect::<Result<Vec<_>, _>>()?;
            entries.retain(|stored| stored.key.moves() == Some(history.moves));
            entries.sort_by_key(|stored| stored.entry.sequence);
            all.extend(entries);
        }
        Ok(all)
    }

    /// One entry by its key, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_entry(
        &self,
        program: &ProgramId,
        member: &MemberId,
        key: &EntryKey,
    ) -> Result<Option<Entry>, StoreError> {
        let item = self.get_of_member(&keys::entry(program, member, key.as_str())).await?;
        item.map(|item| Reader::new(READ, &item).body()).transpose()
    }

    /// The entry that one of some owners has under a key, strongly consistent. `owners`: as [`Store::owners`] says.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn find_entry(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        key: &EntryKey,
    ) -> Result<Option<Entry>, StoreError> {
        let places: Vec<Key> = owners.iter().map(|owner| keys::entry(program, owner, key.as_str())).collect();
        let found = self.get_many(READ, &self.tables.members, &places, true).await?;
        found.first().map(|item| Reader::new(READ, item).body()).transpose()
    }

    /// A member's decisions on receipts (refunds and other entries left out), newest first. A page can be short, even
    /// empty, and still have a next one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn member_receipts(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredEntry>, StoreError> {
        let mut page = self.entries(program, owners, limit, cursor).await?;
        let mut departures: HashSet<EntryKey> =
            page.items.iter().filter(|stored| stored.entry.cause.departed().is_some()).map(|s| s.key.clone()).collect();
        if cursor.is_some() {
            departures.extend(self.departures_before(program, owners, &page.items).await?);
        }
        page.items.retain(|stored| {
            stored.key.is_receipt() && !stored.key.departure_of().is_some_and(|key| departures.contains(&key))
        });
        Ok(page)
    }

    /// The departures that an earlier page has, of the receipt that this page begins with.
    async fn departures_before(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        page: &[StoredEntry],
    ) -> Result<Vec<EntryKey>, StoreError> {
        let Some(first) = page.first().and_then(|stored| stored.key.receipt_key()) else { return Ok(Vec::new()) };
        let decisions = page.iter().take_while(|stored| stored.key.receipt_key() == Some(first));
        let sought: Vec<EntryKey> = decisions.filter_map(|stored| stored.key.departure_of()).collect();
        let mut found = Vec::new();
        for key in sought {
            if self.find_entry(program, owners, &key).await?.is_some() {
                found.push(key);
            }
        }
        Ok(found)
    }

    /// A page of the items of some owners whose sort keys begin with `prefix`, from the last key to the first. Items with
    /// one key stay on one page.
    pub(crate) async fn newest(
        &self,
        operation: &'static str,
        program: &ProgramId,
        owners: &[MemberId],
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), StoreError> {
        let after = cursor.filter(|cursor| cursor.starts_with(prefix));
        let range = |owner| Range {
            backwards: true,
            limit: Some(limit),
            after,
            ..Range::all(keys::member_partition(program, owner), prefix)
        };
        if let [only] = owners {
            return self.page(operation, &self.tables.members, &range(only)).await;
        }
        let (mut found, mut has_more) = (Vec::new(), false);
        for owner in owners {
            let (items, next) = self.page(operation, &self.tables.members, &range(owner)).await?;
            has_more |= next.is_some();
            for item in items {
                found.push((Reader::new(operation, &item).text(name::SK)?.to_owned(), item));
            }
        }
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some((last, _)) = limit.checked_sub(1).and_then(|place| found.get(place)) {
            let last = last.clone();
            let fitting = found.partition_point(|(sort, _)| *sort >= last);
            has_more |= fitting < found.len();
            found.truncate(fitting);
        }
        let next = found.last().filter(|_| has_more).map(|(sort, _)| sort.clone());
        Ok((found.into_iter().map(|(_, item)| item).collect(), next))
    }

    async fn get_of_member(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.get(READ, &self.tables.members, key, true).await
    }
}
