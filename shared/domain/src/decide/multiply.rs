//! Multipliers (SP9): the extra points of each, on the points of other rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;

use super::occasion::Basket;
use crate::ids::RuleId;
use crate::points::{Both, Kind, Points};
use crate::program::{CompiledProgram, Rounding, Stacking};
use crate::rule::{CompiledRule, Form, Multiplier, MultiplyScope, Unit, in_program, round};

/// A rule that fired, with what it gave after limits and rounding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fired<'a> {
    pub rule: &'a CompiledRule,
    pub firings: i64,
    pub fixed: Both,
    pub per_unit: Both,
}

/// A multiplier that applies to this fact.
#[derive(Clone, Copy)]
struct Working<'a> {
    /// Its place among the fired rules.
    place: usize,
    multiplier: &'a Multiplier,
}

/// The extras of all multipliers on one fact.
pub(super) struct Extras {
    /// The extra of each fired rule; zero for those that multiply nothing.
    pub by_rule: Vec<Both>,
    /// The part of the extras that belongs to rules that are counted apart: by the places of that rule and of the multiplier.
    pub shares: BTreeMap<(usize, usize), Share>,
}

/// The extra of one multiplier on one rule that is counted apart ([`CompiledRule::is_counted_apart`]).
pub(super) struct Share {
    /// The place of the multiplier's rule.
    pub multiplier: usize,
    /// The extra on the firings; `exact` is that before rounding, redeemable and qualifying.
    pub firings: Both,
    pub exact: [Decimal; 2],
    /// The extra on the credit by amount.
    pub per_unit: Both,
}

/// Computes the extra of each fired rule. The sum is rounded once per kind of points and shared out in rule order.
pub(super) fn extras(fired: &[Fired<'_>], program: &CompiledProgram, basket: Option<&Basket<'_>>) -> Extras {
    let mut extras = Extras { by_rule: vec![Both::ZERO; fired.len()], shares: BTreeMap::new() };
    if fired.iter().all(|one| one.rule.gains.multiply.is_empty()) {
        return extras;
    }
    let policy = &program.program.points;
    for kind in [Kind::Redeemable, Kind::Qualifying] {
        let working: Vec<Working<'_>> = fired
            .iter()
            .enumerate()
            .filter(|(_, one)| one.firings > 0)
            .flat_map(|(place, one)| {
                one.rule.gains.multiply.iter().map(move |multiplier| Working { place, multiplier })
            })
            .filter(|working| working.multiplier.concerns(kind))
            .collect();
        if working.is_empty() {
            continue;
        }
        let mut cells: BTreeMap<Option<(usize, bool)>, Vec<Decimal>> = BTreeMap::new();
        for part in parts(fired, kind, &working, program, basket) {
            let cell = cells.entry(part.base).or_insert_with(|| vec![Decimal::ZERO; working.len()]);
            stack(&part, &working, policy.multiplier_stacking, cell);
        }
        // Rounding the running sum makes the shares add up to the rounded total. Rules per receipt come first, so that a
        // refund computes the same numbers for them without the others.
        let (mut exact, mut before) = (Decimal::ZERO, Points::ZERO);
        for (base, cell) in &cells {
            for (working, part) in working.iter().zip(cell) {
                // The checks of a program bound the product of its multipliers; beyond that, sums saturate.
                exact = exact.saturating_add(*part);
                let rounded = rounded(exact, policy.rounding);
                let added = rounded.minus(before);
                let extra = extras.by_rule[working.place].of_mut(kind);
                *extra = extra.plus(added);
                if let Some(base) = *base {
                    extras.note(base, working.place, kind, added, *part);
                }
                before = rounded;
            }
        }
    }
    extras
}

impl Extras {
    /// Takes redeemable points from the extra of the multiplier at a place: first from what belongs to no rule that is
    /// counted apart.
    pub fn cut(&mut self, place: usize, cut: Points) {
        let extra = &mut self.by_rule[place].redeemable;
        let own = self.shares.values().filter(|share| share.multiplier == place);
        let shared: Points = own.map(|share| share.firings.redeemable.plus(share.per_unit.redeemable)).sum();
        let mut left = cut.minus(extra.minus(shared).max(Points::ZERO)).max(Points::ZERO);
        *extra = extra.minus(cut);
        for share in self.shares.values_mut().rev().filter(|share| share.multiplier == place) {
            for part in [&mut share.per_unit.redeemable, &mut share.firings.redeemable] {
                let less = left.min(*part).max(Points::ZERO);
                *part = part.minus(less);
                left = left.minus(less);
            }
            share.exact[0] = share.exact[0].min(Decimal::from(share.firings.redeemable.get()));
        }
    }

    fn note(
        &mut self,
        (base, is_by_amount): (usize, bool),
        multiplier: usize,
        kind: Kind,
        added: Points,
        exact: Decimal,
    ) {
        if added.is_zero() && exact.is_zero() {
            return;
        }
        let share = self.shares.entry((base, multiplier)).or_insert(Share {
            multiplier,
            firings: Both::ZERO,
            exact: [Decimal::ZERO; 2],
            per_unit: Both::ZERO,
        });
        if is_by_amount {
            *share.per_unit.of_mut(kind) = share.per_unit.of(kind).plus(added);
        } else {
            *share.firings.of_mut(kind) = share.firings.of(kind).plus(added);
            let sum = &mut share.exact[usize::from(kind == Kind::Qualifying)];
            *sum = sum.saturating_add(exact);
        }
    }
}

/// Points that the same multipliers apply to.
struct CreditPart {
    /// The rule that is counted apart, and whether these are its credit by amount; `None` for all other points.
    base: Option<(usize, bool)>,
    points: Points,
    /// The multipliers that apply, by their places.
    by: Vec<usize>,
}

/// Adds the extras of the multipliers on some points.
fn stack(part: &CreditPart, working: &[Working<'_>], stacking: Stacking, shares: &mut [Decimal]) {
    let points = Decimal::from(part.points.get());
    let more = |place: usize| working[place].multiplier.more();
    match stacking {
        Stacking::Max => {
            // The largest factor; the first of equal ones.
            let best =
                part.by.iter().copied().reduce(|best, other| if more(other) > more(best) { other } else { best });
            if let Some(best) = best {
                shares[best] = shares[best].saturating_add(points.saturating_mul(more(best)));
            }
        }
        Stacking::Additive => {
            let mut left = points;
            for place in &part.by {
                // Several factors below 1 take at most all of it.
                let extra = points.saturating_mul(more(*place)).max(-left);
                shares[*place] = shares[*place].saturating_add(extra);
                left = left.saturating_add(extra);
            }
        }
        Stacking::Product => {
            let mut product = points;
            for place in &part.by {
                let extra = product.saturating_mul(more(*place));
                shares[*place] = shares[*place].saturating_add(extra);
                product = product.saturating_add(extra);
            }
        }
    }
}

/// Identifies the multipliers of a rule: those without a list, except its own, and those that list it.
///
/// Rules with the same key are computed together: thousands of rules and hundreds of multipliers have few keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// As in [`CreditPart`].
    base: Option<(usize, bool)>,
    /// The rule's place, if it is itself a multiplier.
    own: Option<usize>,
    /// The multipliers that list it.
    listed_by: Vec<usize>,
}

/// Lines that the same line multipliers select.
struct LineGroup {
    by: Vec<usize>,
    lines: Vec<usize>,
}

/// Splits the points of all rules into parts with the same multipliers.
fn parts(
    fired: &[Fired<'_>],
    kind: Kind,
    working: &[Working<'_>],
    program: &CompiledProgram,
    basket: Option<&Basket<'_>>,
) -> Vec<CreditPart> {
    let mut listed: HashMap<&RuleId, Vec<usize>> = HashMap::new();
    for (place, multiplier) in working.iter().enumerate() {
        for rule in multiplier.multiplier.rules.iter().flatten() {
            listed.entry(rule).or_default().push(place);
        }
    }
    let multiplies: BTreeSet<usize> = working.iter().map(|working| working.place).collect();
    let mut bases: BTreeMap<Key, Vec<Fired<'_>>> = BTreeMap::new();
    for (place, fired) in fired.iter().enumerate() {
        let mut listed_by = listed.get(&fired.rule.rule.id).cloned().unwrap_or_default();
        listed_by.dedup();
        let own = Some(place).filter(|place| multiplies.contains(place));
        let pieces = if fired.rule.is_counted_apart() {
            let firings = (Some((place, false)), Fired { per_unit: Both::ZERO, ..*fired });
            vec![firings, (Some((place, true)), Fired { fixed: Both::ZERO, ..*fired })]
        } else {
            vec![(None, *fired)]
        };
        for (base, piece) in pieces.into_iter().filter(|(_, piece)| !piece.points(kind).is_zero()) {
            bases.entry(Key { base, own, listed_by: listed_by.clone() }).or_default().push(piece);
        }
    }
    let groups = basket.map(|basket| line_groups(fired, working, basket)).unwrap_or_default();
    let mut parts = Vec::new();
    for (key, bases) in bases {
        let works = |place: &usize| {
            let Working { place: own, multiplier } = working[*place];
            key.own != Some(own) && (multiplier.rules.is_none() || key.listed_by.binary_search(place).is_ok())
        };
        let on_all = |place: &usize| working[*place].multiplier.scope == MultiplyScope::Receipt;
        let everywhere: Vec<usize> = (0..working.len()).filter(|place| on_all(place) && works(place)).collect();
        let mut rest = Points::ZERO;
        match basket {
            Some(basket) if !groups.is_empty() => {
                let on_lines = |group: &LineGroup| group.by.iter().copied().filter(works).collect::<Vec<usize>>();
                let mut groups: Vec<(Vec<usize>, &[usize])> =
                    groups.iter().map(|group| (on_lines(group), &*group.lines)).collect();
                // Lines with the most multipliers come first.
                groups.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
                let mut sums = vec![Points::ZERO; groups.len()];
                for base in bases {
                    let earned = earned_by_group(&base, &groups, kind, program, basket);
                    // Points that no line earned: firings of totals, points per receipt.
                    rest = rest.plus(base.points(kind).minus(earned.iter().copied().sum()));
                    sums.iter_mut().zip(earned).for_each(|(sum, earned)| *sum = sum.plus(earned));
                }
                for ((on_lines, _), points) in groups.into_iter().zip(sums) {
                    let mut by: Vec<usize> = on_lines.into_iter().chain(everywhere.iter().copied()).collect();
                    by.sort_unstable();
                    parts.push(CreditPart { base: key.base, points, by });
                }
            }
            _ => rest = bases.into_iter().map(|base| base.points(kind)).sum(),
        }
        parts.push(CreditPart { base: key.base, points: rest, by: everywhere });
    }
    parts.retain(|part| !part.points.is_zero() && !part.by.is_empty());
    parts
}

/// Groups a receipt's lines by the line multipliers that select them; empty without line multipliers.
fn line_groups(fired: &[Fired<'_>], working: &[Working<'_>], basket: &Basket<'_>) -> Vec<LineGroup> {
    let on_lines = |place: &usize| working[*place].multiplier.scope == MultiplyScope::Lines;
    let on_lines: Vec<usize> = (0..working.len()).filter(on_lines).collect();
    if on_lines.is_empty() {
        return Vec::new();
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for line in 0..basket.parts() {
        let selects = |place: &usize| fired[working[*place].place].rule.selects(&basket.words, line);
        groups.entry(on_lines.iter().copied().filter(selects).collect()).or_default().push(line);
    }
    groups.into_iter().map(|(by, lines)| LineGroup { by, lines }).collect()
}

/// The points that a rule earned on each group of lines: the difference that the group makes to all lines before it, and
/// in total at most what was granted.
fn earned_by_group(
    base: &Fired<'_>,
    groups: &[(Vec<usize>, &[usize])],
    kind: Kind,
    program: &CompiledProgram,
    basket: &Basket<'_>,
) -> Vec<Points> {
    let currency = program.program.currency;
    let credit = &base.rule.gains.credit;
    let (mut net, mut items, mut before) = (0_i64, 0_i64, Points::ZERO);
    let mut earned = Vec::with_capacity(groups.len());
    for (_, lines) in groups {
        for line in lines.iter().copied().filter(|line| base.rule.selects(&basket.words, *line)) {
            net += basket.remaining.net(line);
            items += basket.remaining.items(line);
        }
        let amount = in_program(net, basket.receipt, currency);
        let by_amount = credit.by_amount(amount, currency, program.program.points.rounding).min(base.per_unit);
        let fixed = match base.rule.measure() {
            (unit, form @ Form::EveryPerReceipt(_)) => {
                let count = match unit {
                    Unit::Money => amount,
                    Unit::Receipts => 1,
                    Unit::Items => items,
                };
                credit.per_firing.times(form.due(count)).min(base.fixed)
            }
            _ => Both::ZERO,
        };
        let so_far = by_amount.plus(fixed).of(kind);
        earned.push(so_far.minus(before));
        before = so_far;
    }
    earned
}

impl Fired<'_> {
    /// All points of one kind that the rule gave.
    fn points(&self, kind: Kind) -> Points {
        self.fixed.plus(self.per_unit).of(kind)
    }
}

fn rounded(exact: Decimal, rounding: Rounding) -> Points {
    let scale = 10_i128.pow(exact.scale());
    // The bound of one rule on one receipt also bounds a multiplier of it.
    round(exact.mantissa(), scale, rounding).min(Points::MAX).max(Points::MAX.negated())
}
