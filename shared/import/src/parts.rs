//! A file in parts that are cut between rows, and between orders.

use std::io::{self, BufRead};

use crate::ImportKind;
use crate::decode::decode;
use crate::field::Field;
use crate::plan::ImportPlan;
use crate::request::PlanRequest;

/// The parts of a file. Memory holds one part.
pub struct FileParts<R> {
    reader: R,
    request: PlanRequest,
    most: usize,
    /// A row that begins the next part.
    pending: Vec<u8>,
    /// The separator and the column of the order's id, once the header was read; rows of one order stay together.
    order: Option<(u8, usize)>,
    is_first: bool,
}

impl<R: BufRead> FileParts<R> {
    /// Cuts a file into parts of at most `most` bytes. A longer row is a part of its own, and so is a longer order.
    pub const fn new(reader: R, request: PlanRequest, most: usize) -> Self {
        Self { reader, request, most, pending: Vec::new(), order: None, is_first: true }
    }

    /// Reads a row with its line end; line breaks inside quotes belong to it. Empty at the end of the file.
    fn row(&mut self) -> io::Result<Vec<u8>> {
        let mut row = std::mem::take(&mut self.pending);
        if !row.is_empty() {
            return Ok(row);
        }
        loop {
            if self.reader.read_until(b'\n', &mut row)? == 0 {
                return Ok(row);
            }
            #[allow(clippy::naive_bytecount, reason = "a few kilobytes")]
            let quotes = row.iter().filter(|byte| **byte == b'"').count();
            // A quote that is not closed does not take the whole file into memory.
            if quotes % 2 == 0 || row.len() > self.most {
                return Ok(row);
            }
        }
    }

    fn order_of(&self, row: &[u8]) -> Option<Vec<u8>> {
        let (separator, place) = self.order?;
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(row);
        let record = reader.byte_records().next()?.ok()?;
        record.get(place).map(<[u8]>::to_vec)
    }

    /// Finds the column of the order's id from the header.
    fn look_at_header(&mut self, header: &[u8]) {
        if self.request.kind != ImportKind::Orders {
            return;
        }
        let plan = decode(header, self.request.code_page).ok();
        let plan = plan.and_then(|text| ImportPlan::find(&self.request, &text).ok());
        self.order = plan.and_then(|plan| plan.place(Field::Order).map(|place| (plan.separator(), place)));
    }
}

impl<R: BufRead> Iterator for FileParts<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut part = Vec::new();
        let mut last = None;
        loop {
            let row = match self.row() {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            if row.is_empty() {
                break;
            }
            if self.is_first {
                self.look_at_header(&row);
                self.is_first = false;
            }
            let order = self.order_of(&row);
            let is_same_order = order.is_some() && order == last;
            if !part.is_empty() && part.len() + row.len() > self.most && !is_same_order {
                self.pending = row;
                break;
            }
            part.extend_from_slice(&row);
            last = order;
        }
        (!part.is_empty()).then_some(Ok(part))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{CodePage, ImportMode, ImportSource};

    fn parts(kind: ImportKind, text: &str, most: usize) -> Vec<String> {
        let request = PlanRequest {
            kind,
            source: ImportSource::Generic,
            mode: ImportMode::Add,
            mapping: BTreeMap::new(),
            id_prefix: None,
            points_per_unit: None,
            dates: None,
            code_page: CodePage::default(),
        };
        FileParts::new(text.as_bytes(), request, most).map(|part| String::from_utf8(part.unwrap()).unwrap()).collect()
    }

    #[test]
    fn parts_end_between_rows_and_lose_nothing() {
        let text = "email,points\na@x.it,1\n\"b\n\"\"c\"\"@x.it\",2\nd@x.it,3";
        // A row with an open quote ends where it is longer than a part.
        for most in 3..60 {
            let parts = parts(ImportKind::Members, text, most);
            assert_eq!(parts.concat(), text, "{most}");
            assert!(parts.iter().all(|part| part.matches('"').count() % 2 == 0), "{most}: {parts:?}");
        }
        assert_eq!(
            parts(ImportKind::Members, text, 24),
            ["email,points\na@x.it,1\n", "\"b\n\"\"c\"\"@x.it\",2\n", "d@x.it,3"]
        );
    }

    #[test]
    fn the_rows_of_an_order_stay_together() {
        let text = "order,email,date,amount\n1,a@x.it,2026-03-01,1\n1,a@x.it,2026-03-01,2\n2,a@x.it,2026-03-01,3\n";
        let parts = parts(ImportKind::Orders, text, 50);
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert!(parts[1].starts_with("2,"));
    }

    #[test]
    fn an_open_quote_ends_with_its_part() {
        let text = format!("email,points\n\"{}", "x,1\n".repeat(100));
        let parts = parts(ImportKind::Members, &text, 40);
        assert!(parts.len() > 5 && parts.iter().all(|part| part.len() < 100), "{}", parts.len());
        assert_eq!(parts.concat(), text);
    }
}
