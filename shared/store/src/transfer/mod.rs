//! Export of a program, and its restore into an empty one: each line is an item, with what it says in plain words beside it.
//!
//! Guards of e-mail addresses and phone numbers are hashes under a key of the program. They are left out of an export, and
//! a restore derives them from the profiles. Figures are left out too: they are counted from the restored entries.

mod codec;
mod restore;
mod seal;
mod view;

pub use restore::RestoreError;
pub use seal::{RestoreCheck, RestoreProgress};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tessera_domain::ids::ProgramId;

use crate::calls::Range;
use crate::items::{Item, Reader, name, text};
use crate::kinds::{MemberItem, MembersItem};
use crate::{Store, StoreError, keys};

const EXPORT: &str = "exporting a program";

/// A page ends after so many bytes; the largest item may follow.
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Items of one read.
const READ_ITEMS: i32 = 400;
/// Reads of one page: a page may be short where a table has other programs.
const PAGE_READS: usize = 8;

/// What an export has, in the order in which it is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// The program's document in every version.
    Program,
    /// Accounts and profiles.
    Members,
    /// The ledger.
    Entries,
    /// Coupons with their codes.
    Coupons,
    /// Pools of codes, stocks and budgets.
    Codes,
    /// Referrals.
    Referrals,
    /// Administrative writes.
    Audit,
    /// Receipts, refunds and interactions.
    Receipts,
}

impl ExportKind {
    /// Every kind, in the order in which they are restored.
    pub const ALL: [Self; 8] = [
        Self::Program,
        Self::Members,
        Self::Entries,
        Self::Coupons,
        Self::Codes,
        Self::Referrals,
        Self::Audit,
        Self::Receipts,
    ];

    /// The name in requests and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Members => "members",
            Self::Entries => "entries",
            Self::Coupons => "coupons",
            Self::Codes => "codes",
            Self::Referrals => "referrals",
            Self::Audit => "audit",
            Self::Receipts => "receipts",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of an item of the members table; `None` for what a restore derives.
    fn of(item: &MembersItem, is_free_code: bool) -> Option<Self> {
        Some(match item {
            MembersItem::Of(_, _, MemberItem::Entry) => Self::Entries,
            MembersItem::Of(
                _,
                _,
                MemberItem::Account
                | MemberItem::Profile
                | MemberItem::Alias
                | MemberItem::Listing
                | MemberItem::Notes
                | MemberItem::Mark
                | MemberItem::Kept,
            )
            | MembersItem::Name => Self::Members,
            MembersItem::CouponGuard if is_free_code => Self::Codes,
            MembersItem::Of(_, _, MemberItem::Coupon) | MembersItem::CouponUse | MembersItem::CouponGuard => {
                Self::Coupons
            }
            MembersItem::Stock
            | MembersItem::SoldOut
            | MembersItem::LowStock
            | MembersItem::PoolCount
            | MembersItem::PoolCode
            | MembersItem::Budget => Self::Codes,
            MembersItem::Of(_, _, MemberItem::Friend | MemberItem::Advocated)
            | MembersItem::ReferralGuard
            | MembersItem::FlaggedReferral
            | MembersItem::ReferralCode
            | MembersItem::Clicks
            | MembersItem::QualifiedFriends
            | MembersItem::Share
            | MembersItem::Click
            | MembersItem::ReferralSign
            | MembersItem::ReferralVelocity => Self::Referrals,
            // Notices last 90 days and are sent already; guards follow from profiles.
            MembersItem::Notice | MembersItem::IdentityGuard | MembersItem::ContactData => return None,
        })
    }
}

/// A page of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPage {
    /// Its lines, each with a line end.
    pub lines: String,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

impl Store {
    /// A page of an export. `after`: the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails, or an item is of a kind that this version does not know.
    pub async fn export_page(
        &self,
        program: &ProgramId,
        kind: ExportKind,
        after: Option<&str>,
    ) -> Result<ExportPage, StoreError> {
        match kind {
            ExportKind::Program => self.export_program(program, after).await,
            ExportKind::Audit => {
                let range = Range { after, limit: Some(400), ..Range::all(keys::audit(program), "") };
                let (items, next) = self.page(EXPORT, &self.tables.programs, &range).await?;
                let mut lines = String::new();
                for item in &items {
                    push_line(&mut lines, program, json!({}), item);
                }
                Ok(ExportPage { lines, next })
            }
            ExportKind::Receipts => {
                let table = self.tables.facts.clone();
                self.export_table(program, &table, after, |item| Ok(Some(view::fact(item)?))).await
            }
            ExportKind::Members
            | ExportKind::Entries
            | ExportKind::Coupons
            | ExportKind::Codes
            | ExportKind::Referrals => {
                let table = self.tables.members.clone();
                self.export_table(program, &table, after, |item| {
                    let reader = Reader::new(EXPORT, item);
                    let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
                    let found = MembersItem::parse(pk, sk)
                        .ok_or_else(|| StoreError::UnknownKind { operation: EXPORT, key: format!("{pk} {sk}") })?;
                    if ExportKind::of(&found, reader.has(name::POOL)) != Some(kind) {
                        return Ok(None);
                    }
                    view::member(&found, item).map(Some)
                })
                .await
            }
        }
    }

    /// A page of a table's items of a program that `view` shows.
    async fn export_table(
        &self,
        program: &ProgramId,
        table: &str,
        after: Option<&str>,
        view: impl Fn(&Item) -> Result<Option<serde_json::Value>, StoreError>,
    ) -> Result<ExportPage, StoreError> {
        let (mut lines, mut next) = (String::new(), after.map(parse_cursor).transpose()?);
        for _ in 0..PAGE_READS {
            let (items, further) = self.scan_table(EXPORT, table, READ_ITEMS, next.take()).await?;
            for item in &items {
                let pk = Reader::new(EXPORT, item).text(name::PK)?;
                if keys::parse_program(pk).as_ref() != Some(program) {
                    continue;
                }
                if let Some(shown) = view(item)? {
                    push_line(&mut lines, program, shown, item);
                }
            }
            next = further;
            if next.is_none() || lines.len() > PAGE_BYTES {
                break;
            }
        }
        Ok(ExportPage { lines, next: next.map(|key| format_cursor(&key)).transpose()? })
    }

    /// The versions of a program and their documents, then which one is in force.
    async fn export_program(&self, program: &ProgramId, after: Option<&str>) -> Result<ExportPage, StoreError> {
        let mut lines = String::new();
        let (table, partition) = (&*self.tables.programs, keys::head(program).pk);
        let prefix = if after.is_some_and(|after| after.starts_with("v#")) { "v#" } else { "d#" };
        let range = Range { after, limit: Some(4), ..Range::all(partition, prefix) };
        let (items, next) = self.page(EXPORT, table, &range).await?;
        // A program that was restored still has the document with which it was created.
        let versions = self.range(EXPORT, table, Range::all(keys::head(program).pk, "v#")).await?;
        let used = |sk: &str| {
            let mut sums = versions.iter().filter_map(|item| Reader::new(EXPORT, item).text("c").ok());
            prefix == "v#" || sums.any(|sum| sk.starts_with(&keys::chunks(sum)))
        };
        for item in &items {
            if used(Reader::new(EXPORT, item).text(name::SK)?) {
                push_line(&mut lines, program, json!({}), item);
            }
        }
        let next = match (next, prefix) {
            (Some(next), _) => Some(next),
            (None, "d#") => Some("v#".to_owned()),
            (None, _) => {
                let head = self.get(EXPORT, table, &keys::head(program), true).await?;
                let mut head = head.ok_or(StoreError::Item { operation: EXPORT, attribute: "head" })?;
                let version: u32 = Reader::new(EXPORT, &head).number(name::VERSION)?;
                let document = self.load_program(program, version).await?.map(|compiled| json!(compiled.program));
                // Its identity key is a secret, and it is for the target to come into use.
                head.remove(crate::programs::IDENTITY);
                head.remove(crate::programs::IN_USE);
                // A document beyond a page is in the chunks alone.
                let document = document.filter(|document| document.to_string().len() < PAGE_BYTES);
                push_line(&mut lines, program, json!({ "version": version, "program": document }), &head);
                None
            }
        };
        Ok(ExportPage { lines, next })
    }
}

fn push_line(lines: &mut String, program: &ProgramId, mut shown: serde_json::Value, item: &Item) {
    shown["item"] = codec::encode(program, item);
    lines.push_str(&shown.to_string());
    lines.push('\n');
}

fn format_cursor(key: &Item) -> Result<String, StoreError> {
    let reader = Reader::new(EXPORT, key);
    Ok(json!([reader.text(name::PK)?, reader.text(name::SK)?]).to_string())
}

fn parse_cursor(cursor: &str) -> Result<Item, StoreError> {
    let invalid = |_| StoreError::Item { operation: EXPORT, attribute: "cursor" };
    let [pk, sk]: [String; 2] = serde_json::from_str(cursor).map_err(invalid)?;
    let key: [(String, AttributeValue); 2] = [(name::PK.to_owned(), text(pk)), (name::SK.to_owned(), text(sk))];
    Ok(Item::from(key))
}
