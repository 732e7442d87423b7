//! Enrolments as they are sent.

use serde_json::Value;

use super::contact::ONE_NEEDED;
use super::patch::read_details;
use super::{MemberRef, ProfilePatch};
use crate::input::{self, Fault, Node};

/// As what someone is to be known.
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
    /// As what they are to be known.
    pub standing: Standing,
    /// Who they are; never empty.
    pub reference: MemberRef,
    /// What is known of them besides.
    pub details: ProfilePatch,
    /// The referral code that they came with.
    pub referral_code: Option<String>,
    /// The click on a referral link that led here.
    pub click: Option<String>,
}

/// Reads the body of `POST /v1/members`.
///
/// # Errors
/// Every fault of the body, with its place.
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
    use serde_json::json;

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
