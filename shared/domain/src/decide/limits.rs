//! Limits: the firings and points that they allow.

use super::occasion::Occasion;
use crate::account::{Counter, Run};
use crate::ids::CouponCode;
use crate::points::{Both, Kind, Points};
use crate::rule::{CompiledRule, Frame};
use jiff::tz::TimeZone;

/// Cuts points to the caps: first credits by amount, then credits by firing. Returns whether it cut.
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

/// The result of a cumulative measure's firings.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub firings: u64,
    pub lost: u64,
    pub each: Both,
    pub fixed: Both,
    pub rewards: &'a Rewards,
}

/// The coupons of a rule's firings, grouped: consecutive firings with equally many coupons are one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewards(Vec<(u64, Vec<CouponCode>)>);

impl Rewards {
    /// Adds the next firings with all their coupons.
    pub fn add(&mut self, firings: u64, codes: Vec<CouponCode>) {
        match self.0.last_mut() {
            Some((count, group)) if codes.len() == group.len() / whole_count(*count) => {
                *count += firings;
                group.extend(codes);
            }
            _ => self.0.push((firings, codes)),
        }
    }
}

/// Remembers the firings of a cumulative measure, so that a refund can reverse them.
pub(super) fn remember(rule: &CompiledRule, counter: &mut Counter, given: Given<'_>, occasion: &Occasion<'_>) {
    let needs_day = matches!(rule.frame(), Some(Frame::Rolling(_) | Frame::FirstReceipt(_)));
    let day = (needs_day || !rule.rule.limit.is_empty()).then_some(occasion.day);
    let Given { firings: granted, lost, each, fixed, rewards } = given;
    let run = |count: u64, each: Both| Run { count, each, day, ..Run::default() };
    let paid = if fixed == each.times(granted) {
        vec![(granted, each)]
    } else {
        // A cap cut the last firings: the first gave all, the next one a remainder, the others nothing.
        let whole = whole_firings(fixed, each).min(granted);
        let partial = u64::from(granted > whole);
        let rest = fixed.minus(each.times(whole));
        vec![(whole, each), (partial, rest), (granted - whole - partial, Both::ZERO)]
    };
    let mut groups = rewards.0.iter().map(|(firings, codes)| (*firings, codes.as_slice()));
    let mut group = groups.next();
    for (mut count, each) in paid {
        // The first firings have the coupons: a refund reverses those without first.
        while count > 0 {
            let (firings, codes) = group.unwrap_or((count, &[]));
            let taken = firings.min(count);
            let (coupons, later) = codes.split_at(codes.len() / whole_count(firings) * whole_count(taken));
            counter.push(Run { coupons: coupons.to_vec(), ..run(taken, each) });
            group = if taken < firings { Some((firings - taken, later)) } else { groups.next() };
            count -= taken;
        }
    }
    counter.push(Run { lost, ..run(0, Both::ZERO) });
}

/// A number of firings as a divisor of their coupons.
fn whole_count(firings: u64) -> usize {
    usize::try_from(firings).unwrap_or(usize::MAX).max(1)
}

/// The number of firings that some points pay in full.
fn whole_firings(points: Both, each: Both) -> u64 {
    let whole = |kind: Kind| {
        let each = each.of(kind).get();
        if each > 0 { u64::try_from(points.of(kind).get() / each).unwrap_or(0) } else { u64::MAX }
    };
    whole(Kind::Redeemable).min(whole(Kind::Qualifying))
}
