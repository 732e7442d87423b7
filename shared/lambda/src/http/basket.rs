//! Baskets: receipts that are not complete yet, for previews and for trying rules out.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Adds the fields that a receipt needs and a basket has not yet: an id, a time, perhaps a member.
pub fn with_basket_defaults(mut body: Value, now: Timestamp) -> Value {
    if let Value::Object(basket) = &mut body {
        basket.entry("id").or_insert_with(|| json!("preview"));
        basket.entry("occurred_at").or_insert_with(|| json!(now.to_string()));
        basket.entry("member").or_insert(Value::Null);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basket_needs_only_what_is_in_it() {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let bare = with_basket_defaults(json!({ "currency": "EUR", "total": "24.00" }), now);
        assert_eq!((&bare["id"], &bare["occurred_at"]), (&json!("preview"), &json!("2026-03-01T09:00:00Z")));
        assert_eq!(bare["member"], Value::Null);
        let complete = json!({ "id": "b-1", "occurred_at": "2026-02-01T09:00:00Z", "member": { "id": "c-1" } });
        assert_eq!(with_basket_defaults(complete.clone(), now), complete);
        assert_eq!(with_basket_defaults(json!([]), now), json!([]));
    }
}
