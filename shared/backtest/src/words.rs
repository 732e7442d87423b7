//! Formats numbers for people.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// Formats a number with digits in groups of three.
pub(crate) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As [`grouped`], with a plus sign for positive numbers.
pub(crate) fn signed(number: i128) -> String {
    let sign = if number > 0 { "+" } else { "" };
    format!("{sign}{}", grouped(number))
}

/// Formats minor units as the decimal number of money in JSON.
pub(crate) fn money(minor: i128, decimals: u32) -> String {
    if decimals == 0 {
        return minor.to_string();
    }
    let unit = 10_u128.pow(decimals);
    let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    format!("{sign}{}.{:0width$}", minor / unit, minor % unit, width = decimals as usize)
}

/// Formats JSON's money with digits in groups.
pub(crate) fn grouped_money(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = whole.parse::<i128>().map_or_else(|_| whole.to_owned(), grouped);
    match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    }
}

/// The value of points in minor units, rounded half-even once.
pub(crate) fn worth(points: i64, value: Decimal, decimals: u32) -> i128 {
    let unit = Decimal::from(10_u64.pow(decimals));
    let minor = Decimal::from(points).checked_mul(value).and_then(|worth| worth.checked_mul(unit));
    minor
        .map(|minor| minor.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven))
        .and_then(|minor| minor.to_i128())
        .unwrap_or(if points < 0 { i128::MIN } else { i128::MAX })
}

/// A part in per cent with two decimals, rounded half up; `None` when the whole is not positive.
pub(crate) fn per_cent(part: i128, whole: i128) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let hundredths = part.checked_mul(20_000)?.checked_add(whole)?.div_euclid(whole.checked_mul(2)?);
    Some(money(hundredths, 2))
}

/// Formats a month counted from year zero, as `2026-03`.
pub(crate) fn month(number: i32) -> String {
    format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 7, 999, 1000, -1_234_567].map(grouped), ["0", "7", "999", "1,000", "-1,234,567"]);
        assert_eq!([0, 5, -5].map(signed), ["0", "+5", "-5"]);
        assert_eq!([money(-5, 2), money(123_456, 2), money(7, 0)], ["-0.05", "1234.56", "7"]);
        assert_eq!([grouped_money("-1234.50"), grouped_money("1234567")], ["-1,234.50", "1,234,567"]);
        assert_eq!(month(2026 * 12 + 2), "2026-03");
    }

    #[test]
    fn worth_is_exact_and_rounded_once() {
        assert_eq!(worth(12_345, "0.01".parse().unwrap(), 2), 12_345);
        // 0.5 and 1.5 minor units.
        assert_eq!([1, 3].map(|points| worth(points, "0.005".parse().unwrap(), 2)), [0, 2]);
        assert_eq!(worth(-300, "0.0033".parse().unwrap(), 2), -99);
        assert_eq!(per_cent(1, 3).as_deref(), Some("33.33"));
        assert_eq!(per_cent(-1, 3).as_deref(), Some("-33.33"));
        assert_eq!(per_cent(1, 0), None);
    }
}
