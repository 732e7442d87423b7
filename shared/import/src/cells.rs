//! The cells of a record, by field.

use csv::StringRecord;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tessera_domain::input::Fault;
use tessera_domain::member::{EnrollmentInput, MemberRef, read_enrollment};
use tessera_domain::money::Currency;

use crate::date::{DateFault, read_date, read_time};
use crate::fault::RowFault;
use crate::field::Field;
use crate::number::read_amount;
use crate::plan::ImportPlan;

/// What rows are read with, besides their plan.
#[derive(Debug, Clone, Copy)]
pub struct RowContext<'a> {
    /// The program's currency.
    pub currency: Currency,
    /// The program's time zone.
    pub zone: &'a TimeZone,
}

/// The cells of a record by field, and the faults found so far.
pub(crate) struct Cells<'a> {
    pub(crate) plan: &'a ImportPlan,
    pub(crate) record: &'a StringRecord,
    pub(crate) faults: Vec<RowFault>,
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

    pub(crate) fn date(&mut self, field: Field) -> Option<Date> {
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
    pub(crate) fn enrollment(&mut self, object: Map<String, Value>) -> Option<EnrollmentInput> {
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
