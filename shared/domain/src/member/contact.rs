//! Identifiers of a customer: the shop's id, card, e-mail, phone. Normalized, so that every spelling finds the same person.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{Identifier, IdentifierKind};
use crate::ids::{CustomerId, IdError, MemberId, is_invisible};
use crate::input::{Node, Object};

/// Why a text is not an identifier of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// The shop's id is not a valid identifier.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The shop's id looks like another kind of identifier.
    #[error("must not begin with m_, card:, email: or phone:")]
    Reserved,
    /// Not a card number.
    #[error("must be a card number: 1 to 64 letters, digits and dashes")]
    Card,
    /// Not an e-mail address.
    #[error("must be an e-mail address, such as \"ada@example.com\"")]
    Email,
    /// Not a phone number.
    #[error("must be a phone number with its country code, such as \"+393331234567\"")]
    Phone,
}

macro_rules! contacts {
    ($($(#[$doc:meta])* $name:ident = $normalise:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The normalized text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ContactError;
            fn from_str(text: &str) -> Result<Self, ContactError> {
                $normalise(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

contacts! {
    /// The number of a loyalty card, as printed.
    Card = card,
    /// An e-mail address, lower-cased.
    Email = email,
    /// A phone number in E.164, such as `+393331234567`.
    Phone = phone,
}

fn card(text: &str) -> Result<String, ContactError> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain && (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err(ContactError::Card) }
}

/// Checks the syntax alone; only a message shows whether the mailbox exists.
fn email(text: &str) -> Result<String, ContactError> {
    let text: String = text.trim().to_lowercase().nfc().collect();
    let (local, domain) = text.split_once('@').ok_or(ContactError::Email)?;
    let odd = |c: char| is_invisible(c) || c.is_whitespace() || matches!(c, '@' | ',' | ';' | '<' | '>' | '"');
    let named = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    if text.len() > 254 || local.is_empty() || local.len() > 64 || !named || local.contains(odd) || domain.contains(odd)
    {
        return Err(ContactError::Email);
    }
    Ok(text)
}

fn phone(text: &str) -> Result<String, ContactError> {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–' | '.' | '/' | '(' | ')' | '[' | ']'))
        .collect();
    // 00 is the usual international prefix for the plus sign.
    let digits = kept.strip_prefix('+').or_else(|| kept.strip_prefix("00")).ok_or(ContactError::Phone)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if plain && (6..=15).contains(&digits.len()) { Ok(format!("+{digits}")) } else { Err(ContactError::Phone) }
}

/// Parses the shop's id. It must not look like another kind of identifier in a path.
///
/// # Errors
/// When it is not an identifier, or begins like another kind.
pub fn read_id(text: &str) -> Result<CustomerId, ContactError> {
    if text.starts_with(INNER) || [CARD, EMAIL, PHONE].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(ContactError::Reserved);
    }
    Ok(CustomerId::new(text)?)
}

const INNER: &str = "m_";
const CARD: &str = "card:";
const EMAIL: &str = "email:";
const PHONE: &str = "phone:";

impl From<&Card> for Identifier {
    fn from(card: &Card) -> Self {
        Self { kind: IdentifierKind::Card, value: card.0.clone() }
    }
}

impl From<&Email> for Identifier {
    fn from(email: &Email) -> Self {
        Self { kind: IdentifierKind::Email, value: email.0.clone() }
    }
}

impl From<&Phone> for Identifier {
    fn from(phone: &Phone) -> Self {
        Self { kind: IdentifierKind::Phone, value: phone.0.clone() }
    }
}

/// How a request names a customer: by id, by identifiers, or by both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
pub struct MemberRef {
    /// The shop's id. It takes precedence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<CustomerId>,
    /// The number of the loyalty card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The kinds that the sender has verified; absent: the program's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<IdentifierKind>>))]
    pub verified: Option<BTreeSet<IdentifierKind>>,
}

impl MemberRef {
    /// A reference by the shop's id alone.
    pub fn of_id(id: CustomerId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    /// Reads `{ "id"?, "card"?, "email"?, "phone"?, "verified"? }` with at least one of the first four.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let reference = Self::read_fields(&object);
        object.finish();
        let reference = reference?;
        if reference.is_empty() { node.refuse(ONE_NEEDED) } else { Some(reference) }
    }

    /// Reads these fields of an object with other fields.
    pub(super) fn read_fields(object: &Object<'_>) -> Option<Self> {
        let id = object.optional("id", read_customer_id);
        let card = object.optional("card", |n| n.parsed(Card::from_str));
        let email = object.optional("email", |n| n.parsed(Email::from_str));
        let phone = object.optional("phone", |n| n.parsed(Phone::from_str));
        let verified = object.optional("verified", IdentifierKind::read_set);
        Some(Self { id: id?, card: card?, email: email?, phone: phone?, verified: verified? })
    }

    /// True if it names nobody.
    pub const fn is_empty(&self) -> bool {
        self.id.is_none() && self.card.is_none() && self.email.is_none() && self.phone.is_none()
    }

    /// The identifiers, in the order of their precedence.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let card = self.card.as_ref().map(Identifier::from);
        let email = self.email.as_ref().map(Identifier::from);
        card.into_iter().chain(email).chain(self.phone.as_ref().map(Identifier::from))
    }

    /// True if the sender has verified the identifier of this kind.
    pub fn is_verified(&self, kind: IdentifierKind) -> bool {
        self.verified.as_ref().is_some_and(|verified| verified.contains(&kind))
    }
}

/// The fault of a reference without any identifier.
pub(super) const ONE_NEEDED: &str = "must have at least one of id, card, email, phone";

/// Reads the shop's id.
pub(super) fn read_customer_id(node: &Node<'_>) -> Option<CustomerId> {
    node.parsed(read_id)
}

/// How a path or a member token names a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberPath {
    /// By our internal id.
    Inner(MemberId),
    /// By one of the shop's identifiers.
    Ref(MemberRef),
}

impl MemberPath {
    /// Reads `c-42`, `card:…`, `email:…`, `phone:…` or `m_…`. A text without such a prefix is the shop's id.
    ///
    /// # Errors
    /// When the text after the prefix is not such an identifier.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        if text.starts_with(INNER) {
            return Ok(Self::Inner(MemberId::new(text)?));
        }
        let none = MemberRef::default();
        let reference = if let Some(card) = text.strip_prefix(CARD) {
            MemberRef { card: Some(card.parse()?), ..none }
        } else if let Some(email) = text.strip_prefix(EMAIL) {
            MemberRef { email: Some(email.parse()?), ..none }
        } else if let Some(phone) = text.strip_prefix(PHONE) {
            MemberRef { phone: Some(phone.parse()?), ..none }
        } else {
            MemberRef::of_id(read_id(text)?)
        };
        Ok(Self::Ref(reference))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::input;

    #[test]
    fn the_same_person_however_written() {
        assert_eq!("  Ada@Example.COM ".parse::<Email>().unwrap().as_str(), "ada@example.com");
        for written in ["+39 333 123-4567", "+39(333)1234567", "0039 333.123.4567"] {
            assert_eq!(written.parse::<Phone>().unwrap().as_str(), "+393331234567", "{written}");
        }
        assert_eq!(" AB-12 ".parse::<Card>().unwrap().as_str(), "AB-12");
    }

    #[test]
    fn what_is_none() {
        for text in ["", "ada", "@x.it", "a@b", "a@b..it", "a b@c.it", "a@b@c.it", "<a@b.it>"] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
        for text in ["", "3331234567", "+12345", "+1234567890123456", "+39x331234567", "+0123456789"] {
            assert!(text.parse::<Phone>().is_err(), "{text}");
        }
        assert!("".parse::<Card>().is_err());
        assert!("a b".parse::<Card>().is_err());
        assert!("a".repeat(65).parse::<Card>().is_err());
    }

    #[test]
    fn a_reference_needs_one_identifier_and_knows_its_fields() {
        let read = |value| input::read(&value, MemberRef::read);
        assert_eq!(read(json!({})).unwrap_err()[0].detail, ONE_NEEDED);
        assert_eq!(read(json!({ "id": null })).unwrap_err().len(), 1);
        let faults = read(json!({ "id": "m_1", "mail": "x", "phone": 5 })).unwrap_err();
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/id", "/mail", "/phone"]);
        let found = read(json!({ "id": "c-42", "email": "ADA@x.it", "verified": ["email", "email"] })).unwrap();
        assert!(found.is_verified(IdentifierKind::Email) && !found.is_verified(IdentifierKind::Card));
        assert_eq!(read(json!({ "id": "c-42", "verified": [] })).unwrap().verified, Some(BTreeSet::new()));
        assert!(read(json!({ "id": "c-42", "verified": ["id"] })).is_err());
        assert_eq!((found.id.unwrap().as_str(), found.email.unwrap().as_str()), ("c-42", "ada@x.it"));
    }

    #[test]
    fn paths() {
        let reference = |text: &str| match MemberPath::parse(text).unwrap() {
            MemberPath::Ref(reference) => reference,
            MemberPath::Inner(id) => panic!("{id}"),
        };
        assert_eq!(MemberPath::parse("m_7").unwrap(), MemberPath::Inner(MemberId::new("m_7").unwrap()));
        assert_eq!(reference("c-42").id.unwrap().as_str(), "c-42");
        assert_eq!(reference("card:A-1").card.unwrap().as_str(), "A-1");
        assert_eq!(reference("email:Ada@x.it").email.unwrap().as_str(), "ada@x.it");
        assert_eq!(reference("phone:+39 333 1234567").phone.unwrap().as_str(), "+393331234567");
        assert!(MemberPath::parse("email:ada").is_err());
        assert!(MemberPath::parse("").is_err());
    }

    #[test]
    fn no_id_looks_like_another_kind_of_name() {
        for text in ["m_1", "card:1", "email:a@x.it", "phone:+391", "m_"] {
            assert_eq!(read_id(text), Err(ContactError::Reserved), "{text}");
        }
        for text in ["M_1", "my", "cards:1", "c-1"] {
            assert!(read_id(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}", local in "[A-Za-z.+]{1,12}", digits in "[1-9][0-9]{5,14}") {
            for text in [text, format!("{local}@Exämple.Org"), format!("+{digits}")] {
                if let Ok(email) = text.parse::<Email>() {
                    prop_assert_eq!(email.as_str().parse::<Email>().unwrap(), email);
                }
                if let Ok(phone) = text.parse::<Phone>() {
                    prop_assert_eq!(phone.as_str().parse::<Phone>().unwrap(), phone);
                }
                if let Ok(card) = text.parse::<Card>() {
                    prop_assert_eq!(card.as_str().parse::<Card>().unwrap(), card);
                }
            }
        }
    }
}
