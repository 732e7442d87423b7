//! An example of each request body. `tests/contract` sends them, and varies them.

use serde_json::{Value, json};

/// The example of an operation's body.
pub fn body(operation: &str) -> Value {
    match operation {
        "putProgram" => program(),
        "addRule" | "putRule" => rule("every-50"),
        "addReward" | "putReward" => reward("five-off"),
        "addTier" | "putTier" => json!({ "id": "gold", "name": { "it": "Oro", "en": "Gold" }, "threshold": 1000 }),
        "backtestRules" => json!({ "rules": [rule("every-50")], "from": "2026-01-01", "to": "2026-03-01" }),
        "makeApiKey" => json!({ "name": "till of Milano", "scopes": ["receipts:write", "rewards:redeem"] }),
        "rotateStorefrontSecret" => json!({ "revoke_previous": true }),
        "enrol" => json!({
            "id": "c-42", "email": "grace@example.com", "first_name": "Grace", "birth_date": "--02-28", "locale": "it-IT",
            "attributes": { "favourite_store": "milano-01" }, "lists": ["newsletter"], "consent": { "email": true },
        }),
        "patchMember" => json!({ "first_name": "Grace", "attributes": { "size": null }, "tags": ["friend"] }),
        "adjustMember" => json!({ "award": 100, "reason": "an apology for the late parcel" }),
        "sendReceipt" | "previewReceipt" => receipt(),
        "sendRefund" => json!({
            "id": "refund-1", "occurred_at": "2026-03-02T10:00:00+01:00",
            "lines": [{ "line": "2", "quantity": "1", "amount": "10.00" }],
        }),
        "claimReceipt" => json!({ "member": { "id": "c-42" } }),
        "sendInteraction" => json!({
            "id": "pass-7", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" },
            "name": "wallet_pass_added", "properties": { "city": "Milano" },
        }),
        "examineRules" => json!({ "fact": { "receipt": receipt() }, "member": { "id": "c-42" } }),
        "redeem" => json!({ "reward": "five-off" }),
        "checkCoupon" => json!({ "total": "40.00", "lines": [{ "id": "1", "sku": "SW-1", "amount": "40.00" }] }),
        "useCoupon" => json!({ "receipt": "0532-0007" }),
        _ => panic!("{operation} has no example in examples.rs"),
    }
}

fn receipt() -> Value {
    json!({
        "id": "0532-0007", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" },
        "store": "milano-01", "channel": "pos", "currency": "EUR", "total": "135.00", "discount": "15.00",
        "lines": [
            { "id": "1", "sku": "SW-1", "category": "winter", "quantity": "1", "amount": "120.00" },
            { "id": "2", "sku": "SO-2", "category": ["socks"], "quantity": "3", "amount": "30.00" },
        ],
    })
}

fn rule(id: &str) -> Value {
    json!({
        "id": id, "name": "10 points every 50 €", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "where": { "stores": ["milano-01"] }, "spend": { "every": "50.00" } } },
        "then": [{ "credit": { "points": 10 } }],
    })
}

fn reward(id: &str) -> Value {
    json!({
        "id": id, "name": { "it": "5 € di sconto", "en": "5 € off" }, "type": "amount_off", "value": "5.00", "cost": 100,
        "code": { "pattern": "ADA-###########" }, "valid_days": 90,
    })
}

fn program() -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" }, "expiry": { "after_months": 12 } },
        "tiers": {
            "ladder": [
                { "id": "base", "name": "Base", "threshold": 0 },
                { "id": "silver", "name": { "it": "Argento", "en": "Silver" }, "threshold": 500 },
            ],
            "vip": [{ "id": "vip", "name": "VIP" }],
        },
        "rewards": [reward("five-off"), reward("tea")],
        "rules": [rule("every-50"), rule("per-euro"), rule("visit")],
    })
}
