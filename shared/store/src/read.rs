//! Reads of a member: account, profile, entries.

use jiff::Timestamp;
use tessera_domain::account::Account;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;

use crate::calls::Range;
use crate::items::{Item, Reader, name};
use crate::keys::{self, ENTRIES, Key};
use crate::{EntryKey, Store, StoreError};

const READ: &str = "reading a member";

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<String>,
}

/// An entry with its key.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
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
        Ok(Self { key, entry: reader.body()? })
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
    /// that does not exist yet reads as a blank visitor's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_member(
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

    /// A member's entries, by the time of their facts, newest first. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn entries(
        &self,
        program: &ProgramId,
        member: &MemberId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredEntry>, StoreError> {
        let range = Range {
            backwards: true,
            limit: Some(limit),
            after: cursor.filter(|cursor| cursor.starts_with(ENTRIES)),
            ..Range::all(keys::member_partition(program, member), ENTRIES)
        };
        let (items, next) = self.page(READ, &self.tables.members, &range).await?;
        let items = items.iter().map(StoredEntry::read).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// A receipt's decision and those of its refunds, by sequence; strongly consistent, one Query.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn receipt_entries(
        &self,
        program: &ProgramId,
        member: &MemberId,
        at: Timestamp,
        receipt: &ReceiptId,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let prefix = keys::fact_entry(at, &FactId::Receipt { receipt: receipt.clone() });
        let range = Range::all(keys::member_partition(program, member), &prefix);
        let items = self.range(READ, &self.tables.members, range).await?;
        let mut entries = items.iter().map(StoredEntry::read).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|stored| stored.entry.sequence);
        Ok(entries)
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

    /// A member's decisions on receipts (refunds and other entries left out), newest first. A page can be short, even
    /// empty, and still have a next one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn member_receipts(
        &self,
        program: &ProgramId,
        member: &MemberId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredEntry>, StoreError> {
        let mut page = self.entries(program, member, limit, cursor).await?;
        page.items.retain(|stored| stored.key.is_receipt());
        Ok(page)
    }

    async fn get_of_member(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.get(READ, &self.tables.members, key, true).await
    }
}
