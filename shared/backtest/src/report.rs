//! What people read: a tally with names and money.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use tessera_domain::ids::{RewardId, RuleId, TierId};
use tessera_domain::ledger::Bucket;
use tessera_domain::points::Kind;
use tessera_domain::program::{CompiledProgram, RewardType, RewardValue};
use tessera_domain::time::Day;

use crate::histogram::{BINS, Histogram};
use crate::side::Side;
use crate::words::{money, month, per_cent, worth};
use crate::{Plan, Tally};

/// The most rules that are told of a side, those that gave most first.
const MOST_RULES: usize = 200;

/// What draft rules would have cost, beside what the present ones did. Money is in the program's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The program's name.
    pub program: String,
    /// Its currency (ISO 4217).
    pub currency: String,
    /// The local day of the first receipt; null when there is none.
    pub first_day: Option<String>,
    /// The local day of the last receipt or refund; null when there is none.
    pub last_day: Option<String>,
    /// When balances were counted.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub as_of: Timestamp,
    /// What was replayed.
    pub facts: Facts,
    /// What one point is worth; null: nothing, and then there is no liability in money.
    pub point_value: Option<String>,
    /// Under the present rules.
    pub present: SideReport,
    /// Under the draft.
    pub draft: SideReport,
    /// The draft less the present.
    pub difference: ReportDifference,
    /// By month.
    pub months: Vec<MonthLine>,
    /// Rules of the draft that wait for something else than receipts and stored referrals: they were left out.
    pub not_replayed: Vec<RuleId>,
    /// Rules of the draft with conditions on the member's profile or enrolment: those never held here.
    pub conditions_not_met: Vec<RuleId>,
    /// Rules of the draft whose points wait for an event: each was taken to come with its receipt.
    pub events_assumed: Vec<RuleId>,
    /// Rules of the draft that begin after the period: they gave nothing.
    pub not_yet_started: Vec<RuleId>,
    /// Rewards of which the draft gives more than there are: stock was not looked at.
    pub over_stock: Vec<RewardId>,
}

/// What was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// Members with a receipt.
    pub members: u64,
    /// Receipts.
    pub receipts: u64,
    /// Refunds.
    pub refunds: u64,
    /// Of them, those of more than what remained.
    pub refunds_rejected: u64,
    /// Refunds whose receipt is not there: not replayed.
    pub refunds_without_receipt: u64,
    /// What was spent, less what was returned.
    pub net_spend: String,
}

/// What one program made of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SideReport {
    /// Members who were given a point at least.
    pub members_earning: u64,
    /// Redeemable points.
    pub points: PointsLine,
    /// Qualifying points given, less those taken back.
    pub qualifying: i64,
    /// The worth of the points that members have at the end; null without a value of a point.
    pub liability: Option<String>,
    /// Coupons that rules gave.
    pub coupons: Vec<CouponLine>,
    /// The face value of those that are money.
    pub coupon_value: String,
    /// Liability and face value together.
    pub cost: String,
    /// The cost in per cent of the net spend; null without spend.
    pub cost_percent: Option<String>,
    /// What each rule gave, the most first.
    pub rules: Vec<RuleLine>,
    /// How many more rules there are that fired.
    pub rules_left_out: usize,
    /// Points earned by member.
    pub distribution: Distribution,
    /// Members by the tier that they end in.
    pub tiers: Vec<TierLine>,
}

/// Redeemable points: issued + forgiven = balance + expired + reversed + removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsLine {
    /// Issued.
    pub issued: i64,
    /// Taken back by refunds.
    pub reversed: i64,
    /// Expired.
    pub expired: i64,
    /// Taken by rules.
    pub removed: i64,
    /// Debts forgiven.
    pub forgiven: i64,
    /// What members have at the end, less what they owe.
    pub balance: i64,
    /// What they owe.
    pub debt: i64,
}

/// Coupons of one reward that rules gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CouponLine {
    /// The reward.
    pub reward: RewardId,
    /// Given.
    pub given: u64,
    /// Of them, taken back by refunds.
    pub cancelled: u64,
    /// What those that were not taken back are worth, where they are money.
    pub value: Option<String>,
}

/// What one rule gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleLine {
    /// The rule.
    pub rule: RuleId,
    /// Its name.
    pub name: String,
    /// Firings, less those reversed.
    pub firings: i64,
    /// Firings that a limit cut.
    pub cut_by_limits: i64,
    /// Redeemable points, less those reversed.
    pub points: i64,
    /// Qualifying points, less those reversed.
    pub qualifying: i64,
    /// Points taken, less those given back.
    pub taken: i64,
    /// Receipts, and changes of tier, on which it fired.
    pub receipts: u64,
    /// Members for whom it fired.
    pub members: u64,
}

/// How the points earned are distributed over members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Distribution {
    /// What half of the members do not exceed; above 64 at most a thirty-second too low, as the next two.
    pub median: i64,
    /// What nine members of ten do not exceed.
    pub p90: i64,
    /// What ninety-nine of a hundred do not exceed.
    pub p99: i64,
    /// The most of one member.
    pub most: i64,
    /// Members by what they earned.
    pub bins: Vec<Bin>,
}

/// Members who earned from so many points to so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bin {
    /// The least; null: less than none, after refunds.
    pub from: Option<i64>,
    /// The most; null: no end.
    pub to: Option<i64>,
    /// The members.
    pub members: u64,
}

/// Members who end in a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierLine {
    /// The tier.
    pub tier: TierId,
    /// The members.
    pub members: u64,
}

/// One month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthLine {
    /// As `2026-03`.
    pub month: String,
    /// Its receipts.
    pub receipts: u64,
    /// What was spent on them, less what was returned of them at any time.
    pub net_spend: String,
    /// Points issued less those reversed in it, under the present rules.
    pub present: i64,
    /// The same under the draft.
    pub draft: i64,
}

/// The draft less the present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportDifference {
    /// Redeemable points.
    pub points: PointsLine,
    /// Qualifying points.
    pub qualifying: i64,
    /// The liability; null without a value of a point.
    pub liability: Option<String>,
    /// The face value of coupons.
    pub coupon_value: String,
    /// Both together.
    pub cost: String,
    /// The cost's difference in per cent of the present cost; null when that is nothing.
    pub cost_percent: Option<String>,
    /// Members who end with more points.
    pub members_with_more: u64,
    /// Members who end with fewer points.
    pub members_with_fewer: u64,
}

/// The money of a side, in minor units.
#[derive(Clone, Copy)]
struct Costs {
    liability: Option<i128>,
    coupons: i128,
}

impl Costs {
    fn sum(self) -> i128 {
        self.liability.unwrap_or(0).saturating_add(self.coupons)
    }
}

impl Report {
    /// The report of a tally.
    pub fn new(plan: &Plan, tally: &Tally) -> Self {
        let program = &plan.present.program;
        let decimals = program.currency.decimals();
        let text = |minor: i128| money(minor, decimals);
        let day = |at: Timestamp| Day::of(at, &plan.present.zone).to_string();
        let costs = [(&plan.present, &tally.present), (&plan.draft, &tally.draft)].map(|(p, side)| costs(p, side));
        let present = side_report(&plan.present, &tally.present, costs[0], tally.spent);
        let draft = side_report(&plan.draft, &tally.draft, costs[1], tally.spent);
        let change = costs[1].sum().saturating_sub(costs[0].sum());
        let difference = ReportDifference {
            points: draft.points.less(&present.points),
            qualifying: draft.qualifying - present.qualifying,
            liability: costs[1].liability.zip(costs[0].liability).map(|(draft, present)| text(draft - present)),
            coupon_value: text(costs[1].coupons - costs[0].coupons),
            cost: text(change),
            cost_percent: per_cent(change, costs[0].sum()),
            members_with_more: tally.more,
            members_with_fewer: tally.fewer,
        };
        let over = |line: &&CouponLine| {
            let stock = plan.draft.reward(&line.reward).and_then(|reward| reward.stock);
            stock.is_some_and(|stock| line.given > u64::from(stock))
        };
        Self {
            program: program.name.clone(),
            currency: program.currency.to_string(),
            first_day: tally.span.map(|(first, _)| day(first)),
            last_day: tally.span.map(|(_, last)| day(last)),
            as_of: plan.period.as_of,
            facts: Facts {
                members: tally.members,
                receipts: tally.receipts,
                refunds: tally.refunds,
                refunds_rejected: tally.rejected,
                refunds_without_receipt: tally.orphans,
                net_spend: text(tally.spent),
            },
            point_value: program.points.point_value.clone(),
            months: months(tally, decimals),
            not_replayed: plan.not_replayed(),
            conditions_not_met: plan.never_met(),
            events_assumed: plan.not_held(),
            not_yet_started: plan.not_yet_started(),
            over_stock: draft.coupons.iter().filter(over).map(|line| line.reward.clone()).collect(),
            present,
            draft,
            difference,
        }
    }
}

impl PointsLine {
    fn of(side: &Side) -> Self {
        let of = |bucket| side.flows.of(bucket, Kind::Redeemable);
        Self {
            issued: -of(Bucket::Issued),
            reversed: of(Bucket::Reversed),
            expired: of(Bucket::Expired),
            removed: of(Bucket::Removed),
            forgiven: -of(Bucket::Forgiven),
            balance: side.balance,
            debt: side.debt,
        }
    }

    const fn less(&self, other: &Self) -> Self {
        Self {
            issued: self.issued - other.issued,
            reversed: self.reversed - other.reversed,
            expired: self.expired - other.expired,
            removed: self.removed - other.removed,
            forgiven: self.forgiven - other.forgiven,
            balance: self.balance - other.balance,
            debt: self.debt - other.debt,
        }
    }
}

fn costs(program: &CompiledProgram, side: &Side) -> Costs {
    let decimals = program.program.currency.decimals();
    let value = program.program.points.point_value.as_deref().and_then(|value| value.parse::<Decimal>().ok());
    let coupons = side.coupons.iter().filter_map(|(reward, sums)| {
        face_value(program, reward)
            .map(|minor| i128::from(minor) * i128::from(sums.given.saturating_sub(sums.cancelled)))
    });
    Costs { liability: value.map(|value| worth(side.balance, value, decimals)), coupons: coupons.sum() }
}

/// The face value of a reward that is money, in minor units.
fn face_value(program: &CompiledProgram, reward: &RewardId) -> Option<i64> {
    let reward = program.reward(reward)?;
    match (reward.kind, &reward.value) {
        (RewardType::AmountOff | RewardType::GiftCard, Some(RewardValue::Money(money))) => Some(money.minor()),
        _ => None,
    }
}

fn side_report(program: &CompiledProgram, side: &Side, costs: Costs, spent: i128) -> SideReport {
    let decimals = program.program.currency.decimals();
    let coupons = side.coupons.iter().map(|(reward, sums)| CouponLine {
        reward: reward.clone(),
        given: sums.given,
        cancelled: sums.cancelled,
        value: face_value(program, reward)
            .map(|minor| money(i128::from(minor) * i128::from(sums.given.saturating_sub(sums.cancelled)), decimals)),
    });
    let mut rules: Vec<RuleLine> = side
        .rules
        .iter()
        .map(|(rule, sums)| RuleLine {
            rule: rule.clone(),
            name: program.rules.get(rule).map_or_else(|| rule.to_string(), |rule| rule.rule.name.clone()),
            firings: sums.firings,
            cut_by_limits: sums.lost,
            points: sums.redeemable,
            qualifying: sums.qualifying,
            taken: sums.taken,
            receipts: sums.receipts,
            members: sums.members,
        })
        .collect();
    rules.sort_by(|a, b| (b.points, b.firings, &a.rule).cmp(&(a.points, a.firings, &b.rule)));
    let rules_left_out = rules.len().saturating_sub(MOST_RULES);
    rules.truncate(MOST_RULES);
    let ladder = program
        .program
        .tiers
        .iter()
        .flat_map(|tiers| tiers.ladder.iter().map(|tier| &tier.id).chain(tiers.vip.iter().map(|vip| &vip.id)));
    let tiers = ladder.map(|id| TierLine { tier: id.clone(), members: side.tiers.get(id).copied().unwrap_or(0) });
    SideReport {
        members_earning: side.earning,
        points: PointsLine::of(side),
        qualifying: side.flows.issued(Kind::Qualifying)
            - side.flows.of(Bucket::Reversed, Kind::Qualifying)
            - side.flows.of(Bucket::Removed, Kind::Qualifying),
        liability: costs.liability.map(|minor| money(minor, decimals)),
        coupons: coupons.collect(),
        coupon_value: money(costs.coupons, decimals),
        cost: money(costs.sum(), decimals),
        cost_percent: per_cent(costs.sum(), spent),
        rules,
        rules_left_out,
        distribution: distribution(&side.distribution),
        tiers: tiers.collect(),
    }
}

fn distribution(histogram: &Histogram) -> Distribution {
    let below =
        (histogram.below_zero() > 0).then_some(Bin { from: None, to: Some(-1), members: histogram.below_zero() });
    let bins = BINS.iter().zip(histogram.bins()).enumerate().map(|(place, (from, members))| Bin {
        from: Some(*from),
        to: BINS.get(place + 1).map(|next| next - 1),
        members: *members,
    });
    Distribution {
        median: histogram.quantile(50),
        p90: histogram.quantile(90),
        p99: histogram.quantile(99),
        most: histogram.most(),
        bins: below.into_iter().chain(bins).collect(),
    }
}

fn months(tally: &Tally, decimals: u32) -> Vec<MonthLine> {
    let with_something = tally.months.keys().chain(tally.present.months.keys()).chain(tally.draft.months.keys());
    let Some((first, last)) = with_something.fold(None, |range: Option<(i32, i32)>, month| {
        Some(range.map_or((*month, *month), |(first, last)| (first.min(*month), last.max(*month))))
    }) else {
        return Vec::new();
    };
    let net = |side: &Side, month: i32| side.months.get(&month).map_or(0, |sums| sums.issued - sums.reversed);
    // A typing error in a date must not make a line of every month for a century.
    let numbers: Vec<i32> =
        if last - first < 240 { (first..=last).collect() } else { tally.months.keys().copied().collect() };
    numbers
        .into_iter()
        .map(|number| {
            let bought = tally.months.get(&number).copied().unwrap_or_default();
            MonthLine {
                month: month(number),
                receipts: bought.receipts,
                net_spend: money(bought.spent, decimals),
                present: net(&tally.present, number),
                draft: net(&tally.draft, number),
            }
        })
        .collect()
}
