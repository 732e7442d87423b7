//! The separator of a file, and its records.

use csv::{ReaderBuilder, StringRecord};

use crate::fault::RowFault;

/// The most columns of a header.
pub(crate) const MAX_COLUMNS: usize = 500;
/// The most bytes of one row. A quote that is not closed would swallow the rest of the file.
const MAX_ROW_BYTES: usize = 256 * 1024;

/// The separator that the first line has most of, outside quotes; a comma if it has none.
pub(crate) fn find_separator(text: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| *separator == byte && !quoted) {
                    *count += 1;
                }
            }
        }
    }
    // The earlier of two that are equally frequent: a comma.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(separator, _)| *separator)
}

/// The records of a text, each with its row's number in the text from 0. Empty lines are no records.
pub(crate) fn records(text: &str, separator: u8) -> impl Iterator<Item = Result<StringRecord, RowFault>> {
    let reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    reader.into_records().map(|record| {
        let record = record.map_err(|error| RowFault::of_row(format!("cannot be read: {error}")))?;
        if record.as_slice().len() > MAX_ROW_BYTES {
            return Err(RowFault::of_row("is longer than 256 KB: a quote may not be closed".to_owned()));
        }
        if record.as_slice().contains('\0') {
            return Err(RowFault::of_row("contains a NUL byte".to_owned()));
        }
        Ok(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_separator_of_the_first_line() {
        assert_eq!(find_separator("email;punti\na;1.234,00"), b';');
        assert_eq!(find_separator("email\tpoints"), b'\t');
        assert_eq!(find_separator("\"a;b;c\",points"), b',');
        assert_eq!(find_separator("email"), b',');
    }

    #[test]
    fn quotes_line_breaks_and_bad_rows() {
        let text = "\"a \"\"b\"\"\",\"x\ny\"\r\n\r\nc\0,1\nlast";
        let read: Vec<_> = records(text, b',').collect();
        assert_eq!(read[0].as_ref().unwrap(), &StringRecord::from(vec!["a \"b\"", "x\ny"]));
        assert!(read[1].as_ref().unwrap_err().reason.contains("NUL"));
        assert_eq!(read[2].as_ref().unwrap(), &StringRecord::from(vec!["last"]));
        let open = format!("\"{}", "x,\n".repeat(100_000));
        assert!(records(&open, b',').next().unwrap().unwrap_err().reason.contains("quote"));
    }
}
