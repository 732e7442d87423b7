//! Rules made ready to match: moments resolved, measures in one shape.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{
    Counting, Filter, Limit, LineFilter, Measure, Period, ReceiptTrigger, Rule, RuleStatus, SpendHow, Trigger,
};
use crate::fact::{Line, Receipt, Remaining};
use crate::ids::RuleId;
use crate::money::{Currency, convert};
use crate::program::Program;
use crate::time::Day;

/// A rule made ready to match.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// The rule.
    pub rule: Rule,
    /// The version of the program in which it last changed.
    pub version: u32,
    /// Changes with the trigger and the start: a counter of another generation starts anew.
    pub generation: u32,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    /// The local day of `starts_at`, from which periods of several are counted.
    anchor: Day,
}

/// What a measure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Money, in minor units of the program's currency.
    Money,
    /// Receipts.
    Receipts,
    /// Items.
    Items,
}

/// When a measure fires, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Once for each receipt.
    Always,
    /// Once for each receipt that counts so much.
    PerReceiptAtLeast(i64),
    /// For each so much within one receipt.
    EveryPerReceipt(i64),
    /// Once when the running total reaches so much.
    TotalAtLeast(i64),
    /// For each so much of the running total.
    Every(i64),
}

impl Form {
    /// True for those that look at a running total.
    pub const fn is_cumulative(self) -> bool {
        matches!(self, Self::TotalAtLeast(_) | Self::Every(_))
    }

    /// How many firings a count makes: the receipt's own for the forms per receipt, the running total else.
    pub fn due(self, count: i64) -> u64 {
        let firings = match self {
            Self::Always => 1,
            Self::PerReceiptAtLeast(least) | Self::TotalAtLeast(least) => i64::from(count >= least),
            Self::EveryPerReceipt(every) | Self::Every(every) => count / every.max(1),
        };
        u64::try_from(firings).unwrap_or(0)
    }

    /// How much a count lacks to the next firing.
    pub fn missing(self, count: i64) -> i64 {
        match self {
            Self::Always => 0,
            Self::PerReceiptAtLeast(least) | Self::TotalAtLeast(least) => (least - count).max(0),
            Self::EveryPerReceipt(every) | Self::Every(every) => every - count.rem_euclid(every.max(1)),
        }
    }
}

/// What of a receipt concerns a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eligible {
    /// The eligible amount, in minor units of the program's currency.
    pub amount: i64,
    /// The items.
    pub items: i64,
}

impl Eligible {
    /// What it counts in a unit.
    pub const fn count(self, unit: Unit) -> i64 {
        match unit {
            Unit::Money => self.amount,
            Unit::Receipts => 1,
            Unit::Items => self.items,
        }
    }
}

impl CompiledRule {
    fn new(rule: &Rule, zone: &TimeZone, version: u32) -> Self {
        let starts_at = rule.starts_at.at(zone);
        Self {
            version,
            generation: generation(rule),
            starts_at,
            ends_at: rule.ends_at.map(|moment| moment.at(zone)),
            anchor: Day::of(starts_at, zone),
            rule: rule.clone(),
        }
    }

    /// True when a fact of this time counts.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }

    /// Its receipt trigger, when it has one.
    pub const fn receipt(&self) -> Option<&ReceiptTrigger> {
        match &self.rule.on {
            Trigger::Receipt(trigger) => Some(trigger),
            _ => None,
        }
    }

    /// What it measures and when it fires.
    pub fn measure(&self) -> (Unit, Form) {
        match self.receipt().and_then(|trigger| trigger.measure.as_ref()) {
            None => (Unit::Receipts, Form::Always),
            Some(Measure::Spend(spend)) => (
                Unit::Money,
                match spend.how {
                    SpendHow::TotalAtLeast(money) => Form::TotalAtLeast(money.minor()),
                    SpendHow::PerReceiptAtLeast(money) => Form::PerReceiptAtLeast(money.minor()),
                    SpendHow::Every(money) => Form::Every(money.minor()),
                    SpendHow::EveryPerReceipt(money) => Form::EveryPerReceipt(money.minor()),
                },
            ),
            Some(Measure::Receipts(counting)) => (Unit::Receipts, form(*counting)),
            Some(Measure::Quantity(counting)) => (Unit::Items, form(*counting)),
        }
    }

    /// What of the remainder of a receipt concerns this rule; `None` when its filter is not met.
    pub fn eligible(&self, receipt: &Receipt, remaining: &Remaining, currency: Currency) -> Option<Eligible> {
        let trigger = self.receipt()?;
        if remaining.is_empty() {
            return None;
        }
        let filter = trigger.filter.as_ref();
        if !filter.is_none_or(|filter| filter.admits(receipt)) {
            return None;
        }
        let (net, items) = match filter.and_then(|filter| filter.lines.as_ref()) {
            None => {
                let items = (0..receipt.lines.len()).map(|place| remaining.items(place)).sum();
                (remaining.net_total(), items)
            }
            Some(lines) => {
                let selected: Vec<usize> = (0..receipt.lines.len())
                    .filter(|place| lines.selects(&receipt.lines[*place]) && !remaining.is_back(*place))
                    .collect();
                if selected.is_empty() {
                    return None;
                }
                let net = selected.iter().map(|place| remaining.net(*place)).sum();
                (net, selected.iter().map(|place| remaining.items(*place)).sum())
            }
        };
        let amount = match receipt.fx_rate {
            Some(rate) if receipt.currency != currency => convert(net, receipt.currency, currency, rate),
            _ => net,
        };
        Some(Eligible { amount, items })
    }

    /// The first day of the period of a limit that holds `day`.
    pub fn period_start(&self, limit: &Limit, day: Day) -> Day {
        let every = i32::try_from(limit.every.max(1)).unwrap_or(i32::MAX);
        let steps = |passed: i32| passed.div_euclid(every).saturating_mul(every);
        match limit.per {
            Period::Lifetime => Day::from_date(jiff::civil::date(1970, 1, 1)),
            Period::Day => self.anchor.offset(steps(day.days_since(self.anchor))),
            Period::Week => {
                let first = self.anchor.monday();
                first.offset(steps(day.days_since(first).div_euclid(7)).saturating_mul(7))
            }
            Period::Month => {
                let first = self.anchor.first_of_month();
                let months = steps(day.month().months_since(first.month()));
                first.plus_months(u32::try_from(months).unwrap_or(0))
            }
            Period::Year => {
                let first = self.anchor.first_of_year();
                let years = steps(i32::from(day.year()) - i32::from(first.year()));
                first.plus_months(u32::try_from(years).unwrap_or(0).saturating_mul(12))
            }
        }
    }
}

const fn form(counting: Counting) -> Form {
    match counting {
        Counting::TotalAtLeast(n) => Form::TotalAtLeast(n as i64),
        Counting::PerReceiptAtLeast(n) => Form::PerReceiptAtLeast(n as i64),
        Counting::Every(n) => Form::Every(n as i64),
        Counting::EveryPerReceipt(n) => Form::EveryPerReceipt(n as i64),
    }
}

fn generation(rule: &Rule) -> u32 {
    let text = serde_json::to_string(&(&rule.on, &rule.starts_at)).unwrap_or_default();
    let hash = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn any(list: Option<&Vec<String>>, value: Option<&String>) -> bool {
    list.is_none_or(|list| value.is_some_and(|value| list.contains(value)))
}

fn none(list: Option<&Vec<String>>, value: Option<&String>) -> bool {
    !list.is_some_and(|list| value.is_some_and(|value| list.contains(value)))
}

fn any_of(list: Option<&Vec<String>>, values: &[String]) -> bool {
    list.is_none_or(|list| values.iter().any(|value| list.contains(value)))
}

impl Filter {
    /// True when the receipt's store and channel are among those asked for.
    pub fn admits(&self, receipt: &Receipt) -> bool {
        any(self.stores.as_ref(), receipt.store.as_ref())
            && none(self.stores_not.as_ref(), receipt.store.as_ref())
            && any(self.channels.as_ref(), receipt.channel.as_ref())
    }
}

impl LineFilter {
    /// True when the line is among those asked for.
    pub fn selects(&self, line: &Line) -> bool {
        any(self.skus.as_ref(), line.sku.as_ref())
            && none(self.skus_not.as_ref(), line.sku.as_ref())
            && any(self.products.as_ref(), line.product.as_ref())
            && any_of(self.categories.as_ref(), &line.categories)
            && !self.categories_not.as_ref().is_some_and(|list| line.categories.iter().any(|c| list.contains(c)))
            && any(self.brands.as_ref(), line.brand.as_ref())
            && none(self.brands_not.as_ref(), line.brand.as_ref())
            && self.attributes.iter().all(|(name, list)| {
                line.attributes.get(name).is_some_and(|values| values.iter().any(|value| list.contains(value)))
            })
    }
}

/// All rules of a program, ready to match.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<CompiledRule>,
    places: HashMap<RuleId, usize>,
}

impl RuleSet {
    /// Makes the rules of a program ready; `versions` says in which version of the program each last changed.
    pub fn new(program: &Program, zone: &TimeZone, version: u32, versions: &BTreeMap<RuleId, u32>) -> Self {
        let rules: Vec<CompiledRule> = program
            .rules
            .iter()
            .map(|rule| CompiledRule::new(rule, zone, versions.get(&rule.id).copied().unwrap_or(version)))
            .collect();
        let places = rules.iter().enumerate().map(|(place, rule)| (rule.rule.id.clone(), place)).collect();
        Self { rules, places }
    }

    /// A rule by its identifier.
    pub fn get(&self, id: &RuleId) -> Option<&CompiledRule> {
        self.places.get(id).and_then(|place| self.rules.get(*place))
    }

    /// The active rules that wait for a receipt and count one of this time.
    pub fn for_receipt(&self, at: Timestamp) -> impl Iterator<Item = &CompiledRule> {
        self.rules
            .iter()
            .filter(move |rule| rule.rule.status == RuleStatus::Active && rule.receipt().is_some() && rule.covers(at))
    }
}
