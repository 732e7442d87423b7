//! The index of rules against a plain scan: it finds every rule that a receipt meets, and no receipt meets more.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::fact::{Receipt, Remaining, read_receipt};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::rule::RuleStatus;
use tessera_domain::time::Day;

use crate::rules::program;

fn words(prefix: &'static str, most: u8) -> impl Strategy<Value = Value> {
    prop::option::weighted(0.4, prop::collection::vec(0..most, 0..3)).prop_map(move |values| {
        values.map_or(Value::Null, |values| values.iter().map(|value| json!(format!("{prefix}{value}"))).collect())
    })
}

fn rules() -> impl Strategy<Value = Vec<Value>> {
    let filter = (words("s", 4), words("s", 4), words("ch", 2), any::<bool>());
    let lines = (words("sku", 4), words("c", 4), words("c", 4), words("b", 3), words("v", 3));
    let rule = (filter, lines, 0..40u32, 1..40u32, 0..4u8).prop_map(|(filter, lines, from, days, status)| {
        let set = |object: &mut Value, name: &str, value: Value| {
            if !value.is_null() {
                object[name] = value;
            }
        };
        let (stores, stores_not, channels, has_lines) = filter;
        let (skus, categories, categories_not, brands, values) = lines;
        let mut of_lines = json!({});
        set(&mut of_lines, "skus", skus);
        set(&mut of_lines, "categories", categories);
        set(&mut of_lines, "categories_not", categories_not);
        set(&mut of_lines, "brands", brands);
        if !values.is_null() {
            of_lines["attributes"] = json!({ "season": values });
        }
        let mut of_receipt = json!({});
        set(&mut of_receipt, "stores", stores);
        set(&mut of_receipt, "stores_not", stores_not);
        set(&mut of_receipt, "channels", channels);
        if has_lines {
            of_receipt["lines"] = of_lines;
        }
        let day = |n: u32| Day::from_date("2026-03-01".parse().unwrap()).plus_days(n).to_string();
        json!({
            "status": if status == 0 { "paused" } else { "active" }, "starts_at": day(from), "ends_at": day(from + days),
            "on": { "receipt": { "where": of_receipt } }, "then": [{ "credit": { "points": 1 } }],
        })
    });
    prop::collection::vec(rule, 0..150)
}

fn receipts() -> impl Strategy<Value = Vec<Receipt>> {
    let line =
        (0..5u8, prop::collection::vec(0..5u8, 0..3), 0..4u8, 0..4u8).prop_map(|(sku, categories, brand, value)| {
            let categories: Vec<String> = categories.iter().map(|c| format!("c{c}")).collect();
            json!({ "sku": format!("sku{sku}"), "category": categories, "brand": format!("b{brand}"), "amount": "1.00",
            "attributes": { "season": format!("v{value}"), "other": "v1" } })
        });
    let receipt =
        (prop::collection::vec(line, 0..5), 0..5u8, 0..3u8, 0..90u32).prop_map(|(lines, store, channel, day)| {
            let day = Day::from_date("2026-02-25".parse().unwrap()).plus_days(day);
            let total = if lines.is_empty() { "5.00".to_owned() } else { format!("{}.00", lines.len()) };
            let body = json!({ "id": "r", "occurred_at": format!("{day}T23:30:00Z"), "member": null, "currency": "EUR",
            "total": total, "lines": lines, "store": format!("s{store}"), "channel": format!("ch{channel}") });
            read_receipt(&body, tessera_domain::money::Currency::from_code("EUR").unwrap()).unwrap().receipt
        });
    prop::collection::vec(receipt, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_scan_finds(mut rules in rules(), receipts in receipts()) {
        for (place, rule) in rules.iter_mut().enumerate() {
            rule["id"] = json!(format!("r{place}"));
        }
        let program = SubmittedProgram::read(&program(&Value::Array(rules))).unwrap();
        let compiled = CompiledProgram::new(program, 1);
        let euro = compiled.program.currency;
        for receipt in receipts {
            let words = compiled.rules.words(&receipt);
            let whole = Remaining::whole(&receipt);
            let at = receipt.occurred_at;
            let meets = |rule: &&tessera_domain::rule::CompiledRule| rule.eligible(&receipt, &words, &whole, euro).is_some();
            let scanned: Vec<&str> = compiled
                .rules
                .iter()
                .filter(|rule| rule.rule.status == RuleStatus::Active && rule.covers(at))
                .filter(meets)
                .map(|rule| rule.rule.id.as_str())
                .collect();
            let day = Day::of(at, &compiled.zone);
            let found: Vec<&str> =
                compiled.rules.for_receipt(&words, at, day).filter(meets).map(|rule| rule.rule.id.as_str()).collect();
            prop_assert_eq!(found, scanned);
            // The words say what the filters of the rules say.
            for rule in compiled.rules.iter() {
                let filter = rule.receipt().and_then(|trigger| trigger.filter.as_ref()).unwrap();
                prop_assert_eq!(meets(&rule), plainly(filter, &receipt), "{:?}", filter);
            }
        }
    }
}

/// A filter read word for word.
fn plainly(filter: &tessera_domain::rule::Filter, receipt: &Receipt) -> bool {
    let has = |list: &Option<Vec<String>>, value: &Option<String>| {
        list.as_ref().is_some_and(|list| value.as_ref().is_some_and(|value| list.contains(value)))
    };
    let any = |list: &Option<Vec<String>>, value: &Option<String>| list.is_none() || has(list, value);
    if !any(&filter.stores, &receipt.store) || has(&filter.stores_not, &receipt.store) {
        return false;
    }
    if !any(&filter.channels, &receipt.channel) {
        return false;
    }
    let Some(lines) = &filter.lines else { return true };
    receipt.lines.iter().any(|line| {
        let categories = |list: &Option<Vec<String>>| {
            list.as_ref().is_some_and(|list| line.categories.iter().any(|category| list.contains(category)))
        };
        any(&lines.skus, &line.sku)
            && (lines.categories.is_none() || categories(&lines.categories))
            && !categories(&lines.categories_not)
            && any(&lines.brands, &line.brand)
            && lines.attributes.iter().all(|(name, values)| {
                line.attributes.get(name).is_some_and(|own| own.iter().any(|value| values.contains(value)))
            })
    })
}
