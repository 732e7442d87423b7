//! Limits: how many firings, and how many points, they leave.

use super::occasion::Occasion;
use crate::account::{Counter, Run};
use crate::ids::CouponCode;
use crate::points::{Both, Kind, Points};
use crate::rule::{CompiledRule, Frame};
use jiff::tz::TimeZone;

/// Cuts points to what the caps in points leave: first those by amount, then those by firing. Tells whether it cut.
pub(super) fn cap(
    rule: &CompiledRule,
    counter: &Counter,
    fixed: Both,
    by_amount: Both,
    occasion: &Occasion<'_>,
    zone: &TimeZone,
) -> (Both, Both, bool) {
    let Some(left) = counter.uses.room_for_points(rule, occasion.when(zone)) else { return (fixed, by_amount, false) };
    let mut over = fixed.plus(by_amount).sum().minus(left);
    let capped = over.is_positive();
    let mut cut = |both: &mut Both| {
        for kind in [Kind::Qualifying, Kind::Redeemable] {
            let part = both.of(kind).min(over).max(Points::ZERO);
            *both.of_mut(kind) = both.of(kind).minus(part);
            over = over.minus(part);
        }
    };
    let (mut fixed, mut by_amount) = (fixed, by_amount);
    cut(&mut by_amount);
    cut(&mut fixed);
    (fixed, by_amount, capped)
}

/// What the firings of a cumulative measure gave.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub firings: u64,
    pub lost: u64,
    pub each: Both,
    pub fixed: Both,
    pub coupons: &'a [CouponCode],
}

/// Remembers the firings of a cumulative measure, so that a refund can reverse them.
pub(super) fn remember(rule: &CompiledRule, counter: &mut Counter, given: Given<'_>, occasion: &Occasion<'_>) {
    let needs_day = matches!(rule.frame(), Some(Frame::Rolling(_) | Frame::FirstReceipt(_)));
    let day = (needs_day || !rule.rule.limit.is_empty()).then_some(occasion.day);
    let Given { firings: granted, lost, each, fixed, coupons } = given;
    let run = |count: u64, each: Both| Run { count, each, day, ..Run::default() };
    let mut runs = if fixed == each.times(granted) {
        vec![run(granted, each)]
    } else {
        // A cap in points cut the last firings: the first ones gave all, one gave a rest, the others nothing.
        let whole = whole_firings(fixed, each).min(granted);
        let partial = u64::from(granted > whole);
        let rest = fixed.minus(each.times(whole));
        vec![run(whole, each), run(partial, rest), run(granted - whole - partial, Both::ZERO)]
    };
    runs.retain(|run| run.count > 0);
    if let Some(last) = runs.last_mut() {
        last.coupons = coupons.to_vec();
    }
    runs.push(Run { lost, ..run(0, Both::ZERO) });
    for run in runs {
        counter.push(run);
    }
}

/// How many firings are paid in full by some points.
fn whole_firings(points: Both, each: Both) -> u64 {
    let whole = |kind: Kind| {
        let each = each.of(kind).get();
        if each > 0 { u64::try_from(points.of(kind).get() / each).unwrap_or(0) } else { u64::MAX }
    };
    whole(Kind::Redeemable).min(whole(Kind::Qualifying))
}
