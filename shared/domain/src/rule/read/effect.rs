//! Reads effects.

use crate::input::Node;
use crate::program::words;

use super::super::{Amount, Effect, EffectKind, Multiply, MultiplyScope, Rate};

/// Rates are below this many points per unit of the currency.
const RATES_BELOW: i64 = 1_000_000;
/// Factors of multipliers are below this.
const FACTORS_BELOW: i64 = 1_000;

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
        "credit" => read_amount(&effect).map(Effect::Credit),
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

fn read_amount(node: &Node<'_>) -> Option<Amount> {
    let object = node.object()?;
    let rate = object.exactly_one(&["points", "per_unit"]).and_then(|(name, rate)| match name {
        "points" => rate.points().map(Rate::Points),
        _ => rate.decimal(RATES_BELOW).map(Rate::PerUnit),
    });
    let kind = object.or("kind", EffectKind::default(), |kind| kind.choice(&KINDS));
    object.finish();
    Some(Amount { rate: rate?, kind: kind? })
}

fn read_multiply(node: &Node<'_>) -> Option<Multiply> {
    let object = node.object()?;
    let factor = object.required("factor", |factor| factor.decimal(FACTORS_BELOW));
    let kind = object.or("kind", EffectKind::default(), |kind| kind.choice(&KINDS));
    let rules = object.optional("rules", words::ids);
    let scope = object.or("scope", MultiplyScope::default(), |scope| {
        scope.choice(&[("receipt", MultiplyScope::Receipt), ("lines", MultiplyScope::Lines)])
    });
    object.finish();
    Some(Multiply { factor: factor?, kind: kind?, rules: rules?, scope: scope? })
}
