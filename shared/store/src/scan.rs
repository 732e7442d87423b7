//! Reading whole tables, segment by segment: for `verify`, export and redrive alone.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use tessera_domain::account::Account;
use tessera_domain::coupon::Coupon;
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{Item, Reader, name};
use crate::{FactImage, Store, StoreError, StoredEntry, keys};

const SCAN: &str = "reading a whole table";

/// Where a scan goes on.
#[derive(Debug, Clone, Default)]
pub struct ScanCursor(Option<Item>);

/// What a page of the members table has of one member. A member can be cut by a page's end: the next page has the rest.
#[derive(Debug, Clone)]
pub struct ScannedMember {
    /// The tenant.
    pub program: ProgramId,
    /// The member.
    pub member: MemberId,
    /// The account, where it is on this page.
    pub account: Option<Account>,
    /// Entries.
    pub entries: Vec<StoredEntry>,
    /// Coupons.
    pub coupons: Vec<Coupon>,
}

/// A page of the members table.
#[derive(Debug, Clone)]
pub struct ScannedLedger {
    /// What it has, by member.
    pub members: Vec<ScannedMember>,
    /// Where it goes on; `None` at the end.
    pub next: Option<ScanCursor>,
}

/// A page of the facts table.
#[derive(Debug, Clone)]
pub struct ScannedFacts {
    /// What it has. Refunds that waited for their receipt stand in that receipt's `early`.
    pub facts: Vec<FactImage>,
    /// Where it goes on; `None` at the end.
    pub next: Option<ScanCursor>,
}

impl Store {
    /// A page of one of `segments` segments of the members table, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn scan_members(
        &self,
        segment: u32,
        segments: u32,
        from: ScanCursor,
    ) -> Result<ScannedLedger, StoreError> {
        let request = self
            .dynamodb
            .scan()
            .table_name(&self.tables.members)
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(segments).unwrap_or(i32::MAX))
            .consistent_read(true)
            .set_exclusive_start_key(from.0)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(SCAN, error))?;
        let mut members: Vec<ScannedMember> = Vec::new();
        for item in output.items.iter().flatten() {
            let reader = Reader::new(SCAN, item);
            // Guards and stocks stand in partitions of their own.
            let Some((program, member)) = keys::parse_member_partition(reader.text(name::PK)?) else { continue };
            // The items of a partition come one after the other.
            if members.last().is_none_or(|last| last.program != program || last.member != member) {
                members.push(ScannedMember {
                    program,
                    member,
                    account: None,
                    entries: Vec::new(),
                    coupons: Vec::new(),
                });
            }
            let Some(last) = members.last_mut() else { continue };
            let sort = reader.text(name::SK)?;
            if sort == keys::ACCOUNT {
                last.account = Some(reader.body()?);
            } else if sort.starts_with(keys::ENTRIES) {
                last.entries.push(StoredEntry::read(item)?);
            } else if sort.starts_with(keys::COUPONS) {
                last.coupons.push(reader.body()?);
            }
        }
        Ok(ScannedLedger { members, next: next(output.last_evaluated_key) })
    }

    /// A page of one of `segments` segments of the facts table, strongly consistent: the facts that concern a member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn scan_facts(&self, segment: u32, segments: u32, from: ScanCursor) -> Result<ScannedFacts, StoreError> {
        let request = self
            .dynamodb
            .scan()
            .table_name(&self.tables.facts)
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(segments).unwrap_or(i32::MAX))
            .consistent_read(true)
            .set_exclusive_start_key(from.0)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(SCAN, error))?;
        let facts = output.items.unwrap_or_default().into_iter().filter_map(|item| FactImage::read(item).transpose());
        Ok(ScannedFacts { facts: facts.collect::<Result<_, _>>()?, next: next(output.last_evaluated_key) })
    }
}

fn next(key: Option<Item>) -> Option<ScanCursor> {
    key.filter(|key| !key.is_empty()).map(|key| ScanCursor(Some(key)))
}
