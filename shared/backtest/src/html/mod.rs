//! The report as one self-contained page: for a browser, an e-mail's attachment, a printer.

mod chart;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use tessera_domain::ids::RuleId;

use crate::words::{grouped, grouped_money, signed};
use crate::{Bin, Report, SideReport};
use chart::{Group, columns, rows};

/// How many rules the chart shows.
const MAX_RULES: usize = 12;

const STYLE: &str = "\
:root{color-scheme:light;--present:#64748b;--draft:#0f766e;--line:#e2e8f0}\
body{font:16px/1.5 system-ui,sans-serif;color:#0f172a;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p.lead{font-size:1.25rem;margin:1rem 0}\
p.sub,figcaption,small{color:#475569}table{border-collapse:collapse;width:100%;font-size:.95rem}\
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}\
th:first-child,td:first-child{text-align:left}thead th{color:#475569;font-weight:600}tr.total td{font-weight:700}\
figure{margin:0}svg{width:100%;height:auto}.present{fill:var(--present)}.draft{fill:var(--draft)}\
.key{display:inline-block;width:.8em;height:.8em;margin:0 .35em 0 1em}\
.key.present{background:var(--present)}.key.draft{background:var(--draft)}\
svg text{font:12px system-ui,sans-serif;fill:#334155}.grid{stroke:var(--line)}\
@media print{body{margin:0;max-width:none}h2,figure{break-inside:avoid}}";

fn count(number: u64) -> String {
    grouped(i128::from(number))
}

fn bin_label(bin: &Bin) -> String {
    let text = |points: i64| grouped(i128::from(points));
    match (bin.from, bin.to) {
        (None, _) => "below 0".to_owned(),
        (Some(from), None) => format!("{}+", text(from)),
        (Some(from), Some(to)) if from == to => text(from),
        (Some(from), Some(to)) => format!("{}–{}", text(from), text(to)),
    }
}

fn figure(title: &str, caption: &str, chart: &Markup) -> Markup {
    html! {
        h2 { (title) }
        figure {
            p {
                span.key.present {} "present rules"
                span.key.draft {} "draft rules"
            }
            (chart)
            figcaption { small { (caption) } }
        }
    }
}

impl Report {
    /// Renders the report as an HTML page that has no scripts and loads nothing.
    pub fn html(&self) -> String {
        let period = self.first_day.iter().chain(&self.last_day).cloned().collect::<Vec<_>>().join(" to ");
        let rules = self.rule_groups();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    title { (self.program) ": backtest" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { (self.program) ": what the draft rules would have cost" }
                    p.sub {
                        (period) " · " (count(self.facts.receipts)) " receipts and " (count(self.facts.refunds))
                        " refunds of " (count(self.facts.members)) " members · net spend "
                        (grouped_money(&self.facts.net_spend)) " " (self.currency)
                    }
                    p.lead { (self.summary()) }
                    (self.numbers())
                    @if !self.months.is_empty() {
                        (figure(
                            "Points by month",
                            "Points issued in the month, less those taken back by refunds.",
                            &columns("Points by month", &self.month_groups()),
                        ))
                    }
                    (figure(
                        "Members by points earned",
                        "How many members earned so many points in the whole period, refunds taken off.",
                        &columns("Members by points earned", &self.bin_groups()),
                    ))
                    @if !rules.is_empty() {
                        (figure(
                            "Points by rule",
                            "The rules that give most, refunds taken off.",
                            &rows("Points by rule", &rules),
                        ))
                    }
                    @for (name, side) in [("present", &self.present), ("draft", &self.draft)] {
                        h2 { "Rules, " (name) }
                        (rules_table(side))
                        @if !side.coupons.is_empty() { (coupons_table(side)) }
                    }
                    h2 { "How to read this" }
                    ul {
                        @for note in self.notes() { li { (note) } }
                    }
                }
            }
        };
        page.into_string() + "\n"
    }

    fn numbers(&self) -> Markup {
        html! {
            h2 { "The numbers" }
            table {
                thead { tr { th {} th { "Present" } th { "Draft" } th { "Difference" } } }
                tbody {
                    @for [name, present, draft, difference] in self.comparison() {
                        tr.total[name.starts_with("Cost,")] {
                            td { (name) } td { (present) } td { (draft) } td { (difference) }
                        }
                    }
                    @for (present, draft) in self.present.tiers.iter().zip(&self.draft.tiers) {
                        tr {
                            td { "Members who end in tier " (present.tier.as_str()) }
                            td { (count(present.members)) }
                            td { (count(draft.members)) }
                            td { (signed(i128::from(draft.members) - i128::from(present.members))) }
                        }
                    }
                }
            }
            p {
                (count(self.difference.members_with_more)) " members would have more points, "
                (count(self.difference.members_with_fewer)) " fewer."
            }
        }
    }

    fn month_groups(&self) -> Vec<Group> {
        let groups = self.months.iter();
        groups.map(|m| Group { label: m.month.clone(), present: m.present, draft: m.draft }).collect()
    }

    fn bin_groups(&self) -> Vec<Group> {
        let bins = &self.draft.distribution.bins;
        let members = |side: &SideReport, bin: &Bin| {
            let found = side.distribution.bins.iter().find(|other| other.from == bin.from);
            found.map_or(0, |bin| i64::try_from(bin.members).unwrap_or(i64::MAX))
        };
        let widest = if self.present.distribution.bins.len() > bins.len() { &self.present } else { &self.draft };
        let is_used = |bin: &&Bin| members(&self.present, bin) > 0 || members(&self.draft, bin) > 0;
        let used = widest.distribution.bins.iter().filter(is_used);
        used.map(|bin| Group {
            label: bin_label(bin),
            present: members(&self.present, bin),
            draft: members(&self.draft, bin),
        })
        .collect()
    }

    /// The rules of both sides that give most points, in descending order.
    fn rule_groups(&self) -> Vec<Group> {
        let points = |side: &SideReport, rule: &RuleId| {
            side.rules.iter().find(|line| line.rule == *rule).map_or(0, |line| line.points)
        };
        let mut groups: Vec<(&RuleId, Group)> = Vec::new();
        for line in self.draft.rules.iter().chain(&self.present.rules) {
            if !groups.iter().any(|(rule, _)| **rule == line.rule) {
                let group = Group {
                    label: line.name.clone(),
                    present: points(&self.present, &line.rule),
                    draft: points(&self.draft, &line.rule),
                };
                groups.push((&line.rule, group));
            }
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.present.max(group.draft)));
        groups.truncate(MAX_RULES);
        groups
    }
}

fn rules_table(side: &SideReport) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th { "Rule" } th { "Firings" } th { "Cut by limits" } th { "Points" } th { "Qualifying" }
                    th { "Receipts" } th { "Members" }
                }
            }
            tbody {
                @for rule in &side.rules {
                    tr {
                        td { (rule.name) " " small { (rule.rule.as_str()) } }
                        @for number in [rule.firings, rule.cut_by_limits, rule.points, rule.qualifying] {
                            td { (grouped(i128::from(number))) }
                        }
                        td { (count(rule.receipts)) }
                        td { (count(rule.members)) }
                    }
                }
            }
        }
    }
}

fn coupons_table(side: &SideReport) -> Markup {
    html! {
        table {
            thead { tr { th { "Coupons" } th { "Given" } th { "Taken back" } th { "Value" } } }
            tbody {
                @for line in &side.coupons {
                    tr {
                        td { (line.reward.as_str()) }
                        td { (count(line.given)) }
                        td { (count(line.cancelled)) }
                        td { (line.value.as_deref().map_or_else(|| "–".to_owned(), grouped_money)) }
                    }
                }
            }
        }
    }
}
