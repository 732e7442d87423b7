//! Codes in the form in which they are compared: people type them in any case, with or without dashes and spaces.

use std::fmt;

use super::{CouponCode, MAX_ID_BYTES};

/// What the path of a picture of a code ends in.
const PICTURE: &str = ".svg";

/// A coupon code without the differences that people make when they type it.
///
/// Letters are upper case, `-` and white space are removed, `O` becomes `0`, `I` and `L` become `1`. A folded code
/// identifies one coupon. Generated codes contain none of the replaced letters; patterns and imported codes may, and
/// are folded too, so that every look-up is one read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedCode(String);

impl FoldedCode {
    /// True for a text that a route would read as the picture of the code before its end.
    pub fn is_picture(text: &str) -> bool {
        let end = text.len().checked_sub(PICTURE.len()).and_then(|start| text.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(PICTURE))
    }

    /// Folds a code that somebody typed; `None` when the result is empty or too long.
    pub fn parse(text: &str) -> Option<Self> {
        let folded = Self::fold(text);
        (1..=MAX_ID_BYTES).contains(&folded.0.len()).then_some(folded)
    }

    fn fold(text: &str) -> Self {
        let significant = text.chars().filter(|c| *c != '-' && !c.is_whitespace());
        Self(significant.flat_map(char::to_uppercase).map(unambiguous).collect())
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&CouponCode> for FoldedCode {
    fn from(code: &CouponCode) -> Self {
        Self::fold(code.as_str())
    }
}

impl fmt::Display for FoldedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn unambiguous(c: char) -> char {
    match c {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Option<String> {
        FoldedCode::parse(text).map(|code| code.to_string())
    }

    #[test]
    fn case_dashes_and_spaces_are_ignored() {
        for text in ["ADA-R2FVTKN1", "ada-r2fvtkn1", "ADAR2FVTKN1", " ada r2fv-tkn1 ", "AdA\u{a0}R2FVTKN1"] {
            assert_eq!(folded(text).as_deref(), Some("ADAR2FVTKN1"), "{text:?}");
        }
    }

    #[test]
    fn letters_that_look_like_digits_become_digits() {
        assert_eq!(folded("GOLD-7O2lI"), folded("g01d70211"));
        assert_ne!(folded("GOLD-U"), folded("GOLD-V"));
    }

    #[test]
    fn an_empty_or_too_long_code_is_refused() {
        assert_eq!(folded(""), None);
        assert_eq!(folded(" - - "), None);
        assert_eq!(folded(&"x".repeat(MAX_ID_BYTES + 1)), None);
        assert!(folded(&"x-".repeat(MAX_ID_BYTES)).is_some());
    }
}
