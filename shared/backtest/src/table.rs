//! The report as plain text, for a terminal.

use std::fmt::Write as _;

use tessera_domain::ids::{RewardId, RuleId};

use crate::words::{grouped, grouped_money, signed};
use crate::{Report, SideReport};

/// The maximum number of rules in a table.
const RULES: usize = 20;

/// Aligns rows: the first column left, the others right.
fn aligned(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            if column == 0 {
                let _ = write!(line, "{cell}{gap}");
            } else {
                let _ = write!(line, "  {gap}{cell}");
            }
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

impl Report {
    /// The result in one sentence.
    pub fn summary(&self) -> String {
        let cost = &self.difference.cost;
        let currency = &self.currency;
        let per_cent = self.difference.cost_percent.as_deref().unwrap_or("").trim_start_matches('-');
        let share = if per_cent.is_empty() { String::new() } else { format!(" ({per_cent} %)") };
        if cost.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            let points = signed(i128::from(self.difference.points.balance));
            return format!("The draft would have cost the same; the balance of points changes by {points}.");
        }
        match cost.strip_prefix('-') {
            Some(less) => format!("The draft would have cost {} {currency} less{share}.", grouped_money(less)),
            None => format!("The draft would have cost {} {currency} more{share}.", grouped_money(cost)),
        }
    }

    /// Notes that a reader needs beside the figures, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        let list = |ids: Vec<&str>| ids.join(", ");
        let rules = |ids: &[RuleId]| list(ids.iter().map(RuleId::as_str).collect());
        let mut notes = vec![
            "Everyone begins with nothing, nobody redeems, and each receipt is decided at its own time.".to_owned(),
        ];
        if self.point_value.is_none() {
            notes.push("A point has no value in this program, so its liability is not in the cost.".to_owned());
        }
        if self.facts.refunds_without_receipt > 0 {
            notes.push(format!("{} refunds are of receipts that are not here.", self.facts.refunds_without_receipt));
        }
        if self.facts.refunds_rejected > 0 {
            notes.push(format!("{} refunds are of more than what remained.", self.facts.refunds_rejected));
        }
        if !self.not_replayed.is_empty() {
            notes.push(format!("Rules that wait for something else than receipts: {}.", rules(&self.not_replayed)));
        }
        if !self.conditions_not_met.is_empty() {
            notes.push(format!(
                "Rules with conditions on who the member is, which never hold here: {}.",
                rules(&self.conditions_not_met)
            ));
        }
        if !self.events_assumed.is_empty() {
            notes.push(format!(
                "Rules whose points wait for an event, which is taken to come with each receipt: {}.",
                rules(&self.events_assumed)
            ));
        }
        if !self.not_yet_started.is_empty() {
            notes.push(format!("Rules that begin after the period: {}.", rules(&self.not_yet_started)));
        }
        if !self.over_stock.is_empty() {
            let rewards = list(self.over_stock.iter().map(RewardId::as_str).collect());
            notes.push(format!("More coupons than there is stock: {rewards}."));
        }
        notes
    }

    /// The lines of the comparison: name, current, draft, difference.
    pub(crate) fn comparison(&self) -> Vec<[String; 4]> {
        let points = |name: &str, of: fn(&SideReport) -> i64| {
            let [present, draft] = [&self.present, &self.draft].map(of).map(i128::from);
            [name.to_owned(), grouped(present), grouped(draft), signed(draft - present)]
        };
        let money = |name: &str, present: &str, draft: &str, difference: &str| {
            let sign = if difference.starts_with('-') { "" } else { "+" };
            let difference = format!("{sign}{}", grouped_money(difference));
            [format!("{name}, {}", self.currency), grouped_money(present), grouped_money(draft), difference]
        };
        let count = |members: u64| i64::try_from(members).unwrap_or(i64::MAX);
        let mut rows = vec![
            points("Points issued", |side| side.points.issued),
            points("Points taken back by refunds", |side| side.points.reversed),
            points("Points expired", |side| side.points.expired),
            points("Points taken by rules", |side| side.points.removed),
            points("Debts forgiven, points", |side| side.points.forgiven),
            points("Points outstanding", |side| side.points.balance),
            points("Qualifying points", |side| side.qualifying),
        ];
        if let (Some(present), Some(draft), Some(difference)) =
            (&self.present.liability, &self.draft.liability, &self.difference.liability)
        {
            rows.push(money("Liability of points", present, draft, difference));
        }
        let [present, draft] = [&self.present, &self.draft];
        rows.push(money(
            "Face value of coupons",
            &present.coupon_value,
            &draft.coupon_value,
            &self.difference.coupon_value,
        ));
        rows.push(money("Cost", &present.cost, &draft.cost, &self.difference.cost));
        let share = |side: &SideReport| side.cost_percent.clone().unwrap_or_else(|| "–".to_owned());
        rows.push(["Cost, % of net spend".to_owned(), share(present), share(draft), String::new()]);
        let [earning_now, earning_then] = [present, draft].map(|side| i128::from(count(side.members_earning)));
        rows.push([
            "Members who earn".to_owned(),
            grouped(earning_now),
            grouped(earning_then),
            signed(earning_then - earning_now),
        ]);
        rows
    }

    /// Renders the report as plain text.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let period = self.first_day.iter().chain(&self.last_day).cloned().collect::<Vec<_>>().join(" to ");
        let _ = writeln!(text, "{}: backtest of draft rules, {period}", self.program);
        let _ = writeln!(
            text,
            "{} receipts and {} refunds of {} members; net spend {} {}\n\n{}\n",
            grouped(i128::from(self.facts.receipts)),
            grouped(i128::from(self.facts.refunds)),
            grouped(i128::from(self.facts.members)),
            grouped_money(&self.facts.net_spend),
            self.currency,
            self.summary()
        );
        let mut rows = vec![cells(["", "present", "draft", "difference"])];
        rows.extend(self.comparison().into_iter().map(Vec::from));
        aligned(&mut text, &rows);
        let _ = writeln!(
            text,
            "\n{} members would have more points, {} fewer\n",
            grouped(i128::from(self.difference.members_with_more)),
            grouped(i128::from(self.difference.members_with_fewer))
        );
        for (name, side) in [("present", &self.present), ("draft", &self.draft)] {
            let mut rows = vec![cells([
                &format!("Rules, {name}"),
                "firings",
                "cut",
                "points",
                "qualifying",
                "receipts",
                "members",
            ])];
            rows.extend(side.rules.iter().take(RULES).map(|rule| {
                let numbers = [rule.firings, rule.cut_by_limits, rule.points, rule.qualifying].map(i128::from);
                let counts = [rule.receipts, rule.members].map(i128::from);
                std::iter::once(rule.rule.to_string()).chain(numbers.into_iter().chain(counts).map(grouped)).collect()
            }));
            aligned(&mut text, &rows);
            let more = side.rules.len().saturating_sub(RULES) + side.rules_left_out;
            if more > 0 {
                let _ = writeln!(text, "and {more} more");
            }
            text.push('\n');
        }
        let mut rows = vec![cells(["Points earned by member", "median", "90 %", "99 %", "most"])];
        rows.extend([("present", &self.present), ("draft", &self.draft)].map(|(name, side)| {
            let numbers =
                [side.distribution.median, side.distribution.p90, side.distribution.p99, side.distribution.most];
            std::iter::once(name.to_owned()).chain(numbers.map(|number| grouped(i128::from(number)))).collect()
        }));
        aligned(&mut text, &rows);
        if !self.present.tiers.is_empty() {
            let mut rows = vec![cells(["\nMembers by tier", "present", "draft"])];
            rows.extend(self.present.tiers.iter().zip(&self.draft.tiers).map(|(present, draft)| {
                vec![present.tier.to_string(), grouped(i128::from(present.members)), grouped(i128::from(draft.members))]
            }));
            aligned(&mut text, &rows);
        }
        text.push('\n');
        for note in self.notes() {
            let _ = writeln!(text, "Note: {note}");
        }
        text
    }
}
