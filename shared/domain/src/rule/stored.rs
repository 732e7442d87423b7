//! The stored form of a rule: the same content as [`Rule`], with one tag for each choice and money in minor units.
//!
//! The API's form flattens fields and leaves choices untagged, which serde decodes slowly and without noticing fields
//! that it does not know. The program's currency is stored once, not with each amount.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    Amount, BirthdayTrigger, Bound, Budget, Counting, Credit, Effect, EffectKind, EmailTrigger, EventHold, Filter,
    InteractionTrigger, Limit, Measure, Multiply, Period, Predicate, ProfileTest, Rate, ReceiptTrigger, ReferralRole,
    Rule, RuleStatus, Spend, SpendHow, SpendRange, TierChangeTrigger, Trigger, WayToEarn, Window, WindowStart,
};
use crate::ids::{RewardId, RuleId, TierId};
use crate::money::{Currency, Money};
use crate::time::Moment;

/// A rule as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredRule {
    id: RuleId,
    name: String,
    /// The version of the program in which the rule last changed.
    since: u32,
    status: RuleStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<TierId>>,
    starts_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    limit: Vec<StoredLimit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storefront: Option<WayToEarn>,
    on: StoredTrigger,
    #[serde(rename = "if", default, skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Predicate>,
    then: Vec<StoredEffect>,
}

#[derive(Serialize, Deserialize)]
struct StoredLimit {
    bound: Bound,
    per: Period,
    every: u32,
    rolling: bool,
}

#[allow(clippy::large_enum_variant, reason = "nearly every trigger is the large one")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTrigger {
    Receipt(StoredReceiptTrigger),
    Interaction(InteractionTrigger),
    EmailOpened(EmailTrigger),
    EmailClicked(EmailTrigger),
    Birthday(BirthdayTrigger),
    Enrollment {},
    Inactivity { days: u32 },
    TierChange(TierChangeTrigger),
    ListSubscription { list: String },
    Profile(ProfileTest),
    Referral { role: ReferralRole },
}

#[derive(Serialize, Deserialize)]
struct StoredReceiptTrigger {
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measure: Option<StoredMeasure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<StoredWindow>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredMeasure {
    Spend(StoredSpend),
    Receipts(Counting),
    Quantity(Counting),
}

/// A measure of money spent, in minor units.
#[derive(Serialize, Deserialize)]
struct StoredSpend {
    how: StoredSpendHow,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<SpendRange>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSpendHow {
    TotalAtLeast(i64),
    PerReceiptAtLeast(i64),
    Every(i64),
    EveryPerReceipt(i64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredWindow {
    Days {
        days: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<WindowStart>,
    },
    Fixed {
        starts_on: Date,
        ends_on: Date,
    },
}

/// An effect as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredEffect {
    Credit(StoredCredit),
    Debit(StoredAmount),
    Reset(EffectKind),
    Multiply(Multiply),
    Reward(RewardId),
    Vip(TierId),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCredit {
    rate: Rate,
    kind: EffectKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<EventHold>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAmount {
    rate: Rate,
    kind: EffectKind,
}

impl StoredRule {
    /// The stored form of a rule that last changed in version `since` of its program.
    pub(crate) fn new(rule: &Rule, since: u32) -> Self {
        Self {
            id: rule.id.clone(),
            name: rule.name.clone(),
            since,
            status: rule.status,
            tiers: rule.tiers.clone(),
            starts_at: rule.starts_at,
            ends_at: rule.ends_at,
            limit: rule.limit.iter().map(StoredLimit::new).collect(),
            budget: rule.budget,
            storefront: rule.storefront.clone(),
            on: StoredTrigger::new(&rule.on),
            conditions: rule.conditions.clone(),
            then: rule.then.iter().map(StoredEffect::new).collect(),
        }
    }

    /// The rule, and the version of its program in which it last changed.
    pub(crate) fn into_rule(self, currency: Currency) -> (Arc<Rule>, u32) {
        let rule = Rule {
            id: self.id,
            name: self.name,
            status: self.status,
            tiers: self.tiers,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            limit: self.limit.into_iter().map(StoredLimit::into_limit).collect(),
            budget: self.budget,
            storefront: self.storefront,
            on: self.on.into_trigger(currency),
            conditions: self.conditions,
            then: self.then.into_iter().map(StoredEffect::into_effect).collect(),
        };
        (Arc::new(rule), self.since)
    }
}

impl StoredLimit {
    const fn new(limit: &Limit) -> Self {
        let Limit { bound, per, every, rolling } = *limit;
        Self { bound, per, every, rolling }
    }

    const fn into_limit(self) -> Limit {
        let Self { bound, per, every, rolling } = self;
        Limit { bound, per, every, rolling }
    }
}

impl StoredTrigger {
    fn new(trigger: &Trigger) -> Self {
        match trigger.clone() {
            Trigger::Receipt(ReceiptTrigger { filter, measure, within }) => Self::Receipt(StoredReceiptTrigger {
                filter,
                measure: measure.as_ref().map(StoredMeasure::new),
                within: within.as_ref().map(StoredWindow::new),
            }),
            Trigger::Interaction(interaction) => Self::Interaction(interaction),
            Trigger::EmailOpened(email) => Self::EmailOpened(email),
            Trigger::EmailClicked(email) => Self::EmailClicked(email),
            Trigger::Birthday(birthday) => Self::Birthday(birthday),
            Trigger::Enrollment {} => Self::Enrollment {},
            Trigger::Inactivity { days } => Self::Inactivity { days },
            Trigger::TierChange(change) => Self::TierChange(change),
            Trigger::ListSubscription { list } => Self::ListSubscription { list },
            Trigger::Profile(test) => Self::Profile(test),
            Trigger::Referral { role } => Self::Referral { role },
        }
    }

    fn into_trigger(self, currency: Currency) -> Trigger {
        match self {
            Self::Receipt(StoredReceiptTrigger { filter, measure, within }) => Trigger::Receipt(ReceiptTrigger {
                filter,
                measure: measure.map(|measure| measure.into_measure(currency)),
                within: within.map(StoredWindow::into_window),
            }),
            Self::Interaction(interaction) => Trigger::Interaction(interaction),
            Self::EmailOpened(email) => Trigger::EmailOpened(email),
            Self::EmailClicked(email) => Trigger::EmailClicked(email),
            Self::Birthday(birthday) => Trigger::Birthday(birthday),
            Self::Enrollment {} => Trigger::Enrollment {},
            Self::Inactivity { days } => Trigger::Inactivity { days },
            Self::TierChange(change) => Trigger::TierChange(change),
            Self::ListSubscription { list } => Trigger::ListSubscription { list },
            Self::Profile(test) => Trigger::Profile(test),
            Self::Referral { role } => Trigger::Referral { role },
        }
    }
}

impl StoredMeasure {
    fn new(measure: &Measure) -> Self {
        match measure {
            Measure::Spend(spend) => Self::Spend(StoredSpend {
                how: match spend.how {
                    SpendHow::TotalAtLeast(money) => StoredSpendHow::TotalAtLeast(money.minor()),
                    SpendHow::PerReceiptAtLeast(money) => StoredSpendHow::PerReceiptAtLeast(money.minor()),
                    SpendHow::Every(money) => StoredSpendHow::Every(money.minor()),
                    SpendHow::EveryPerReceipt(money) => StoredSpendHow::EveryPerReceipt(money.minor()),
                },
                from: spend.from.map(Money::minor),
                up_to: spend.up_to.map(Money::minor),
                range: spend.range,
            }),
            Measure::Receipts(counting) => Self::Receipts(*counting),
            Measure::Quantity(counting) => Self::Quantity(*counting),
        }
    }

    fn into_measure(self, currency: Currency) -> Measure {
        let money = |minor| Money::new(minor, currency);
        match self {
            Self::Spend(StoredSpend { how, from, up_to, range }) => Measure::Spend(Spend {
                how: match how {
                    StoredSpendHow::TotalAtLeast(minor) => SpendHow::TotalAtLeast(money(minor)),
                    StoredSpendHow::PerReceiptAtLeast(minor) => SpendHow::PerReceiptAtLeast(money(minor)),
                    StoredSpendHow::Every(minor) => SpendHow::Every(money(minor)),
                    StoredSpendHow::EveryPerReceipt(minor) => SpendHow::EveryPerReceipt(money(minor)),
                },
                from: from.map(money),
                up_to: up_to.map(money),
                range,
            }),
            Self::Receipts(counting) => Measure::Receipts(counting),
            Self::Quantity(counting) => Measure::Quantity(counting),
        }
    }
}

impl StoredWindow {
    const fn new(window: &Window) -> Self {
        match *window {
            Window::Days { days, from } => Self::Days { days, from },
            Window::Fixed { starts_on, ends_on } => Self::Fixed { starts_on, ends_on },
        }
    }

    const fn into_window(self) -> Window {
        match self {
            Self::Days { days, from } => Window::Days { days, from },
            Self::Fixed { starts_on, ends_on } => Window::Fixed { starts_on, ends_on },
        }
    }
}

impl StoredEffect {
    /// The stored form of an effect.
    pub(crate) fn new(effect: &Effect) -> Self {
        match effect.clone() {
            Effect::Credit(Credit { rate, kind, hold }) => Self::Credit(StoredCredit { rate, kind, hold }),
            Effect::Debit(Amount { rate, kind }) => Self::Debit(StoredAmount { rate, kind }),
            Effect::Reset { kind } => Self::Reset(kind),
            Effect::Multiply(multiply) => Self::Multiply(multiply),
            Effect::Reward { reward } => Self::Reward(reward),
            Effect::Vip { vip } => Self::Vip(vip),
        }
    }

    /// The effect.
    pub(crate) fn into_effect(self) -> Effect {
        match self {
            Self::Credit(StoredCredit { rate, kind, hold }) => Effect::Credit(Credit { rate, kind, hold }),
            Self::Debit(StoredAmount { rate, kind }) => Effect::Debit(Amount { rate, kind }),
            Self::Reset(kind) => Effect::Reset { kind },
            Self::Multiply(multiply) => Effect::Multiply(multiply),
            Self::Reward(reward) => Effect::Reward { reward },
            Self::Vip(vip) => Effect::Vip { vip },
        }
    }
}
