//! What a file looks like before it is imported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cells::RowContext;
use crate::date::DateOrder;
use crate::dialect::records;
use crate::fault::RowFault;
use crate::field::Field;
use crate::mapping::MappedColumn;
use crate::plan::ImportPlan;
use crate::row::ImportRow;

/// The most characters of a cell that a preview shows.
const MOST_SHOWN: usize = 200;
/// The rows that a preview shows.
const SHOWN: usize = 10;

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
    /// What the first part looks like.
    pub fn preview(&self, text: &str, context: &RowContext<'_>) -> Preview {
        let skipped = usize::from(self.has_header());
        let rows = records(text, self.separator()).skip(skipped).take(SHOWN).zip(1..).map(|(record, row)| {
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
            separator: char::from(self.separator()).to_string(),
            dates: self.dates,
            missing: self.missing(),
        }
    }
}
