//! Shortens files of texts: the English texts that they are found by stand in the scripts already.

use std::collections::BTreeSet;
use std::error::Error;

use serde_json::{Map, Value};

/// The letters of a shortened key, as in `words.js`.
const LETTERS: usize = 5;

/// Replaces each English text by the end of its hash.
pub fn shorten(text: &str) -> Result<String, Box<dyn Error>> {
    let texts: Map<String, Value> = serde_json::from_str(text)?;
    let mut seen = BTreeSet::new();
    let mut lines = Vec::with_capacity(texts.len());
    for (english, form) in &texts {
        let key = key(english);
        if !seen.insert(key.clone()) {
            return Err(format!("{english:?} has the key of another text; change a word of it").into());
        }
        lines.push(format!("{}:{form}", Value::from(key)));
    }
    Ok(format!("{{{}}}", lines.join(",")))
}

/// The last digits of the 32-bit FNV-1a hash of a text's UTF-16 units, in base 36.
fn key(text: &str) -> String {
    let hash =
        text.encode_utf16().fold(0x811c_9dc5_u32, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193));
    let (mut rest, mut digits) = (hash, Vec::new());
    while digits.len() < LETTERS {
        digits.push(char::from_digit(rest % 36, 36).unwrap_or('0'));
        rest /= 36;
    }
    digits.iter().rev().collect()
}
