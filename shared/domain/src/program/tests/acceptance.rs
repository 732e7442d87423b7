//! The rules of the acceptance cases: those that this version evaluates are accepted, the others are refused by what
//! is not supported, and by nothing else.

use serde_json::{Value, json};

use super::documents::{rewards, rules};
use super::{accepted, base, with, with_rule};
use crate::program::read_program;

/// The faults of a program, of which none may be another than that something is not supported.
fn unsupported(program: &Value) -> Vec<String> {
    let faults = read_program(program).err().unwrap_or_default();
    for fault in &faults {
        assert!(fault.detail.starts_with("is not supported by this version: "), "{fault:?}");
        assert!(program.pointer(&fault.pointer).is_some(), "{fault:?}");
    }
    faults.into_iter().map(|fault| fault.pointer).collect()
}

fn credit() -> Value {
    json!([{ "credit": { "points": 10, "kind": "redeemable" } }])
}

#[test]
fn supported_cases_are_accepted() {
    for (case, trigger) in [
        ("SP1", json!({ "spend": { "total_at_least": "100.00" } })),
        ("SP2", json!({ "spend": { "per_receipt_at_least": "50.00" } })),
        ("SP3", json!({ "spend": { "every": "50.00" } })),
        ("SP4", json!({ "spend": { "every_per_receipt": "50.00" } })),
        ("SP8", json!({ "where": { "lines": { "categories": ["winter"] } } })),
        ("N1", json!({ "receipts": { "every": 3 } })),
        ("N1", json!({ "receipts": { "total_at_least": 3 } })),
        ("N2", json!({ "quantity": { "total_at_least": 3 } })),
        ("N2", json!({ "quantity": { "per_receipt_at_least": 3 } })),
        ("N2", json!({ "quantity": { "every_per_receipt": 3 } })),
        ("N2", json!({ "quantity": { "every": 3 } })),
        (
            "amount",
            json!({ "spend": { "per_receipt_at_least": "30.01" }, "where": { "lines": { "categories": ["red"] } } }),
        ),
        ("amount", json!({ "where": { "stores": ["milano-01"], "channels": ["pos"] } })),
    ] {
        let program = with_rule(&json!({ "on": { "receipt": trigger }, "then": credit() }));
        assert!(unsupported(&program).is_empty(), "{case}");
    }
    for then in [
        json!({ "credit": { "per_unit": "10", "kind": "redeemable" } }),
        json!({ "credit": { "per_unit": "1", "kind": "qualifying" } }),
        json!({ "reward": "five-off" }),
    ] {
        assert!(unsupported(&with_rule(&json!({ "then": [then] }))).is_empty());
    }
    // SP7, T3.
    accepted(&with_rule(&json!({ "limit": { "times": 2, "per": "day" }, "tiers": ["base"] })));
    for downgrade in ["none", "one_down", "full"] {
        accepted(&with("/tiers/downgrade", json!(downgrade)));
    }
}

#[test]
fn other_cases_are_refused_where_they_are_not_supported() {
    let on = |trigger: Value| with_rule(&json!({ "on": trigger, "then": credit() }));
    for (program, pointers) in [
        (
            on(
                json!({ "receipt": { "spend": { "every": "1.00", "from": "50.00", "range": "band", "up_to": "200.00" } } }),
            ),
            vec!["/rules/0/on/receipt/spend/from", "/rules/0/on/receipt/spend/up_to"],
        ),
        (
            on(json!({ "receipt": { "spend": { "total_at_least": "100.00" }, "within": { "days": 30 } } })),
            vec!["/rules/0/on/receipt/within"],
        ),
        (on(json!({ "birthday": {} })), vec!["/rules/0/on/birthday"]),
        (on(json!({ "enrollment": {} })), vec!["/rules/0/on/enrollment"]),
        (on(json!({ "email_opened": {} })), vec!["/rules/0/on/email_opened"]),
        (on(json!({ "inactivity": { "days": 180 } })), vec!["/rules/0/on/inactivity"]),
        (on(json!({ "interaction": { "name": "probe" } })), vec!["/rules/0/on/interaction"]),
        (on(json!({ "tier_change": { "to": ["silver"] } })), vec!["/rules/0/on/tier_change"]),
        (with_rule(&json!({ "if": [{ "birthday": { "within": "week" } }] })), vec!["/rules/0/if/0"]),
        (with_rule(&json!({ "then": [{ "multiply": { "factor": "2" } }] })), vec!["/rules/0/then/0/multiply"]),
        (with_rule(&json!({ "then": [{ "reset": { "kind": "redeemable" } }] })), vec!["/rules/0/then/0/reset"]),
        (with_rule(&json!({ "then": [{ "debit": { "points": 1 } }] })), vec!["/rules/0/then/0/debit"]),
        (with_rule(&json!({ "then": [{ "vip": "vip" }] })), vec!["/rules/0/then/0/vip"]),
        (with_rule(&json!({ "limit": { "times": 1, "per": "day", "rolling": true } })), vec!["/rules/0/limit"]),
        (
            with_rule(
                &json!({ "limit": [{ "times": 1, "per": "day" }, { "times": 9, "per": "week", "rolling": true }] }),
            ),
            vec!["/rules/0/limit/1/rolling"],
        ),
        (with("/tiers/window", json!({ "rolling_months": 12 })), vec!["/tiers/window"]),
        (with("/rewards/0/code", json!({ "pool": true })), vec!["/rewards/0/code/pool"]),
        (with("/rewards/0/code", json!({ "provider": "shopify" })), vec!["/rewards/0/code/provider"]),
        (with("/referral", json!({ "enabled": true })), vec!["/referral"]),
    ] {
        assert_eq!(unsupported(&program), pointers);
    }
}

#[test]
fn every_rule_is_accepted_until_it_is_active() {
    let mut program = base();
    program["rules"] = rules();
    program["rewards"] = rewards();
    accepted(&program);
    for rule in program["rules"].as_array_mut().unwrap() {
        rule["status"] = json!("active");
    }
    let refused = unsupported(&program);
    assert!(refused.iter().any(|pointer| pointer.ends_with("/on/referral")));
    for status in ["paused", "archived"] {
        for rule in program["rules"].as_array_mut().unwrap() {
            rule["status"] = json!(status);
        }
        accepted(&program);
    }
}
