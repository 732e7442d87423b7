//! Numbers of people: `1.234,00` is 1234, `1.234` alone is ambiguous and refused.

use rust_decimal::Decimal;

/// The most points of one row.
const MAX_POINTS: i64 = 1_000_000_000_000;

/// Why a text is not the number that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// One separator before three digits: of thousands or of decimals.
    #[error("is ambiguous: the separator may be of thousands or of decimals; write 1234 or 1234.00")]
    Ambiguous,
    /// Not a number.
    #[error("is not a number")]
    NotANumber,
    /// Points are whole.
    #[error("must be a whole number")]
    Decimals,
    /// Beyond any balance.
    #[error("is too large")]
    TooLarge,
}

/// Reads a decimal in whichever convention, as long as only one reading is possible.
///
/// # Errors
/// When it has two readings or none.
pub(crate) fn read_decimal(text: &str) -> Result<Decimal, NumberFault> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start();
    let plain = plain(digits)?;
    if plain.len() > 28 {
        return Err(NumberFault::TooLarge);
    }
    let number: Decimal = plain.parse().map_err(|_| NumberFault::NotANumber)?;
    Ok(if negative { -number } else { number })
}

/// The digits with at most one point, for decimals.
fn plain(text: &str) -> Result<String, NumberFault> {
    let is_space = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’');
    let is_separator = |c: char| matches!(c, '.' | ',') || is_space(c);
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return Err(NumberFault::NotANumber);
    }
    let kind = |c: char| if is_space(c) { ' ' } else { c };
    let separators: Vec<char> = text.chars().filter(|c| is_separator(*c)).map(kind).collect();
    let parts: Vec<&str> = text.split(is_separator).collect();
    let (Some(first), Some(last)) = (separators.first(), separators.last()) else { return Ok(text.to_owned()) };
    // Nothing but the last separator may be of another kind than the first.
    let thousands = separators.iter().filter(|c| *c == first).count();
    if thousands + 1 < separators.len() || (first != last && thousands + 1 != separators.len()) {
        return Err(NumberFault::NotANumber);
    }
    let grouped = |parts: &[&str]| {
        let (head, rest) = parts.split_first().unwrap_or((&"", &[]));
        (1..=3).contains(&head.len()) && rest.iter().all(|part| part.len() == 3)
    };
    let (whole, decimals) = match (first == last, separators.len()) {
        // `1.234,00`
        (false, _) if *last != ' ' => (parts.get(..parts.len() - 1).unwrap_or_default(), parts.last().copied()),
        (false, _) => return Err(NumberFault::NotANumber),
        // `1.234`, `12.50`
        (true, 1) if *first != ' ' => {
            let [whole, decimals] = parts.as_slice() else { return Err(NumberFault::NotANumber) };
            if grouped(&parts) && !whole.starts_with('0') {
                return Err(NumberFault::Ambiguous);
            }
            if whole.is_empty() || decimals.is_empty() {
                return Err(NumberFault::NotANumber);
            }
            return Ok(format!("{whole}.{decimals}"));
        }
        // `1.234.567`, `1 234`
        (true, _) => (parts.as_slice(), None),
    };
    if !grouped(whole) {
        return Err(NumberFault::NotANumber);
    }
    let whole = whole.concat();
    match decimals {
        Some("") => Err(NumberFault::NotANumber),
        Some(decimals) => Ok(format!("{whole}.{decimals}")),
        None => Ok(whole),
    }
}

/// Reads a number of points, which may be negative.
///
/// # Errors
/// When it is ambiguous, no number, not whole, or beyond any balance.
pub fn read_points(text: &str) -> Result<i64, NumberFault> {
    let number = read_decimal(text)?;
    if !number.fract().is_zero() {
        return Err(NumberFault::Decimals);
    }
    let points = i64::try_from(number.trunc()).map_err(|_| NumberFault::TooLarge)?;
    if points.abs() > MAX_POINTS { Err(NumberFault::TooLarge) } else { Ok(points) }
}

/// Reads an amount of money as decimal text, without a sign of currency.
///
/// # Errors
/// When it is ambiguous or no number.
pub(crate) fn read_amount(text: &str) -> Result<Decimal, NumberFault> {
    let is_sign = |c: char| matches!(c, '€' | '$' | '£' | '¥' | '₽' | '₴' | '₺' | ' ' | '\u{a0}');
    let text = text.trim_matches(is_sign);
    match text.strip_prefix('-') {
        Some(rest) => read_decimal(rest.trim_start_matches(is_sign)).map(|amount| -amount),
        None => read_decimal(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_reading_or_none() {
        let whole = [
            ("0", 0),
            ("12", 12),
            (" -50 ", -50),
            ("+7", 7),
            ("−5", -5),
            ("1.234,00", 1234),
            ("1,234.00", 1234),
            ("12.0", 12),
            ("12,00", 12),
            ("1.234.567", 1_234_567),
            ("1,234,567.0", 1_234_567),
            ("1 234", 1234),
            ("1\u{a0}234,00", 1234),
            ("1'234.00", 1234),
            ("1234.000", 1234),
            ("0.000", 0),
        ];
        for (text, points) in whole {
            assert_eq!(read_points(text), Ok(points), "{text}");
        }
        for text in ["1.234", "1,234", "12.345", "999,000", "-1.234"] {
            assert_eq!(read_points(text), Err(NumberFault::Ambiguous), "{text}");
        }
        for text in ["12.5", "0.500", "1.234,5"] {
            assert_eq!(read_points(text), Err(NumberFault::Decimals), "{text}");
        }
        for text in [
            "",
            "-",
            "abc",
            "1e3",
            "1.2.3",
            "1.23,4,5",
            "1,2345,678",
            "12.",
            ".5",
            "--5",
            "=1+1",
            "1.234,",
            "1,234 00",
            "١٢",
        ] {
            assert_eq!(read_points(text), Err(NumberFault::NotANumber), "{text}");
        }
        assert_eq!(read_points("9999999999999"), Err(NumberFault::TooLarge));
        assert_eq!(read_points(&"9".repeat(400)), Err(NumberFault::TooLarge));
    }

    #[test]
    fn amounts_have_signs_of_currency() {
        for text in ["€ 12,50", "12.50 €", "$12.50", "12.5"] {
            assert_eq!(read_amount(text).unwrap().normalize().to_string(), "12.5", "{text}");
        }
        assert_eq!(read_amount("-$1,234.50").unwrap().to_string(), "-1234.50");
        assert_eq!(read_amount("€1.234"), Err(NumberFault::Ambiguous));
    }

    proptest! {
        #[test]
        fn every_text_is_read_or_refused(text in "\\PC{0,30}", points in -1_000_000_000_i64..1_000_000_000) {
            let _ = read_points(&text);
            let _ = read_amount(&text);
            prop_assert_eq!(read_points(&points.to_string()), Ok(points));
        }
    }
}
