//! The CSV of refused rows. Cells that a spreadsheet would run as formulas are neutralised.

use std::borrow::Cow;

use crate::fault::RowFault;
use crate::number::read_decimal;

/// The first line of an error file.
pub const fn errors_header() -> &'static str {
    "row,column,reason\r\n"
}

/// The line of a refused row.
pub fn error_line(row: u64, fault: &RowFault) -> String {
    let cells = [row.to_string(), fault.column.clone().unwrap_or_default(), fault.reason.clone()];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell of CSV output: quoted where needed, and never a formula. A whole number such as `-50` stays as it is.
pub fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && read_decimal(text).is_err();
    let text: Cow<'_, str> = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    if text.contains([',', ';', '"', '\n', '\r', '\t']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_neutralised_and_numbers_are_not() {
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("@SUM(1)"), "'@SUM(1)");
        assert_eq!(csv_cell("-50"), "-50");
        assert_eq!(csv_cell("-50+cmd"), "'-50+cmd");
        assert_eq!(csv_cell("+39 02"), "'+39 02");
        assert_eq!(csv_cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        let fault = RowFault { column: Some("punti".to_owned()), reason: "is ambiguous".to_owned() };
        assert_eq!(error_line(7, &fault), "7,punti,is ambiguous\r\n");
    }
}
