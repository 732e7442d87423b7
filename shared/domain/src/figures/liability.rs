//! The liability: how the points that customers hold came about, when they expire, and how many were never used.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::period::{FigureHistory, ReportPeriod};
use super::valuation::{PointsAmount, Valuation, ratio};
use super::{Figures, Flows};

/// The liability of a program.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Liability {
    /// The program's name.
    pub program: String,
    /// The first day of the roll-forward.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub from: String,
    /// The day after its last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub to: String,
    /// The value of a point today, at which every line is valued; null in a program without point value.
    pub point_value: Option<String>,
    /// The currency of all money.
    pub currency: String,
    /// Opening + issued + forgiven − redeemed + restored − expired − reversed − removed = closing.
    pub roll_forward: RollForward,
    /// The same by tier of the members. Who changes tier takes the balance along (`moved`).
    pub by_tier: Vec<RollForwardRow>,
    /// The same by month of issue. A line without month holds reserved points and debts.
    pub by_month_of_issue: Vec<RollForwardRow>,
    /// The points held now, by the month in which they expire.
    pub forecast: Vec<ExpiryForecast>,
    /// The points held now that never expire.
    pub never_expiring: PointsAmount,
    /// What became of the points of each month.
    pub breakage: Vec<Breakage>,
}

/// How a balance came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollForward {
    /// The balance before the first day.
    pub opening: PointsAmount,
    /// Points given: by rules, awards, referral rewards, imports.
    pub issued: PointsAmount,
    /// Debts written off.
    pub forgiven: PointsAmount,
    /// Points spent on rewards.
    pub redeemed: PointsAmount,
    /// Spent points that came back.
    pub restored: PointsAmount,
    /// Points that expired.
    pub expired: PointsAmount,
    /// Points that refunds took back.
    pub reversed: PointsAmount,
    /// Points that an admin, a rule or an erasure removed.
    pub removed: PointsAmount,
    /// The balance after the last day.
    pub closing: PointsAmount,
}

/// A line of a roll-forward by tier or by month of issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollForwardRow {
    /// The tier, or the month; null for members without tier, and for points that no lot holds.
    pub name: Option<String>,
    /// Points from other lines, less those that went there: changes of tier, points set aside, points that paid a debt.
    pub moved: PointsAmount,
    /// The columns.
    #[serde(flatten)]
    pub columns: RollForward,
}

/// The points that expire in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExpiryForecast {
    /// The month.
    pub month: String,
    /// The points.
    pub points: i64,
    /// Their money; null in a program without point value.
    pub money: Option<String>,
}

/// What became of the points of one month: issued = redeemed + expired + `taken_back` + open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Breakage {
    /// The month of issue.
    pub issued_in: String,
    /// Points given.
    pub issued: i64,
    /// Points spent on rewards or set aside for them, and points that paid a debt; less those that came back.
    pub redeemed: i64,
    /// Points that expired.
    pub expired: i64,
    /// Points that refunds took back or that were removed.
    pub taken_back: i64,
    /// Points that can still be used.
    pub open: i64,
    /// Expired ÷ issued; null when nothing was issued.
    pub rate: Option<String>,
}

impl Liability {
    /// The liability of a period. Forecast and breakage are those of now.
    pub fn new(history: &FigureHistory, period: ReportPeriod, valuation: &Valuation) -> Self {
        let before = history.position_before(period.from);
        let sums = history.sums(period);
        let position = &history.position;
        let never = position.lots.iter().filter(|((_, expires), _)| expires.is_none()).map(|(_, points)| points).sum();
        Self {
            program: valuation.program().to_owned(),
            from: period.from.to_string(),
            to: period.to.to_string(),
            point_value: valuation.point_value(),
            currency: valuation.currency().code().to_owned(),
            roll_forward: RollForward::new(before.flows().net(), &sums.flows(), valuation),
            by_tier: rows(&before.by_tier, &sums.by_tier, valuation),
            by_month_of_issue: rows(&before.by_issue, &sums.by_issue, valuation),
            forecast: forecast(position, valuation),
            never_expiring: valuation.amount(never),
            breakage: breakage(position),
        }
    }
}

impl RollForward {
    fn new(opening: i64, flows: &Flows, valuation: &Valuation) -> Self {
        let amount = |points| valuation.amount(points);
        Self {
            opening: amount(opening),
            issued: amount(flows.issued),
            forgiven: amount(flows.forgiven),
            redeemed: amount(flows.redeemed),
            restored: amount(flows.restored),
            expired: amount(flows.expired),
            reversed: amount(flows.reversed),
            removed: amount(flows.removed),
            closing: amount(opening + flows.net()),
        }
    }
}

/// A line for each name that has an opening balance or flows.
fn rows<K: Ord + Clone + ToString>(
    before: &BTreeMap<Option<K>, Flows>,
    sums: &BTreeMap<Option<K>, Flows>,
    valuation: &Valuation,
) -> Vec<RollForwardRow> {
    let names: BTreeSet<&Option<K>> = before.keys().chain(sums.keys()).collect();
    let row = |name: &Option<K>| {
        let opening = before.get(name).map_or(0, Flows::net);
        let flows = sums.get(name).copied().unwrap_or_default();
        (opening != 0 || !flows.is_zero()).then(|| RollForwardRow {
            name: name.as_ref().map(ToString::to_string),
            moved: valuation.amount(flows.moved),
            columns: RollForward::new(opening, &flows, valuation),
        })
    };
    names.into_iter().filter_map(row).collect()
}

fn forecast(position: &Figures, valuation: &Valuation) -> Vec<ExpiryForecast> {
    let mut months = BTreeMap::new();
    for ((_, expires), points) in &position.lots {
        if let Some(month) = expires {
            *months.entry(*month).or_insert(0) += points;
        }
    }
    let amounts = months.into_iter().map(|(month, points)| (month, valuation.amount(points)));
    amounts
        .filter(|(_, amount)| amount.points != 0)
        .map(|(month, PointsAmount { points, money })| ExpiryForecast { month: month.to_string(), points, money })
        .collect()
}

fn breakage(position: &Figures) -> Vec<Breakage> {
    let months = position.by_issue.iter().filter_map(|(month, flows)| Some((month.as_ref()?, flows)));
    months
        .map(|(month, flows)| Breakage {
            issued_in: month.to_string(),
            issued: flows.issued,
            redeemed: flows.redeemed - flows.restored - flows.moved,
            expired: flows.expired,
            taken_back: flows.reversed + flows.removed - flows.forgiven,
            open: flows.net(),
            rate: ratio(flows.expired, flows.issued),
        })
        .collect()
}
