//! Compiled rules: moments are resolved, texts are interned, measures have one form, and an index finds candidates.

mod gains;
mod index;
mod rule;
mod words;

pub use gains::{Gains, Multiplier, Sums};
pub(crate) use gains::{ONE, parts, round};
use rule::Calendar;
pub(crate) use rule::in_program;
pub use rule::{CompiledRule, Eligible, Form, Frame, SpendBounds, Unit};
pub use words::ReceiptWords;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Predicate, Rule, RuleStatus, Trigger};
use crate::fact::Receipt;
use crate::ids::{RuleId, TierId};
use crate::time::Day;
use index::ReceiptIndex;
use words::Dictionary;

/// The compiled rules of a program.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<CompiledRule>,
    places: HashMap<RuleId, usize>,
    dictionary: Dictionary,
    receipts: ReceiptIndex,
    /// The positions of the active rules with other triggers.
    others: BTreeMap<Waiting, Vec<usize>>,
    /// The active rules whose points wait for an interaction, by its name.
    awaited: BTreeMap<String, Vec<RuleId>>,
    /// The program's tiers, on the ladder and outside it; there are at most forty.
    tiers: Vec<TierId>,
}

/// A trigger other than a receipt, as an index key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiting {
    /// An interaction by name; opened and clicked e-mails are interactions.
    Interaction(String),
    Birthday,
    Enrollment,
    Inactivity,
    TierChange,
    /// A list or an attribute of the profile.
    Profile,
    Referral,
}

impl Waiting {
    fn of(trigger: &Trigger) -> Option<Self> {
        Some(match trigger {
            Trigger::Receipt(_) => return None,
            Trigger::Interaction(interaction) => Self::Interaction(interaction.name.clone()),
            Trigger::EmailOpened(_) => Self::Interaction(crate::fact::EMAIL_OPENED.to_owned()),
            Trigger::EmailClicked(_) => Self::Interaction(crate::fact::EMAIL_CLICKED.to_owned()),
            Trigger::Birthday(_) => Self::Birthday,
            Trigger::Enrollment {} => Self::Enrollment,
            Trigger::Inactivity { .. } => Self::Inactivity,
            Trigger::TierChange(_) => Self::TierChange,
            Trigger::ListSubscription { .. } | Trigger::Profile(_) => Self::Profile,
            Trigger::Referral { .. } => Self::Referral,
        })
    }
}

impl RuleSet {
    /// Compiles the rules of a program with these tiers; `since` has, for each rule in order, the version in which it last
    /// changed.
    pub(crate) fn new(rules: &[Arc<Rule>], tiers: Vec<TierId>, zone: &TimeZone, since: &[u32]) -> Self {
        let (mut dictionary, mut calendar) = (Dictionary::default(), Calendar::new(zone));
        let rules: Vec<CompiledRule> = rules
            .iter()
            .zip(since)
            .map(|(rule, since)| CompiledRule::new(Arc::clone(rule), &mut calendar, *since, &mut dictionary, &tiers))
            .collect();
        let places = rules.iter().enumerate().map(|(place, rule)| (rule.rule.id.clone(), place)).collect();
        let active = || rules.iter().enumerate().filter(|(_, rule)| rule.rule.status == RuleStatus::Active);
        let receipts = ReceiptIndex::new(active().filter(|(_, rule)| rule.receipt().is_some()), rules.len());
        let mut others: BTreeMap<Waiting, Vec<usize>> = BTreeMap::new();
        for (place, rule) in active() {
            if let Some(waiting) = Waiting::of(&rule.rule.on) {
                others.entry(waiting).or_default().push(place);
            }
        }
        let mut awaited: BTreeMap<String, Vec<RuleId>> = BTreeMap::new();
        for (_, rule) in active() {
            if let Some(hold) = &rule.gains.hold {
                awaited.entry(hold.until.interaction.clone()).or_default().push(rule.rule.id.clone());
            }
        }
        Self { rules, places, dictionary, receipts, others, awaited, tiers }
    }

    /// The same rules without their holds: each event is taken to come with its receipt.
    #[must_use]
    pub(crate) fn without_holds(mut self) -> Self {
        self.awaited.clear();
        self.rules.iter_mut().for_each(|rule| rule.gains.hold = None);
        self
    }

    /// A rule by its identifier.
    pub fn get(&self, id: &RuleId) -> Option<&CompiledRule> {
        self.places.get(id).and_then(|place| self.rules.get(*place))
    }

    /// The position of a rule in the program's order.
    pub(crate) fn position(&self, id: &RuleId) -> Option<u32> {
        self.places.get(id).and_then(|place| u32::try_from(*place).ok())
    }

    /// The bit of a tier in the masks of rules; 0 for no tier.
    pub fn tier_bit(&self, tier: Option<&TierId>) -> u64 {
        tier.map_or(0, |tier| rule::bit(&self.tiers, tier))
    }

    /// All rules, in the program's order.
    pub fn iter(&self) -> impl Iterator<Item = &CompiledRule> {
        self.rules.iter()
    }

    /// Interns the texts of a receipt.
    pub fn words(&self, receipt: &Receipt) -> ReceiptWords {
        self.dictionary.read(receipt)
    }

    /// The active rules that a receipt of this time may meet, in the program's order.
    ///
    /// The index yields a superset of the rules that match: each is then verified.
    pub fn for_receipt(&self, words: &ReceiptWords, at: Timestamp, day: Day) -> impl Iterator<Item = &CompiledRule> {
        let places = self.receipts.candidates(words, day);
        let rules = places.into_iter().filter_map(|place| self.rules.get(place as usize));
        rules.filter(move |rule| rule.covers(at))
    }

    /// The active rules with another trigger.
    pub(crate) fn waiting(&self, waiting: &Waiting) -> impl Iterator<Item = &CompiledRule> {
        let places = self.others.get(waiting).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.rules.get(*place))
    }

    /// The active rules whose points wait for an interaction with this name.
    pub(crate) fn awaiting(&self, interaction: &str) -> &[RuleId] {
        self.awaited.get(interaction).map(Vec::as_slice).unwrap_or_default()
    }

    /// True when an active rule with a selected trigger has a condition on the profile.
    pub(crate) fn asks_profile(&self, which: impl Fn(&Trigger) -> bool) -> bool {
        let asks = |predicate: &Predicate| !matches!(predicate, Predicate::Enrolled(_));
        let active = self.rules.iter().filter(|rule| rule.rule.status == RuleStatus::Active);
        active.filter(|rule| which(&rule.rule.on)).any(|rule| rule.rule.conditions.iter().any(asks))
    }

    /// The memory of the index, in bytes.
    pub fn index_bytes(&self) -> usize {
        self.receipts.bytes()
    }
}
