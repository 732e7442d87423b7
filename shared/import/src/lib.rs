//! Files of other loyalty programs, read row by row. Pure: bytes in, rows or reasons out.
//!
//! `decode` turns bytes into text, `dialect` finds the separator, `mapping` says what each column means and how sure that
//! is, `number` and `date` refuse what is ambiguous, `row` turns a record into what an import commits, `errors` writes the
//! refused rows as CSV. A row that cannot be read is refused with its column and reason; the file never is.

mod cells;
mod date;
mod decode;
mod dialect;
mod errors;
mod fault;
mod field;
mod mapping;
mod number;
mod order;
mod parts;
mod plan;
mod preview;
mod request;
mod row;
mod whole;

pub use cells::RowContext;
pub use date::DateOrder;
pub use decode::{CodePage, EncodingError, decode};
pub use errors::{csv_cell, error_line, errors_header};
pub use fault::RowFault;
pub use field::Field;
pub use mapping::{Confidence, MappedColumn, MappingFault};
pub use number::{NumberFault, read_points};
pub use order::OrderRow;
pub use parts::FileParts;
pub use plan::ImportPlan;
pub use preview::Preview;
pub use request::PlanRequest;
pub use row::{CouponRow, ImportRow, MemberRow, SpendRow, TierRow};
pub use whole::{ROW_REFUSED, SCATTERED, SEVERAL_MEMBERS};

use serde::{Deserialize, Serialize};

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Members with balances.
    Members,
    /// Tiers of members.
    Tiers,
    /// Coupons that members hold.
    Coupons,
    /// Referral codes of members.
    ReferralCodes,
    /// Orders, or what was spent in all, for retroactive points.
    Orders,
}

/// The program that a file comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImportSource {
    /// Smile: exactly `email,points`.
    Smile,
    /// Yotpo: `Email`, names, `Points Balance`, `Birthday` as month/day.
    Yotpo,
    /// `LoyaltyLion`: the e-mail first, points second.
    LoyaltyLion,
    /// Wix: e-mail and balance under any header.
    Wix,
    /// Any other.
    #[default]
    Generic,
}

/// What a balance in a file means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// Points that are added.
    #[default]
    Add,
    /// The balance afterwards.
    Set,
}

impl ImportKind {
    /// Each kind with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("members", Self::Members),
        ("tiers", Self::Tiers),
        ("coupons", Self::Coupons),
        ("referral_codes", Self::ReferralCodes),
        ("orders", Self::Orders),
    ];

    /// The name in requests and keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Tiers => "tiers",
            Self::Coupons => "coupons",
            Self::ReferralCodes => "referral_codes",
            Self::Orders => "orders",
        }
    }
}

impl ImportSource {
    /// Each source with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("smile", Self::Smile),
        ("yotpo", Self::Yotpo),
        ("loyaltylion", Self::LoyaltyLion),
        ("wix", Self::Wix),
        ("generic", Self::Generic),
    ];
}

impl ImportMode {
    /// Each mode with its name.
    pub const ALL: [(&'static str, Self); 2] = [("add", Self::Add), ("set", Self::Set)];

    /// The name in requests and keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Set => "set",
        }
    }
}
