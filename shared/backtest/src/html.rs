//! The report as one page that needs nothing else: for a browser, an e-mail's attachment, a printer.

use std::fmt::Write as _;

use crate::words::{grouped, grouped_money};
use crate::{Bin, Report, SideReport};

/// The rules of each side that are drawn.
const RULES: usize = 12;
/// The size of a chart, in its own units.
const WIDTH: i64 = 860;
const HEIGHT: i64 = 260;
/// The room beside and below the bars.
const LEFT: i64 = 70;
const BOTTOM: i64 = 40;
const TOP: i64 = 12;

const STYLE: &str = "\
:root{color-scheme:light;--present:#64748b;--draft:#0f766e;--line:#e2e8f0}\
body{font:16px/1.5 system-ui,sans-serif;color:#0f172a;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p.lead{font-size:1.25rem;margin:1rem 0}\
p.sub,figcaption,small{color:#475569}table{border-collapse:collapse;width:100%;font-size:.95rem}\
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}\
th:first-child,td:first-child{text-align:left}thead th{color:#475569;font-weight:600}tr.total td{font-weight:700}\
figure{margin:0}svg{width:100%;height:auto}.present{fill:var(--present)}.draft{fill:var(--draft)}\
.key{display:inline-block;width:.8em;height:.8em;margin:0 .35em 0 1em}\
svg text{font:12px system-ui,sans-serif;fill:#334155}.grid{stroke:var(--line)}\
@media print{body{margin:0;max-width:none}h2,figure{break-inside:avoid}}";

/// Text made safe inside HTML, also in attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A group of a chart: its label, and the present and the draft's value.
struct Group {
    label: String,
    present: i64,
    draft: i64,
}

/// The end of an axis that holds `most`: 1, 2 or 5 times a power of ten.
fn axis_end(most: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [1, 2, 5] {
            let end = power.saturating_mul(step);
            if end >= most {
                return end;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A part of a length, in whole units.
fn scaled(value: i64, end: i64, length: i64) -> i64 {
    let part = i128::from(value.max(0)) * i128::from(length) / i128::from(end.max(1));
    i64::try_from(part).unwrap_or(length).min(length)
}

/// Upright bars in pairs. Labels are thinned out where there are many groups.
fn columns(title: &str, groups: &[Group]) -> String {
    let count = i64::try_from(groups.len()).unwrap_or(1).max(1);
    let end = axis_end(groups.iter().flat_map(|group| [group.present, group.draft]).max().unwrap_or(1));
    let (plot, floor) = (WIDTH - LEFT - 10, HEIGHT - BOTTOM);
    let tall = floor - TOP;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(title));
    for quarter in 0..=4 {
        let y = floor - tall * quarter / 4;
        let label = grouped(i128::from(end) * i128::from(quarter) / 4);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>",
            WIDTH - 10,
            LEFT - 8,
            y + 4
        );
    }
    let bar = (plot / count * 2 / 5).max(1);
    let every = (count + 11) / 12;
    for (place, group) in (0..).zip(groups) {
        let x = LEFT + plot * place / count + plot / count / 10;
        for (offset, class, value) in [(0, "present", group.present), (bar, "draft", group.draft)] {
            let height = scaled(value, end, tall);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{bar}\" height=\"{height}\"><title>{}: {}</title></rect>",
                x + offset,
                floor - height,
                escape(&group.label),
                grouped(i128::from(value))
            );
        }
        if place % every == 0 {
            // A range stands on two lines, so that neighbours do not run into each other.
            for (y, part) in (floor + 16..).step_by(14).zip(group.label.split_inclusive('–')) {
                let part = escape(part);
                let _ = write!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"middle\">{part}</text>", x + bar);
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Lying bars in pairs, with their labels at the left.
fn rows(title: &str, groups: &[Group]) -> String {
    let end = axis_end(groups.iter().flat_map(|group| [group.present, group.draft]).max().unwrap_or(1));
    let (left, step) = (300, 40);
    let height = step * i64::try_from(groups.len()).unwrap_or(1) + 10;
    let wide = WIDTH - left - 110;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escape(title));
    for (place, group) in (0..).zip(groups) {
        let y = place * step + 6;
        let label: String = if group.label.chars().count() > 42 {
            group.label.chars().take(41).chain(['…']).collect()
        } else {
            group.label.clone()
        };
        let _ = write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left - 10, y + 18, escape(&label));
        for (offset, class, value) in [(0, "present", group.present), (14, "draft", group.draft)] {
            let length = scaled(value, end, wide);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{}\" width=\"{length}\" height=\"13\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                y + offset,
                left + length + 6,
                y + offset + 11,
                grouped(i128::from(value))
            );
        }
    }
    svg.push_str("</svg>");
    svg
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

impl Report {
    /// The report as an HTML page without scripts and without anything loaded from elsewhere.
    pub fn html(&self) -> String {
        let period = self.first_day.iter().chain(&self.last_day).cloned().collect::<Vec<_>>().join(" to ");
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{name}: backtest</title><style>{STYLE}</style></head><body>\
             <h1>{name}: what the draft rules would have cost</h1>\
             <p class=\"sub\">{period} · {} receipts and {} refunds of {} members · net spend {} {}</p>\
             <p class=\"lead\">{}</p>",
            grouped(i128::from(self.facts.receipts)),
            grouped(i128::from(self.facts.refunds)),
            grouped(i128::from(self.facts.members)),
            grouped_money(&self.facts.net_spend),
            escape(&self.currency),
            escape(&self.summary()),
            name = escape(&self.program),
            period = escape(&period),
        );
        self.numbers(&mut page);
        let key = "<p><span class=\"key\" style=\"background:#64748b\"></span>present rules\
                   <span class=\"key\" style=\"background:#0f766e\"></span>draft rules</p>";
        let figure = |page: &mut String, title: &str, caption: &str, chart: String| {
            let _ = write!(
                page,
                "<h2>{title}</h2><figure>{key}{chart}<figcaption><small>{caption}</small></figcaption></figure>"
            );
        };
        if !self.months.is_empty() {
            figure(
                &mut page,
                "Points by month",
                "Points issued in the month, less those taken back by refunds.",
                columns("Points by month", &self.month_groups()),
            );
        }
        figure(
            &mut page,
            "Members by points earned",
            "How many members earned so many points in the whole period, refunds taken off.",
            columns("Members by points earned", &self.bin_groups()),
        );
        let rules = self.rule_groups();
        if !rules.is_empty() {
            figure(
                &mut page,
                "Points by rule",
                "The rules that give most, refunds taken off.",
                rows("Points by rule", &rules),
            );
        }
        self.rules_table(&mut page);
        page.push_str("<h2>How to read this</h2><ul>");
        for note in self.notes() {
            let _ = write!(page, "<li>{}</li>", escape(&note));
        }
        page.push_str("</ul></body></html>\n");
        page
    }

    fn numbers(&self, page: &mut String) {
        page.push_str(
            "<h2>The numbers</h2><table><thead><tr><th></th><th>Present</th><th>Draft</th><th>Difference</th></tr>\
             </thead><tbody>",
        );
        for [name, present, draft, difference] in self.comparison() {
            let class = if name.starts_with("Cost,") { " class=\"total\"" } else { "" };
            let _ = write!(
                page,
                "<tr{class}><td>{}</td><td>{present}</td><td>{draft}</td><td>{difference}</td></tr>",
                escape(&name)
            );
        }
        for (present, draft) in self.present.tiers.iter().zip(&self.draft.tiers) {
            let [now, then] = [present.members, draft.members].map(i128::from);
            let _ = write!(
                page,
                "<tr><td>Members who end in tier {}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(present.tier.as_str()),
                grouped(now),
                grouped(then),
                crate::words::signed(then - now)
            );
        }
        let _ = write!(
            page,
            "</tbody></table><p>{} members would have more points, {} fewer.</p>",
            grouped(i128::from(self.difference.members_with_more)),
            grouped(i128::from(self.difference.members_with_fewer))
        );
    }

    fn month_groups(&self) -> Vec<Group> {
        let groups = self.months.iter();
        groups.map(|m| Group { label: m.month.clone(), present: m.present, draft: m.draft }).collect()
    }

    fn bin_groups(&self) -> Vec<Group> {
        let bins = &self.draft.distribution.bins;
        let count = |side: &SideReport, bin: &Bin| {
            let found = side.distribution.bins.iter().find(|other| other.from == bin.from);
            found.map_or(0, |bin| i64::try_from(bin.members).unwrap_or(i64::MAX))
        };
        let widest = if self.present.distribution.bins.len() > bins.len() { &self.present } else { &self.draft };
        let used = |bin: &&Bin| count(&self.present, bin) > 0 || count(&self.draft, bin) > 0;
        let used = widest.distribution.bins.iter().filter(used);
        used.map(|bin| Group {
            label: bin_label(bin),
            present: count(&self.present, bin),
            draft: count(&self.draft, bin),
        })
        .collect()
    }

    fn rule_groups(&self) -> Vec<Group> {
        let of = |side: &SideReport, rule: &tessera_domain::ids::RuleId| {
            side.rules.iter().find(|line| line.rule == *rule).map_or(0, |line| line.points)
        };
        let mut groups: Vec<(&tessera_domain::ids::RuleId, Group)> = Vec::new();
        for line in self.draft.rules.iter().chain(&self.present.rules) {
            if !groups.iter().any(|(rule, _)| **rule == line.rule) {
                let group = Group {
                    label: line.name.clone(),
                    present: of(&self.present, &line.rule),
                    draft: of(&self.draft, &line.rule),
                };
                groups.push((&line.rule, group));
            }
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.present.max(group.draft)));
        groups.truncate(RULES);
        groups
    }

    fn rules_table(&self, page: &mut String) {
        for (name, side) in [("present", &self.present), ("draft", &self.draft)] {
            let _ = write!(
                page,
                "<h2>Rules, {name}</h2><table><thead><tr><th>Rule</th><th>Firings</th><th>Cut by limits</th>\
                 <th>Points</th><th>Qualifying</th><th>Receipts</th><th>Members</th></tr></thead><tbody>"
            );
            for rule in &side.rules {
                let numbers = [rule.firings, rule.cut_by_limits, rule.points, rule.qualifying].map(i128::from);
                let _ =
                    write!(page, "<tr><td>{} <small>{}</small></td>", escape(&rule.name), escape(rule.rule.as_str()));
                for number in numbers.into_iter().chain([rule.receipts, rule.members].map(i128::from)) {
                    let _ = write!(page, "<td>{}</td>", grouped(number));
                }
                page.push_str("</tr>");
            }
            page.push_str("</tbody></table>");
            if !side.coupons.is_empty() {
                page.push_str(
                    "<table><thead><tr><th>Coupons</th><th>Given</th><th>Taken back</th><th>Value</th></tr></thead><tbody>",
                );
                for line in &side.coupons {
                    let _ = write!(
                        page,
                        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                        escape(line.reward.as_str()),
                        grouped(i128::from(line.given)),
                        grouped(i128::from(line.cancelled)),
                        line.value.as_deref().map_or_else(|| "–".to_owned(), grouped_money)
                    );
                }
                page.push_str("</tbody></table>");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 1, 3, 11, 21, 5001].map(axis_end), [1, 1, 5, 20, 50, 10_000]);
        assert_eq!(axis_end(i64::MAX), i64::MAX);
        assert_eq!(scaled(i64::MAX, i64::MAX, 200), 200);
    }

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escape("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
    }
}
