//! Adapters of the engines for the rules of W1.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Evaluate, Fault, Rule, Workload};

/// Quamina matches the receipt's JSON text without parsing all of it.
pub fn quamina(workload: &Workload) -> Result<Evaluate<'_>, Fault> {
    let mut engine = quamina::Quamina::new();
    for (place, rule) in workload.rules.iter().enumerate() {
        let mut pattern = json!({
            "categories": [rule.category],
            "tier": rule.tiers,
            "day": [{ "numeric": [">=", rule.from, "<=", rule.to] }],
            "total": [{ "numeric": [">=", rule.min_amount] }],
        });
        if !rule.stores.is_empty() {
            pattern["store"] = json!(rule.stores);
        }
        engine.add_pattern(place, &pattern.to_string())?;
    }
    Ok(Box::new(move |place| {
        let receipt = &workload.receipts[place];
        let matched = engine.matches_for_event(receipt.text.as_bytes())?;
        Ok(matched.iter().map(|rule| workload.rules[*rule].k).sum::<i64>() * receipt.units())
    }))
}

/// `GoRules` Zen with one decision table.
pub fn zen(workload: &Workload) -> Result<Evaluate<'_>, Fault> {
    let content: zen_engine::model::DecisionContent = serde_json::from_value(workload.table.clone())?;
    let mut decision = zen_engine::DecisionEngine::default().create_decision(content.into())?;
    decision.compile();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut receipts: Vec<Value> = Vec::new();
    for receipt in &workload.receipts {
        receipts.push(serde_json::from_str(&receipt.text)?);
    }
    Ok(Box::new(move |place| {
        let answer = runtime.block_on(decision.evaluate(receipts[place].clone().into()));
        let rows = answer.map_err(|fault| fault.to_string())?.result.to_value();
        let points = rows.as_array().into_iter().flatten().filter_map(|row| row["points"].as_f64());
        #[allow(clippy::cast_possible_truncation, reason = "whole numbers")]
        Ok(points.map(|points| points as i64).sum())
    }))
}

/// JSON Logic, compiled, on parsed receipts.
pub fn datalogic(workload: &Workload) -> Result<Evaluate<'_>, Fault> {
    let engine: &'static datalogic_rs::Engine = Box::leak(Box::new(datalogic_rs::Engine::new()));
    let mut tests = Vec::new();
    for logic in &workload.logic {
        tests.push(engine.compile(logic.to_string().as_str())?);
    }
    let mut receipts = Vec::new();
    for receipt in &workload.receipts {
        receipts.push(datalogic_rs::ParsedData::from_json(&receipt.text)?);
    }
    let mut session = engine.session();
    Ok(Box::new(move |place| {
        let mut rates = 0;
        for (test, rule) in tests.iter().zip(&workload.rules) {
            if session.eval_borrowed(test, &receipts[place])?.as_bool() == Some(true) {
                rates += rule.k;
            }
        }
        session.reset();
        Ok(rates * workload.receipts[place].units())
    }))
}

/// The Common Expression Language, with one expression per rule.
pub fn cel(workload: &Workload) -> Result<Evaluate<'_>, Fault> {
    let environment = Arc::new(cel::Env::stdlib());
    let mut programs = Vec::new();
    for rule in &workload.rules {
        programs.push(environment.compile(&expression(rule))?);
    }
    Ok(Box::new(move |place| {
        let receipt = &workload.receipts[place];
        let mut context = cel::Context::with_env(Arc::clone(&environment));
        context.add_variable_from_value("store", receipt.store.clone());
        context.add_variable_from_value("tier", receipt.tier.clone());
        context.add_variable_from_value("day", receipt.day);
        context.add_variable_from_value("total", receipt.total);
        context.add_variable_from_value("categories", receipt.categories.clone());
        let mut rates = 0;
        for (program, rule) in programs.iter().zip(&workload.rules) {
            if program.execute(&context)? == cel::Value::Bool(true) {
                rates += rule.k;
            }
        }
        Ok(rates * receipt.units())
    }))
}

/// A rule in the Common Expression Language.
fn expression(rule: &Rule) -> String {
    let mut tests = vec![format!("'{}' in categories", rule.category)];
    if !rule.stores.is_empty() {
        tests.push(format!("store in {}", json!(rule.stores)));
    }
    tests.push(format!("tier in {}", json!(rule.tiers)));
    tests.push(format!("day >= {} && day <= {}", rule.from, rule.to));
    tests.push(format!("total >= {}.0", rule.min_amount));
    tests.join(" && ")
}
