//! What a statement says, read from the API's responses.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub liability: LiabilityResponse,
    pub overview: OverviewResponse,
}

/// `GET /v1/liability`.
#[derive(Debug, Deserialize)]
pub(super) struct LiabilityResponse {
    pub program: String,
    pub from: String,
    pub point_value: Option<String>,
    pub currency: String,
    pub roll_forward: RollForwardAmounts,
    pub by_tier: Vec<Row>,
    pub by_month_of_issue: Vec<Row>,
    pub forecast: Vec<Forecast>,
    pub never_expiring: StatementAmount,
    pub breakage: Vec<BreakageRow>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct StatementAmount {
    pub points: i64,
    pub money: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RollForwardAmounts {
    pub opening: StatementAmount,
    pub issued: StatementAmount,
    pub forgiven: StatementAmount,
    pub redeemed: StatementAmount,
    pub restored: StatementAmount,
    pub expired: StatementAmount,
    pub reversed: StatementAmount,
    pub removed: StatementAmount,
    pub closing: StatementAmount,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub name: Option<String>,
    pub moved: StatementAmount,
    #[serde(flatten)]
    pub columns: RollForwardAmounts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forecast {
    pub month: String,
    pub points: i64,
    pub money: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BreakageRow {
    pub issued_in: String,
    pub issued: i64,
    pub redeemed: i64,
    pub expired: i64,
    pub taken_back: i64,
    pub open: i64,
    pub rate: Option<String>,
}

/// `GET /v1/overview` by day.
#[derive(Debug, Deserialize)]
pub(super) struct OverviewResponse {
    pub totals: OverviewFigures,
    pub series: Vec<StatementDay>,
    pub uncounted: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatementDay {
    pub from: String,
    #[serde(flatten)]
    pub figures: OverviewFigures,
}

#[derive(Debug, Deserialize)]
pub(super) struct OverviewFigures {
    pub points_earned: i64,
    pub points_redeemed: i64,
    pub points_unredeemed: i64,
    pub points_pending: i64,
    pub redemption_rate: Option<String>,
    pub loyalty_revenue: String,
    pub members: i64,
    pub visitors: i64,
    pub new_members: i64,
}

impl Statement {
    pub fn read(liability: Value, overview: Value) -> anyhow::Result<Self> {
        let liability = serde_json::from_value(liability).context("the liability is not what this version expects")?;
        let overview = serde_json::from_value(overview).context("the overview is not what this version expects")?;
        Ok(Self { liability, overview })
    }

    /// The days of the statement in words; the last day is included.
    pub fn period(&self) -> String {
        let last = self.overview.series.last().map_or(&self.liability.from, |day| &day.from);
        format!("{} to {last}", self.liability.from)
    }

    /// How the money of the statement was computed.
    pub fn valuation(&self) -> String {
        let LiabilityResponse { point_value, currency, .. } = &self.liability;
        match point_value {
            Some(value) => {
                format!("Every line is valued at today's {value} {currency} per point and rounded on its own.")
            }
            None => "The program has no point value, so the statement is in points only.".to_owned(),
        }
    }

    /// What the reader must know of the figures' completeness; `None` when they are complete.
    pub fn warning(&self) -> Option<String> {
        let missing = self.overview.uncounted;
        (missing > 0).then(|| {
            format!("{missing} entries could not be read and are not in these figures. Rebuild them from the ledger.")
        })
    }
}

impl RollForwardAmounts {
    /// The lines with their signs: what adds to the balance and what takes from it.
    pub fn lines(&self) -> [(&'static str, StatementAmount); 9] {
        [
            ("Opening balance", self.opening.clone()),
            ("Issued", self.issued.clone()),
            ("Debts forgiven", self.forgiven.clone()),
            ("Redeemed", self.redeemed.negated()),
            ("Restored", self.restored.clone()),
            ("Expired", self.expired.negated()),
            ("Reversed by returns", self.reversed.negated()),
            ("Removed", self.removed.negated()),
            ("Closing balance", self.closing.clone()),
        ]
    }
}

impl StatementAmount {
    fn negated(&self) -> Self {
        let negated = |money: &String| match money.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None if money.chars().all(|c| matches!(c, '0' | '.')) => money.clone(),
            None => format!("-{money}"),
        };
        Self { points: -self.points, money: self.money.as_ref().map(negated) }
    }

    /// The points with digits in groups.
    pub fn points(&self) -> String {
        grouped(&self.points.to_string())
    }

    /// The money with digits in groups; empty in a program without point value.
    pub fn money(&self) -> String {
        self.money.as_deref().map(grouped).unwrap_or_default()
    }
}

/// Groups the digits before the decimal point in threes. A minus sign is a real one.
pub(super) fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A rate such as `0.1250` in per cent; a dash for none.
pub(super) fn per_cent(rate: Option<&str>) -> String {
    let Some(rate) = rate.and_then(|rate| rate.parse::<rust_decimal::Decimal>().ok()) else { return "–".to_owned() };
    format!("{:.1} %", rate * rust_decimal::Decimal::ONE_HUNDRED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_signed() {
        assert_eq!(["0", "-1234567.50", "999", "1000"].map(grouped), ["0", "−1,234,567.50", "999", "1,000"]);
        let amount = |points, money: &str| StatementAmount { points, money: Some(money.to_owned()) };
        assert_eq!(amount(5, "0.05").negated().money(), "−0.05");
        assert_eq!(amount(0, "0.00").negated().money(), "0.00");
        assert_eq!(amount(-5, "-0.05").negated().money(), "0.05");
        assert_eq!([per_cent(Some("0.1250")), per_cent(None)], ["12.5 %", "–"]);
    }
}
