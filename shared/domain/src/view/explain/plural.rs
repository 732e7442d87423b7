//! Plural categories of whole numbers, by the rules of the Unicode CLDR (Language Plural Rules, cardinals).

use crate::locale::primary_language;

/// A plural category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

impl Category {
    /// Its name in the CLDR.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::One => "one",
            Self::Two => "two",
            Self::Few => "few",
            Self::Many => "many",
            Self::Other => "other",
        }
    }
}

/// The category of a number in the language of a tag.
///
/// A language that is not listed has `one` for 1 and `other`, as most have.
pub(super) fn category(tag: &str, number: i64) -> Category {
    use Category::{Few, Many, One, Other, Two, Zero};
    let n = number.unsigned_abs();
    let (tens, ones) = (n % 100, n % 10);
    let is_million = n != 0 && n.is_multiple_of(1_000_000);
    match primary_language(tag).to_ascii_lowercase().as_str() {
        "is" | "mk" if ones == 1 && tens != 11 => One,
        "id" | "is" | "ja" | "jv" | "km" | "ko" | "lo" | "mk" | "ms" | "my" | "su" | "th" | "vi" | "yue" | "zh" => {
            Other
        }
        "am" | "as" | "bn" | "fa" | "fr" | "gu" | "hi" | "hy" | "kn" | "pa" | "pcm" | "pt" | "si" | "zu" if n < 2 => {
            One
        }
        "ca" | "es" | "fr" | "it" | "pt" if is_million => Many,
        "ru" | "uk" | "be" => match (ones, tens) {
            (1, teen) if teen != 11 => One,
            (2..=4, teen) if !(12..=14).contains(&teen) => Few,
            _ => Many,
        },
        "bs" | "hr" | "sh" | "sr" => match (ones, tens) {
            (1, teen) if teen != 11 => One,
            (2..=4, teen) if !(12..=14).contains(&teen) => Few,
            _ => Other,
        },
        "pl" => match (n, ones, tens) {
            (1, ..) => One,
            (_, 2..=4, teen) if !(12..=14).contains(&teen) => Few,
            _ => Many,
        },
        "cs" | "sk" if (2..=4).contains(&n) => Few,
        "sl" => match tens {
            1 => One,
            2 => Two,
            3 | 4 => Few,
            _ => Other,
        },
        "ro" | "mo" => match (n, tens) {
            (1, _) => One,
            (0, _) | (_, 1..=19) => Few,
            _ => Other,
        },
        "lt" => match (ones, tens) {
            (_, 11..=19) => Other,
            (1, _) => One,
            (2..=9, _) => Few,
            _ => Other,
        },
        "lv" => match (ones, tens) {
            (0, _) | (_, 11..=19) => Zero,
            (1, _) => One,
            _ => Other,
        },
        "he" | "iw" if n == 2 => Two,
        "ar" => match (n, tens) {
            (0, _) => Zero,
            (1, _) => One,
            (2, _) => Two,
            (_, 3..=10) => Few,
            (_, 11..=99) => Many,
            _ => Other,
        },
        "mt" => match (n, tens) {
            (1, _) => One,
            (2, _) => Two,
            (0, _) | (_, 3..=10) => Few,
            (_, 11..=19) => Many,
            _ => Other,
        },
        "ga" => match n {
            1 => One,
            2 => Two,
            3..=6 => Few,
            7..=10 => Many,
            _ => Other,
        },
        "cy" => match n {
            0 => Zero,
            1 => One,
            2 => Two,
            3 => Few,
            6 => Many,
            _ => Other,
        },
        _ if n == 1 => One,
        _ => Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_category_of_their_language() {
        for (tag, expected) in [
            ("ru", "0 many, 1 one, 2 few, 5 many, 11 many, 12 many, 21 one, 22 few, 111 many"),
            ("ro-MD", "0 few, 1 one, 2 few, 19 few, 20 other, 21 other, 101 few, 119 few, 120 other"),
            ("it", "0 other, 1 one, 2 other, 11 other, 21 other, 100 other, 1000000 many, -1 one"),
            ("en-GB", "0 other, 1 one, 2 other, 11 other, 21 other, 100 other, -1 one"),
            ("fr", "0 one, 1 one, 2 other, 1000000 many"),
            ("ja", "0 other, 1 other, 2 other"),
            ("ar-EG", "0 zero, 1 one, 2 two, 3 few, 10 few, 11 many, 99 many, 100 other, 102 other, 103 few"),
            ("pl", "0 many, 1 one, 2 few, 5 many, 12 many, 21 many, 22 few"),
            ("cs", "0 other, 1 one, 2 few, 4 few, 5 other"),
            ("sl", "0 other, 1 one, 2 two, 3 few, 4 few, 5 other, 101 one, 102 two"),
            ("lt", "0 other, 1 one, 2 few, 10 other, 11 other, 12 other, 21 one, 22 few"),
            ("lv", "0 zero, 1 one, 2 other, 10 zero, 11 zero, 21 one, 22 other"),
            ("hr", "0 other, 1 one, 2 few, 5 other, 12 other, 21 one, 22 few"),
            ("he", "0 other, 1 one, 2 two, 3 other"),
            ("is", "0 other, 1 one, 11 other, 21 one, 22 other"),
            ("hi", "0 one, 1 one, 2 other"),
            ("tlh", "0 other, 1 one, 2 other"),
        ] {
            let numbers = expected.split(", ").map(|case| case.split(' ').next().unwrap().parse::<i64>().unwrap());
            let found: Vec<String> = numbers.map(|n| format!("{n} {}", category(tag, n).name())).collect();
            assert_eq!(found.join(", "), expected, "{tag}");
        }
    }
}
