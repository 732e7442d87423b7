//! How a file is read: found from its first rows, then the same for every row.

use csv::StringRecord;
use serde::{Deserialize, Serialize};
use tessera_domain::member::Email;

use crate::date::{DateOrder, reveals};
use crate::dialect::{MAX_COLUMNS, find_separator, records};
use crate::field::Field;
use crate::mapping::{self, MappedColumn, MappingFault};
use crate::request::PlanRequest;
use crate::{ImportKind, ImportSource};

/// The rows that a plan is found from.
const SAMPLE: usize = 1000;

/// How every row of a file is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlan {
    /// What the request said.
    #[serde(rename = "r")]
    pub request: PlanRequest,
    #[serde(rename = "x")]
    separator: u8,
    #[serde(rename = "h")]
    has_header: bool,
    #[serde(rename = "c")]
    pub(crate) columns: Vec<MappedColumn>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) dates: Option<DateOrder>,
}

impl ImportPlan {
    /// Finds how a file is read from the text of its first part.
    ///
    /// # Errors
    /// When the request maps a column that the file does not have.
    pub fn find(request: &PlanRequest, text: &str) -> Result<Self, MappingFault> {
        let separator = find_separator(text);
        let mut sample: Vec<StringRecord> = records(text, separator).take(SAMPLE).filter_map(Result::ok).collect();
        let first = sample.first().cloned().unwrap_or_default();
        // A cell that is an address is no header.
        let has_header = !first.is_empty() && !first.iter().any(|cell| cell.parse::<Email>().is_ok());
        let headers: Vec<String> = if has_header {
            sample.remove(0);
            first.iter().take(MAX_COLUMNS).map(|cell| cell.trim().to_owned()).collect()
        } else {
            (1..=first.len().min(MAX_COLUMNS)).map(|place| format!("column {place}")).collect()
        };
        let columns = mapping::find(request, &headers, has_header, &sample)?;
        let mut plan = Self { request: request.clone(), separator, has_header, columns, dates: request.dates };
        plan.dates = plan.dates.or_else(|| plan.date_order(&sample));
        Ok(plan)
    }

    /// The order of the file's dates, if they reveal exactly one.
    fn date_order(&self, sample: &[StringRecord]) -> Option<DateOrder> {
        let is_date =
            |field: Field| matches!(field, Field::BirthDate | Field::ExpiresAt | Field::Since | Field::OccurredAt);
        let places: Vec<usize> = self.places().filter(|(field, _)| is_date(*field)).map(|(_, place)| place).collect();
        let cells = sample.iter().flat_map(|record| places.iter().filter_map(|place| record.get(*place)));
        let mut found: Option<DateOrder> = None;
        for order in cells.filter_map(reveals) {
            if found.is_some_and(|other| other != order) {
                return None;
            }
            found = Some(order);
        }
        // Yotpo documents month/day.
        found.or((self.request.source == ImportSource::Yotpo).then_some(DateOrder::Mdy))
    }

    /// The mapped fields with their places.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Field, usize)> {
        self.columns.iter().enumerate().filter_map(|(place, column)| column.field.map(|field| (field, place)))
    }

    /// The place of a field's column.
    pub(crate) fn place(&self, field: Field) -> Option<usize> {
        self.places().find(|(other, _)| *other == field).map(|(_, place)| place)
    }

    /// The header of a field's column.
    pub(crate) fn header(&self, field: Field) -> Option<&str> {
        self.place(field).and_then(|place| self.columns.get(place)).map(|column| column.header.as_str())
    }

    /// What separates the columns.
    pub(crate) const fn separator(&self) -> u8 {
        self.separator
    }

    /// True when the first row is a header.
    pub(crate) const fn has_header(&self) -> bool {
        self.has_header
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Fields that the kind needs and no column has, in words.
    pub fn missing(&self) -> Vec<String> {
        let has = |field| self.place(field).is_some();
        let named = [Field::Id, Field::Email, Field::Phone, Field::Card].into_iter().any(has);
        let mut missing = Vec::new();
        if !named {
            missing.push("id, email, phone or card");
        }
        match self.request.kind {
            ImportKind::Members => {}
            ImportKind::Tiers => missing.extend((!has(Field::Tier)).then_some("tier")),
            ImportKind::Coupons => {
                missing.extend((!has(Field::Code)).then_some("code"));
                missing.extend((!has(Field::Reward)).then_some("reward"));
            }
            ImportKind::ReferralCodes => missing.extend((!has(Field::Code)).then_some("code")),
            ImportKind::Orders if self.request.points_per_unit.is_some() => {
                missing.extend((!has(Field::Total) && !has(Field::TotalSpent)).then_some("total or total_spent"));
            }
            ImportKind::Orders => {
                missing.extend((!has(Field::Order)).then_some("order"));
                missing.extend((!has(Field::OccurredAt)).then_some("date"));
                let lines = has(Field::Amount) || (has(Field::UnitPrice) && has(Field::Quantity));
                missing.extend((!has(Field::Total) && !lines).then_some("total"));
            }
        }
        missing.into_iter().map(str::to_owned).collect()
    }

    /// The number of rows of a part.
    pub fn count(&self, text: &str, is_first: bool) -> u64 {
        let all = records(text, self.separator).count();
        all.saturating_sub(usize::from(is_first && self.has_header)) as u64
    }
}
