//! Money in minor units, with the exact operations that loyalty needs.

use std::cmp::Reverse;
use std::fmt;

use iso_currency::Currency as Iso;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The largest amount accepted anywhere, in minor units: 9 999 999 999.99 in a currency with cents.
pub const MAX_MINOR: i64 = 999_999_999_999;
/// The most decimals that a currency has (ISO 4217).
pub const MOST_DECIMALS: u32 = 4;

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point.
    #[error("must be a decimal number as text, such as \"120.00\"")]
    NotANumber,
    /// More decimals than the currency has.
    #[error("has more decimals than {0} has")]
    Precision(Currency),
    /// Beyond [`MAX_MINOR`].
    #[error("is too large")]
    TooLarge,
}

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(Iso);

impl Currency {
    /// The currency with this three-letter code.
    pub fn from_code(code: &str) -> Option<Self> {
        Iso::from_code(code).map(Self)
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals of its amounts.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::from_code(&code).ok_or_else(|| D::Error::custom("unknown currency"))
    }
}

/// An amount in the minor units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount in minor units.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Parses `"120.00"`: digits, optionally a point and at most as many decimals as the currency has.
    ///
    /// # Errors
    /// When the text is no such number or too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(MoneyError::NotANumber);
        }
        let decimals = currency.decimals() as usize;
        if fraction.len() > decimals {
            return Err(MoneyError::Precision(currency));
        }
        if whole.len() > 15 {
            return Err(MoneyError::TooLarge);
        }
        let minor = format!("{whole}{fraction:0<decimals$}").parse::<i64>().map_err(|_| MoneyError::TooLarge)?;
        if minor > MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { minor: sign * minor, currency })
    }

    /// The minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let unit = 10_u64.pow(decimals);
        let (sign, minor) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        if decimals == 0 {
            return write!(f, "{sign}{minor}");
        }
        write!(f, "{sign}{}.{:0width$}", minor / unit, minor % unit, width = decimals as usize)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A decimal number as text.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Money {}

/// Spreads `amount` over `weights` in proportion, in whole minor units, by largest remainder; ties go to the larger
/// weight, then to the later one (`semantics.md`, Amount).
///
/// The parts add up to `amount` exactly. When the amount or all weights are zero, the last part takes everything.
pub fn spread(amount: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().map(|w| i128::from(*w)).sum();
    if total == 0 || amount == 0 || weights.len() == 1 {
        let mut parts = vec![0; weights.len()];
        if let Some(last) = parts.last_mut() {
            *last = amount;
        }
        return parts;
    }
    let shares: Vec<(i128, i128)> = weights
        .iter()
        .map(|w| {
            let product = i128::from(amount) * i128::from(*w);
            (product / total, product % total)
        })
        .collect();
    let mut parts: Vec<i64> = shares.iter().map(|(whole, _)| whole.to_i64().unwrap_or(i64::MAX)).collect();
    let left = amount - parts.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| Reverse((shares[i].1, weights[i], i)));
    for &i in order.iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[i] += 1;
    }
    parts
}

/// `amount × numerator ÷ denominator` in minor units, rounded half to even; zero over zero is zero.
pub fn proportion(amount: i64, numerator: i64, denominator: i64) -> i64 {
    if denominator == 0 {
        return 0;
    }
    let product = i128::from(amount) * i128::from(numerator);
    let denominator = i128::from(denominator);
    let (quotient, remainder) = (product.div_euclid(denominator), product.rem_euclid(denominator));
    let up = match (remainder * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient & 1,
    };
    (quotient + up).to_i64().unwrap_or(i64::MAX)
}

/// Converts minor units of one currency into those of another at `rate` (units of `to` per unit of `from`), rounded
/// half to even, once.
pub fn convert(minor: i64, from: Currency, to: Currency, rate: Decimal) -> i64 {
    let amount = Decimal::new(minor, from.decimals());
    let Some(product) = amount.checked_mul(rate) else { return MAX_MINOR };
    let scale = Decimal::new(10_i64.pow(to.decimals()), 0);
    product
        .round_dp_with_strategy(to.decimals(), RoundingStrategy::MidpointNearestEven)
        .checked_mul(scale)
        .and_then(|minor| minor.to_i64())
        .map_or(MAX_MINOR, |minor| minor.min(MAX_MINOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::from_code("EUR").unwrap()
    }

    #[test]
    fn discount_of_ten_over_three_lines() {
        assert_eq!(spread(1000, &[3333, 3333, 3334]), [333, 333, 334]);
        assert_eq!(spread(1, &[5, 5]), [0, 1]);
        assert_eq!(spread(100, &[0, 0]), [0, 100]);
        assert_eq!(spread(0, &[]), Vec::<i64>::new());
    }

    #[test]
    fn converts_once_half_even() {
        let usd = Currency::from_code("USD").unwrap();
        assert_eq!(convert(5400, usd, eur(), "0.92".parse().unwrap()), 4968);
        assert_eq!(convert(250, usd, eur(), "0.01".parse().unwrap()), 2);
        let jpy = Currency::from_code("JPY").unwrap();
        assert_eq!(convert(1000, jpy, eur(), "0.0061".parse().unwrap()), 610);
    }

    #[test]
    fn reads_only_decimal_texts_of_the_currencys_precision() {
        let read = |text: &str| Money::parse(text, eur()).map(Money::minor);
        assert_eq!(read("120.00"), Ok(12000));
        assert_eq!(read("120"), Ok(12000));
        assert_eq!(read("0.5"), Ok(50));
        assert_eq!(read("1.005"), Err(MoneyError::Precision(eur())));
        for bad in ["", ".5", "5.", "1e3", "+1", "1,50", " 1", "--1", "NaN"] {
            assert_eq!(read(bad), Err(MoneyError::NotANumber), "{bad}");
        }
        assert_eq!(read("99999999999.99"), Err(MoneyError::TooLarge));
        assert_eq!(Money::new(-5, eur()).to_string(), "-0.05");
    }

    #[test]
    fn proportions_round_half_to_even() {
        assert_eq!(proportion(1, 1, 2), 0);
        assert_eq!(proportion(3, 1, 2), 2);
        assert_eq!(proportion(10, 1, 3), 3);
        assert_eq!(proportion(5, 0, 0), 0);
    }
}
