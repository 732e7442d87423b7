//! The rules of the acceptance cases: those that this version evaluates are accepted, the others are refused by what
//! is not supported, and by nothing else.

use serde_json::{Value, json};

use super::documents::{rewards, rules};
use super::{accepted, base, with, with_rule};
use crate::program::SubmittedProgram;

/// The faults of a program, of which none may be another than that something is not supported.
fn unsupported(program: &Value) -> Vec<String> {
    let faults = SubmittedProgram::read(program).err().unwrap_or_default();
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
fn every_trigger_condition_and_effect_is_accepted() {
    for on in [
        json!({ "receipt": { "spend": { "every": "1.00", "from": "50.00", "range": "band", "up_to": "200.00" } } }),
        json!({ "receipt": { "spend": { "total_at_least": "100.00" }, "within": { "days": 30 } } }),
        json!({ "receipt": { "spend": { "every": "1.00", "from": "50.00" }, "within": { "days": 30 } } }),
        json!({ "birthday": {} }),
        json!({ "enrollment": {} }),
        json!({ "email_opened": {} }),
        json!({ "inactivity": { "days": 180 } }),
        json!({ "interaction": { "name": "probe" } }),
        json!({ "tier_change": { "to": ["silver"] } }),
        json!({ "referral": { "role": "friend" } }),
    ] {
        accepted(&with_rule(&json!({ "on": on, "then": credit() })));
    }
    for change in [
        json!({ "if": [{ "birthday": { "within": "week" } }] }),
        json!({ "then": [{ "multiply": { "factor": "2" } }] }),
        json!({ "then": [{ "reset": { "kind": "redeemable" } }] }),
        json!({ "then": [{ "debit": { "points": 1 } }] }),
        json!({ "then": [{ "vip": "vip" }] }),
        json!({ "limit": { "times": 1, "per": "day", "rolling": true } }),
    ] {
        accepted(&with_rule(&change));
    }
    accepted(&with("/tiers/window", json!({ "rolling_months": 12 })));
}

#[test]
fn a_shop_creates_codes_of_discounts_that_its_checkout_can_give() {
    let reward = |change: &Value| {
        let mut reward = json!({ "id": "shop", "name": "Shop", "type": "amount_off", "value": "5.00", "cost": 100,
                                 "minimum_spend": "20.00", "combines_with": { "order": true }, "valid_days": 30,
                                 "code": { "provider": "shopify" } });
        reward.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        reward.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        with("/rewards/0", reward)
    };
    let per = |max: i64| json!({ "points": 100, "value": "1.00", "min": 100, "max": max, "step": 100 });
    for change in [
        json!({}),
        json!({ "code": { "provider": "woocommerce" } }),
        json!({ "type": "percent_off", "value": "12.5" }),
        json!({ "type": "free_shipping", "value": null }),
        json!({ "value": null, "cost": null, "cost_per": per(5_000) }),
    ] {
        accepted(&reward(&change));
    }
    for (change, pointer) in [
        (json!({ "type": "free_product", "value": "SKU-1" }), "/rewards/0/type"),
        (json!({ "type": "gift_card" }), "/rewards/0/type"),
        (json!({ "skus": ["SKU-1"] }), "/rewards/0/skus"),
        (json!({ "type": "percent_off", "value": "10", "max_discount": "5.00" }), "/rewards/0/max_discount"),
        (json!({ "bind": "member" }), "/rewards/0/bind"),
        (json!({ "value": null, "cost": null, "cost_per": per(5_100) }), "/rewards/0/cost_per/step"),
    ] {
        assert_eq!(unsupported(&reward(&change)), [pointer]);
    }
}

#[test]
fn every_rule_is_accepted_whatever_its_status() {
    let mut program = base();
    program["rules"] = rules();
    program["rewards"] = rewards();
    accepted(&program);
    for rule in program["rules"].as_array_mut().unwrap() {
        rule["status"] = json!("active");
    }
    accepted(&program);
    for status in ["paused", "archived"] {
        for rule in program["rules"].as_array_mut().unwrap() {
            rule["status"] = json!(status);
        }
        accepted(&program);
    }
}
