//! Scans of whole tables, segment by segment: only for `verify`, backtests and redrive.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use tessera_domain::account::Account;
use tessera_domain::coupon::Coupon;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::referral::FriendReferrals;

use crate::items::{Item, Reader, name};
use crate::kinds::{MemberItem, MembersItem};
use crate::{AnonymousReceipt, FactChange, FactImage, Store, StoreError, StoredEntry};

const SCAN: &str = "reading a whole table";
/// The most items of a page: about a megabyte, where DynamoDB ends a page anyway. Without it, the embedded engine reads the rest of
/// the table for each page.
pub(crate) const PAGE_ITEMS: i32 = 2_000;

/// The position of a scan.
#[derive(Debug, Clone, Default)]
pub struct ScanCursor(Option<Item>);

/// The items of one member on a page of the members table. The next page may have more of the same member.
#[derive(Debug, Clone)]
pub struct ScannedMember {
    /// The tenant.
    pub program: ProgramId,
    /// The member.
    pub member: MemberId,
    /// The account, if it is on this page.
    pub account: Option<Account>,
    /// Entries.
    pub entries: Vec<StoredEntry>,
    /// Coupons.
    pub coupons: Vec<Coupon>,
    /// The referrals that brought the member.
    pub friend: Option<FriendReferrals>,
}

/// A page of the members table.
#[derive(Debug, Clone)]
pub struct ScannedLedger {
    /// Its items, by member.
    pub members: Vec<ScannedMember>,
    /// The position of the next page; `None` at the end.
    pub next: Option<ScanCursor>,
}

/// A page of the facts table.
#[derive(Debug, Clone)]
pub struct ScannedFacts {
    /// The facts of members. A fact that waited is named by the fact that it waited for.
    pub facts: Vec<FactImage>,
    /// The anonymous receipts that may have used coupons.
    pub anonymous: Vec<AnonymousReceipt>,
    /// The position of the next page; `None` at the end.
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
        let (items, next) =
            self.scan_segment(SCAN, &self.tables.members, (segment, segments), PAGE_ITEMS, from.0).await?;
        let mut members: Vec<ScannedMember> = Vec::new();
        for item in &items {
            let reader = Reader::new(SCAN, item);
            let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
            let kind = MembersItem::parse(pk, sk)
                .ok_or_else(|| StoreError::UnknownKind { operation: SCAN, key: format!("{pk} {sk}") })?;
            let (program, member, kind) = match kind {
                MembersItem::Of(program, member, kind) => (program, member, kind),
                MembersItem::IdentityGuard
                | MembersItem::ContactData
                | MembersItem::Name
                | MembersItem::CouponGuard
                | MembersItem::CouponUse
                | MembersItem::Stock
                | MembersItem::SoldOut
                | MembersItem::LowStock
                | MembersItem::PoolCount
                | MembersItem::PoolCode
                | MembersItem::Notice
                | MembersItem::Budget
                | MembersItem::ReferralGuard
                | MembersItem::FlaggedReferral
                | MembersItem::ReferralCode
                | MembersItem::Clicks
                | MembersItem::QualifiedFriends
                | MembersItem::Share
                | MembersItem::Click
                | MembersItem::ReferralSign
                | MembersItem::ReferralVelocity => continue,
            };
            // The items of a partition are consecutive.
            if members.last().is_none_or(|last| last.program != program || last.member != member) {
                members.push(ScannedMember {
                    program,
                    member,
                    account: None,
                    entries: Vec::new(),
                    coupons: Vec::new(),
                    friend: None,
                });
            }
            let Some(last) = members.last_mut() else { continue };
            match kind {
                MemberItem::Account => last.account = Some(reader.body()?),
                MemberItem::Entry => last.entries.push(StoredEntry::read(item)?),
                MemberItem::Coupon => last.coupons.push(reader.body()?),
                MemberItem::Friend => last.friend = Some(reader.body()?),
                MemberItem::Profile
                | MemberItem::Alias
                | MemberItem::Listing
                | MemberItem::Notes
                | MemberItem::Mark
                | MemberItem::Kept
                | MemberItem::Advocated => {}
            }
        }
        Ok(ScannedLedger { members, next: cursor(next) })
    }

    /// Items of a table, strongly consistent, and where the next ones begin.
    pub(crate) async fn scan_table(
        &self,
        operation: &'static str,
        table: &str,
        limit: i32,
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        self.scan_segment(operation, table, (0, 1), limit, from).await
    }

    /// Items of one of `segments` segments of a table, strongly consistent, and where the next ones begin.
    async fn scan_segment(
        &self,
        operation: &'static str,
        table: &str,
        (segment, segments): (u32, u32),
        limit: i32,
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        // A single segment is the whole table: the embedded engine would sort it for each page of a segment.
        let part = |number: u32| i32::try_from(number).ok().filter(|_| segments > 1);
        let request = self.dynamodb.scan().table_name(table).limit(limit).consistent_read(true);
        let request = request.set_segment(part(segment)).set_total_segments(part(segments));
        let request = request.set_exclusive_start_key(from).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(operation, error))?;
        Ok((output.items.unwrap_or_default(), output.last_evaluated_key.filter(|key| !key.is_empty())))
    }

    /// A page of one of `segments` segments of the facts table, strongly consistent: the facts that concern a member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn scan_facts(&self, segment: u32, segments: u32, from: ScanCursor) -> Result<ScannedFacts, StoreError> {
        let (items, next) =
            self.scan_segment(SCAN, &self.tables.facts, (segment, segments), PAGE_ITEMS, from.0).await?;
        let mut scanned = ScannedFacts { facts: Vec::new(), anonymous: Vec::new(), next: cursor(next) };
        for item in items {
            match FactChange::read(item)? {
                Some(FactChange::Fact(image)) => scanned.facts.push(*image),
                Some(FactChange::Anonymous(receipt)) => scanned.anonymous.push(receipt),
                None => {}
            }
        }
        Ok(scanned)
    }
}

fn cursor(key: Option<Item>) -> Option<ScanCursor> {
    key.map(|key| ScanCursor(Some(key)))
}
