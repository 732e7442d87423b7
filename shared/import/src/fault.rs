//! Why a row is refused.

use serde::{Deserialize, Serialize};

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
