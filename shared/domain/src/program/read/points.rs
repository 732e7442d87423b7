//! Reading how points behave.

use serde_json::{Value, json};

use crate::input::Node;
use crate::locale::is_language_tag;
use crate::program::{Expiry, NegativeBalance, PointsPolicy, ReturnedRedemption, Rounding, Stacking};
use crate::text::MAX_LOCALES;

/// The longest holding period in days.
const MOST_HOLD_DAYS: u32 = 365;
/// The longest life of points in months, for a member who buys every day has a lot for each day of it.
const MOST_MONTHS: u32 = 24;
/// The most warnings before points expire, and the earliest.
const MOST_WARNINGS: usize = 5;
const MOST_WARN_DAYS: u32 = 365;
/// The longest form of a points name, in bytes.
const MOST_FORM_BYTES: usize = 100;
/// One point is worth less than this many units of the currency.
const POINT_VALUE_BELOW: i64 = 1_000_000;

/// The plural categories of Unicode; `other` is the one that every language has.
const PLURALS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// Points of a program that says nothing of them.
pub(super) fn default() -> PointsPolicy {
    PointsPolicy {
        name: default_name(),
        rounding: Rounding::Floor,
        hold_days: 0,
        expiry: None,
        point_value: None,
        multiplier_stacking: Stacking::Max,
        negative_balance: NegativeBalance::Allow,
        returned_redemption: ReturnedRedemption::Prorata,
        warn_days: PointsPolicy::usual_warn_days(),
    }
}

fn default_name() -> Value {
    json!({ "one": "point", "other": "points" })
}

/// Reads how points behave; what is absent is as in [`default`].
pub(super) fn read_points(node: &Node<'_>) -> Option<PointsPolicy> {
    let object = node.object()?;
    let standard = default();
    let name = object.or("name", standard.name, read_name);
    let rounding = object.or("rounding", standard.rounding, |node| {
        node.choice(&[("floor", Rounding::Floor), ("half_up", Rounding::HalfUp), ("ceil", Rounding::Ceil)])
    });
    let hold_days = object.or("hold_days", standard.hold_days, |node| node.count(0, MOST_HOLD_DAYS));
    let expiry = object.optional("expiry", read_expiry);
    let point_value = object.optional("point_value", |node| {
        node.decimal(POINT_VALUE_BELOW)?;
        node.value.as_str().map(str::to_owned)
    });
    let multiplier_stacking = object.or("multiplier_stacking", standard.multiplier_stacking, |node| {
        node.choice(&[("max", Stacking::Max), ("additive", Stacking::Additive), ("product", Stacking::Product)])
    });
    let negative_balance = object.or("negative_balance", standard.negative_balance, |node| {
        node.choice(&[("allow", NegativeBalance::Allow), ("write_off", NegativeBalance::WriteOff)])
    });
    let returned_redemption = object.or("returned_redemption", standard.returned_redemption, |node| {
        node.choice(&[
            ("none", ReturnedRedemption::None),
            ("full_only", ReturnedRedemption::FullOnly),
            ("prorata", ReturnedRedemption::Prorata),
        ])
    });
    let warn_days = object.or("warn_days", standard.warn_days, read_warn_days);
    object.finish();
    Some(PointsPolicy {
        name: name?,
        rounding: rounding?,
        hold_days: hold_days?,
        expiry: expiry?,
        point_value: point_value?,
        multiplier_stacking: multiplier_stacking?,
        negative_balance: negative_balance?,
        returned_redemption: returned_redemption?,
        warn_days: warn_days?,
    })
}

/// Days before an end, each once; none for no warning.
fn read_warn_days(node: &Node<'_>) -> Option<Vec<u32>> {
    let days = node.list(MOST_WARNINGS, |day| day.count(1, MOST_WARN_DAYS))?;
    let is_repeated = (1..days.len()).any(|place| days[..place].contains(&days[place]));
    if is_repeated { node.refuse("must not name a day twice") } else { Some(days) }
}

/// Plural forms, or plural forms by language. The document's own value is stored: it is only ever shown.
fn read_name(node: &Node<'_>) -> Option<Value> {
    // `one` is also the tag of a language: only the values tell the two forms apart.
    let is_by_locale = node.value.as_object().is_some_and(|map| map.values().any(Value::is_object));
    if !is_by_locale {
        read_forms(node)?;
        return Some(without_nulls(node.value));
    }
    let forms = node.entries(MAX_LOCALES, read_forms)?;
    if forms.iter().any(|(locale, ())| !is_language_tag(locale)) {
        return node.refuse("must be plural forms, or plural forms by language tag, such as \"it\" or \"pt-BR\"");
    }
    Some(without_nulls(node.value))
}

/// A value without the fields that are null: like everywhere, null is the same as absent.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect(),
        other => other.clone(),
    }
}

fn read_forms(node: &Node<'_>) -> Option<()> {
    let object = node.object()?;
    let read = PLURALS.map(|category| {
        let form = |form: &Node<'_>| form.filled(MOST_FORM_BYTES);
        if category == "other" {
            object.required(category, form).is_some()
        } else {
            object.optional(category, form).is_some()
        }
    });
    object.finish();
    read.iter().all(|fine| *fine).then_some(())
}

fn read_expiry(node: &Node<'_>) -> Option<Expiry> {
    let object = node.object()?;
    let found = object.exactly_one(&["after_months", "end_of_year", "inactive_months"]);
    object.finish();
    match found? {
        ("after_months", months) => months.count(1, MOST_MONTHS).map(Expiry::AfterMonths),
        ("inactive_months", months) => months.count(1, MOST_MONTHS).map(Expiry::InactiveMonths),
        (_, end) if end.boolean()? => Some(Expiry::EndOfYear(true)),
        (_, end) => end.refuse("must be true; points that never expire have \"expiry\": null"),
    }
}
