//! Bounds on the combined effect of multipliers.
//!
//! Multipliers are combined when they can apply to the same points: when they are in force at the same time, for the same
//! kind of fact, tier and kind of points. Filters are ignored: one receipt may meet them all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::Known;
use crate::fact::{EMAIL_CLICKED, EMAIL_OPENED};
use crate::ids::RuleId;
use crate::input::Faults;
use crate::rule::compile::{ONE, parts};
use crate::rule::{Effect, EffectKind, Multiply, Rule, RuleStatus, Stacking, Trigger};

/// The most multipliers in force together. Each may apply to every rule that fires, so this bounds the time of a decision.
const MOST_TOGETHER: u64 = 250;
/// The largest combined factor.
const MOST_FACTOR: u64 = 1_000_000;
/// The number of fractional bits of a logarithm.
const LOG_BITS: u32 = 16;
/// The logarithm of a little more than [`MOST_FACTOR`], so that factors whose product is exactly that are accepted.
const MOST_LOG: u64 = 20 << LOG_BITS;

/// A multiplier of an active rule.
#[derive(Clone, Copy)]
struct Item<'a> {
    /// The positions of the rule and of the effect.
    place: (usize, usize),
    multiply: &'a Multiply,
    /// The start and the end of its time in force, in seconds.
    from: i64,
    to: i64,
    /// A bit for each tier that it concerns; the last bit is for members without a tier.
    tiers: u64,
    /// Its share of a bounded sum: the logarithm of its factor, or its factor less one.
    weight: u64,
}

/// Adds a fault for every multiplier that, with those before it, exceeds a bound.
pub(super) fn check(
    rules: &[Option<Rule>],
    known: &Known,
    stacking: Stacking,
    zone: Option<&TimeZone>,
    faults: &Faults,
) {
    let mut by_fact: BTreeMap<(u8, &str), Vec<Item<'_>>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        let Some(rule) = rule.as_ref().filter(|rule| rule.status == RuleStatus::Active) else { continue };
        for (effect, multiply) in rule.then.iter().enumerate() {
            let Effect::Multiply(multiply) = multiply else { continue };
            let utc = TimeZone::UTC;
            let zone = zone.unwrap_or(&utc);
            by_fact.entry(fact_of(&rule.on)).or_default().push(Item {
                place: (place, effect),
                multiply,
                from: rule.starts_at.at(zone).as_second(),
                to: rule.ends_at.map_or(i64::MAX, |end| end.at(zone).as_second()),
                tiers: tiers_of(rule, known),
                weight: weight(multiply.factor, stacking),
            });
        }
    }
    let bound = match stacking {
        // Only the largest applies.
        Stacking::Max => u64::MAX,
        Stacking::Additive => MOST_FACTOR * ONE.cast_unsigned(),
        Stacking::Product => MOST_LOG,
    };
    for mut items in by_fact.into_values() {
        items.sort_by_key(|item| item.from);
        check_together(&items, bound, faults);
    }
}

fn check_together(items: &[Item<'_>], bound: u64, faults: &Faults) {
    let too_large = |(rule, effect): (usize, usize)| {
        let detail = format_args!(
            "with the other multipliers in force at the same time it could multiply points by more than {MOST_FACTOR}"
        );
        faults.add(format!("/rules/{rule}/then/{effect}/multiply/factor"), detail);
    };
    if let Some((rule, effect)) = over(items, MOST_TOGETHER, |_| 1).1 {
        let detail = format_args!("more than {MOST_TOGETHER} multipliers would be in force at the same time");
        faults.add(format!("/rules/{rule}/then/{effect}/multiply"), detail);
        return;
    }
    let general: Vec<Item<'_>> = items.iter().filter(|item| item.multiply.rules.is_none()).copied().collect();
    let (most, place) = over(&general, bound, |item| item.weight);
    if let Some(place) = place {
        too_large(place);
        return;
    }
    let mut listing: HashMap<&RuleId, Vec<Item<'_>>> = HashMap::new();
    for item in items {
        for rule in item.multiply.rules.iter().flatten() {
            listing.entry(rule).or_default().push(*item);
        }
    }
    // Times and tiers matter only where all multipliers that list a rule exceed the bound together.
    let left = bound.saturating_sub(most);
    let heavy = listing.into_values().filter(|items| sum(items) > left);
    let places: BTreeSet<_> = heavy.filter_map(|items| over(&items, left, |item| item.weight).1).collect();
    places.into_iter().for_each(too_large);
}

fn sum(items: &[Item<'_>]) -> u64 {
    items.iter().fold(0, |sum, item| sum.saturating_add(item.weight))
}

/// The largest sum of weights in force together, and the first item that carries it above the bound.
fn over(items: &[Item<'_>], bound: u64, weight: impl Fn(&Item<'_>) -> u64) -> (u64, Option<(usize, usize)>) {
    let mut most = 0;
    for kind in [EffectKind::Redeemable, EffectKind::Qualifying] {
        let of_kind = |item: &&Item<'_>| item.multiply.kind == kind || item.multiply.kind == EffectKind::Both;
        for tier in distinct_tiers(items) {
            let mut sum = 0_u64;
            let mut open: BinaryHeap<Reverse<(i64, u64)>> = BinaryHeap::new();
            for item in items.iter().filter(of_kind).filter(|item| item.tiers & tier != 0) {
                while let Some(Reverse((_, ended))) = open.peek().copied().filter(|Reverse((to, _))| *to <= item.from) {
                    open.pop();
                    sum -= ended;
                }
                let weight = weight(item);
                sum = sum.saturating_add(weight);
                open.push(Reverse((item.to, weight)));
                if sum > bound {
                    return (sum, Some(item.place));
                }
                most = most.max(sum);
            }
        }
    }
    (most, None)
}

/// One tier of each group of tiers that no item distinguishes.
fn distinct_tiers(items: &[Item<'_>]) -> Vec<u64> {
    let masks: BTreeSet<u64> = items.iter().map(|item| item.tiers).collect();
    let mut seen = BTreeSet::new();
    let bits = (0..u64::BITS).map(|bit| 1_u64 << bit);
    bits.filter(|bit| seen.insert(masks.iter().map(|mask| mask & bit != 0).collect::<Vec<bool>>())).collect()
}

/// The kind of fact of a trigger: rules of one kind may fire for the same fact.
fn fact_of(trigger: &Trigger) -> (u8, &str) {
    match trigger {
        Trigger::Receipt(_) => (0, ""),
        Trigger::Interaction(interaction) => (1, &interaction.name),
        Trigger::EmailOpened(_) => (1, EMAIL_OPENED),
        Trigger::EmailClicked(_) => (1, EMAIL_CLICKED),
        // An enrolment with lists or attributes fires rules for them.
        Trigger::Enrollment {} | Trigger::ListSubscription { .. } | Trigger::Profile(_) => (2, ""),
        Trigger::Birthday(_) => (3, ""),
        Trigger::Inactivity { .. } => (4, ""),
        Trigger::TierChange(_) => (5, ""),
        Trigger::Referral { .. } => (6, ""),
    }
}

fn tiers_of(rule: &Rule, known: &Known) -> u64 {
    let Some(own) = &rule.tiers else { return u64::MAX };
    let own: BTreeSet<&str> = own.iter().map(crate::ids::TierId::as_str).collect();
    let tiers = known.ladder.iter().chain(&known.vip).map(String::as_str).take(63).enumerate();
    tiers.filter(|(_, tier)| own.contains(tier)).fold(0, |bits, (place, _)| bits | 1 << place)
}

fn weight(factor: Decimal, stacking: Stacking) -> u64 {
    let factor = parts(factor);
    match stacking {
        Stacking::Max => 0,
        Stacking::Additive => u64::try_from(factor - ONE).unwrap_or(0),
        Stacking::Product => log2(factor),
    }
}

/// The binary logarithm of a factor in parts of 10⁸, with [`LOG_BITS`] fractional bits, rounded up; 0 for factors below 1.
fn log2(factor: i64) -> u64 {
    const POINT: u32 = 62;
    if factor <= ONE {
        return 0;
    }
    let factor = (u128::from(factor.unsigned_abs()) << POINT).div_ceil(u128::from(ONE.unsigned_abs()));
    let whole = factor.ilog2() - POINT;
    let mut fraction = factor >> whole;
    let mut log = u64::from(whole);
    for _ in 0..LOG_BITS {
        fraction = (fraction * fraction) >> POINT;
        log <<= 1;
        if fraction >> (POINT + 1) != 0 {
            fraction >>= 1;
            log += 1;
        }
    }
    log + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_rounded_up() {
        let of = |text: &str| log2(parts(text.parse().unwrap()));
        assert_eq!(of("0.5"), 0);
        assert_eq!(of("1"), 0);
        assert_eq!(of("2"), (1 << LOG_BITS) + 1);
        assert_eq!(of("999.99999999"), 653_118);
        let ten = of("10");
        assert!(6 * ten <= MOST_LOG && 7 * ten > MOST_LOG);
    }
}
