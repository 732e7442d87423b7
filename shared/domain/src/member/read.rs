//! Bodies of enrolment requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contact::ONE_NEEDED;
use super::patch::read_details;
use super::{Attribute, Consent, IdentifierKind, MemberRef, ProfilePatch};
use crate::input::{self, Fault, Node};

/// The requested status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Enrolled.
    #[default]
    Member,
    /// A contact that has not enrolled.
    Visitor,
    /// A contact that was invited.
    Pending,
}

/// The body of `POST /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentInput {
    /// The requested status.
    pub standing: Standing,
    /// The person; never empty.
    pub reference: MemberRef,
    /// Other data of the person.
    pub details: ProfilePatch,
    /// The referral code that the person enrols with.
    pub referral_code: Option<String>,
    /// The click on a referral link that led here.
    pub click: Option<String>,
}

/// Somebody to enrol. At least one of id, card, email, phone.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Enrollment), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_enrollment` reads")]
pub struct EnrollmentBody {
    /// The status to start with.
    status: Option<EnrollmentStatus>,
    /// The shop's own id.
    id: Option<String>,
    /// The number of the loyalty card.
    card: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number, with its country.
    phone: Option<String>,
    /// The kinds of identifiers that the sender has proven to be this person's; absent: the program's default.
    verified: Option<Vec<IdentifierKind>>,
    /// The first name.
    first_name: Option<String>,
    /// The last name.
    last_name: Option<String>,
    /// The birthday, `1990-02-28`, or `--02-28` without the year.
    birth_date: Option<String>,
    /// The language, `it` or `it-IT`.
    locale: Option<String>,
    /// Attributes by name: a text, a number, true or false, or a list of texts.
    attributes: Option<BTreeMap<String, Attribute>>,
    /// The lists that they are on.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    lists: Option<Vec<String>>,
    /// Their tags.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    tags: Option<Vec<String>>,
    /// The referral code that they used.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    referral_code: Option<String>,
    /// The id of the click on a referral link that led here.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    click: Option<String>,
    /// Consents by name: true, false or the time when it was given.
    consent: Option<BTreeMap<String, Consent>>,
}

impl EnrollmentBody {
    /// An example.
    pub fn example() -> Value {
        json!({
            "id": "c-42", "email": "grace@example.com", "first_name": "Grace", "birth_date": "--02-28", "locale": "it-IT",
            "attributes": { "favourite_store": "milano-01" }, "lists": ["newsletter"], "consent": { "email": true },
        })
    }
}

/// The status of somebody who enrols.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "snake_case"))]
#[allow(dead_code, reason = "the schema of what `read_enrollment` reads")]
pub enum EnrollmentStatus {
    /// Enrolled.
    Member,
    /// Known, not enrolled.
    Visitor,
    /// Invited.
    Pending,
}

/// Reads the body of `POST /v1/members`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_enrollment(body: &Value) -> Result<EnrollmentInput, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let standing = object.or("status", Standing::Member, |n| {
            n.choice(&[("member", Standing::Member), ("visitor", Standing::Visitor), ("pending", Standing::Pending)])
        });
        let reference = MemberRef::read_fields(&object);
        let details = read_details(&object);
        let referral_code = object.optional("referral_code", |n| token(n, "a referral code"));
        let click = object.optional("click", |n| token(n, "the id of a click"));
        object.finish();
        let reference = reference?;
        if reference.is_empty() {
            node.fault(ONE_NEEDED);
        }
        Some(EnrollmentInput {
            standing: standing?,
            reference,
            details: details?,
            referral_code: referral_code?,
            click: click?,
        })
    })
}

/// Reads a short text of letters, digits, dashes and underscores.
fn token(node: &Node<'_>, what: &str) -> Option<String> {
    node.parsed(|text| {
        let text = text.trim();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain && (1..=64).contains(&text.len()) {
            Ok(text.to_owned())
        } else {
            Err(format!("must be {what}: 1 to 64 letters, digits, dashes and underscores"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment() {
        let body = json!({ "id": "c-42", "email": "Ada@X.it", "first_name": "Ada", "birth_date": "--02-28",
            "attributes": { "city": "Milano" }, "referral_code": "ABC" });
        let read = read_enrollment(&body).unwrap();
        assert_eq!(read.standing, Standing::Member);
        assert_eq!(read.reference.email.unwrap().as_str(), "ada@x.it");
        assert_eq!(read.referral_code.as_deref(), Some("ABC"));
    }

    #[test]
    fn faults_of_an_enrolment() {
        let faults = read_enrollment(&json!({ "status": "excluded", "first_name": 1, "e-mail": "x" })).unwrap_err();
        assert_eq!(faults.len(), 4);
        assert_eq!(read_enrollment(&json!({ "first_name": "Ada" })).unwrap_err()[0].detail, ONE_NEEDED);
        assert!(read_enrollment(&json!([])).is_err());
    }
}
