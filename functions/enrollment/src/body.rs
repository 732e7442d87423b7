//! What a shopper may say of themselves: a member's token comes from a browser, and what it sends is not the shop's word.

use serde_json::Value;
use tessera_domain::ids::CustomerId;
use tessera_domain::input::Fault;
use tessera_domain::member::{EnrollmentInput, read_enrollment};

/// The fields that only the shop may set. An e-mail address or phone number that a browser claims could be a stranger's,
/// with the points that they collected; attributes and tags are what rules and segments ask for.
const THE_SHOPS: [&str; 6] = ["status", "card", "email", "phone", "attributes", "tags"];

/// The body with the token's own id, where it names none.
pub(crate) fn with_own_id(mut body: Value, own: &CustomerId) -> Value {
    if let Value::Object(map) = &mut body {
        map.entry("id").or_insert_with(|| Value::String(own.to_string()));
    }
    body
}

/// Reads an enrolment by a member's token.
///
/// # Errors
/// Every fault of the body, and every field that a token may not set.
pub(crate) fn read_join(body: &Value, own: &CustomerId) -> Result<EnrollmentInput, Vec<Fault>> {
    let fault = |name: &str, detail: &str| Fault { pointer: format!("/{name}"), detail: detail.to_owned() };
    let sent = |name: &&&str| body.get(**name).is_some_and(|value| !value.is_null());
    let mut faults: Vec<Fault> =
        THE_SHOPS.iter().filter(sent).map(|name| fault(name, "cannot be set by a member's token")).collect();
    let read = read_enrollment(body);
    if let Ok(input) = &read
        && input.reference.id.as_ref() != Some(own)
    {
        faults.push(fault("id", "must be the token's own member"));
    }
    match read {
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
        read_join(&with_own_id(body, &own()), &own())
    }

    #[test]
    fn a_token_enrols_its_own_member() {
        assert_eq!(join(json!({})).unwrap().reference.id, Some(own()));
        assert_eq!(join(json!({ "id": "c-42", "first_name": "Ada" })).unwrap().reference.id, Some(own()));
        assert_eq!(join(json!({ "id": "c-43" })).unwrap_err()[0].pointer, "/id");
        assert!(join(json!([])).is_err());
    }

    #[test]
    fn a_token_claims_no_identifiers_and_sets_no_attributes() {
        for name in THE_SHOPS {
            let faults = join(json!({ name: "visitor" })).unwrap_err();
            assert!(faults.iter().any(|fault| fault.pointer == format!("/{name}")), "{name}");
        }
        assert!(join(json!({ "email": null })).is_ok());
    }
}
