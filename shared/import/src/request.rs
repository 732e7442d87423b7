//! What a request says about a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::date::DateOrder;
use crate::field::Field;
use crate::{CodePage, ImportKind, ImportMode, ImportSource};

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
