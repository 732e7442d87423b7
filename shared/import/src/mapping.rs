//! What each column of a file means, and how sure that is.

use std::collections::BTreeMap;

use csv::StringRecord;
use serde::{Deserialize, Serialize};
use tessera_domain::member::Email;

use crate::field::{Field, fold};
use crate::number::read_decimal;
use crate::request::PlanRequest;
use crate::{ImportKind, ImportSource};

/// How sure it is that a column has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Found by its place or its content: look at it.
    Low,
    /// The header is a known name of it.
    Medium,
    /// The source documents this header, or the request says so.
    High,
}

/// The meaning of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MappedColumn {
    /// The header, as it stands in the file.
    pub header: String,
    /// What it means; null: the column is not imported.
    pub field: Option<Field>,
    /// How sure that is.
    pub confidence: Option<Confidence>,
}

/// Why a mapping of a request cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingFault {
    /// The file does not have the column.
    #[error("the file has no column {0:?}")]
    NoColumn(String),
    /// Two fields from one column.
    #[error("the column {0:?} is mapped twice")]
    Twice(String),
}

/// The share of sample cells that must look right for a column to be found by its content.
const MOST: usize = 80;

/// Finds the meaning of each column.
pub(crate) fn find(
    request: &PlanRequest,
    headers: &[String],
    has_header: bool,
    sample: &[StringRecord],
) -> Result<Vec<MappedColumn>, MappingFault> {
    let mut columns: Vec<MappedColumn> =
        headers.iter().map(|header| MappedColumn { header: header.clone(), field: None, confidence: None }).collect();
    apply_given(&request.mapping, &mut columns)?;
    if has_header {
        by_header(request, &mut columns);
    }
    by_place(request, &mut columns);
    by_content(request, &mut columns, sample);
    Ok(columns)
}

fn apply_given(given: &BTreeMap<Field, String>, columns: &mut [MappedColumn]) -> Result<(), MappingFault> {
    for (field, header) in given.iter().filter(|(_, header)| !header.is_empty()) {
        let exact = columns.iter().position(|column| column.header.trim() == header.trim());
        let place = exact.or_else(|| columns.iter().position(|column| fold(&column.header) == fold(header)));
        let place = place.ok_or_else(|| MappingFault::NoColumn(header.clone()))?;
        let Some(column) = columns.get_mut(place) else { continue };
        if column.field.is_some() {
            return Err(MappingFault::Twice(header.clone()));
        }
        (column.field, column.confidence) = (Some(*field), Some(Confidence::High));
    }
    Ok(())
}

fn has(columns: &[MappedColumn], field: Field) -> bool {
    columns.iter().any(|column| column.field == Some(field))
}

/// True when the request leaves the field out: no column of the file is to mean it.
fn is_left_out(request: &PlanRequest, field: Field) -> bool {
    request.mapping.get(&field).is_some_and(String::is_empty)
}

fn by_header(request: &PlanRequest, columns: &mut [MappedColumn]) {
    type Test = fn(Field, ImportSource, &str) -> bool;
    let passes: [(Confidence, Test); 2] = [
        (Confidence::High, |field, source, header| field.is_documented(source, header)),
        (Confidence::Medium, |field, _, header| field.is_known_as(header)),
    ];
    for (confidence, is_meant) in passes {
        for place in 0..columns.len() {
            let header = columns.get(place).filter(|column| column.field.is_none()).map(|column| fold(&column.header));
            let Some(header) = header.filter(|header| !header.is_empty()) else { continue };
            let field = Field::ALL
                .iter()
                .copied()
                .filter(|field| field.is_of(request.kind) && !is_left_out(request, *field))
                .find(|field| is_meant(*field, request.source, &header));
            // The first column of a name wins; a second one is not imported.
            if let (Some(field), Some(column)) = (field.filter(|field| !has(columns, *field)), columns.get_mut(place)) {
                (column.field, column.confidence) = (Some(field), Some(confidence));
            }
        }
    }
}

/// `LoyaltyLion`'s columns are known by their places.
fn by_place(request: &PlanRequest, columns: &mut [MappedColumn]) {
    if request.source != ImportSource::LoyaltyLion || request.kind != ImportKind::Members {
        return;
    }
    for (place, field) in [(0, Field::Email), (1, Field::Points)] {
        if has(columns, field) || is_left_out(request, field) {
            continue;
        }
        if let Some(column) = columns.get_mut(place).filter(|column| column.field.is_none()) {
            (column.field, column.confidence) = (Some(field), Some(Confidence::Medium));
        }
    }
}

/// Finds the address and, where one column of numbers is left, the balance by what the cells look like.
fn by_content(request: &PlanRequest, columns: &mut [MappedColumn], sample: &[StringRecord]) {
    let looks = |place: usize, test: fn(&str) -> bool| {
        let cells = sample.iter().filter_map(|record| record.get(place)).filter(|cell| !cell.trim().is_empty());
        let (mut good, mut all) = (0, 0);
        for cell in cells {
            all += 1;
            good += usize::from(test(cell));
        }
        all > 0 && good * 100 >= all * MOST
    };
    let named = [Field::Id, Field::Email, Field::Phone, Field::Card].iter().any(|field| has(columns, *field));
    let places = |columns: &[MappedColumn], test: fn(&str) -> bool| -> Vec<usize> {
        let free = columns.iter().enumerate().filter(|(_, column)| column.field.is_none());
        free.map(|(place, _)| place).filter(|place| looks(*place, test)).collect()
    };
    let mut found = Vec::new();
    if !named && !is_left_out(request, Field::Email) {
        found.extend(places(columns, |cell| cell.parse::<Email>().is_ok()).first().map(|place| (*place, Field::Email)));
    }
    let is_number: fn(&str) -> bool = |cell| read_decimal(cell).is_ok();
    if request.kind == ImportKind::Members
        && !is_left_out(request, Field::Points)
        && !has(columns, Field::Points)
        && !has(columns, Field::Qualifying)
        && let [only] = places(columns, is_number).as_slice()
    {
        found.push((*only, Field::Points));
    }
    for (place, field) in found {
        if let Some(column) = columns.get_mut(place) {
            (column.field, column.confidence) = (Some(field), Some(Confidence::Low));
        }
    }
}
