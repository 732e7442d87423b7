//! Bytes for storage: CBOR (RFC 8949), self-describing, so that two versions of a function can read each other's items.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes cannot be read as {what}: {why}")]
pub struct PackError {
    what: &'static str,
    why: String,
}

/// Packs a value.
///
/// # Errors
/// Never for the types of this crate; the encoder's own otherwise.
pub fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    cbor4ii::serde::to_vec(Vec::new(), value)
        .map_err(|error| PackError { what: std::any::type_name::<T>(), why: error.to_string() })
}

/// Unpacks a value.
///
/// # Errors
/// When the bytes are not such a value.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackError> {
    cbor4ii::serde::from_slice(bytes)
        .map_err(|error| PackError { what: std::any::type_name::<T>(), why: error.to_string() })
}

/// Rows of numbers as one flat list: each number as its distance from the one above, and rows that then look alike, one
/// after another, once with their number. Someone who buys every day leaves few and small numbers.
pub(crate) fn fold_rows<const COLUMNS: usize>(rows: impl IntoIterator<Item = [i64; COLUMNS]>) -> Vec<i64> {
    let mut folded: Vec<(i64, [i64; COLUMNS])> = Vec::new();
    let mut above = [0_i64; COLUMNS];
    for row in rows {
        let step: [i64; COLUMNS] = std::array::from_fn(|column| row[column].wrapping_sub(above[column]));
        above = row;
        match folded.last_mut() {
            Some((count, same)) if *same == step => *count += 1,
            _ => folded.push((1, step)),
        }
    }
    folded.into_iter().flat_map(|(count, step)| std::iter::once(count).chain(step)).collect()
}

/// The rows of a list that [`fold_rows`] made; `None` for another list.
pub(crate) fn unfold_rows<const COLUMNS: usize>(folded: &[i64]) -> Option<Vec<[i64; COLUMNS]>> {
    /// More rows than any account has: a damaged list must not fill the memory.
    const MOST_ROWS: usize = 100_000;
    let mut rows: Vec<[i64; COLUMNS]> = Vec::new();
    let mut above = [0_i64; COLUMNS];
    for group in folded.chunks(COLUMNS + 1) {
        let (count, step) = group.split_first()?;
        let step = <[i64; COLUMNS]>::try_from(step).ok()?;
        for _ in 0..*count {
            above = std::array::from_fn(|column| above[column].wrapping_add(step[column]));
            rows.push(above);
            if rows.len() > MOST_ROWS {
                return None;
            }
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(rows in prop::collection::vec([0_i64..5, -3_i64..3, 0_i64..2], 0..60)) {
            let folded = fold_rows(rows.clone());
            prop_assert_eq!(unfold_rows::<3>(&folded), Some(rows));
        }
    }

    #[test]
    fn alike_rows_take_no_room() {
        let daily: Vec<[i64; 2]> = (20_000..20_400).map(|day| [day, 1]).collect();
        assert_eq!(fold_rows(daily), [1, 20_000, 1, 399, 1, 0]);
        assert_eq!(unfold_rows::<2>(&[1, 2]), None);
    }
}
