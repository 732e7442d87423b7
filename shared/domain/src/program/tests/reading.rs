//! What is written is read, and written out again as it was.

use serde_json::{Value, json};

use super::documents::whole;
use super::{accepted, base, pointers, with, with_rule};
use crate::program::SubmittedProgram;
use crate::rule::{Effect, RuleStatus};

fn written(program: &Value) -> Value {
    serde_json::to_value(accepted(program)).unwrap()
}

#[test]
fn a_whole_program_is_written_out_as_it_was_read() {
    let document = whole();
    let again = written(&document);
    for part in ["points", "tiers", "rewards", "coupons", "storefront"] {
        assert_eq!(again[part], document[part]);
    }
    let (rules, expected) = (again["rules"].as_array().unwrap(), document["rules"].as_array().unwrap());
    for (rule, expected) in rules.iter().zip(expected) {
        assert_eq!(rule, expected);
    }
    assert_eq!(again, document);
    assert_eq!(accepted(&again), accepted(&document));
}

#[test]
fn what_is_absent_gets_its_default_and_keeps_it() {
    let program = accepted(&json!({ "name": "A", "currency": "JPY", "timezone": "UTC" }));
    let again = serde_json::to_value(&program).unwrap();
    assert_eq!(again["locale"], "en");
    assert_eq!(again["points"]["rounding"], "floor");
    assert_eq!(again["points"]["expiry"], Value::Null);
    assert_eq!(again["coupons"], json!({ "apply_minutes": 60, "warn_days": [7] }));
    assert_eq!(again.get("tiers"), None);
    assert_eq!(accepted(&again), program);
    let mut without_code = base();
    without_code["rewards"][0].as_object_mut().unwrap().remove("code");
    assert_eq!(written(&without_code)["rewards"][0]["code"], json!({ "pattern": "############" }));
    let program = written(&base());
    assert_eq!(program["tiers"]["window"], "calendar_year");
    assert_eq!(program["tiers"]["downgrade"], "one_down");
    assert_eq!(program["rules"][0]["then"], json!([{ "credit": { "points": 10, "kind": "redeemable" } }]));
}

#[test]
fn nothing_of_an_answer_stands_in_the_way_of_sending_it_back() {
    let mut program = base();
    for (name, value) in [("id", json!("prg_1")), ("version", json!(7)), ("updated_at", json!("2026-03-01T09:00:00Z"))]
    {
        program[name] = value;
    }
    program["referral"] = Value::Null;
    program["rules"][0]["version"] = json!(3);
    assert_eq!(accepted(&program), accepted(&base()));
}

#[test]
fn a_rule_without_status_is_a_draft_and_one_without_name_has_its_id() {
    let mut program = base();
    let rule = program["rules"][0].as_object_mut().unwrap();
    rule.remove("status");
    rule.remove("name");
    let rule = accepted(&program).rules.remove(0);
    assert_eq!((rule.status, rule.name.as_str()), (RuleStatus::Draft, "every-50"));
}

#[test]
fn an_empty_list_is_not_an_absent_one() {
    let on = |lines: Value| with_rule(&json!({ "on": { "receipt": { "where": { "lines": lines } } } }));
    let program = written(&on(json!({ "skus": [] })));
    assert_eq!(program["rules"][0]["on"]["receipt"]["where"]["lines"], json!({ "skus": [] }));
    assert_ne!(accepted(&on(json!({ "skus": [] }))), accepted(&on(json!({}))));
    assert_eq!(written(&with_rule(&json!({ "tiers": [] })))["rules"][0]["tiers"], json!([]));
}

#[test]
fn the_long_form_of_a_reward_effect_is_written_short() {
    let program = with_rule(&json!({ "then": [{ "reward": { "reward": "five-off" } }] }));
    assert!(matches!(accepted(&program).rules[0].then[0], Effect::Reward { .. }));
    assert_eq!(written(&program)["rules"][0]["then"], json!([{ "reward": "five-off" }]));
}

#[test]
fn a_list_of_one_limit_is_that_limit() {
    let limit = json!({ "times": 1, "per": "week" });
    let program = written(&with_rule(&json!({ "limit": [limit] })));
    assert_eq!(program["rules"][0]["limit"], limit);
    assert_eq!(written(&with_rule(&json!({ "limit": [] })))["rules"][0].get("limit"), None);
}

#[test]
fn every_form_of_expiry_and_window() {
    let forms =
        [json!({ "end_of_year": true }), json!({ "inactive_months": 6 }), json!({ "after_months": 24 }), json!(null)];
    for form in forms {
        assert_eq!(written(&with("/points/expiry", form.clone()))["points"]["expiry"], form);
    }
    for word in ["calendar_year", "lifetime"] {
        assert_eq!(written(&with("/tiers/window", json!(word)))["tiers"]["window"], word);
    }
}

#[test]
fn moments_are_local_or_instants() {
    for (text, again) in [
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        ("2026-01-01", "2026-01-01T00:00:00"),
        ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00Z"),
    ] {
        assert_eq!(written(&with_rule(&json!({ "starts_at": text })))["rules"][0]["starts_at"], again);
    }
}

#[test]
fn every_fault_is_named_in_one_answer() {
    let program = json!({
        "name": " ", "currency": "EURO", "timezone": "Europe/Rom", "locale": "italian", "colour": 1,
        "points": { "rounding": "up", "hold_days": 1.5, "expiry": { "after_months": 0 }, "point_value": 0.01 },
        "tiers": { "ladder": [{ "id": "", "name": "A", "threshold": -1 }], "windows": "lifetime" },
        "rewards": [{ "id": "a" }],
        "rules": [{ "id": "r", "starts_at": "soon", "on": { "recept": {} }, "then": [] }],
        "coupons": { "apply_minutes": 0 }, "storefront": { "shop_url": "ftp://x" },
    });
    let found = pointers(&program);
    for pointer in [
        "/name",
        "/currency",
        "/timezone",
        "/locale",
        "/colour",
        "/points/rounding",
        "/points/hold_days",
        "/points/expiry/after_months",
        "/points/point_value",
        "/tiers/ladder/0/id",
        "/tiers/ladder/0/threshold",
        "/tiers/windows",
        "/rewards/0/name",
        "/rewards/0/type",
        "/rewards/0",
        "/rules/0/starts_at",
        "/rules/0/on",
        "/rules/0/on/recept",
        "/rules/0/then",
        "/coupons/apply_minutes",
        "/storefront/shop_url",
    ] {
        assert!(found.iter().any(|found| found == pointer), "{pointer} is not in {found:?}");
    }
    assert!(SubmittedProgram::read(&json!([])).is_err());
}

#[test]
fn a_missing_currency_is_one_fault_and_not_one_for_each_amount() {
    let mut program = whole();
    program["currency"] = json!("???");
    assert_eq!(pointers(&program), ["/currency"]);
}

#[test]
fn the_names_of_routes_are_no_ids_of_rules() {
    for id in ["backtest", "examine"] {
        let mut program = whole();
        program["rules"][0]["id"] = json!(id);
        assert!(pointers(&program).iter().any(|found| found == "/rules/0/id"), "{id}");
    }
}
