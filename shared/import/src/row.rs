//! Records as rows of an import: what the program understands, or why a row is refused.

use csv::StringRecord;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;
use tessera_domain::account::Status;
use tessera_domain::member::{EnrollmentInput, MemberRef};

use crate::ImportKind;
use crate::cells::{Cells, RowContext};
use crate::date::read_birth_date;
use crate::dialect::records;
use crate::fault::RowFault;
use crate::field::Field;
use crate::number::read_points;
use crate::order::OrderRow;
use crate::plan::ImportPlan;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportRow {
    /// A member with a balance.
    Member(Box<MemberRow>),
    /// A member's tier.
    Tier(TierRow),
    /// A coupon that a member holds.
    Coupon(CouponRow),
    /// A member's referral code.
    ReferralCode {
        /// The member.
        reference: MemberRef,
        /// The code, as it was.
        code: String,
    },
    /// An order, or one line of it.
    Order(Box<OrderRow>),
    /// What a member spent, for points without a rule.
    Spend(SpendRow),
}

/// A member with a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who it is, with names and so on.
    pub enrollment: EnrollmentInput,
    /// The status to give.
    pub status: Status,
    /// The redeemable points.
    pub points: Option<i64>,
    /// The qualifying points.
    pub qualifying: Option<i64>,
    /// The last day of the redeemable points; `None`: by the program's policy.
    pub expires: Option<Date>,
}

/// A member's tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierRow {
    /// The member.
    pub reference: MemberRef,
    /// The tier's id or name.
    pub tier: String,
    /// Since when it is held.
    pub since: Option<Date>,
    /// The last day on which it is held.
    pub until: Option<Date>,
}

/// A coupon that a member holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponRow {
    /// The member.
    pub reference: MemberRef,
    /// The code, as it was.
    pub code: String,
    /// The reward's id or name.
    pub reward: String,
    /// The last day of the coupon.
    pub expires: Option<Date>,
    /// True for a coupon that was used already.
    pub used: bool,
}

/// What a member spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRow {
    /// The member.
    pub reference: MemberRef,
    /// The money, in the program's currency.
    pub amount: Decimal,
}

impl ImportPlan {
    /// The rows of a part, in their order. `is_first`: the part may begin with the header.
    pub fn rows<'a>(
        &'a self,
        text: &'a str,
        is_first: bool,
        context: &'a RowContext<'a>,
    ) -> impl Iterator<Item = Result<ImportRow, Vec<RowFault>>> + 'a {
        let skipped = usize::from(is_first && self.has_header());
        records(text, self.separator()).skip(skipped).map(move |record| match record {
            Ok(record) => ImportRow::read(self, &record, context),
            Err(fault) => Err(vec![fault]),
        })
    }
}

impl ImportRow {
    /// Reads a record.
    pub(crate) fn read(
        plan: &ImportPlan,
        record: &StringRecord,
        context: &RowContext<'_>,
    ) -> Result<Self, Vec<RowFault>> {
        let beyond = record.iter().skip(plan.width()).any(|cell| !cell.trim().is_empty());
        if beyond {
            let reason = format!("has {} columns; the header has {}", record.len(), plan.width());
            return Err(vec![RowFault::of_row(reason)]);
        }
        let mut cells = Cells { plan, record, faults: Vec::new() };
        let row = match plan.request.kind {
            ImportKind::Members => member(&mut cells).map(|row| Self::Member(Box::new(row))),
            ImportKind::Tiers => tier(&mut cells).map(Self::Tier),
            ImportKind::Coupons => coupon(&mut cells).map(Self::Coupon),
            ImportKind::ReferralCodes => {
                let (reference, code) = (cells.reference(), cells.required(Field::Code).map(str::to_owned));
                reference.zip(code).map(|(reference, code)| Self::ReferralCode { reference, code })
            }
            ImportKind::Orders if plan.request.points_per_unit.is_some() => spend(&mut cells).map(Self::Spend),
            ImportKind::Orders => OrderRow::read(&mut cells, plan, context).map(|row| Self::Order(Box::new(row))),
        };
        match row {
            Some(row) if cells.faults.is_empty() => Ok(row),
            Some(_) | None => Err(cells.faults),
        }
    }

    /// Who the row is about.
    pub fn reference(&self) -> &MemberRef {
        match self {
            Self::Member(row) => &row.enrollment.reference,
            Self::Tier(row) => &row.reference,
            Self::Coupon(row) => &row.reference,
            Self::ReferralCode { reference, .. } => reference,
            Self::Order(row) => &row.reference,
            Self::Spend(row) => &row.reference,
        }
    }
}

fn member(cells: &mut Cells<'_>) -> Option<MemberRow> {
    let mut object = cells.identity();
    let (first, last) = match (cells.text(Field::FirstName), cells.text(Field::LastName), cells.text(Field::FullName)) {
        (None, None, Some(full)) => full.split_once(' ').map_or((Some(full), None), |(a, b)| (Some(a), Some(b.trim()))),
        (first, last, _) => (first, last),
    };
    for (name, text) in [("first_name", first), ("last_name", last), ("locale", cells.text(Field::Locale))] {
        if let Some(text) = text {
            object.insert(name.to_owned(), json!(text));
        }
    }
    let order = cells.plan.dates;
    if let Some(birth) = cells.read(Field::BirthDate, |text| read_birth_date(text, order)) {
        object.insert("birth_date".to_owned(), json!(birth));
    }
    for (field, name) in [(Field::Lists, "lists"), (Field::Tags, "tags")] {
        if let Some(text) = cells.text(field) {
            let names: Vec<&str> = text.split('|').map(str::trim).filter(|name| !name.is_empty()).collect();
            object.insert(name.to_owned(), json!(names));
        }
    }
    if let Some(given) = cells.read(Field::Consent, read_flag) {
        object.insert("consent".to_owned(), json!({ "email": given }));
    }
    let enrollment = cells.enrollment(object);
    let status = match cells.text(Field::Status) {
        None => Some(Status::Member),
        Some(_) => cells.read(Field::Status, read_status),
    };
    let points = cells.read(Field::Points, read_points);
    let qualifying = cells.read(Field::Qualifying, read_points);
    let expires = cells.date(Field::ExpiresAt);
    Some(MemberRow { enrollment: enrollment?, status: status?, points, qualifying, expires })
}

fn tier(cells: &mut Cells<'_>) -> Option<TierRow> {
    let reference = cells.reference();
    let tier = cells.required(Field::Tier).map(str::to_owned);
    let (since, until) = (cells.date(Field::Since), cells.date(Field::ExpiresAt));
    Some(TierRow { reference: reference?, tier: tier?, since, until })
}

fn coupon(cells: &mut Cells<'_>) -> Option<CouponRow> {
    let reference = cells.reference();
    let (code, reward) = (cells.required(Field::Code), cells.required(Field::Reward));
    let expires = cells.date(Field::ExpiresAt);
    let used = match cells.text(Field::Status) {
        None => Some(false),
        Some(_) => cells.read(Field::Status, read_use),
    };
    Some(CouponRow { reference: reference?, code: code?.to_owned(), reward: reward?.to_owned(), expires, used: used? })
}

fn spend(cells: &mut Cells<'_>) -> Option<SpendRow> {
    let reference = cells.reference();
    let field = if cells.text(Field::TotalSpent).is_some() { Field::TotalSpent } else { Field::Total };
    let amount = if cells.text(field).is_some() {
        cells.amount(field)
    } else {
        cells.fault(field, "is missing");
        None
    };
    if amount.is_some_and(|amount| amount.is_sign_negative() && !amount.is_zero()) {
        cells.fault(field, "must not be negative");
    }
    Some(SpendRow { reference: reference?, amount: amount? })
}

fn read_flag(text: &str) -> Result<bool, &'static str> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "si" | "sì" | "da" | "да" | "subscribed" => Ok(true),
        "false" | "no" | "n" | "0" | "nu" | "нет" | "unsubscribed" => Ok(false),
        _ => Err("must be yes or no"),
    }
}

fn read_status(text: &str) -> Result<Status, &'static str> {
    match text.to_lowercase().as_str() {
        "member" | "enrolled" | "active" | "enabled" => Ok(Status::Member),
        "visitor" | "guest" | "candidate" => Ok(Status::Visitor),
        "pending" | "invited" => Ok(Status::Pending),
        "excluded" | "blocked" | "disabled" | "banned" => Ok(Status::Excluded),
        _ => Err("must be member, visitor, pending or excluded"),
    }
}

fn read_use(text: &str) -> Result<bool, &'static str> {
    match text.to_lowercase().as_str() {
        "available" | "active" | "unused" | "issued" => Ok(false),
        "used" | "redeemed" => Ok(true),
        _ => Err("must be available or used"),
    }
}
