//! Generated coupon codes: from a seed, in an alphabet that people can read aloud.

use sha2::{Digest, Sha256};

use crate::ids::CouponCode;

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Words that no code may contain, in the storefront's languages, spelled in the alphabet's letters.
const BLOCKED: [&str; 16] = [
    "ASS", "FAG", "SEX", "CAZZ", "TETTE", "STR0NZ", "MERDA", "P0RC", "PVLA", "MVJE", "BLYAT", "HVJ", "EBAT", "FVCK",
    "SH1T", "NAZ1",
];

/// Random bytes for one attempt at a decision; the caller draws them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(
    /// The random bytes.
    pub [u8; 32],
);

impl Seed {
    /// The `ordinal`-th code of a pattern; `None` for a pattern without `#`.
    ///
    /// Each `#` becomes a random character, the last one a check character (Luhn mod 32 over the random ones): a till
    /// detects a typing error without a request.
    pub fn code(&self, pattern: &str, ordinal: u32) -> Option<CouponCode> {
        let places = pattern.bytes().filter(|b| *b == b'#').count();
        let random = places.checked_sub(1)?;
        let drawn = (0..u32::MAX)
            .map(|attempt| self.draw(ordinal, attempt, random))
            .find(|drawn| has_no_blocked_word(drawn))?;
        let mut filling = drawn.iter().copied().chain([check_character(&drawn)]);
        let code: Option<String> =
            pattern.chars().map(|c| if c == '#' { filling.next().map(char::from) } else { Some(c) }).collect();
        CouponCode::new(code?).ok()
    }

    fn draw(&self, ordinal: u32, attempt: u32, count: usize) -> Vec<u8> {
        let blocks = (0_u32..).flat_map(|block| {
            let mut hash = Sha256::new();
            hash.update(self.0);
            for part in [ordinal, attempt, block] {
                hash.update(part.to_be_bytes());
            }
            <[u8; 32]>::from(hash.finalize())
        });
        blocks.take(count).map(|byte| ALPHABET[usize::from(byte % 32)]).collect()
    }
}

fn has_no_blocked_word(code: &[u8]) -> bool {
    let text: String = code.iter().map(|b| char::from(*b)).collect();
    !BLOCKED.iter().any(|word| text.contains(word))
}

/// The Luhn mod 32 check character of some characters of the alphabet.
fn check_character(characters: &[u8]) -> u8 {
    let value = |c: u8| ALPHABET.iter().position(|a| *a == c).unwrap_or(0);
    let sum: usize = characters
        .iter()
        .rev()
        .enumerate()
        .map(|(place, c)| {
            let addend = value(*c) * if place % 2 == 0 { 2 } else { 1 };
            addend / 32 + addend % 32
        })
        .sum();
    ALPHABET[(32 - sum % 32) % 32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_filled_and_ends_with_a_check_character() {
        let seed = Seed([7; 32]);
        let code = seed.code("ADA-########", 0).unwrap();
        let (prefix, filling) = code.as_str().split_at(4);
        assert_eq!((prefix, filling.len()), ("ADA-", 8));
        let (random, check) = filling.as_bytes().split_at(7);
        assert_eq!(check_character(random), check[0]);
        assert_ne!(seed.code("ADA-########", 1).unwrap(), code);
        assert_eq!(seed.code("ADA-########", 0).unwrap(), code);
        assert_eq!(seed.code("ADA", 0), None);
    }

    #[test]
    fn the_check_character_detects_every_single_wrong_character() {
        let code = b"7K2M9QX";
        let check = check_character(code);
        for place in 0..code.len() {
            for other in ALPHABET.iter().filter(|c| **c != code[place]) {
                let mut wrong = *code;
                wrong[place] = *other;
                assert_ne!(check_character(&wrong), check, "place {place} as {}", char::from(*other));
            }
        }
    }
}
