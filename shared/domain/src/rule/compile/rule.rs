//! One compiled rule.

use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};

use super::gains::Gains;
use super::words::{Dictionary, LineTest, ReceiptTest, ReceiptWords, TextField, Word};
use crate::fact::{Receipt, Remaining};
use crate::ids::TierId;
use crate::money::{Currency, Money, convert};
use crate::rule::{
    Counting, Limit, Measure, Period, ReceiptTrigger, Rule, SpendHow, SpendRange, Trigger, Window, WindowStart,
};
use crate::time::{Day, Moment};

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// The rule.
    pub rule: Arc<Rule>,
    /// The version of the program in which it last changed.
    pub version: u32,
    /// Its compiled effects.
    pub gains: Gains,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    /// The local day of `starts_at`, from which periods of several are counted, and the last day on which facts count.
    anchor: Day,
    last: Day,
    test: ReceiptTest,
    measure: (Unit, Form),
    range: Option<SpendBounds>,
    frame: Option<Frame>,
    remembers: bool,
    /// The bits of the tiers whose members it concerns.
    tiers: Option<u64>,
    generation: OnceLock<u32>,
}

/// Resolves the moments of rules in the program's time zone. Many rules start at the same moment.
pub(super) struct Calendar<'z> {
    zone: &'z TimeZone,
    latest: Option<(Moment, Timestamp, Day)>,
}

impl<'z> Calendar<'z> {
    pub(super) const fn new(zone: &'z TimeZone) -> Self {
        Self { zone, latest: None }
    }

    /// The instant of a rule's start, and its local day.
    fn start(&mut self, moment: Moment) -> (Timestamp, Day) {
        if let Some((_, at, day)) = self.latest.filter(|(latest, ..)| *latest == moment) {
            return (at, day);
        }
        let at = moment.at(self.zone);
        let day = Day::of(at, self.zone);
        self.latest = Some((moment, at, day));
        (at, day)
    }
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

/// How a measure fires; numbers are in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Once for each receipt.
    Always,
    /// Once for each receipt that counts at least this much.
    PerReceiptAtLeast(i64),
    /// For each multiple of this much within one receipt.
    EveryPerReceipt(i64),
    /// Once when the running total reaches this much.
    TotalAtLeast(i64),
    /// For each multiple of this much of the running total.
    Every(i64),
}

impl Form {
    /// True for forms over a running total.
    pub const fn is_cumulative(self) -> bool {
        matches!(self, Self::TotalAtLeast(_) | Self::Every(_))
    }

    /// The firings due for a count: the receipt's own, or the running total for cumulative forms.
    pub fn due(self, count: i64) -> u64 {
        let firings = match self {
            Self::Always => 1,
            Self::PerReceiptAtLeast(least) | Self::TotalAtLeast(least) => i64::from(count >= least),
            Self::EveryPerReceipt(every) | Self::Every(every) => count / every.max(1),
        };
        u64::try_from(firings).unwrap_or(0)
    }

    /// The amount missing until the next firing.
    pub fn missing(self, count: i64) -> i64 {
        match self {
            Self::Always => 0,
            Self::PerReceiptAtLeast(least) | Self::TotalAtLeast(least) => (least - count).max(0),
            Self::EveryPerReceipt(every) | Self::Every(every) => every - count.rem_euclid(every.max(1)),
        }
    }
}

/// The running totals between which spend counts (SP5), in minor units: `from` included, `up_to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendBounds {
    from: i64,
    up_to: i64,
    /// How the bounds apply.
    pub meant: SpendRange,
}

impl SpendBounds {
    /// The part of the spend from `before` to `after` that counts; `None` outside a gate.
    pub fn counted(self, before: i64, after: i64) -> Option<i64> {
        match self.meant {
            SpendRange::Gate => (self.from <= after && after < self.up_to).then_some(after - before),
            SpendRange::Band => Some(self.inside(after) - self.inside(before)),
        }
    }

    /// What a running total lacks to the lower bound.
    pub fn before(self, total: i64) -> i64 {
        self.from.saturating_sub(total).max(0)
    }

    /// The part of a running total that lies inside.
    pub fn inside(self, total: i64) -> i64 {
        total.clamp(self.from, self.up_to) - self.from
    }
}

/// The time within which a measure must be complete (SP6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// This many local days, ending with the receipt's.
    Rolling(u32),
    /// This many local days, beginning with the first receipt that counts.
    FirstReceipt(u32),
    /// These local days, both included.
    Fixed(Day, Day),
}

/// The part of a receipt that a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eligible {
    /// The eligible amount, in minor units of the program's currency.
    pub amount: i64,
    /// The items.
    pub items: i64,
}

impl Eligible {
    /// The count in a unit.
    pub const fn count(self, unit: Unit) -> i64 {
        match unit {
            Unit::Money => self.amount,
            Unit::Receipts => 1,
            Unit::Items => self.items,
        }
    }
}

impl CompiledRule {
    pub(super) fn new(
        rule: Arc<Rule>,
        calendar: &mut Calendar<'_>,
        version: u32,
        dictionary: &mut Dictionary,
        tiers: &[TierId],
    ) -> Self {
        let (starts_at, anchor) = calendar.start(rule.starts_at);
        let ends_at = rule.ends_at.map(|moment| moment.at(calendar.zone));
        let trigger = match &rule.on {
            Trigger::Receipt(trigger) => Some(trigger),
            _ => None,
        };
        let filter = trigger.and_then(|trigger| trigger.filter.as_ref());
        let mut frame = trigger.and_then(|trigger| trigger.within.as_ref()).map(frame);
        let measure = trigger.map_or((Unit::Receipts, Form::Always), measure);
        let range = trigger.and_then(range);
        if let (Some(Frame::Rolling(_)), false, None) = (frame, measure.1.is_cumulative(), range) {
            // A window that ends with the receipt always contains it, and only a range looks at what else it contains.
            frame = None;
        }
        Self {
            version,
            gains: Gains::new(&rule.then),
            starts_at,
            ends_at,
            anchor,
            last: ends_at.map_or(Day::LAST, |end| Day::of(end, calendar.zone)),
            test: filter.map(|filter| ReceiptTest::new(filter, dictionary)).unwrap_or_default(),
            measure,
            range,
            frame,
            // Rules with other triggers keep once-only marks.
            tiers: rule.tiers.as_ref().map(|own| own.iter().fold(0, |bits, tier| bits | bit(tiers, tier))),
            remembers: trigger.is_none() || measure.1.is_cumulative() || range.is_some() || !rule.limit.is_empty(),
            generation: OnceLock::new(),
            rule,
        }
    }

    /// True when a fact of this time counts.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }

    /// Changes with the trigger and the start: a counter of another generation starts anew.
    ///
    /// Computed at the first use: most rules of a large program never fire while a function is warm.
    pub fn generation(&self) -> u32 {
        *self.generation.get_or_init(|| generation(&self.rule))
    }

    /// When it starts.
    pub const fn starts_at(&self) -> Timestamp {
        self.starts_at
    }

    /// The first and the last local day on which facts may count.
    pub(super) const fn days(&self) -> (Day, Day) {
        (self.anchor, self.last)
    }

    pub(super) const fn test(&self) -> &ReceiptTest {
        &self.test
    }

    /// The field and words under which the rule is indexed; `None` when any receipt may meet it.
    pub(super) fn key(&self) -> Option<(TextField, &[Word])> {
        let lines = self.test.lines.as_ref().and_then(LineTest::key);
        lines.or_else(|| self.test.stores.as_ref().map(|stores| (TextField::Store, &**stores)))
    }

    /// Its receipt trigger, when it has one.
    pub fn receipt(&self) -> Option<&ReceiptTrigger> {
        match &self.rule.on {
            Trigger::Receipt(trigger) => Some(trigger),
            _ => None,
        }
    }

    /// What it measures and when it fires.
    pub const fn measure(&self) -> (Unit, Form) {
        self.measure
    }

    /// The running totals between which spend counts.
    pub const fn range(&self) -> Option<SpendBounds> {
        self.range
    }

    /// The time within which its measure must be complete.
    pub const fn frame(&self) -> Option<Frame> {
        self.frame
    }

    /// True when it keeps state of a member from one fact to the next.
    pub const fn remembers(&self) -> bool {
        self.remembers
    }

    /// True when the extras of multipliers on its points are computed for it alone: another receipt's refund may reverse its
    /// firings, or its points wait for an event.
    pub const fn is_counted_apart(&self) -> bool {
        self.measure.1.is_cumulative() || self.gains.hold.is_some()
    }

    /// True when it concerns members of a tier, given by its bit ([`RuleSet::tier_bit`]).
    ///
    /// [`RuleSet::tier_bit`]: super::RuleSet::tier_bit
    pub const fn is_for(&self, tier: u64) -> bool {
        match self.tiers {
            Some(tiers) => tiers & tier != 0,
            None => true,
        }
    }

    /// The part of a receipt's remainder that this rule counts; `None` when its filter does not match.
    pub fn eligible(
        &self,
        receipt: &Receipt,
        words: &ReceiptWords,
        remaining: &Remaining,
        currency: Currency,
    ) -> Option<Eligible> {
        if remaining.is_empty() || !self.test.admits(words) {
            return None;
        }
        let mut sum = Sum::new(remaining, self.measure.0 == Unit::Items);
        match &self.test.lines {
            None => {
                let lines = if sum.wants_items { receipt.lines.len() } else { 0 };
                (0..lines).for_each(|line| sum.add(line));
                (sum.found, sum.net) = (true, remaining.net_total());
            }
            Some(test) => match test.category(words) {
                Some(lines) => lines.for_each(|line| sum.add(line)),
                None => {
                    (0..receipt.lines.len()).filter(|line| test.selects(words, *line)).for_each(|line| sum.add(line));
                }
            },
        }
        let Sum { found: true, net, items, .. } = sum else { return None };
        Some(Eligible { amount: in_program(net, receipt, currency), items })
    }

    /// True when its filter selects the line at a position.
    pub fn selects(&self, words: &ReceiptWords, line: usize) -> bool {
        self.test.lines.as_ref().is_none_or(|test| test.selects(words, line))
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

    /// The start of the rolling period of a limit that ends at `at`, exclusive.
    ///
    /// Periods are wall-clock time: a day lasts from noon to noon also when the clocks change.
    pub fn rolling_start(limit: &Limit, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let every = i64::from(limit.every.max(1));
        let span = match limit.per {
            Period::Day => every.days(),
            Period::Week => every.weeks(),
            Period::Month => every.months(),
            Period::Year => every.years(),
            Period::Lifetime => return Timestamp::MIN,
        };
        at.to_zoned(zone.clone()).checked_sub(span).map_or(Timestamp::MIN, |start| start.timestamp())
    }
}

/// The bit of a tier; 0 for a tier that the program does not have.
pub(super) fn bit(tiers: &[TierId], tier: &TierId) -> u64 {
    tiers.iter().position(|other| other == tier).map_or(0, |place| 1 << (place % 64))
}

/// The sum of selected lines.
struct Sum<'a> {
    remaining: &'a Remaining,
    wants_items: bool,
    found: bool,
    net: i64,
    items: i64,
}

impl<'a> Sum<'a> {
    const fn new(remaining: &'a Remaining, wants_items: bool) -> Self {
        Self { remaining, wants_items, found: false, net: 0, items: 0 }
    }

    /// Adds a line, unless it was returned.
    fn add(&mut self, line: usize) {
        if !self.remaining.is_back(line) {
            self.found = true;
            self.net += self.remaining.net(line);
            self.items += if self.wants_items { self.remaining.items(line) } else { 0 };
        }
    }
}

/// An amount of a receipt in the program's currency.
pub(crate) fn in_program(net: i64, receipt: &Receipt, currency: Currency) -> i64 {
    match receipt.fx_rate {
        Some(rate) if receipt.currency != currency => convert(net, receipt.currency, currency, rate),
        _ => net,
    }
}

const fn measure(trigger: &ReceiptTrigger) -> (Unit, Form) {
    match &trigger.measure {
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

const fn form(counting: Counting) -> Form {
    match counting {
        Counting::TotalAtLeast(n) => Form::TotalAtLeast(n as i64),
        Counting::PerReceiptAtLeast(n) => Form::PerReceiptAtLeast(n as i64),
        Counting::Every(n) => Form::Every(n as i64),
        Counting::EveryPerReceipt(n) => Form::EveryPerReceipt(n as i64),
    }
}

fn range(trigger: &ReceiptTrigger) -> Option<SpendBounds> {
    let Some(Measure::Spend(spend)) = &trigger.measure else { return None };
    if spend.from.is_none() && spend.up_to.is_none() {
        return None;
    }
    Some(SpendBounds {
        from: spend.from.map_or(0, Money::minor),
        up_to: spend.up_to.map_or(i64::MAX, Money::minor),
        meant: spend.range.unwrap_or(SpendRange::Gate),
    })
}

fn frame(window: &Window) -> Frame {
    match window {
        Window::Days { days, from: None } => Frame::Rolling(*days),
        Window::Days { days, from: Some(WindowStart::FirstReceipt) } => Frame::FirstReceipt(*days),
        Window::Fixed { starts_on, ends_on } => Frame::Fixed(Day::from_date(*starts_on), Day::from_date(*ends_on)),
    }
}

fn generation(rule: &Rule) -> u32 {
    let text = serde_json::to_string(&(&rule.on, &rule.starts_at)).unwrap_or_default();
    let hash = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}
