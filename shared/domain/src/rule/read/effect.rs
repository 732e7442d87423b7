//! Reads effects.

use crate::input::{Node, Object};
use crate::readers;

use super::super::{
    Amount, Credit, Effect, EffectKind, EventHold, HoldEvent, HoldOtherwise, Multiply, MultiplyScope, Rate,
};

/// Rates are below this many points per unit of the currency.
const RATES_BELOW: i64 = 1_000_000;
/// Factors of multipliers are below this.
const FACTORS_BELOW: i64 = 1_000;

/// The longest name of an event that points wait for, in bytes.
const MOST_EVENT_BYTES: usize = 128;
/// The most days that points wait for an event.
const MOST_HOLD_DAYS: u32 = 365;

const KINDS: [(&str, EffectKind); 3] =
    [("redeemable", EffectKind::Redeemable), ("qualifying", EffectKind::Qualifying), ("both", EffectKind::Both)];

/// Reads one effect.
///
/// `reward` and `vip` take a bare identifier, `{"reward": "five-off"}`, which is also how they are written. The long form
/// `{"reward": {"reward": "five-off"}}`, like that of the other effects, is accepted too.
pub(crate) fn read_effect(node: &Node<'_>) -> Option<Effect> {
    let object = node.object()?;
    let found = object.exactly_one(&["credit", "debit", "reset", "multiply", "reward", "vip"]);
    object.finish();
    let (name, effect) = found?;
    match name {
        "credit" => read_credit(&effect).map(Effect::Credit),
        "debit" => read_amount(&effect).map(Effect::Debit),
        "reset" => {
            let object = effect.object()?;
            let kind = object.or("kind", EffectKind::default(), |kind| kind.choice(&KINDS));
            object.finish();
            Some(Effect::Reset { kind: kind? })
        }
        "multiply" => read_multiply(&effect).map(Effect::Multiply),
        "reward" => named(&effect, "reward").map(|reward| Effect::Reward { reward }),
        _ => named(&effect, "vip").map(|vip| Effect::Vip { vip }),
    }
}

fn named<T: std::str::FromStr<Err = crate::ids::IdError>>(node: &Node<'_>, field: &'static str) -> Option<T> {
    if !node.value.is_object() {
        return node.id();
    }
    let object = node.object()?;
    let id = object.required(field, Node::id);
    object.finish();
    id
}

fn read_credit(node: &Node<'_>) -> Option<Credit> {
    let object = node.object()?;
    let (rate, kind) = (read_rate(&object), read_kind(&object));
    let hold = object.optional("hold", read_hold);
    object.finish();
    Some(Credit { rate: rate?, kind: kind?, hold: hold? })
}

fn read_amount(node: &Node<'_>) -> Option<Amount> {
    let object = node.object()?;
    let (rate, kind) = (read_rate(&object), read_kind(&object));
    object.finish();
    Some(Amount { rate: rate?, kind: kind? })
}

fn read_rate(object: &Object<'_>) -> Option<Rate> {
    object.exactly_one(&["points", "per_unit"]).and_then(|(name, rate)| match name {
        "points" => rate.points().map(Rate::Points),
        _ => rate.decimal(RATES_BELOW).map(Rate::PerUnit),
    })
}

fn read_kind(object: &Object<'_>) -> Option<EffectKind> {
    object.or("kind", EffectKind::default(), |kind| kind.choice(&KINDS))
}

fn read_hold(node: &Node<'_>) -> Option<EventHold> {
    let object = node.object()?;
    let until = object.required("until", |until| {
        let object = until.object()?;
        let interaction = object.required("interaction", |name| name.filled(MOST_EVENT_BYTES));
        object.finish();
        interaction.map(|interaction| HoldEvent { interaction })
    });
    let at_most_days = object.required("at_most_days", |days| days.count(1, MOST_HOLD_DAYS));
    let otherwise = object.required("otherwise", |otherwise| {
        otherwise.choice(&[("cancel", HoldOtherwise::Cancel), ("release", HoldOtherwise::Release)])
    });
    object.finish();
    Some(EventHold { until: until?, at_most_days: at_most_days?, otherwise: otherwise? })
}

fn read_multiply(node: &Node<'_>) -> Option<Multiply> {
    let object = node.object()?;
    let factor = object.required("factor", |factor| factor.decimal(FACTORS_BELOW));
    let kind = object.or("kind", EffectKind::default(), |kind| kind.choice(&KINDS));
    let rules = object.optional("rules", readers::ids);
    let scope = object.or("scope", MultiplyScope::default(), |scope| {
        scope.choice(&[("receipt", MultiplyScope::Receipt), ("lines", MultiplyScope::Lines)])
    });
    object.finish();
    Some(Multiply { factor: factor?, kind: kind?, rules: rules?, scope: scope? })
}
