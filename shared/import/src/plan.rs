//! How a file is read: found from its first rows, then the same for every row.

use std::collections::BTreeMap;

use csv::StringRecord;
use serde::{Deserialize, Serialize};
use tessera_domain::member::Email;

use crate::date::{DateOrder, reveals};
use crate::dialect::{MAX_COLUMNS, find_separator, records};
use crate::field::Field;
use crate::mapping::{self, MappedColumn, MappingFault};
use crate::row::{ImportRow, RowContext, RowFault};
use crate::{CodePage, ImportKind, ImportMode, ImportSource};

/// The rows that a plan is found from.
const SAMPLE: usize = 1000;
/// The most characters of a cell that a preview shows.
const MOST_SHOWN: usize = 200;
/// The rows that a preview shows.
const SHOWN: usize = 10;

/// What a request says about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What the rows are.
    #[serde(rename = "k")]
    pub kind: ImportKind,
    /// Where the file comes from.
    #[serde(rename = "s")]
    pub source: ImportSource,
    /// What a balance means.
    #[serde(rename = "m")]
    pub mode: ImportMode,
    /// The column of each field, where the request names it; empty: no column means it.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<Field, String>,
    /// Stands before customer and order ids, so that two sources stay apart.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
    /// Points for one unit of money, as a decimal: what was spent becomes points without any rule.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub points_per_unit: Option<rust_decimal::Decimal>,
    /// The order of day and month, where the request names it.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateOrder>,
    /// The code page of a file that is not UTF-8.
    #[serde(rename = "e")]
    pub code_page: CodePage,
}

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
    columns: Vec<MappedColumn>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) dates: Option<DateOrder>,
}

/// What a file looks like before it is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportPreview))]
pub struct Preview {
    /// The meaning of each column.
    pub mapping: Vec<MappedColumn>,
    /// The first rows, as they stand in the file.
    pub rows: Vec<PreviewRow>,
    /// What separates the columns.
    pub separator: String,
    /// The order of day and month, where the dates of the file reveal it.
    pub dates: Option<DateOrder>,
    /// Fields that the kind needs and no column has. The import cannot start while there are any.
    pub missing: Vec<String>,
}

/// A row of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportPreviewRow))]
pub struct PreviewRow {
    /// Its number in the file, from 1, without the header.
    pub row: u64,
    /// Its cells by field.
    pub values: BTreeMap<String, String>,
    /// Why it would be refused.
    pub errors: Vec<RowFault>,
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
    fn places(&self) -> impl Iterator<Item = (Field, usize)> {
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

    /// The rows of a part, in their order. `is_first`: the part may begin with the header.
    pub fn rows<'a>(
        &'a self,
        text: &'a str,
        is_first: bool,
        context: &'a RowContext<'a>,
    ) -> impl Iterator<Item = Result<ImportRow, Vec<RowFault>>> + 'a {
        let skipped = usize::from(is_first && self.has_header);
        records(text, self.separator).skip(skipped).map(move |record| match record {
            Ok(record) => ImportRow::read(self, &record, context),
            Err(fault) => Err(vec![fault]),
        })
    }

    /// The number of rows of a part.
    pub fn count(&self, text: &str, is_first: bool) -> u64 {
        let all = records(text, self.separator).count();
        all.saturating_sub(usize::from(is_first && self.has_header)) as u64
    }

    /// What the first part looks like.
    pub fn preview(&self, text: &str, context: &RowContext<'_>) -> Preview {
        let skipped = usize::from(self.has_header);
        let rows = records(text, self.separator).skip(skipped).take(SHOWN).zip(1..).map(|(record, row)| {
            let (values, errors) = match record {
                Ok(record) => {
                    let cell = |(field, place): (Field, usize)| {
                        record.get(place).map(|cell| (field.name().to_owned(), cell.chars().take(MOST_SHOWN).collect()))
                    };
                    let errors = ImportRow::read(self, &record, context).err().unwrap_or_default();
                    (self.places().filter_map(cell).collect(), errors)
                }
                Err(fault) => (BTreeMap::new(), vec![fault]),
            };
            PreviewRow { row, values, errors }
        });
        Preview {
            mapping: self.columns.clone(),
            rows: rows.collect(),
            separator: char::from(self.separator).to_string(),
            dates: self.dates,
            missing: self.missing(),
        }
    }
}
