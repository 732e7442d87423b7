//! The canonical form of facts: two facts with the same content are equal, however their JSON was written.

use jiff::Timestamp;
use tessera_domain::fact::{Interaction, Receipt, Refund};

/// Truncates a receipt's time to milliseconds, as it is stored. A shop with a finer clock that sends its receipt again
/// sends the same receipt.
pub(crate) fn canonical_receipt(receipt: Receipt) -> Receipt {
    Receipt { occurred_at: truncate_to_millisecond(receipt.occurred_at), ..receipt }
}

/// As [`canonical_receipt`], for a refund.
pub(crate) fn canonical_refund(refund: Refund) -> Refund {
    Refund { occurred_at: truncate_to_millisecond(refund.occurred_at), ..refund }
}

/// As [`canonical_receipt`], for an interaction.
pub(crate) fn canonical_interaction(interaction: Interaction) -> Interaction {
    Interaction { occurred_at: truncate_to_millisecond(interaction.occurred_at), ..interaction }
}

fn truncate_to_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tessera_domain::fact::{read_receipt, read_refund};
    use tessera_domain::money::Currency;
    use tessera_domain::pack::{pack, unpack};

    use super::*;

    fn eur() -> Currency {
        Currency::from_code("EUR").unwrap()
    }

    fn receipt(change: impl FnOnce(&mut Value)) -> Receipt {
        let mut body = json!({
            "id": "7", "occurred_at": "2026-03-01T10:15:00.123456+01:00", "member": null, "currency": "EUR",
            "total": "120.00", "lines": [{ "sku": "SW-1", "quantity": "1.5", "amount": "120.00" }],
        });
        change(&mut body);
        canonical_receipt(read_receipt(&body, eur()).unwrap().receipt)
    }

    fn stored(receipt: &Receipt) -> Receipt {
        unpack(&pack(receipt).unwrap()).unwrap()
    }

    #[test]
    fn the_spelling_of_a_receipt_does_not_matter() {
        let kept = stored(&receipt(|_| {}));
        for (pointer, value) in [
            ("/occurred_at", "2026-03-01T09:15:00.123Z"),
            ("/occurred_at", "2026-03-01T10:15:00.123999+01:00"),
            ("/total", "120"),
            ("/lines/0/amount", "120.0"),
            ("/lines/0/quantity", "1.50"),
        ] {
            let again = receipt(|body| *body.pointer_mut(pointer).unwrap() = json!(value));
            assert_eq!(again, kept, "{pointer} {value}");
        }
        assert_eq!(receipt(|body| body["lines"][0]["id"] = json!("1")), kept);
        assert_eq!(receipt(|body| body["discount"] = json!("0.00")), kept);
    }

    #[test]
    fn the_content_of_a_receipt_matters() {
        let kept = stored(&receipt(|_| {}));
        assert_ne!(receipt(|body| body["store"] = json!("milano-01")), kept);
        assert_ne!(receipt(|body| body["occurred_at"] = json!("2026-03-01T09:15:00.124Z")), kept);
        assert_ne!(receipt(|body| body["lines"][0]["quantity"] = json!("1.51")), kept);
    }

    #[test]
    fn the_spelling_of_a_refund_does_not_matter_but_its_content_does() {
        let read = |quantity: &str| {
            let line = json!({ "line": "1", "quantity": quantity, "amount": "5.00" });
            let body = json!({ "id": "r", "occurred_at": "2026-03-02T10:00:00.000001Z", "lines": [line] });
            canonical_refund(read_refund(&body, eur()).unwrap())
        };
        let kept: Refund = unpack(&pack(&read("1")).unwrap()).unwrap();
        assert_eq!(read("1.0"), kept);
        assert_ne!(read("2"), kept);
    }
}
