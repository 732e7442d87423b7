//! Multipliers (SP9): what they add to the points of other rules, each its own share.

use rust_decimal::Decimal;

use super::occasion::Basket;
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

/// A multiplier that works on this fact.
struct Working<'a> {
    /// Which of the fired rules it is.
    place: usize,
    multiplier: &'a Multiplier,
}

/// What multipliers add on one fact.
pub(super) struct Extras {
    /// What each of the fired rules adds; zero for those that multiply nothing.
    pub by_rule: Vec<Both>,
    /// How much of that goes with rules that count over several receipts, because other receipts' refunds may reverse
    /// their firings.
    pub shares: Vec<Share>,
}

/// What one multiplier adds to the points of one rule that counts over several receipts.
pub(super) struct Share {
    /// The place of that rule among the fired.
    pub base: usize,
    /// The place of the multiplier's rule.
    pub multiplier: usize,
    /// What it adds to the firings, and, before rounding, redeemable and qualifying.
    pub firings: Both,
    pub exact: [Decimal; 2],
    /// What it adds to the credit by amount.
    pub per_unit: Both,
}

/// A part of the points that is told apart, and what each of the working multipliers adds to it before rounding.
struct Cell {
    /// The rule that counts over several receipts, and whether its credit by amount is meant; `None`: all other points.
    base: Option<(usize, bool)>,
    added: Vec<Decimal>,
}

/// What each of the fired rules adds by multiplying the others. The sum is rounded once for each kind, and shared out in
/// the order of the rules.
pub(super) fn extras(fired: &[Fired<'_>], program: &CompiledProgram, basket: Option<&Basket<'_>>) -> Extras {
    let mut extras = Extras { by_rule: vec![Both::ZERO; fired.len()], shares: Vec::new() };
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
        let mut cells = vec![Cell { base: None, added: vec![Decimal::ZERO; working.len()] }];
        for (place, base) in fired.iter().enumerate() {
            let is_cumulative = base.rule.measure().1.is_cumulative();
            let pieces = [Fired { per_unit: Both::ZERO, ..*base }, Fired { fixed: Both::ZERO, ..*base }];
            let pieces = if is_cumulative { &pieces[..] } else { &[*base] };
            for (piece, is_by_amount) in pieces.iter().zip([false, true]) {
                let parts = parts(fired, place, piece, kind, &working, program, basket);
                if is_cumulative && !parts.is_empty() {
                    let added = vec![Decimal::ZERO; working.len()];
                    cells.push(Cell { base: Some((place, is_by_amount)), added });
                }
                let Some(cell) = (if is_cumulative { cells.last_mut() } else { cells.first_mut() }) else { continue };
                for part in parts {
                    stack(&part, &working, policy.multiplier_stacking, &mut cell.added);
                }
            }
        }
        // Rounding the running sum shares out exactly what the sum of all is rounded to.
        let (mut exact, mut before) = (Decimal::ZERO, Points::ZERO);
        for (number, working) in working.iter().enumerate() {
            for cell in &cells {
                // Reading a program bounds what multipliers make together; beyond it, sums stop at the largest decimal.
                exact = exact.saturating_add(cell.added[number]);
                let rounded = rounded(exact, policy.rounding);
                let added = rounded.minus(before);
                let extra = extras.by_rule[working.place].of_mut(kind);
                *extra = extra.plus(added);
                if let Some(base) = cell.base {
                    extras.note(base, working.place, kind, added, cell.added[number]);
                }
                before = rounded;
            }
        }
    }
    extras
}

impl Extras {
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
        let known = self.shares.iter().position(|share| (share.base, share.multiplier) == (base, multiplier));
        let place = known.unwrap_or_else(|| {
            let (firings, per_unit) = (Both::ZERO, Both::ZERO);
            self.shares.push(Share { base, multiplier, firings, exact: [Decimal::ZERO; 2], per_unit });
            self.shares.len() - 1
        });
        let share = &mut self.shares[place];
        if is_by_amount {
            *share.per_unit.of_mut(kind) = share.per_unit.of(kind).plus(added);
        } else {
            *share.firings.of_mut(kind) = share.firings.of(kind).plus(added);
            let sum = &mut share.exact[usize::from(kind == Kind::Qualifying)];
            *sum = sum.saturating_add(exact);
        }
    }
}

/// Points of a rule that the same multipliers work on.
struct Part {
    points: Points,
    /// Which of the working multipliers.
    by: Vec<usize>,
}

/// Adds what each multiplier makes of some points.
fn stack(part: &Part, working: &[Working<'_>], stacking: Stacking, shares: &mut [Decimal]) {
    let points = Decimal::from(part.points.get());
    let more = |place: usize| working[place].multiplier.more();
    match stacking {
        Stacking::Max => {
            // The largest; of equal ones the first.
            let best =
                part.by.iter().copied().reduce(|best, other| if more(other) > more(best) { other } else { best });
            if let Some(best) = best {
                shares[best] = shares[best].saturating_add(points.saturating_mul(more(best)));
            }
        }
        Stacking::Additive => {
            let mut left = points;
            for place in &part.by {
                // Several factors below one take all there is, and no more.
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

/// The points of one rule in parts, each with the multipliers that work on it.
fn parts(
    fired: &[Fired<'_>],
    place: usize,
    base: &Fired<'_>,
    kind: Kind,
    working: &[Working<'_>],
    program: &CompiledProgram,
    basket: Option<&Basket<'_>>,
) -> Vec<Part> {
    let all = base.fixed.plus(base.per_unit).of(kind);
    if all.is_zero() {
        return Vec::new();
    }
    let concerned = |working: &Working<'_>| {
        let named = working.multiplier.rules.as_ref();
        working.place != place && named.is_none_or(|rules| rules.contains(&base.rule.rule.id))
    };
    let of_scope = |scope: MultiplyScope| -> Vec<usize> {
        let places = working.iter().enumerate();
        places.filter(|(_, w)| concerned(w) && w.multiplier.scope == scope).map(|(place, _)| place).collect()
    };
    let everywhere = of_scope(MultiplyScope::Receipt);
    let on_lines = of_scope(MultiplyScope::Lines);
    let Some(basket) = basket.filter(|_| !on_lines.is_empty()) else {
        return vec![Part { points: all, by: everywhere }];
    };

    // Lines on which the same multipliers work belong together; those with most multipliers come first.
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for line in (0..basket.parts()).filter(|line| base.rule.selects(&basket.words, *line)) {
        let selects = |w: &&usize| fired[working[**w].place].rule.selects(&basket.words, line);
        let by: Vec<usize> = on_lines.iter().filter(selects).copied().collect();
        match groups.iter_mut().find(|(other, _)| *other == by) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((by, vec![line])),
        }
    }
    groups.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut parts = Vec::new();
    let (mut lines, mut earned) = (Vec::new(), Points::ZERO);
    for (by, group) in groups {
        lines.extend(group);
        let so_far = earned_on(base, &lines, kind, program, basket);
        let mut by: Vec<usize> = by.into_iter().chain(everywhere.iter().copied()).collect();
        by.sort_unstable();
        parts.push(Part { points: so_far.minus(earned), by });
        earned = so_far;
    }
    // What no line earned: firings of totals, points for the receipt as such.
    parts.push(Part { points: all.minus(earned), by: everywhere });
    parts
}

/// What credits by amount and by firings within the receipt earned on some lines: reckoned on them alone, and never more
/// than was granted.
fn earned_on(base: &Fired<'_>, lines: &[usize], kind: Kind, program: &CompiledProgram, basket: &Basket<'_>) -> Points {
    let currency = program.program.currency;
    let net = lines.iter().map(|line| basket.remaining.net(*line)).sum();
    let amount = in_program(net, basket.receipt, currency);
    let credit = &base.rule.gains.credit;
    let by_amount = credit.by_amount(amount, currency, program.program.points.rounding).min(base.per_unit);
    let fixed = match base.rule.measure() {
        (unit, form @ Form::EveryPerReceipt(_)) => {
            let count = match unit {
                Unit::Money => amount,
                Unit::Receipts => 1,
                Unit::Items => lines.iter().map(|line| basket.remaining.items(*line)).sum(),
            };
            credit.per_firing.times(form.due(count)).min(base.fixed)
        }
        _ => Both::ZERO,
    };
    by_amount.plus(fixed).of(kind)
}

fn rounded(exact: Decimal, rounding: Rounding) -> Points {
    let scale = 10_i128.pow(exact.scale());
    // One rule gives at most so many points on one receipt; a multiplier of it likewise.
    round(exact.mantissa(), scale, rounding).min(Points::MAX).max(Points::MAX.negated())
}
