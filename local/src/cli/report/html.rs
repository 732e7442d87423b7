//! A statement as a page that has no script and loads nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{Column, columns};
use super::statement::{Row, Statement, StatementAmount, grouped, per_cent};
use super::table;

const STYLE: &str = "\
:root{color-scheme:light dark;--paper:light-dark(#fff,#14171a);--ink:light-dark(#16191d,#e9ecef);\
--soft:light-dark(#5b6470,#a2abb6);--line:light-dark(#e1e5ea,#2c333a);--s0:light-dark(#1f6f5c,#5cc2a5);\
--s1:light-dark(#c2762b,#e8a765);--s2:light-dark(#8a94a1,#78828e);--s3:light-dark(#b9c2cc,#444d57)}\
*{box-sizing:border-box}body{margin:0 auto;padding:24px 16px 48px;max-width:68rem;background:var(--paper);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}h1{font-size:17px;font-weight:600;margin:0}h2{font-size:17px;margin:40px 0 8px}\
p{margin:4px 0}.soft,caption,.legend{color:var(--soft);font-size:13px}.headline{font-size:36px;line-height:1.2;margin:16px 0 0;\
font-variant-numeric:tabular-nums}.warning{border-left:3px solid var(--s1);padding-left:12px}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{padding:6px 8px;border-bottom:1px solid var(--line);\
text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}th{font-weight:600}tbody th{font-weight:400}thead th{color:var(--soft);font-size:13px}\
th:first-child,td:first-child{text-align:left;padding-left:0}tr.sum>*{font-weight:600;border-bottom-color:var(--ink)}\
td small{display:block;color:var(--soft);font-size:13px}figure{margin:8px 0}svg{width:100%;height:auto;display:block}\
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}.grid{stroke:var(--line)}.legend span{margin-right:16px}\
.key{display:inline-block;width:10px;height:10px;margin-right:6px}\
.s0{fill:var(--s0);background:var(--s0)}.s1{fill:var(--s1);background:var(--s1)}.s2{fill:var(--s2);background:var(--s2)}\
.s3{fill:var(--s3);background:var(--s3)}\
@media print{:root{color-scheme:light}body{padding:0;max-width:none}.scroll{overflow:visible}h2,figure,tr{break-inside:avoid}}\
@media (max-width:600px){svg text{font-size:26px}th,td{padding:6px 4px}.headline{font-size:28px}}";

/// Renders a statement.
pub(super) fn render(statement: &Statement) -> String {
    let liability = &statement.liability;
    let (closing, totals) = (&liability.roll_forward.closing, &statement.overview.totals);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (liability.program) ": points outstanding, " (statement.period()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (liability.program) ": points outstanding" }
                p.soft { (statement.period()) }
                p.headline {
                    (closing.points()) " points"
                    @if closing.money.is_some() { " · " (closing.money()) " " (liability.currency) }
                }
                p.soft { (statement.valuation()) }
                @if let Some(warning) = statement.warning() { p.warning role="alert" { (warning) } }
                h2 { "How the balance came about" }
                (roll_forward(statement))
                h2 { "Points earned and redeemed by day" }
                (columns("Points earned and redeemed by day", &["earned", "redeemed"], &daily(statement), false))
                p.soft {
                    (grouped(&totals.points_earned.to_string())) " points earned, "
                    (grouped(&totals.points_redeemed.to_string())) " redeemed, a rate of "
                    (per_cent(totals.redemption_rate.as_deref())) ". "
                    (grouped(&totals.points_pending.to_string())) " of the "
                    (grouped(&totals.points_unredeemed.to_string())) " points were not spendable yet. "
                    (totals.members) " members (" (totals.new_members) " new) and " (totals.visitors) " visitors; revenue with coupons of the program "
                    (grouped(&totals.loyalty_revenue)) " " (liability.currency) "."
                }
                h2 { "By tier" }
                (breakdown("Tier", "no tier", &liability.by_tier))
                h2 { "By month of issue" }
                (breakdown("Issued in", "reserved or owed", &liability.by_month_of_issue))
                h2 { "When the points expire" }
                @if liability.forecast.is_empty() {
                    p { "No point that is held now has an end." }
                } @else {
                    (columns("Points that expire, by month", &["points"], &forecast(statement), false))
                    (forecast_table(statement))
                }
                h2 { "What became of each month's points" }
                (columns(
                    "Points by month of issue",
                    &["redeemed", "expired", "taken back", "open"],
                    &breakage(statement),
                    true,
                ))
                (breakage_table(statement))
                p.soft { "Expiry and each month's points are those of now, not of the statement's last day." }
            }
        }
    };
    page.into_string() + "\n"
}

fn roll_forward(statement: &Statement) -> Markup {
    let has_money = statement.liability.point_value.is_some();
    html! {
        div.scroll { table {
            thead { tr {
                th {} th scope="col" { "points" }
                @if has_money { th scope="col" { (statement.liability.currency) } }
            } }
            tbody {
                @for (place, (name, amount)) in statement.liability.roll_forward.lines().into_iter().enumerate() {
                    tr.sum[place == 0 || place == 8] {
                        th scope="row" { (name) }
                        td { (amount.points()) }
                        @if has_money { td { (amount.money()) } }
                    }
                }
            }
        } }
    }
}

fn breakdown(head: &str, unnamed: &str, rows: &[Row]) -> Markup {
    const HEADS: [&str; 10] =
        ["opening", "issued", "forgiven", "redeemed", "restored", "expired", "reversed", "removed", "moved", "closing"];
    html! {
        div.scroll { table {
            thead { tr { th scope="col" { (head) } @for head in HEADS { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (row.name.as_deref().unwrap_or(unnamed)) }
                        @for amount in table::columns(row) { (cell(amount)) }
                    }
                }
            }
        } }
    }
}

fn cell(amount: &StatementAmount) -> Markup {
    html! { td { (amount.points()) @if amount.money.is_some() { small { (amount.money()) } } } }
}

fn daily(statement: &Statement) -> Vec<Column> {
    let days = statement.overview.series.iter();
    days.map(|day| Column {
        label: day.from.get(5..).unwrap_or(&day.from).to_owned(),
        values: vec![day.figures.points_earned, day.figures.points_redeemed],
    })
    .collect()
}

fn forecast(statement: &Statement) -> Vec<Column> {
    let months = statement.liability.forecast.iter();
    months.map(|month| Column { label: month.month.clone(), values: vec![month.points] }).collect()
}

fn forecast_table(statement: &Statement) -> Markup {
    let liability = &statement.liability;
    let has_money = liability.point_value.is_some();
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { "Expiring in" } th scope="col" { "points" }
                @if has_money { th scope="col" { (liability.currency) } }
            } }
            tbody {
                @for month in &liability.forecast {
                    @let amount = StatementAmount { points: month.points, money: month.money.clone() };
                    tr { th scope="row" { (month.month) } td { (amount.points()) } @if has_money { td { (amount.money()) } } }
                }
                tr {
                    th scope="row" { "never" } td { (liability.never_expiring.points()) }
                    @if has_money { td { (liability.never_expiring.money()) } }
                }
            }
        } }
    }
}

fn breakage(statement: &Statement) -> Vec<Column> {
    let months = statement.liability.breakage.iter();
    months
        .map(|month| Column {
            label: month.issued_in.clone(),
            values: vec![month.redeemed, month.expired, month.taken_back, month.open],
        })
        .collect()
}

fn breakage_table(statement: &Statement) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                @for head in ["Issued in", "issued", "redeemed", "expired", "taken back", "open", "expired, share"] {
                    th scope="col" { (head) }
                }
            } }
            tbody {
                @for month in &statement.liability.breakage {
                    tr {
                        th scope="row" { (month.issued_in) }
                        @for points in [month.issued, month.redeemed, month.expired, month.taken_back, month.open] {
                            td { (grouped(&points.to_string())) }
                        }
                        td { (per_cent(month.rate.as_deref())) }
                    }
                }
            }
        } }
    }
}
