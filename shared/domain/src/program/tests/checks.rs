//! What is refused, each with the place of its fault.

use serde_json::{Value, json};

use super::{accepted, base, pointers, rule, with, with_rule};
use crate::program::SubmittedProgram;

#[track_caller]
fn refused(program: &Value, pointer: &str) {
    assert_eq!(pointers(program), [pointer]);
}

fn receipt(trigger: &Value) -> Value {
    with_rule(&json!({ "on": { "receipt": trigger } }))
}

fn draft(changes: &Value) -> Value {
    let mut program = with_rule(changes);
    program["rules"][0]["status"] = json!("draft");
    program
}

#[test]
fn money_is_text_in_the_precision_of_the_currency() {
    for bad in [json!(50), json!(50.0), json!("50.001"), json!("-1.00"), json!("0.00"), json!("1e3"), json!("")] {
        refused(&receipt(&json!({ "spend": { "every": bad } })), "/rules/0/on/receipt/spend/every");
    }
}

#[test]
fn measures() {
    refused(&receipt(&json!({ "spend": {} })), "/rules/0/on/receipt/spend");
    refused(&receipt(&json!({ "spend": { "every": "1.00", "total_at_least": "2.00" } })), "/rules/0/on/receipt/spend");
    refused(&receipt(&json!({ "spend": { "every": "1.00" }, "receipts": { "every": 1 } })), "/rules/0/on/receipt");
    refused(&receipt(&json!({ "receipts": { "every": 0 } })), "/rules/0/on/receipt/receipts/every");
    assert_eq!(
        pointers(&receipt(&json!({ "receipts": { "every_per_receipt": 2 } }))),
        ["/rules/0/on/receipt/receipts", "/rules/0/on/receipt/receipts/every_per_receipt"]
    );
    let spend = |spend: &Value| draft(&json!({ "on": { "receipt": { "spend": spend } } }));
    let pointer = "/rules/0/on/receipt/spend/up_to";
    refused(&spend(&json!({ "every": "1.00", "from": "5.00", "up_to": "4.00" })), pointer);
    refused(&spend(&json!({ "every": "1.00", "from": "5.00", "up_to": "5.00" })), pointer);
    refused(&spend(&json!({ "every": "1.00", "range": "band" })), "/rules/0/on/receipt/spend/range");
}

#[test]
fn windows() {
    let within = |within: &Value| {
        draft(&json!({ "on": { "receipt": { "spend": { "total_at_least": "9.00" }, "within": within } } }))
    };
    refused(&within(&json!({ "days": 0 })), "/rules/0/on/receipt/within/days");
    refused(&within(&json!({ "days": 367 })), "/rules/0/on/receipt/within/days");
    refused(&within(&json!({ "days": 3, "from": "today" })), "/rules/0/on/receipt/within/from");
    refused(
        &within(&json!({ "starts_on": "2026-03-02", "ends_on": "2026-03-01" })),
        "/rules/0/on/receipt/within/ends_on",
    );
    refused(&draft(&json!({ "on": { "receipt": { "within": { "days": 3 } } } })), "/rules/0/on/receipt");
}

#[test]
fn limits() {
    let limit = |limit: &Value| with_rule(&json!({ "limit": limit }));
    refused(&limit(&json!({ "times": 0, "per": "day" })), "/rules/0/limit/times");
    refused(&limit(&json!({ "points": 0, "per": "day" })), "/rules/0/limit/points");
    refused(&limit(&json!({ "times": 1, "points": 1, "per": "day" })), "/rules/0/limit");
    refused(&limit(&json!({ "times": 1 })), "/rules/0/limit/per");
    refused(&limit(&json!([{ "times": 1, "per": "day" }, { "times": 1, "per": "hour" }])), "/rules/0/limit/1/per");
    refused(&limit(&json!({ "times": 1, "per": "lifetime", "every": 2 })), "/rules/0/limit/every");
    refused(&limit(&json!({ "times": 1, "per": "lifetime", "rolling": true })), "/rules/0/limit/rolling");
}

#[test]
fn effects() {
    let then = |effect: &Value| draft(&json!({ "then": [effect] }));
    refused(&draft(&json!({ "then": [] })), "/rules/0/then");
    refused(&then(&json!({ "credit": { "points": 0 } })), "/rules/0/then/0/credit/points");
    refused(&then(&json!({ "credit": { "points": 1_000_000_000_001_i64 } })), "/rules/0/then/0/credit/points");
    refused(&then(&json!({ "credit": { "points": 1.5 } })), "/rules/0/then/0/credit/points");
    refused(&then(&json!({ "credit": { "per_unit": 1 } })), "/rules/0/then/0/credit/per_unit");
    refused(&then(&json!({ "credit": { "per_unit": "1000000" } })), "/rules/0/then/0/credit/per_unit");
    refused(&then(&json!({ "credit": {} })), "/rules/0/then/0/credit");
    refused(&then(&json!({ "credit": { "points": 1 }, "debit": { "points": 1 } })), "/rules/0/then/0");
    refused(&then(&json!({ "multiply": { "factor": "0" } })), "/rules/0/then/0/multiply/factor");
    let itself = json!({ "multiply": { "factor": "2", "rules": ["every-50"] } });
    refused(&then(&itself), "/rules/0/then/0/multiply/rules/0");
    let unknown = json!({ "multiply": { "factor": "2", "rules": ["nobody"] } });
    refused(&then(&unknown), "/rules/0/then/0/multiply/rules/0");
    refused(&then(&json!({ "reward": "six-off" })), "/rules/0/then/0/reward");
    refused(&then(&json!({ "vip": "silver" })), "/rules/0/then/0/vip");
    refused(&then(&json!({ "vip": "nobody" })), "/rules/0/then/0/vip");
}

#[test]
fn only_receipts_have_an_amount_and_lines() {
    let then = |effect: &Value| draft(&json!({ "on": { "enrollment": {} }, "then": [effect] }));
    refused(&then(&json!({ "credit": { "per_unit": "1" } })), "/rules/0/then/0/credit/per_unit");
    refused(&then(&json!({ "debit": { "per_unit": "1" } })), "/rules/0/then/0/debit/per_unit");
    refused(&then(&json!({ "multiply": { "factor": "2", "scope": "lines" } })), "/rules/0/then/0/multiply/scope");
}

#[test]
fn triggers() {
    let on = |trigger: &Value| draft(&json!({ "on": trigger }));
    refused(&on(&json!({ "receipt": {}, "enrollment": {} })), "/rules/0/on");
    refused(&on(&json!({ "interaction": { "name": "email_opened" } })), "/rules/0/on/interaction/name");
    refused(&on(&json!({ "email_opened": { "link_categories": [] } })), "/rules/0/on/email_opened/link_categories");
    refused(&on(&json!({ "inactivity": {} })), "/rules/0/on/inactivity/days");
    refused(&on(&json!({ "tier_change": { "from": ["nobody"] } })), "/rules/0/on/tier_change/from/0");
    refused(&on(&json!({ "tier_change": { "to": ["base", "nobody"] } })), "/rules/0/on/tier_change/to/1");
    refused(&on(&json!({ "enrollment": { "at": "day" } })), "/rules/0/on/enrollment/at");
}

#[test]
fn names_must_exist_and_be_unique() {
    refused(&with_rule(&json!({ "tiers": ["base", "gold"] })), "/rules/0/tiers/1");
    refused(&with("/rewards/0/tiers", json!(["gold"])), "/rewards/0/tiers/0");
    refused(&with("/rules", json!([rule(&json!({})), rule(&json!({}))])), "/rules/1/id");
    refused(&with("/tiers/vip/0/id", json!("silver")), "/tiers/vip/0/id");
    let mut program = base();
    let reward = program["rewards"][0].clone();
    program["rewards"].as_array_mut().unwrap().push(reward);
    refused(&program, "/rewards/1/id");
}

#[test]
fn a_part_that_cannot_be_read_still_exists() {
    let mut program = with_rule(&json!({ "then": [{ "reward": "five-off" }], "tiers": ["silver"] }));
    program["rewards"][0]["cost"] = json!("free");
    program["tiers"]["ladder"][1]["name"] = json!(7);
    let mut found = pointers(&program);
    found.sort();
    assert_eq!(found, ["/rewards/0/cost", "/tiers/ladder/1/name"]);
}

#[test]
fn the_ladder_begins_at_zero_and_rises() {
    refused(&with("/tiers/ladder/0/threshold", json!(1)), "/tiers/ladder/0/threshold");
    refused(&with("/tiers/ladder/1/threshold", json!(0)), "/tiers/ladder/1/threshold");
    refused(&with("/tiers/ladder", json!([])), "/tiers/ladder");
    let step = |n: i32| json!({ "id": n.to_string(), "name": "x", "threshold": n });
    refused(&with("/tiers/ladder", (0..21).map(step).collect()), "/tiers/ladder");
    accepted(&with("/tiers/ladder", (0..20).map(step).collect()));
}

#[test]
fn nothing_ends_before_it_starts() {
    for (start, end) in [
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        ("2026-01-01T00:00:00", "2025-12-31T22:59:59Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:59:00+01:00"),
    ] {
        refused(&with_rule(&json!({ "starts_at": start, "ends_at": end })), "/rules/0/ends_at");
    }
    accepted(&with_rule(&json!({ "starts_at": "2026-01-01T00:00:00", "ends_at": "2025-12-31T23:00:01Z" })));
    refused(&with_rule(&json!({ "starts_at": "0000-01-01T00:00:00" })), "/rules/0/starts_at");
    refused(&with_rule(&json!({ "starts_at": "9999-01-01T00:00:00" })), "/rules/0/starts_at");
}

#[test]
fn the_value_of_a_reward_fits_its_type() {
    let reward = |kind: &str, value: Value| {
        let mut program = base();
        program["rewards"][0]["type"] = json!(kind);
        program["rewards"][0]["value"] = value;
        program
    };
    for (kind, good, bad) in [
        ("amount_off", json!("5.00"), json!("0.00")),
        ("amount_off", json!("5"), Value::Null),
        ("gift_card", json!("5.00"), json!("5.001")),
        ("percent_off", json!("100"), json!("100.01")),
        ("percent_off", json!("0.5"), json!(10)),
        ("free_product", json!("SKU-1"), json!("")),
        ("free_shipping", Value::Null, json!("5.00")),
        ("custom", Value::Null, json!(5)),
    ] {
        accepted(&reward(kind, good));
        refused(&reward(kind, bad), "/rewards/0/value");
    }
    refused(&reward("half_off", json!("?")), "/rewards/0/type");
}

#[test]
fn codes_are_hard_to_guess_and_easy_to_type() {
    let pattern = |pattern: &str| with("/rewards/0/code", json!({ "pattern": pattern }));
    accepted(&pattern("########"));
    for bad in ["ADA-#######", "ada-########", "ADA ########", "É########", &"#".repeat(41)] {
        refused(&pattern(bad), "/rewards/0/code/pattern");
    }
    refused(&with("/rewards/0/code", json!({})), "/rewards/0/code");
    refused(&with("/rewards/0/code", json!({ "pool": false })), "/rewards/0/code/pool");
    refused(&with("/rewards/0/code", json!({ "provider": "nobody" })), "/rewards/0/code/provider");
}

#[test]
fn points_that_shoppers_choose_have_a_value_and_bounds() {
    let per = json!({ "points": 100, "value": "1.00", "min": 100, "max": 5000, "step": 50 });
    let paid = |kind: &str, changes: Value| {
        let mut reward = json!({ "id": "five-off", "name": "Pay", "type": kind, "code": { "pattern": "########" },
                                 "cost_per": per });
        for (name, value) in changes.as_object().unwrap() {
            reward["cost_per"][name] = value.clone();
        }
        with("/rewards/0", reward)
    };
    accepted(&paid("amount_off", json!({})));
    accepted(&paid("gift_card", json!({ "min": 50, "max": 50 })));
    refused(&paid("percent_off", json!({})), "/rewards/0/cost_per");
    for (changes, pointer) in [
        (json!({ "points": 0 }), "/points"),
        (json!({ "value": "0.00" }), "/value"),
        (json!({ "value": 1 }), "/value"),
        (json!({ "step": 0 }), "/step"),
        (json!({ "min": 75 }), "/min"),
        (json!({ "max": 50 }), "/max"),
        (json!({ "most": 1 }), "/most"),
        (json!({ "points": 1_000_000, "min": 50 }), ""),
        (json!({ "points": 1, "value": "9999999999.99" }), ""),
    ] {
        refused(&paid("amount_off", changes), &format!("/rewards/0/cost_per{pointer}"));
    }
    let mut both = paid("amount_off", json!({}));
    both["rewards"][0]["cost"] = json!(100);
    refused(&both, "/rewards/0");
    let mut valued = paid("amount_off", json!({}));
    valued["rewards"][0]["value"] = json!("5.00");
    refused(&valued, "/rewards/0/value");
    // A rule has nobody who chooses.
    let mut given = paid("amount_off", json!({}));
    given["rules"][0]["then"] = json!([{ "reward": "five-off" }]);
    refused(&given, "/rules/0/then/0/reward");
}

#[test]
fn idle_visitors_are_kept_for_ten_years_at_most() {
    accepted(&with("/members", json!({})));
    accepted(&with("/members", json!({ "visitor_days": 3650 })));
    for bad in [json!(0), json!(3651), json!("365"), json!(-1), json!(1.5)] {
        refused(&with("/members", json!({ "visitor_days": bad })), "/members/visitor_days");
    }
    refused(&with("/members", json!({ "days": 1 })), "/members/days");
}

#[test]
fn what_a_reward_says_of_its_coupons() {
    let reward = |name: &str, value: Value| with(&format!("/rewards/0/{name}"), value);
    accepted(&reward("max_discount", json!("20.00")));
    refused(&reward("max_discount", json!("0.00")), "/rewards/0/max_discount");
    accepted(&reward("combines_with", json!({ "order": true })));
    accepted(&reward("combines_with", json!({})));
    refused(&reward("combines_with", json!({ "order": "yes" })), "/rewards/0/combines_with/order");
    refused(&reward("combines_with", json!({ "orders": true })), "/rewards/0/combines_with/orders");
    refused(&reward("low_stock", json!(5)), "/rewards/0/low_stock");
    let mut stocked = reward("low_stock", json!(5));
    stocked["rewards"][0]["stock"] = json!(100);
    accepted(&stocked);
    accepted(&with("/coupons", json!({ "warn_days": [] })));
    for (bad, pointer) in [(json!([0]), "/0"), (json!([366]), "/0"), (json!([7, 7]), ""), (json!(7), "")] {
        refused(&with("/coupons", json!({ "warn_days": bad })), &format!("/coupons/warn_days{pointer}"));
    }
}

#[test]
fn addresses_and_styles() {
    let storefront = |name: &str, value: Value| with("/storefront", json!({ name: value }));
    for bad in [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "javascript:alert(1)",
        "https://a b",
        "http://shop.example",
        "http://127.0.0.1.shop.example/",
        "https://ada:secret@shop.example/",
        "https://ada@shop.example",
    ] {
        refused(&storefront("shop_url", json!(bad)), "/storefront/shop_url");
    }
    for good in ["https://shop.example/@ada", "http://127.0.0.1:8080/shop", "http://localhost", "https://[::1]/"] {
        accepted(&storefront("shop_url", json!(good)));
    }
    refused(&storefront("logo_url", json!(format!("https://x/{}", "a".repeat(2_000)))), "/storefront/logo_url");
    for bad in ["https://shop.example/", "*", "https://Shop.example"] {
        refused(&storefront("allowed_origins", json!([bad])), "/storefront/allowed_origins/0");
    }
    for bad in ["red", "#a30", "#aa33000", "#aa330g", "rgb(1, 2, 3)", "#aa3300;}"] {
        refused(&storefront("colours", json!({ "a": bad })), "/storefront/colours/a");
    }
    for bad in ["x</style>", "Inter", ""] {
        refused(&storefront("font", json!(bad)), "/storefront/font");
    }
}

#[test]
fn names_of_points() {
    let name = |name: Value| with("/points/name", name);
    refused(&name(json!("points")), "/points/name");
    refused(&name(json!({ "one": "point" })), "/points/name/other");
    refused(&name(json!({ "it": { "one": "punto" } })), "/points/name/it/other");
    refused(&name(json!({ "it": { "other": "punti" }, "german": { "other": "Punkte" } })), "/points/name");
    refused(&name(json!({ "it": { "other": "punti" }, "other": "points" })), "/points/name/other");
    accepted(&name(json!({ "ja": { "other": "ポイント" }, "pt-BR": { "one": "ponto", "other": "pontos" } })));
}

#[test]
fn lists_have_an_end() {
    let many = |n: usize| json!(vec!["x"; n]);
    accepted(&receipt(&json!({ "where": { "stores": many(1_000) } })));
    refused(&receipt(&json!({ "where": { "stores": many(1_001) } })), "/rules/0/on/receipt/where/stores");
    refused(&with("/rules", many(10_001)), "/rules");
    refused(&with("/rewards", many(1_001)), "/rewards");
}

#[test]
fn the_worst_account_must_fit() {
    let points = |hold: u32, expiry: Value| with("/points", json!({ "hold_days": hold, "expiry": expiry }));
    accepted(&points(60, json!({ "after_months": 24 })));
    accepted(&points(365, json!({ "end_of_year": true })));
    accepted(&points(365, Value::Null));
    refused(&points(90, json!({ "after_months": 24 })), "/points/expiry");
    refused(&points(0, json!({ "after_months": 25 })), "/points/expiry/after_months");
    refused(&points(366, Value::Null), "/points/hold_days");

    let rules = |count: usize, changes: Value| {
        let with_id = |n: usize| {
            let mut rule = rule(&changes);
            rule["id"] = json!(format!("rule-{n}"));
            rule
        };
        with("/rules", (0..count).map(with_id).collect())
    };
    accepted(&rules(40, json!({ "limit": { "times": 1, "per": "day" } })));
    refused(&rules(100, json!({ "limit": { "times": 1, "per": "day" } })), "/rules");
    refused(&rules(1, json!({ "limit": { "times": 30_000, "per": "year", "rolling": true } })), "/rules");
    accepted(&rules(2_000, json!({})));
    accepted(&rules(10_000, json!({ "on": { "receipt": {} } })));
}

#[test]
fn many_faults_are_cut_off() {
    let program = with("/rules", json!(vec![json!({}); 200]));
    assert_eq!(SubmittedProgram::read(&program).unwrap_err().len(), 100);
}

/// A referral program with some fields replaced.
fn with_referral(changes: &Value) -> Value {
    let mut referral = json!({
        "enabled": true, "advocates": { "who": "members", "tiers": ["silver"] },
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true, "where": { "channels": ["web"] } } },
        "code": { "length": 8, "prefix": "ADA", "valid_days": 90, "starts_after_days": 0 },
        "attribution_days": 30, "hold_days": 14, "remind_after_days": 7,
        "friend": { "on": "attributed", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [
            { "at": 1, "then": [{ "credit": { "points": 10 } }] }, { "at": 3, "then": [{ "reward": "five-off" }, { "vip": "vip" }] },
        ] },
        "review_at_score": 50, "checks": { "same_ip": 30, "ip_velocity": 20, "advocate_velocity": 20 },
    });
    for (name, value) in changes.as_object().unwrap() {
        referral[name] = value.clone();
    }
    with("/referral", referral)
}

#[test]
fn a_referral_program_is_read_and_written_back() {
    let program = accepted(&with_referral(&json!({})));
    let written = serde_json::to_value(&program).unwrap();
    assert_eq!(
        written["referral"],
        with_referral(&json!({}))["referral"]
            .as_object()
            .map(|r| {
                let mut r = r.clone();
                r["friend"]["then"][0]["credit"]["kind"] = json!("redeemable");
                r["advocate"]["milestones"][0]["then"][0]["credit"]["kind"] = json!("redeemable");
                Value::Object(r)
            })
            .unwrap()
    );
    assert_eq!(accepted(&written), program);
    let stored = SubmittedProgram::read(&written).unwrap().first_version().pack().unwrap();
    assert_eq!(*crate::program::StoredProgram::unpack(&stored).unwrap().program(), program);
}

#[test]
fn each_fault_of_a_referral_program_is_named() {
    let points = json!([{ "credit": { "points": 1 } }]);
    for (changes, pointer) in [
        (json!({ "conversion": {} }), "/referral/conversion"),
        (
            json!({ "conversion": { "receipt": { "spend_over": "1.00", "spend_at_least": "1.00" } } }),
            "/referral/conversion/receipt",
        ),
        (json!({ "conversion": { "receipt": { "spend_over": 60 } } }), "/referral/conversion/receipt/spend_over"),
        (json!({ "conversion": { "interaction": "" } }), "/referral/conversion/interaction"),
        (json!({ "advocates": { "who": "all" } }), "/referral/advocates/who"),
        (json!({ "advocates": { "who": "members", "tiers": ["no"] } }), "/referral/advocates/tiers/0"),
        (json!({ "code": { "length": 3 } }), "/referral/code/length"),
        (json!({ "code": { "prefix": "ada" } }), "/referral/code/prefix"),
        (json!({ "attribution_days": 0 }), "/referral/attribution_days"),
        (json!({ "hold_days": -1 }), "/referral/hold_days"),
        (json!({ "friend": { "on": "later", "then": points } }), "/referral/friend/on"),
        (json!({ "friend": { "on": "qualified", "then": [] } }), "/referral/friend/then"),
        (json!({ "friend": { "on": "qualified", "then": [{ "reward": "no" }] } }), "/referral/friend/then/0/reward"),
        (
            json!({ "friend": { "on": "qualified", "then": [{ "credit": { "per_unit": "1" } }] } }),
            "/referral/friend/then/0",
        ),
        (
            json!({ "friend": { "on": "qualified", "then": [{ "multiply": { "factor": "2" } }] } }),
            "/referral/friend/then/0",
        ),
        (json!({ "advocate": { "mode": "additive", "milestones": [] } }), "/referral/advocate/milestones"),
        (
            json!({ "advocate": { "mode": "additive", "milestones": [{ "at": 3, "then": points }, { "at": 3, "then": points }] } }),
            "/referral/advocate/milestones",
        ),
        (
            json!({ "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "vip": "gold" }] }] } }),
            "/referral/advocate/milestones/0/then/0/vip",
        ),
        (json!({ "checks": { "same_ip": 1, "other": 2 } }), "/referral/checks/other"),
        (json!({ "review_at_score": 0 }), "/referral/review_at_score"),
        (json!({ "reward": 1 }), "/referral/reward"),
    ] {
        assert_eq!(pointers(&with_referral(&changes)), [pointer], "{changes}");
    }
}
