//! Files of any size: cut into parts with the memory of one part.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use tessera_import::{CodePage, FileParts, ImportKind, ImportMode, ImportSource, PlanRequest};

/// The most bytes of a part, as the command line sends it.
const PART: usize = 3 * 1024 * 1024;
/// One row that has a line break inside quotes, and some that have none.
const ROWS: &[u8] = b"\"ada@example.com\",\"via Roma 1\nTorino\",100\nbob@example.com,via Po 2,200\nc@example.com,,3\n";
/// The rows of [`ROWS`].
const COUNT: u64 = 3;

/// The same rows again and again, as many as wanted; nothing is stored.
struct Generated {
    header: &'static [u8],
    left: u64,
    place: usize,
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.header.is_empty() {
            return self.header.read(buffer);
        }
        if self.left == 0 {
            return Ok(0);
        }
        let written = (&ROWS[self.place..]).read(buffer)?;
        self.place += written;
        if self.place == ROWS.len() {
            self.place = 0;
            self.left -= 1;
        }
        Ok(written)
    }
}

/// The bytes and parts of a generated file; asserts that no part is larger than allowed or cuts a row.
fn cut(bytes: u64) -> (u64, u64) {
    let repetitions = bytes.div_ceil(ROWS.len() as u64);
    let file = Generated { header: b"email,address,points\n", left: repetitions, place: 0 };
    let request = PlanRequest {
        kind: ImportKind::Members,
        source: ImportSource::Generic,
        mode: ImportMode::Add,
        mapping: BTreeMap::new(),
        id_prefix: None,
        points_per_unit: None,
        dates: None,
        code_page: CodePage::default(),
    };
    let (mut sum, mut parts, mut rows) = (0, 0, 0);
    for part in FileParts::new(BufReader::with_capacity(1 << 20, file), request, PART) {
        let part = part.unwrap();
        assert!(part.len() <= PART && part.ends_with(b"\n"), "part {parts} has {} bytes", part.len());
        assert!(part.capacity() <= 2 * PART, "part {parts} takes {} bytes", part.capacity());
        if parts % 64 == 0 {
            let mut reader = csv::ReaderBuilder::new().has_headers(parts == 0).from_reader(&*part);
            rows += reader.byte_records().map(|record| record.unwrap().len()).filter(|columns| *columns == 3).count();
        }
        sum += part.len() as u64;
        parts += 1;
    }
    assert!(rows > 0);
    assert_eq!(sum, 21 + repetitions * ROWS.len() as u64);
    println!("{sum} bytes in {parts} parts, {} rows", repetitions * COUNT);
    (sum, parts)
}

#[test]
fn a_stream_is_cut_with_the_memory_of_one_part() {
    assert_eq!(cut(20_000_000).1, 7);
}

#[test]
#[ignore = "takes minutes without optimization: run it with --release"]
fn five_gigabytes_are_cut_with_the_memory_of_one_part() {
    let (bytes, parts) = cut(5_000_000_000);
    assert!(bytes >= 5_000_000_000 && parts < 10_000, "{bytes} in {parts}");
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        println!("{peak}");
        let kilobytes: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 64 * 1024, "{peak}");
    }
}
