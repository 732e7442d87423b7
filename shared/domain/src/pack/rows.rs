//! Compact rows of numbers: the first column is delta-of-delta encoded, the other columns are delta encoded.
//!
//! A row begins with one byte. Its low bits say which columns changed (for the first column: whose step changed); the
//! other bits hold the first change. Rows that repeat the steps of the row before are run-length encoded.

use integer_encoding::VarInt;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};

/// The most rows. No account has more; damaged bytes must not exhaust memory.
const MOST_ROWS: usize = 100_000;

/// Serializes rows of at most six columns.
///
/// # Errors
/// The serializer's.
pub(crate) fn serialize<const COLUMNS: usize, S: Serializer>(
    rows: impl IntoIterator<Item = [i64; COLUMNS]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Bytes::new(&fold(rows)).serialize(serializer)
}

/// Deserializes rows.
///
/// # Errors
/// The deserializer's, and when the bytes are not rows.
pub(crate) fn deserialize<'de, const COLUMNS: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<[i64; COLUMNS]>, D::Error> {
    let bytes = ByteBuf::deserialize(deserializer)?;
    unfold(&bytes).ok_or_else(|| D::Error::custom("not rows of numbers"))
}

/// Encodes rows as bytes.
pub(crate) fn fold<const COLUMNS: usize>(rows: impl IntoIterator<Item = [i64; COLUMNS]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut above, mut pace, mut alike) = ([0_i64; COLUMNS], 0_i64, 0_u64);
    for row in rows {
        let mut steps: [i64; COLUMNS] = std::array::from_fn(|column| row[column].wrapping_sub(above[column]));
        let step = steps[0];
        steps[0] = step.wrapping_sub(pace);
        (above, pace) = (row, step);
        if steps == [0; COLUMNS] {
            alike += 1;
            continue;
        }
        write_alike::<COLUMNS>(&mut bytes, &mut alike);
        let mask = (0..COLUMNS).filter(|column| steps[*column] != 0).fold(0_u8, |mask, column| mask | 1 << column);
        let mut changed = steps.into_iter().filter(|step| *step != 0).map(zigzag);
        write_head::<COLUMNS>(&mut bytes, mask, changed.next().unwrap_or_default());
        changed.for_each(|step| bytes.extend(step.encode_var_vec()));
    }
    write_alike::<COLUMNS>(&mut bytes, &mut alike);
    bytes
}

/// Decodes bytes that [`fold`] made; `None` for other bytes.
pub(crate) fn unfold<const COLUMNS: usize>(mut bytes: &[u8]) -> Option<Vec<[i64; COLUMNS]>> {
    let mut rows: Vec<[i64; COLUMNS]> = Vec::new();
    let (mut above, mut pace) = ([0_i64; COLUMNS], 0_i64);
    while let Some((head, rest)) = bytes.split_first() {
        bytes = rest;
        let mask = head & ((1 << COLUMNS) - 1);
        let most = most::<COLUMNS>();
        let mut first = u64::from(head >> COLUMNS);
        if first == most {
            first = most.checked_add(read(&mut bytes)?)?;
        }
        let mut times = 1;
        if mask == 0 {
            times = usize::try_from(first).ok().filter(|times| *times <= MOST_ROWS)?;
        } else {
            let mut next = Some(first);
            for column in (0..COLUMNS).filter(|column| mask & (1 << column) != 0) {
                let step = match next.take() {
                    Some(first) => unzigzag(first),
                    None => unzigzag(read(&mut bytes)?),
                };
                if column == 0 {
                    pace = pace.wrapping_add(step);
                } else {
                    above[column] = above[column].wrapping_add(step);
                }
            }
        }
        for _ in 0..times {
            above[0] = above[0].wrapping_add(pace);
            rows.push(above);
        }
        if rows.len() > MOST_ROWS {
            return None;
        }
    }
    Some(rows)
}

/// The value in a head byte which means that more bytes follow.
const fn most<const COLUMNS: usize>() -> u64 {
    (1 << (8 - COLUMNS)) - 1
}

fn write_alike<const COLUMNS: usize>(bytes: &mut Vec<u8>, alike: &mut u64) {
    if *alike > 0 {
        write_head::<COLUMNS>(bytes, 0, *alike);
        *alike = 0;
    }
}

fn write_head<const COLUMNS: usize>(bytes: &mut Vec<u8>, mask: u8, first: u64) {
    let most = most::<COLUMNS>();
    let held = u8::try_from(first.min(most)).unwrap_or_default();
    bytes.push(mask | held << COLUMNS);
    if first >= most {
        bytes.extend((first - most).encode_var_vec());
    }
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let (number, length) = u64::decode_var(bytes)?;
    *bytes = bytes.get(length..)?;
    Some(number)
}

/// Maps small numbers of either sign to small numbers.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(rows in prop::collection::vec([0..5_i64, -3..3_i64, i64::MIN..i64::MAX, 0..2_i64], 0..60)) {
            prop_assert_eq!(unfold::<4>(&fold(rows.clone())), Some(rows));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_fill_the_memory(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(rows) = unfold::<3>(&bytes) {
                prop_assert!(rows.len() <= MOST_ROWS);
            }
        }
    }

    #[test]
    fn a_pace_takes_no_room_and_a_small_change_one_byte() {
        let daily = |times: &dyn Fn(i64) -> i64| fold((20_000..20_400).map(|day| [day, times(day), 0])).len();
        assert!(daily(&|_| 1) < 16);
        assert!((400..410).contains(&daily(&|day| 1 + day % 2)));
    }
}
