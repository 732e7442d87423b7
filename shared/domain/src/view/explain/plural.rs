//! Plural categories of the four languages, by the rules of the Unicode CLDR (Language Plural Rules, cardinals) for whole
//! numbers.

/// A plural category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    One,
    Few,
    Many,
    Other,
}

/// The category of a number in a language.
pub(super) const fn category(language: &str, number: i64) -> Category {
    let n = number.unsigned_abs();
    let (tens, ones) = (n % 100, n % 10);
    match language.as_bytes() {
        b"ru" => match (ones, tens) {
            (1, teen) if teen != 11 => Category::One,
            (2..=4, teen) if teen < 12 || teen > 14 => Category::Few,
            _ => Category::Many,
        },
        b"ro" => match (n, tens) {
            (1, _) => Category::One,
            (0, _) | (_, 1..=19) => Category::Few,
            _ => Category::Other,
        },
        b"it" => match n {
            1 => Category::One,
            _ if n != 0 && n.is_multiple_of(1_000_000) => Category::Many,
            _ => Category::Other,
        },
        _ => {
            if n == 1 {
                Category::One
            } else {
                Category::Other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_where_the_language_puts_them() {
        use Category::{Few, Many, One, Other};
        for (language, cases) in [
            (
                "ru",
                [(1, One), (2, Few), (5, Many), (11, Many), (12, Many), (21, One), (22, Few), (111, Many), (0, Many)],
            ),
            (
                "ro",
                [
                    (1, One),
                    (0, Few),
                    (2, Few),
                    (19, Few),
                    (20, Other),
                    (21, Other),
                    (101, Few),
                    (119, Few),
                    (120, Other),
                ],
            ),
            (
                "it",
                [
                    (1, One),
                    (0, Other),
                    (2, Other),
                    (21, Other),
                    (100, Other),
                    (1_000_000, Many),
                    (11, Other),
                    (3, Other),
                    (-1, One),
                ],
            ),
            (
                "en",
                [
                    (1, One),
                    (0, Other),
                    (2, Other),
                    (21, Other),
                    (100, Other),
                    (-1, One),
                    (11, Other),
                    (3, Other),
                    (4, Other),
                ],
            ),
        ] {
            for (n, expected) in cases {
                assert_eq!(category(language, n), expected, "{language} {n}");
            }
        }
    }
}
