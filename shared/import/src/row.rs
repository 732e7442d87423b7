//! Records as rows of an import: what the program understands, or why a row is refused.

use csv::StringRecord;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tessera_domain::account::Status;
use tessera_domain::input::Fault;
use tessera_domain::member::{EnrollmentInput, MemberRef, read_enrollment};
use tessera_domain::money::Currency;

use crate::ImportKind;
use crate::date::{DateFault, read_birth_date, read_date, read_time};
use crate::field::Field;
use crate::number::{read_amount, read_points};
pub use crate::order::OrderRow;
use crate::plan::ImportPlan;

/// What rows are read with, besides their plan.
#[derive(Debug, Clone, Copy)]
pub struct RowContext<'a> {
    /// The program's currency.
    pub currency: Currency,
    /// The program's time zone.
    pub zone: &'a TimeZone,
}

/// Why a row is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportRowError))]
pub struct RowFault {
    /// The header of the column; null for the row as a whole.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl RowFault {
    /// A fault of the row as a whole.
    pub const fn of_row(reason: String) -> Self {
        Self { column: None, reason }
    }
}

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

/// The cells of a record by field, and the faults found so far.
pub(crate) struct Cells<'a> {
    plan: &'a ImportPlan,
    record: &'a StringRecord,
    faults: Vec<RowFault>,
}

impl<'a> Cells<'a> {
    /// The text of a field; `None` when it is empty or there is no such column.
    pub(crate) fn text(&self, field: Field) -> Option<&'a str> {
        let cell = self.record.get(self.plan.place(field)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    #[allow(clippy::needless_pass_by_value, reason = "most reasons are made for the call")]
    pub(crate) fn fault(&mut self, field: Field, reason: impl ToString) {
        let column = Some(self.plan.header(field).unwrap_or_else(|| field.name()).to_owned());
        self.faults.push(RowFault { column, reason: reason.to_string() });
    }

    /// A field read by `read`; `None` when it is empty, or faulty and noted.
    pub(crate) fn read<T, E: ToString>(&mut self, field: Field, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match read(self.text(field)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(field, error);
                None
            }
        }
    }

    pub(crate) fn required(&mut self, field: Field) -> Option<&'a str> {
        let text = self.text(field);
        if text.is_none() {
            self.fault(field, "is missing");
        }
        text
    }

    fn date(&mut self, field: Field) -> Option<Date> {
        let order = self.plan.dates;
        self.read(field, |text| match read_date(text, order) {
            // A time of day after the date does not change its day.
            Err(DateFault::NotADate) => read_date(text.split([' ', 'T']).next().unwrap_or_default(), order),
            read => read,
        })
    }

    pub(crate) fn time(&mut self, field: Field, zone: &TimeZone) -> Option<Timestamp> {
        let order = self.plan.dates;
        self.read(field, |text| read_time(text, order, zone))
    }

    pub(crate) fn amount(&mut self, field: Field) -> Option<Decimal> {
        self.read(field, read_amount)
    }

    /// Takes over the faults of a JSON reader: the first part of a pointer names the field.
    pub(crate) fn take_faults(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            let name = fault.pointer.split('/').nth(1).unwrap_or_default();
            match Field::from_name(name) {
                Some(field) => self.fault(field, fault.detail),
                None => self.faults.push(RowFault::of_row(fault.detail)),
            }
        }
    }

    /// The fields that name the member, as JSON.
    pub(crate) fn identity(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for field in [Field::Id, Field::Card, Field::Email, Field::Phone] {
            if let Some(text) = self.text(field) {
                let prefix = self.plan.request.id_prefix.as_deref().filter(|_| field == Field::Id).unwrap_or_default();
                object.insert(field.name().to_owned(), json!(format!("{prefix}{text}")));
            }
        }
        object
    }

    /// Reads who the row is about, with further fields of an enrolment.
    fn enrollment(&mut self, object: Map<String, Value>) -> Option<EnrollmentInput> {
        match read_enrollment(&Value::Object(object)) {
            Ok(read) => Some(read),
            Err(faults) => {
                self.take_faults(faults);
                None
            }
        }
    }

    pub(crate) fn reference(&mut self) -> Option<MemberRef> {
        let identity = self.identity();
        self.enrollment(identity).map(|read| read.reference)
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
