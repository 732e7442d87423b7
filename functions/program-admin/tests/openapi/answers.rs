//! The answers that are made in the functions themselves; those of the domain's views describe themselves.

#![allow(dead_code, reason = "described, never made")]

use serde_json::Value;
use tessera_domain::coupon::Discount;
use tessera_domain::member::IdentifierKind;
use tessera_domain::program::Program;
use utoipa::ToSchema;

use crate::bodies::Scope;

/// A fact that is stored; what it does to the member is decided afterwards.
#[derive(ToSchema)]
pub struct Accepted {
    /// The fact's id, as it was sent.
    id: String,
    /// That it is stored.
    status: AcceptedStatus,
    /// Unverified identifiers of the request at which the points of a contact without an id wait: the same request with
    /// `verified` joins them.
    #[schema(nullable = false)]
    claimable: Option<Vec<IdentifierKind>>,
    /// Verified identifiers of the request that stay with another member, who has an id.
    #[schema(nullable = false)]
    identity_conflict: Option<Vec<IdentifierKind>>,
}

/// That a fact is stored.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AcceptedStatus {
    /// It is.
    Accepted,
}

/// What a coupon is worth on a basket.
#[derive(ToSchema)]
pub struct CouponCheck {
    /// Whether it can be used on this basket now.
    valid: bool,
    /// The advantage, as it was when the coupon was issued.
    discount: Discount,
    /// What it takes off this basket, where that is an amount of money.
    #[schema(nullable = false)]
    amount_off: Option<String>,
    /// Why not: the coupon's status, `minimum_spend`, `no_matching_line` or `lines_needed`.
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// An API key, without the key itself.
#[derive(ToSchema)]
pub struct ApiKey {
    /// Its identifier.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// The identifiers that it may state as verified; absent: no bound.
    #[schema(nullable = false)]
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[schema(nullable = false)]
    per_minute: Option<u32>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// An API key that was made now.
#[derive(ToSchema)]
pub struct NewApiKey {
    /// Its identifier.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// The identifiers that it may state as verified; absent: no bound.
    #[schema(nullable = false)]
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[schema(nullable = false)]
    per_minute: Option<u32>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The key. It is not stored: a replay of the response leaves it out.
    #[schema(required = false)]
    key: String,
}

/// The API key that sends the request.
#[derive(ToSchema)]
pub struct OwnApiKey {
    /// Its identifier.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// The identifiers that it may state as verified; absent: no bound.
    #[schema(nullable = false)]
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; absent: the default.
    #[schema(nullable = false)]
    per_minute: Option<u32>,
}

/// A storefront secret that was made now.
#[derive(ToSchema)]
pub struct StorefrontSecret {
    /// The secret to sign member tokens with; a replay of the response leaves it out.
    #[schema(required = false)]
    secret: String,
    /// Until when the one before works.
    #[schema(format = DateTime)]
    previous_valid_until: Option<String>,
}

/// A program as it is stored; the answer to `?dry_run=true` is a `DryRun`.
#[derive(ToSchema)]
pub struct StoredProgram {
    /// Its identifier.
    id: String,
    /// The version in force.
    version: u32,
    /// Since when.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The document.
    #[serde(flatten)]
    program: Program,
}

/// What a `PUT` would do.
#[derive(ToSchema)]
pub struct DryRun {
    /// Always true: what is not valid is a problem.
    valid: bool,
    /// The version that would be in force.
    version: u32,
    /// What would change.
    diff: Vec<Difference>,
}

/// The stored program, or, with `?dry_run=true`, what would change.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum PutProgramAnswer {
    /// It is stored.
    Stored(StoredProgram),
    /// It would be valid.
    Tried(DryRun),
}

/// One place where two versions of a program differ.
#[derive(ToSchema)]
pub struct Difference {
    /// Where, as a JSON pointer into the later one; into the earlier one for what was removed.
    pointer: String,
    /// How.
    change: DifferenceKind,
    /// What stood there before.
    #[schema(nullable = false)]
    before: Option<Value>,
    /// What stands there now.
    #[schema(nullable = false)]
    after: Option<Value>,
}

/// How a place differs.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the later one has it.
    Added,
    /// Only the earlier one has it.
    Removed,
    /// Both have it, with different values.
    Changed,
    /// The parts of a list stand in another order.
    Reordered,
}

/// How far a backtest is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum BacktestStatus {
    /// It waits.
    Queued,
    /// It is being made.
    Running,
    /// Its report is there.
    Done,
    /// It cannot be made.
    Failed,
}

/// A backtest that was taken in.
#[derive(ToSchema)]
pub struct BacktestTaken {
    /// Its identifier.
    id: String,
    /// How far it is.
    status: BacktestStatus,
}

/// A backtest.
#[derive(ToSchema)]
pub struct BacktestAnswer {
    /// Its identifier.
    id: String,
    /// How far it is.
    status: BacktestStatus,
    /// What came of it, once it is done.
    #[schema(nullable = false)]
    report: Option<tessera_backtest::Report>,
    /// Why it failed.
    #[schema(nullable = false)]
    reason: Option<String>,
}
