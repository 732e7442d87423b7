//! How amounts of a shop are read: which part of a price earns, and in which currency.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tessera_domain::member::{Email, Phone, read_id};
use tessera_domain::money::{Currency, Money};

use crate::payload::PayloadError;

/// Which part of the price of goods earns points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountBasis {
    /// The price as the shop shows it: with tax where its prices include tax, without where they do not.
    #[default]
    AsPriced,
    /// The price with tax.
    WithTax,
    /// The price without tax.
    WithoutTax,
}

/// How amounts of a shop are read.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The currency of the program.
    pub program: Currency,
    /// Which part of a price earns.
    pub basis: AmountBasis,
    /// Units of the program's currency for one unit of another.
    pub fx_rates: &'a BTreeMap<String, Decimal>,
}

/// A currency in which amounts are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amounts(pub(crate) Currency);

impl AmountBasis {
    /// Its names in settings.
    pub const NAMES: [(&'static str, Self); 3] =
        [("as_priced", Self::AsPriced), ("with_tax", Self::WithTax), ("without_tax", Self::WithoutTax)];
}

impl Amounts {
    /// The amounts of a currency that a payload names.
    pub(crate) fn of(code: &str) -> Result<Self, PayloadError> {
        let currency = Currency::from_code(code);
        currency.map(Self).ok_or_else(|| PayloadError(format!("{code} is not a currency of ISO 4217")))
    }

    /// Rounds a decimal to minor units, half to even.
    pub(crate) fn minor(self, amount: Decimal) -> Result<i64, PayloadError> {
        let parts = Decimal::from(10_i64.pow(self.0.decimals()));
        let minor = amount.checked_mul(parts);
        let minor = minor.map(|minor| minor.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
        minor.and_then(|minor| minor.to_i64()).ok_or_else(|| PayloadError("an amount is too large".to_owned()))
    }

    /// The text of minor units, as the API reads it.
    pub(crate) fn text(self, minor: i64) -> String {
        Money::new(minor, self.0).to_string()
    }
}

/// Parses a decimal of a payload.
pub(crate) fn decimal(text: &str) -> Result<Decimal, PayloadError> {
    Decimal::from_str_exact(text).map_err(|_| PayloadError(format!("{text:?} is not an amount")))
}

impl Terms<'_> {
    /// The rate of a currency, for the body of a receipt: absent for the program's own.
    pub(crate) fn add_rate(&self, body: &mut Map<String, Value>, currency: Currency) -> Result<(), PayloadError> {
        if currency == self.program {
            return Ok(());
        }
        let rate = self.fx_rates.get(currency.code()).ok_or_else(|| {
            PayloadError(format!("the order is in {currency}, and the settings have no fx_rates for it"))
        })?;
        body.insert("fx_rate".to_owned(), json!(rate.to_string()));
        Ok(())
    }
}

/// The member of a receipt. What is no valid identifier is left out: a shop's forms are laxer than ours.
///
/// `is_email_verified`: the shop has proven the mailbox. Nothing else that a shop sends is verified.
pub(crate) fn member(id: Option<&str>, email: Option<&str>, phone: Option<&str>, is_email_verified: bool) -> Value {
    let mut member = Map::new();
    if let Some(id) = id.filter(|id| read_id(id).is_ok()) {
        member.insert("id".to_owned(), json!(id));
    }
    if let Some(email) = email.filter(|email| email.parse::<Email>().is_ok()) {
        member.insert("email".to_owned(), json!(email));
    }
    if let Some(phone) = phone.filter(|phone| phone.parse::<Phone>().is_ok()) {
        member.insert("phone".to_owned(), json!(phone));
    }
    if member.is_empty() {
        return Value::Null;
    }
    let verified: &[&str] = if is_email_verified && member.contains_key("email") { &["email"] } else { &[] };
    member.insert("verified".to_owned(), json!(verified));
    Value::Object(member)
}

/// A name that fits into the body of a receipt: control characters become spaces, and it is cut at `most` bytes.
pub(crate) fn short(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = (0..=most.min(clean.len())).rev().find(|end| clean.is_char_boundary(*end)).unwrap_or(0);
    clean.get(..end).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_half_even_to_minor_units() {
        let minor = |code: &str, text: &str| Amounts::of(code).unwrap().minor(decimal(text).unwrap()).unwrap();
        assert_eq!((minor("EUR", "10.005"), minor("EUR", "10.015"), minor("EUR", "-0.10")), (1_000, 1_002, -10));
        assert_eq!((minor("JPY", "1000.00"), minor("KWD", "1.2345")), (1_000, 1_234));
        assert!(Amounts::of("EURO").is_err() && decimal("1,5").is_err() && decimal("1e3").is_err());
        assert!(Amounts::of("EUR").unwrap().minor(Decimal::MAX).is_err());
    }

    #[test]
    fn a_member_has_what_is_valid_and_verifies_a_proven_mailbox_alone() {
        let found = member(Some("7"), Some("Ada@Example.com"), Some("0212345"), true);
        assert_eq!(found, json!({ "id": "7", "email": "Ada@Example.com", "verified": ["email"] }));
        let guest = member(None, Some("ada@example.com"), Some("+39 02 12345678"), false);
        assert_eq!(guest, json!({ "email": "ada@example.com", "phone": "+39 02 12345678", "verified": [] }));
        assert_eq!(member(Some("m_7"), Some("nobody"), None, true), Value::Null);
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(short("na\u{ef}ve\u{7}", 3), "na");
        assert_eq!(short("a\nb", 10), "a b");
    }
}
