//! What a shopper may send: a member token comes from a browser, and its body is not the shop's word.

use serde_json::Value;
use tessera_domain::ids::CustomerId;
use tessera_domain::input::Fault;
use tessera_domain::member::{EnrollmentInput, read_enrollment};

/// The fields that a member token may send. Identifiers come from its verified claims, never from its body: an address
/// that a browser claims could be a stranger's, with the points that they collected.
const ALLOWED: [&str; 8] =
    ["first_name", "last_name", "birth_date", "locale", "lists", "consent", "referral_code", "click"];

/// Reads an enrolment by a member token, of its own member.
///
/// # Errors
/// Every fault of the body, and every field that a member token may not send.
pub(crate) fn read_own_enrollment(mut body: Value, own: &CustomerId) -> Result<EnrollmentInput, Vec<Fault>> {
    let mut faults = Vec::new();
    if let Value::Object(map) = &mut body {
        map.retain(|name, _| {
            let is_allowed = ALLOWED.contains(&name.as_str());
            if !is_allowed {
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                faults.push(Fault { pointer, detail: "cannot be sent with a member token".to_owned() });
            }
            is_allowed
        });
        map.insert("id".to_owned(), Value::String(own.to_string()));
    }
    match read_enrollment(&body) {
        Ok(input) if faults.is_empty() => Ok(input),
        Ok(_) => Err(faults),
        Err(more) => Err(faults.into_iter().chain(more).collect()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own() -> CustomerId {
        CustomerId::new("c-42").unwrap()
    }

    fn join(body: Value) -> Result<EnrollmentInput, Vec<Fault>> {
        read_own_enrollment(body, &own())
    }

    #[test]
    fn a_token_enrols_its_own_member() {
        assert_eq!(join(json!({})).unwrap().reference.id, Some(own()));
        let all = json!({ "first_name": "Ada", "last_name": "L", "birth_date": "1990-02-28", "locale": "it",
            "lists": ["news"], "consent": { "email": true }, "referral_code": "ABC", "click": "k-1" });
        assert_eq!(all.as_object().unwrap().len(), ALLOWED.len());
        assert_eq!(join(all).unwrap().click.as_deref(), Some("k-1"));
        assert!(join(json!([])).is_err());
    }

    #[test]
    fn a_token_sends_nothing_that_is_the_shops_to_say() {
        for name in ["id", "status", "card", "email", "phone", "verified", "attributes", "tags", "points", "a/b"] {
            for value in [json!("visitor"), json!("c-42"), Value::Null] {
                let faults = join(json!({ name: value })).unwrap_err();
                let pointer = format!("/{}", name.replace('/', "~1"));
                assert!(faults.iter().any(|fault| fault.pointer == pointer), "{name} {faults:?}");
            }
        }
    }
}
