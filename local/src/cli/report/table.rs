//! A statement as aligned text.

use std::fmt::Write as _;

use super::statement::{RollForwardAmounts, Row, Statement, StatementAmount, grouped, per_cent};

/// Renders a statement for a terminal.
pub(super) fn render(statement: &Statement) -> String {
    let liability = &statement.liability;
    let mut text = format!("{}: points outstanding, {}\n", liability.program, statement.period());
    let _ = writeln!(text, "{}", statement.valuation());
    if let Some(warning) = statement.warning() {
        let _ = writeln!(text, "WARNING: {warning}");
    }
    text.push('\n');
    let money = format!("{} {}", "", if liability.point_value.is_some() { &liability.currency } else { "" });
    let _ = writeln!(text, "{:<22}{:>16}{:>18}", "", "points", money.trim());
    for (name, amount) in liability.roll_forward.lines() {
        let _ = writeln!(text, "{name:<22}{:>16}{:>18}", amount.points(), amount.money());
    }
    let currency = liability.point_value.as_ref().map(|_| liability.currency.as_str());
    rows(&mut text, "By tier", "no tier", &liability.by_tier, currency);
    rows(&mut text, "By month of issue", "reserved, owed", &liability.by_month_of_issue, currency);
    let _ = writeln!(text, "\n{:<22}{:>16}{:>18}", "Expiring in", "points", money.trim());
    for month in &liability.forecast {
        let amount = StatementAmount { points: month.points, money: month.money.clone() };
        let _ = writeln!(text, "{:<22}{:>16}{:>18}", month.month, amount.points(), amount.money());
    }
    let never = &liability.never_expiring;
    let _ = writeln!(text, "{:<22}{:>16}{:>18}", "never", never.points(), never.money());
    let _ = writeln!(
        text,
        "\n{:<22}{:>14}{:>14}{:>14}{:>14}{:>14}{:>10}",
        "Breakage, issued in", "issued", "redeemed", "expired", "taken back", "open", "expired"
    );
    for month in &liability.breakage {
        let numbers = [month.issued, month.redeemed, month.expired, month.taken_back, month.open];
        let _ = write!(text, "{:<22}", month.issued_in);
        for number in numbers {
            let _ = write!(text, "{:>14}", grouped(&number.to_string()));
        }
        let _ = writeln!(text, "{:>10}", per_cent(month.rate.as_deref()));
    }
    text
}

/// A line of points for each row and, with a currency, one of money below it.
fn rows(text: &mut String, title: &str, unnamed: &str, rows: &[Row], currency: Option<&str>) {
    const HEADS: [&str; 10] =
        ["opening", "issued", "forgiven", "redeemed", "restored", "expired", "reversed", "removed", "moved", "closing"];
    let _ = write!(text, "\n{title:<22}");
    for head in HEADS {
        let _ = write!(text, "{head:>15}");
    }
    text.push('\n');
    for row in rows {
        let _ = write!(text, "{:<22}", row.name.as_deref().unwrap_or(unnamed));
        for amount in columns(row) {
            let _ = write!(text, "{:>15}", amount.points());
        }
        text.push('\n');
        let Some(currency) = currency else { continue };
        let _ = write!(text, "  {currency:<20}");
        for amount in columns(row) {
            let _ = write!(text, "{:>15}", amount.money());
        }
        text.push('\n');
    }
}

/// The amounts of a row, in the order of the statement's columns.
pub(super) fn columns(row: &Row) -> [&StatementAmount; 10] {
    let RollForwardAmounts { opening, issued, forgiven, redeemed, restored, expired, reversed, removed, closing } =
        &row.columns;
    [opening, issued, forgiven, redeemed, restored, expired, reversed, removed, &row.moved, closing]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_points_and_with_a_point_value_in_money() {
        let columns = [
            "opening", "issued", "forgiven", "redeemed", "restored", "expired", "reversed", "removed", "closing",
            "moved",
        ];
        let mut row = serde_json::Map::from_iter([("name".to_owned(), "Gold".into())]);
        for column in columns {
            row.insert(column.to_owned(), serde_json::json!({ "points": 1_234, "money": "12.34" }));
        }
        let row: Row = serde_json::from_value(row.into()).unwrap();
        let lines = |currency: Option<&str>| {
            let mut text = String::new();
            rows(&mut text, "By tier", "no tier", std::slice::from_ref(&row), currency);
            let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            text.lines().skip(2).map(cells).collect::<Vec<_>>()
        };
        let points = [vec!["Gold"], vec!["1,234"; 10]].concat();
        assert_eq!(lines(None), std::slice::from_ref(&points));
        assert_eq!(lines(Some("EUR")), [points, [vec!["EUR"], vec!["12.34"; 10]].concat()]);
    }
}
