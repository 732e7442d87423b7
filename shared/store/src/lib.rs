//! DynamoDB: keys, items, the one commit path, reads. Nothing but this crate knows a key or an attribute's name.
//!
//! [`Store::commit`] is the only code that writes a ledger. `facts` keeps what shops report, `members` who the customers
//! are, `programs` the configuration (and [`ProgramCache`] the copy that a warm function works with), `idempotency` the
//! answers that a repeated call gets again. `keys` builds every key, `items` every attribute.

mod arming;
mod audit;
mod calls;
mod commit;
mod coupons;
mod error;
mod facts;
mod figures;
mod hashes;
mod idempotency;
mod imports;
mod indexes;
mod items;
mod jobs;
mod keys;
mod kinds;
mod limits;
mod listing;
mod members;
mod merging;
mod notes;
mod notices;
mod open;
mod page;
mod pools;
mod programs;
mod random;
mod read;
mod rearm;
mod referrals;
mod retry;
mod scan;
mod secrets;
mod stream;
mod targets;
mod tasks;
mod transfer;
mod writes;

pub use arming::{Arming, ArmingPass, StoredArming};
pub use audit::{Audit, AuditFilter};
pub use commit::{
    Commit, CommitError, Committed, EntryKey, Party, PartyAccount, ReceiptHistory, Snapshot, Taking, TakingCode,
};
pub use coupons::{CouponError, ExpiringCoupons, StoredCoupon};
pub use error::StoreError;
pub use facts::{
    AnewFact, AnonymousReceipt, Claim, FactChange, FactImage, PutFact, ReceiptMove, StoredFact, StoredReceipt,
    StoredRefund, UndoneMerge, UndoneSince,
};
pub use figures::{CountedImage, CountedRecord, Sequence, SequencedRecord, StoredFigures};
pub use idempotency::{Begin, StoredResponse};
pub use imports::{ImportCounts, ImportCreation, ImportPart, ImportPosition, ImportStatus, StoredImport};
pub use indexes::{DUE_SHARDS, FoundMembers, INDEX_PAGE, IndexCursor};
pub use jobs::{JobMarker, JobPosition};
pub use limits::{Minute, RateCounter};
pub use listing::{IdleCursor, IdleMembers, MemberList, NamedMember};
pub use members::{FoundMember, Identified, IdentityError, KnownMember, ProfileNews};
pub use merging::Between;
pub use notes::Note;
pub use notices::{NoticeFilter, notice_id};
pub use open::OpenedMember;
pub use page::Page;
pub use pools::{CodesAdded, CouponShopCode, ReadyCode, ShopCode};
pub use programs::{
    ActiveProgram, ApiKey, CreateProgramError, DraftApproval, DraftAuthor, DraftError, DraftStatus, FoundKey, Head,
    IdentityKey, KeyCreation, KeyDeletion, KeyGrant, NewApiKey, NewDraft, NewProgram, PreviousSecret, ProgramCache,
    ProgramDraft, ProgramVersion, PutProgramError, Rotation, StorefrontSecrets, VersionDiff,
};
pub use random::seed;
pub use read::StoredEntry;
pub use referrals::{
    AdvocateCounts, FoundReferral, FriendUpdate, ImportedCode, ReferralClick, ReferralCode, ReferralShare,
    StoredFriend, Velocity,
};
pub use scan::{ScanCursor, ScannedFacts, ScannedLedger, ScannedMember};
pub use secrets::{SecretsKey, SecretsSource};
pub use stream::{MemberChange, MemberImage, entry_id, parse_entry_id};
pub use targets::{
    CodeBatch, CodeSwitch, Delivery, DeliveryContent, DeliveryStatus, DueDelivery, HealthChange, KlaviyoSettings,
    SecretChange, ShopBatch, ShopPool, ShopToken, StoredShopPool, Target, TargetHealth, TargetId, TargetKind,
    TargetSecrets, WebhookEndpoint,
};
pub use tasks::{BacktestRequest, Task, TaskCounts, TaskKind, TaskRequest, TaskStatus};
pub use transfer::{ExportKind, ExportPage, RestoreCheck, RestoreError, RestoreProgress};

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Accounts, profiles, entries, coupons, guards, stocks.
    pub members: String,
    /// Receipts, refunds and interactions, as they came.
    pub facts: String,
    /// Configuration by version, jobs, stored responses.
    pub programs: String,
    /// Hashes of API keys, encrypted secrets.
    pub credentials: String,
}

/// The tables of Tessera. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    dynamodb: aws_sdk_dynamodb::Client,
    tables: std::sync::Arc<Tables>,
    secrets: Option<std::sync::Arc<dyn SecretsSource>>,
}

impl Store {
    /// The store behind a client.
    pub fn new(dynamodb: aws_sdk_dynamodb::Client, tables: Tables) -> Self {
        Self { dynamodb, tables: std::sync::Arc::new(tables), secrets: None }
    }

    /// The same, able to hash e-mail addresses and phone numbers: their key is stored encrypted.
    #[must_use]
    pub fn with_secrets(self, secrets: impl SecretsSource + 'static) -> Self {
        Self { secrets: Some(std::sync::Arc::new(secrets)), ..self }
    }
}
