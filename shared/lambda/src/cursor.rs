//! Cursors of lists: opaque, and signed, so that nobody reads on where they may not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::problem::Problem;

const TAG: usize = 16;

fn tag(key: &[u8], list: &str, place: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in ["cursor", list, place] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Some(mac)
}

/// Seals a place in a list. `list` names the list: its cursor works nowhere else.
pub fn seal(key: &[u8], list: &str, place: &str) -> String {
    let tag = tag(key, list, place).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    let sealed: Vec<u8> = tag.iter().take(TAG).copied().chain(place.bytes()).collect();
    URL_SAFE_NO_PAD.encode(sealed)
}

/// Opens a cursor.
///
/// # Errors
/// 400 when we did not make it, or for another list.
pub fn open(key: &[u8], list: &str, cursor: &str) -> Result<String, Problem> {
    let bad = || Problem::malformed_at("/cursor", "is not a cursor of this list");
    let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let (given, place) = sealed.split_at_checked(TAG).ok_or_else(bad)?;
    let place = std::str::from_utf8(place).map_err(|_| bad())?;
    let mac = tag(key, list, place).ok_or_else(bad)?;
    mac.verify_truncated_left(given).map_err(|_| bad())?;
    Ok(place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_works_for_its_list_alone() {
        let sealed = seal(b"key", "entries/m_1", "e#2026");
        assert_eq!(open(b"key", "entries/m_1", &sealed).unwrap(), "e#2026");
        for (key, list, cursor) in [
            (b"key".as_slice(), "entries/m_2", sealed.as_str()),
            (b"other", "entries/m_1", &sealed),
            (b"key", "entries/m_1", "AAAA"),
            (b"key", "entries/m_1", "no base64!"),
        ] {
            assert_eq!(open(key, list, cursor).unwrap_err().status(), 400);
        }
    }
}
