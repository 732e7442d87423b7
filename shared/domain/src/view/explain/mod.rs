//! Explanations: for each rule one sentence that can be read to a customer, in their language.

mod en;
mod it;
mod plural;
mod ro;
mod ru;

use serde::Serialize;
use serde_json::Value;

use super::points_name::points_forms;
use crate::ids::RuleId;
use crate::ledger::{Outcome, SkipReason, Skipped};
use crate::locale::{SENTENCE_LOCALES, nearest};
use crate::money::Money;
use crate::points::{Both, Points};
use crate::program::CompiledProgram;
use crate::rule::{Bound, CompiledRule, Period, Unit};
use plural::{Category, category};

/// A sentence of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The rule that it is about; null for other sentences.
    pub rule: Option<RuleId>,
    /// The sentence, in the language of the response.
    pub text: String,
}

/// Events apart from rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExplainedEvent {
    Released,
    Expired,
    HoldCancelled,
    DebtForgiven,
    GoodsReturned,
    CouponCancelled,
    RewardRedeemed,
}

/// The texts of one language, with placeholders `{…}`.
pub(super) struct ExplanationTexts {
    /// A rule that fired: `{rule}`, `{basis}`, `{times}`, `{gains}`, `{more}`.
    fired: &'static str,
    /// A rule whose firings were reversed.
    reversed: &'static str,
    /// A rule whose points were recomputed on the remainder.
    recomputed: &'static str,
    /// The count of the receipt, with a trailing blank: `{counted}`, and the running total `{before}`.
    counted: &'static str,
    counted_after: &'static str,
    /// `{n}` by plural category: times, receipts, items, qualifying points, coupons.
    times: Forms,
    receipts: Forms,
    items: Forms,
    qualifying: Forms,
    coupons: Forms,
    /// Points from a multiplier, a debit, a reset or a restoration: `{points}`.
    multiplied: &'static str,
    debited: &'static str,
    reset: &'static str,
    returned: &'static str,
    /// A tier outside the ladder: `{tier}`.
    vip: &'static str,
    nothing: &'static str,
    /// Firings cut by a limit: `{times}`, `{limit}`; firings not reversed because used: `{times}`.
    lost: &'static str,
    unrecoverable: &'static str,
    /// Points that wait: `{points}`, `{event}`.
    held: &'static str,
    /// A limit: `{n}` times or points in `{period}`; between limits.
    limit: &'static str,
    periods: [&'static str; 5],
    several_periods: [Forms; 5],
    and: &'static str,
    /// A rule that did not fire: `{rule}`, `{reason}`.
    skipped: &'static str,
    /// A rule that fired without coupons, or with fewer than firings: `{rule}`, `{reason}`.
    no_coupon: &'static str,
    /// The reasons, in the order of [`SkipReason`]; `{missing}`, `{tiers}`, `{limit}`.
    tier_out_of_scope: &'static str,
    predicate_not_met: &'static str,
    below_threshold: &'static str,
    below_threshold_by: &'static str,
    outside_range: &'static str,
    outside_window: &'static str,
    limit_reached: &'static str,
    total_reached: &'static str,
    budget_exhausted: &'static str,
    reward_limit: &'static str,
    out_of_stock: &'static str,
    duplicate: &'static str,
    member_excluded: &'static str,
    outside_calendar: &'static str,
    filter_not_met: &'static str,
    other_trigger: &'static str,
    /// Events apart from rules.
    released: &'static str,
    expired: &'static str,
    hold_cancelled: &'static str,
    debt_forgiven: &'static str,
    goods_returned: &'static str,
    coupon_cancelled: &'static str,
    reward_redeemed: &'static str,
}

/// A number with its noun, by plural category: one, few, other.
type Forms = [&'static str; 3];

/// Explains decisions of a program in a language.
#[derive(Clone, Copy)]
pub struct Explainer<'a> {
    program: &'a CompiledProgram,
    locale: &'a str,
    /// The language of the sentences: the locale's, or English.
    language: &'static str,
    words: &'static ExplanationTexts,
}

impl<'a> Explainer<'a> {
    /// Explains in a language from [`choose_language`](super::choose_language).
    pub fn new(program: &'a CompiledProgram, locale: &'a str) -> Self {
        let language = nearest(locale, SENTENCE_LOCALES.into_iter()).unwrap_or("en");
        let words = match language {
            "it" => &it::WORDS,
            "ro" => &ro::WORDS,
            "ru" => &ru::WORDS,
            _ => &en::WORDS,
        };
        Self { program, locale, language, words }
    }

    /// Explains what a rule gave and from which numbers; for a refund, what was taken back.
    pub fn outcome(&self, outcome: &Outcome) -> Explanation {
        let rule = self.program.rules.get(&outcome.rule);
        let words = self.words;
        let text = match outcome.firings {
            0 if outcome.unrecoverable == 0 => words.recomputed,
            firings if firings > 0 => words.fired,
            _ => words.reversed,
        };
        let mut more = String::new();
        let limit = rule.map(|rule| self.limits(rule)).unwrap_or_default();
        // A rule that was deleted or lost its limits has no limit to mention.
        if outcome.lost > 0 && !limit.is_empty() {
            more += &fill(words.lost, &[("times", &self.counting(words.times, outcome.lost)), ("limit", &limit)]);
        }
        if outcome.unrecoverable > 0 {
            more += &fill(words.unrecoverable, &[("times", &self.counting(words.times, outcome.unrecoverable))]);
        }
        if let Some(held) = outcome.held.as_ref().filter(|held| held.points.is_positive()) {
            let event = rule.and_then(|rule| rule.gains.hold.as_ref()).map(|hold| hold.until.interaction.as_str());
            let values = [("points", &*self.named(held.points)), ("event", event.unwrap_or_default())];
            more += &fill(words.held, &values);
        }
        let times = self.counting(words.times, outcome.firings.saturating_abs());
        let text = fill(
            text,
            &[
                ("rule", self.name(&outcome.rule)),
                ("basis", &self.basis(outcome, rule)),
                ("times", &times),
                ("gains", &self.gains(outcome)),
                ("more", &more),
            ],
        );
        Explanation { rule: Some(outcome.rule.clone()), text }
    }

    /// Explains why a rule gave nothing, or less than was due.
    pub fn skipped(&self, skipped: &Skipped) -> Explanation {
        let words = self.words;
        let rule = self.program.rules.get(&skipped.rule);
        let has_limit = rule.is_some_and(|rule| !rule.rule.limit.is_empty());
        let reason = match skipped.reason {
            SkipReason::TierOutOfScope => words.tier_out_of_scope,
            SkipReason::PredicateNotMet => words.predicate_not_met,
            SkipReason::BelowThreshold if skipped.missing.is_some() => words.below_threshold_by,
            SkipReason::BelowThreshold => words.below_threshold,
            SkipReason::OutsideRange => words.outside_range,
            SkipReason::OutsideWindow => words.outside_window,
            SkipReason::LimitReached if has_limit => words.limit_reached,
            SkipReason::LimitReached => words.total_reached,
            SkipReason::BudgetExhausted => words.budget_exhausted,
            SkipReason::RewardLimit => words.reward_limit,
            SkipReason::OutOfStock => words.out_of_stock,
            SkipReason::Duplicate => words.duplicate,
            SkipReason::MemberExcluded => words.member_excluded,
            SkipReason::OutsideCalendar => words.outside_calendar,
            SkipReason::FilterNotMet => words.filter_not_met,
            SkipReason::OtherTrigger => words.other_trigger,
        };
        let missing = skipped.missing.as_deref().unwrap_or_default();
        let missing = match rule.map(|rule| rule.measure().0) {
            Some(Unit::Money) => format!("{missing} {}", self.program.program.currency),
            Some(unit) => missing.parse().map_or_else(|_| missing.to_owned(), |n| self.units(unit, n)),
            None => missing.to_owned(),
        };
        let limit = rule.map(|rule| self.limits(rule)).unwrap_or_default();
        let tiers = rule.map(|rule| self.tiers(rule)).unwrap_or_default();
        let reason = fill(reason, &[("missing", &missing), ("limit", &limit), ("tiers", &tiers)]);
        let text = match skipped.reason {
            SkipReason::RewardLimit | SkipReason::OutOfStock => words.no_coupon,
            _ => words.skipped,
        };
        let text = fill(text, &[("rule", self.name(&skipped.rule)), ("reason", &reason)]);
        Explanation { rule: Some(skipped.rule.clone()), text }
    }

    /// Events apart from rules.
    pub(super) fn event(&self, event: ExplainedEvent) -> Explanation {
        let text = match event {
            ExplainedEvent::Released => self.words.released,
            ExplainedEvent::Expired => self.words.expired,
            ExplainedEvent::HoldCancelled => self.words.hold_cancelled,
            ExplainedEvent::DebtForgiven => self.words.debt_forgiven,
            ExplainedEvent::GoodsReturned => self.words.goods_returned,
            ExplainedEvent::CouponCancelled => self.words.coupon_cancelled,
            ExplainedEvent::RewardRedeemed => self.words.reward_redeemed,
        };
        Explanation { rule: None, text: text.to_owned() }
    }

    /// The text that a person wrote.
    pub(super) fn said(text: &str) -> Explanation {
        Explanation { rule: None, text: text.to_owned() }
    }

    /// A count in a rule's measure, as money or a number; `None` for a deleted rule.
    pub(super) fn measured(&self, rule: &RuleId, count: i64) -> Option<String> {
        let unit = self.program.rules.get(rule)?.measure().0;
        Some(match unit {
            Unit::Money => Money::new(count, self.program.program.currency).to_string(),
            Unit::Receipts | Unit::Items => count.to_string(),
        })
    }

    /// The name of a rule; the identifier of a deleted one.
    fn name<'n>(&self, id: &'n RuleId) -> &'n str
    where
        'a: 'n,
    {
        self.program.rules.get(id).map_or(id.as_str(), |rule| rule.rule.name.as_str())
    }

    fn basis(&self, outcome: &Outcome, rule: Option<&CompiledRule>) -> String {
        let Some(rule) = rule.filter(|rule| {
            let measures = rule.receipt().is_some_and(|trigger| trigger.measure.is_some());
            measures && outcome.counted != 0
        }) else {
            return String::new();
        };
        let unit = rule.measure().0;
        let counted = self.units(unit, outcome.counted);
        match outcome.before.filter(|before| *before != 0) {
            None => fill(self.words.counted, &[("counted", &counted)]),
            Some(before) => {
                fill(self.words.counted_after, &[("counted", &counted), ("before", &self.units(unit, before))])
            }
        }
    }

    fn units(&self, unit: Unit, count: i64) -> String {
        match unit {
            Unit::Money => {
                let currency = self.program.program.currency;
                format!("{} {currency}", Money::new(count, currency))
            }
            Unit::Receipts => self.counting(self.words.receipts, count),
            Unit::Items => self.counting(self.words.items, count),
        }
    }

    fn gains(&self, outcome: &Outcome) -> String {
        let words = self.words;
        let mut gains: Vec<String> = Vec::new();
        let own = outcome.fixed.plus(outcome.per_unit);
        gains.extend(self.points(own));
        let with = |text: &'static str, both: Both| self.points(both).map(|points| fill(text, &[("points", &points)]));
        gains.extend(with(words.multiplied, outcome.extra));
        gains.extend(with(if outcome.firings < 0 { words.returned } else { words.debited }, absolute(outcome.debited)));
        gains.extend(with(words.reset, outcome.reset));
        if let Some(vip) = &outcome.vip {
            gains.push(fill(words.vip, &[("tier", self.tier(vip.as_str()))]));
        }
        if !outcome.coupons.is_empty() {
            gains.push(self.counting(words.coupons, i64::try_from(outcome.coupons.len()).unwrap_or(i64::MAX)));
        }
        if gains.is_empty() { words.nothing.to_owned() } else { gains.join(", ") }
    }

    /// Points of both kinds; `None` when zero.
    fn points(&self, both: Both) -> Option<String> {
        let mut said: Vec<String> = Vec::new();
        if !both.redeemable.is_zero() {
            said.push(self.named(both.redeemable));
        }
        if !both.qualifying.is_zero() {
            said.push(self.counting(self.words.qualifying, both.qualifying.get()));
        }
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// Points under the program's name for them.
    fn named(&self, points: Points) -> String {
        format!("{points} {}", self.points_form(points)).trim_end().to_owned()
    }

    /// The program's name for a number of points, in the plural form of that number.
    pub fn points_form(&self, points: Points) -> &'a str {
        let (locale, forms) = points_forms(&self.program.program, self.locale);
        let form = category(locale, points.get()).name();
        forms.get(form).or_else(|| forms.get("other")).and_then(Value::as_str).unwrap_or_default()
    }

    fn counting(&self, forms: Forms, n: i64) -> String {
        let form = match category(self.language, n) {
            Category::One => forms[0],
            Category::Few => forms[1],
            Category::Zero | Category::Two | Category::Many | Category::Other => forms[2],
        };
        fill(form, &[("n", &n.to_string())])
    }

    /// The limits of a rule.
    fn limits(&self, rule: &CompiledRule) -> String {
        let words = self.words;
        let limits = rule.rule.limit.iter().map(|limit| {
            let place = match limit.per {
                Period::Day => 0,
                Period::Week => 1,
                Period::Month => 2,
                Period::Year => 3,
                Period::Lifetime => 4,
            };
            let period = if limit.every > 1 {
                self.counting(words.several_periods[place], i64::from(limit.every))
            } else {
                words.periods[place].to_owned()
            };
            let most = match limit.bound {
                Bound::Times(times) => self.counting(words.times, i64::from(times)),
                Bound::Points(points) => self.named(points),
            };
            fill(words.limit, &[("n", &most), ("period", &period)])
        });
        limits.collect::<Vec<_>>().join(words.and)
    }

    fn tiers(&self, rule: &CompiledRule) -> String {
        let tiers = rule.rule.tiers.iter().flatten().map(|tier| self.tier(tier.as_str()));
        tiers.collect::<Vec<_>>().join(", ")
    }

    /// The name of a tier.
    fn tier<'t>(&self, id: &'t str) -> &'t str
    where
        'a: 't,
    {
        let tiers = self.program.program.tiers.as_ref();
        let ladder = tiers.into_iter().flat_map(|tiers| &tiers.ladder).map(|tier| (tier.id.as_str(), &tier.name));
        let vip = tiers.into_iter().flat_map(|tiers| &tiers.vip).map(|tier| (tier.id.as_str(), &tier.name));
        let found = ladder.chain(vip).find(|(other, _)| *other == id);
        found.map_or(id, |(_, name)| name.in_locale(self.locale))
    }
}

fn absolute(both: Both) -> Both {
    let of = |points: Points| if points.is_positive() { points } else { points.negated() };
    Both { redeemable: of(both.redeemable), qualifying: of(both.qualifying) }
}

/// A text with its placeholders filled in.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests;
