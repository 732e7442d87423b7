//! Bounds of what a program can do: what its multipliers make together, and how often its tier rules follow each other.

use serde_json::{Value, json};

use super::{accepted, pointers, rule, with};

fn multiplier(id: &str, factor: &str, more: Value) -> Value {
    let mut multiply = json!({ "factor": factor });
    let mut multiplies = rule(&json!({ "id": id, "on": { "receipt": {} } }));
    for (name, value) in more.as_object().unwrap() {
        if matches!(name.as_str(), "kind" | "rules" | "scope") {
            multiply[name] = value.clone();
        } else {
            multiplies[name] = value.clone();
        }
    }
    multiplies["then"] = json!([{ "multiply": multiply }]);
    multiplies
}

fn program(stacking: &str, rules: Vec<Value>) -> Value {
    let mut program = with("/rules", json!(rules));
    program["points"]["multiplier_stacking"] = json!(stacking);
    program
}

fn tens(count: usize, more: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count).map(|n| multiplier(&format!("m{n}"), "10", more(n))).collect()
}

#[test]
fn factors_multiply_to_at_most_a_million() {
    accepted(&program("product", tens(6, |_| json!({}))));
    assert_eq!(pointers(&program("product", tens(27, |_| json!({})))), ["/rules/6/then/0/multiply/factor"]);
    // The largest alone works.
    accepted(&program("max", tens(27, |_| json!({}))));
    accepted(&program("additive", tens(27, |_| json!({}))));
    let large = |count: usize| (0..count).map(|n| multiplier(&format!("m{n}"), "999", json!({}))).collect::<Vec<_>>();
    accepted(&program("additive", large(250)));
    assert_eq!(pointers(&program("max", large(251))), ["/rules/250/then/0/multiply"]);
}

#[test]
fn only_multipliers_that_can_work_together_count_together() {
    // Each year has its own.
    accepted(&program(
        "product",
        tens(
            27,
            |n| json!({ "starts_at": format!("{}-01-01T00:00:00", 2000 + n), "ends_at": format!("{}-01-01T00:00:00", 2001 + n) }),
        ),
    ));
    let kinds = |n: usize| json!({ "kind": if n.is_multiple_of(2) { "redeemable" } else { "qualifying" } });
    accepted(&program("product", tens(12, kinds)));
    assert_eq!(pointers(&program("product", tens(13, kinds))), ["/rules/12/then/0/multiply/factor"]);
    let tiers = |n: usize| json!({ "tiers": [if n.is_multiple_of(2) { "base" } else { "silver" }] });
    accepted(&program("product", tens(12, tiers)));
    let events = |n: usize| json!({ "on": { "interaction": { "name": format!("event{n}") } } });
    accepted(&program("product", tens(27, events)));
    accepted(&program("product", tens(27, |_| json!({ "status": "paused" }))));
}

#[test]
fn multipliers_of_named_rules_count_with_those_of_all() {
    let mut rules = vec![rule(&json!({ "id": "a" })), rule(&json!({ "id": "b" }))];
    let named = |n: usize, name: &str| multiplier(&format!("{name}{n}"), "10", json!({ "rules": [name] }));
    rules.extend((0..6).map(|n| named(n, "a")));
    rules.extend((0..6).map(|n| named(n, "b")));
    accepted(&program("product", rules.clone()));
    rules.push(multiplier("all", "10", json!({})));
    assert_eq!(
        pointers(&program("product", rules)),
        ["/rules/7/then/0/multiply/factor", "/rules/13/then/0/multiply/factor"]
    );
}

/// A program with rules that give tier `v{n + 1}` for reaching `v{n}`, for each of `count`.
fn chain(count: usize, limit: Value) -> Value {
    let vips: Vec<Value> = (0..20).map(|n| json!({ "id": format!("v{n}"), "name": "V" })).collect();
    let gives = |n: usize| {
        let (reached, given) = (format!("v{}", n % 20), format!("v{}", (n + 1) % 20));
        let mut link = rule(&json!({ "id": format!("r{n}"), "on": { "tier_change": { "to": [reached] } } }));
        link["then"] = json!([{ "vip": given }]);
        link["limit"] = limit.clone();
        link
    };
    let mut program = with("/rules", (0..count).map(gives).collect());
    program["tiers"]["vip"] = json!(vips);
    program
}

#[test]
fn tier_rules_follow_each_other_at_most_twenty_times() {
    accepted(&chain(19, json!(null)));
    // The last one leads back to the first.
    assert_eq!(pointers(&chain(20, json!(null))).len(), 20);
    // With a limit it ends, but after more changes than fit into one transaction.
    assert_eq!(pointers(&chain(20, json!({ "times": 100, "per": "lifetime" }))).len(), 1);
}

#[test]
fn thousands_of_tier_rules_make_no_more_work_than_the_tiers() {
    let mut program = chain(19, json!(null));
    let rules = program["rules"].as_array_mut().unwrap();
    for n in 0..5_000 {
        let mut copy = rules[n % 19].clone();
        copy["id"] = json!(format!("copy{n}"));
        rules.push(copy);
    }
    accepted(&program);
}
