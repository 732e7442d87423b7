//! The overview: totals and a series of every figure of `api.md`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::period::{FigureHistory, PeriodFault, ReportPeriod, SeriesBucket};
use super::valuation::{Valuation, ratio};
use super::{BudgetUse, Events, Figures, ReferralFunnel, Sales};
use crate::account::Firsts;
use crate::ids::{RewardId, RuleId, TierId};
use crate::time::CalendarPeriod;

/// The rules and the rewards that are listed.
const TOP: usize = 10;

/// The overview of a period.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Overview {
    /// The first day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub from: String,
    /// The day after the last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub to: String,
    /// The currency of all money.
    pub currency: String,
    /// The figures of the whole period.
    pub totals: FigureValues,
    /// The figures of each part of the period.
    pub series: Vec<FigureRow>,
    /// The budgets in their present periods.
    pub budgets: Vec<BudgetUse>,
    /// The rules that gave the most points.
    pub top_rules: Vec<TopRule>,
    /// The rewards that were redeemed most.
    pub top_rewards: Vec<TopReward>,
    /// Entries that could not be read, so that the figures lack them; a rebuild from the ledger repairs it.
    pub uncounted: u64,
}

/// The figures of a part of the period.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FigureRow {
    /// The first day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub from: String,
    /// The day after the last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub to: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: FigureValues,
}

/// The figures (`docs/figures.md` defines each). Stocks are those at the end of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FigureValues {
    /// Distinct members with a purchase, an interaction or a redemption; null unless the period is a whole day, ISO week,
    /// month or year.
    pub active_members: Option<i64>,
    /// Points given by rules, awards and referral rewards.
    pub points_earned: i64,
    /// Points redeemed, less those restored.
    pub points_redeemed: i64,
    /// Redeemed ÷ earned; null when nothing was earned.
    pub redemption_rate: Option<String>,
    /// Buyers with two or more receipts ÷ buyers; null without buyers, and as `active_members`.
    pub repeat_purchase_rate: Option<String>,
    /// The receipts with a coupon of the program.
    pub loyalty_revenue: String,
    /// The average total of a receipt.
    pub average_order_value: AverageOrder,
    /// Members at the end.
    pub members: i64,
    /// Visitors at the end.
    pub visitors: i64,
    /// Contacts who became members.
    pub new_members: i64,
    /// Points given by imports.
    pub points_imported: i64,
    /// Points held by members and visitors at the end, less debts.
    pub points_unredeemed: i64,
    /// The part of them that was not spendable yet.
    pub points_pending: i64,
    /// Points that expired.
    pub points_expired: i64,
    /// Points that refunds took back.
    pub points_reversed: i64,
    /// What became of referral links.
    pub referral: ReferralFigures,
    /// Members at the end, by tier.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, i64>))]
    pub tiers: BTreeMap<TierId, i64>,
}

/// What became of referral links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReferralFigures {
    /// Members who shared their link for the first time.
    pub advocates: i64,
    /// Clicks.
    pub clicks: i64,
    /// Friends who came.
    pub friends: i64,
    /// Friends who qualified, less those whose order was returned.
    pub qualified: i64,
}

impl ReferralFigures {
    const fn of(ReferralFunnel { advocates, clicks, friends, qualified }: ReferralFunnel) -> Self {
        Self { advocates, clicks, friends, qualified }
    }
}

/// The average total of a receipt; null without receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AverageOrder {
    /// Of members.
    pub member: Option<String>,
    /// Of visitors and excluded members.
    pub other: Option<String>,
}

/// A rule, and what it gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopRule {
    /// The rule.
    pub rule: RuleId,
    /// The points that it gave, less those that returns took back.
    pub points: i64,
    /// Its firings, less those that returns reversed.
    pub firings: i64,
}

/// A reward, and what was spent on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopReward {
    /// The reward.
    pub reward: RewardId,
    /// The coupons that were bought, less those cancelled.
    pub redemptions: i64,
    /// The points that they cost.
    pub points: i64,
}

impl Overview {
    /// The overview of a period.
    ///
    /// # Errors
    /// When the series would have too many rows.
    pub fn new(
        history: &FigureHistory,
        period: ReportPeriod,
        bucket: SeriesBucket,
        valuation: &Valuation,
    ) -> Result<Self, PeriodFault> {
        let mut position = history.position_before(period.from);
        let mut series = Vec::new();
        let mut sums = Figures::default();
        for part in period.split(bucket)? {
            let figures = history.sums(part);
            sums.merge(&figures);
            position.merge(&figures.clone().position());
            series.push(FigureRow {
                from: part.from.to_string(),
                to: part.to.to_string(),
                figures: FigureValues::new(&figures, &position, part.whole(), valuation),
            });
        }
        Ok(Self {
            from: period.from.to_string(),
            to: period.to.to_string(),
            currency: valuation.currency().code().to_owned(),
            totals: FigureValues::new(&sums, &position, period.whole(), valuation),
            series,
            budgets: Vec::new(),
            top_rules: top_rules(&sums.events),
            top_rewards: top_rewards(&sums.events),
            uncounted: 0,
        })
    }
}

impl FigureValues {
    /// The figures of a period from its sums and from the position at its end.
    fn new(sums: &Figures, position: &Figures, whole: Option<CalendarPeriod>, valuation: &Valuation) -> Self {
        let flows = sums.flows();
        let events = &sums.events;
        let people = |kind| whole.map(|period| events.people(Firsts::place(kind, period)));
        let (earned, redeemed) = (flows.issued - sums.imported, flows.redeemed - flows.restored);
        let buyers = people(Firsts::BUYERS).zip(people(Firsts::REPEATERS));
        Self {
            active_members: people(Firsts::ACTIVE),
            points_earned: earned,
            points_redeemed: redeemed,
            redemption_rate: ratio(redeemed, earned),
            repeat_purchase_rate: buyers.and_then(|(buyers, repeaters)| ratio(repeaters, buyers)),
            loyalty_revenue: valuation.money(events.coupon_sales.minor),
            average_order_value: AverageOrder {
                member: events.member_sales.average(valuation),
                other: events.other_sales.average(valuation),
            },
            members: position.members,
            visitors: position.visitors,
            new_members: events.new_members,
            points_imported: sums.imported,
            points_unredeemed: position.flows().net(),
            points_pending: position.pending,
            points_expired: flows.expired,
            points_reversed: flows.reversed,
            referral: ReferralFigures::of(events.referrals),
            tiers: position.members_by_tier.clone(),
        }
    }
}

impl Sales {
    /// The average total, rounded half-even; `None` without receipts.
    fn average(self, valuation: &Valuation) -> Option<String> {
        let half_even = |total: i64, count: i64| {
            let (whole, rest) = (total.div_euclid(count), total.rem_euclid(count));
            let up = match (rest * 2).cmp(&count) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => whole % 2 != 0,
                std::cmp::Ordering::Greater => true,
            };
            whole + i64::from(up)
        };
        (self.receipts > 0).then(|| valuation.money(half_even(self.minor, self.receipts)))
    }
}

fn top_rules(events: &Events) -> Vec<TopRule> {
    let counted = events.rules.iter().filter(|(_, counts)| **counts != (0, 0));
    let mut rules: Vec<TopRule> = counted
        .map(|(rule, (points, firings))| TopRule { rule: rule.clone(), points: *points, firings: *firings })
        .collect();
    rules.sort_by_key(|top| (Reverse(top.points), Reverse(top.firings)));
    rules.truncate(TOP);
    rules
}

fn top_rewards(events: &Events) -> Vec<TopReward> {
    let counted = events.rewards.iter().filter(|(_, counts)| **counts != (0, 0));
    let mut rewards: Vec<TopReward> = counted
        .map(|(reward, (points, redemptions))| TopReward {
            reward: reward.clone(),
            redemptions: *redemptions,
            points: *points,
        })
        .collect();
    rewards.sort_by_key(|top| (Reverse(top.redemptions), Reverse(top.points)));
    rewards.truncate(TOP);
    rewards
}
