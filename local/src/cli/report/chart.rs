//! Charts of a statement as inline SVG, without script.

use maud::{Markup, html};

use super::statement::grouped;

/// The size of a chart, in its own units.
const WIDTH: i64 = 860;
const HEIGHT: i64 = 240;
/// The space around the plot.
const LEFT: i64 = 84;
const RIGHT: i64 = 8;
const BOTTOM: i64 = 28;
const TOP: i64 = 10;
/// The most labels below a chart.
const LABELS: i64 = 8;

/// A column of a chart: the label, and one value for each series.
pub(super) struct Column {
    pub label: String,
    pub values: Vec<i64>,
}

/// Columns that stand beside each other, or on each other when `is_stacked`. `names` are the series' names.
pub(super) fn columns(title: &str, names: &[&str], columns: &[Column], is_stacked: bool) -> Markup {
    let count = i64::try_from(columns.len()).unwrap_or(1).max(1);
    let height = |column: &Column| {
        let shown = column.values.iter().map(|value| (*value).max(0));
        if is_stacked { shown.sum() } else { shown.max().unwrap_or(0) }
    };
    let end = axis_end(columns.iter().map(height).max().unwrap_or(0));
    let (plot, floor) = (WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM);
    let tall = floor - TOP;
    let series = i64::try_from(names.len()).unwrap_or(1).max(1);
    let bars = if is_stacked { 1 } else { series };
    let bar = (plot * 7 / (count * bars * 10)).clamp(1, 48);
    let every = (count + LABELS - 1) / LABELS;
    html! {
        figure {
            p.legend {
                @for (place, name) in names.iter().enumerate() {
                    span { i class={ "key s" (place) } {} (name) }
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
                @for quarter in 0..=4_i64 {
                    @let y = floor - tall * quarter / 4;
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text x=(LEFT - 8) y=(y + 4) text-anchor="end" { (short(end / 4 * quarter)) }
                }
                @for (place, column) in (0_i64..).zip(columns) {
                    @let middle = LEFT + plot * (2 * place + 1) / (2 * count);
                    @let first = middle - bar * bars / 2;
                    @for (nth, top, value) in bottoms(column, is_stacked) {
                        @let tall_bar = scaled(value, end, tall);
                        @let x = if is_stacked { first } else { first + bar * i64::try_from(nth).unwrap_or(0) };
                        rect class={ "s" (nth) } x=(x) y=(floor - scaled(top, end, tall) - tall_bar) width=(bar) height=(tall_bar) {
                            title { (column.label) ", " (names.get(nth).copied().unwrap_or_default()) ": " (grouped(&value.to_string())) }
                        }
                    }
                    @if place % every == 0 {
                        text x=(middle) y=(floor + 18) text-anchor="middle" { (column.label) }
                    }
                }
            }
        }
    }
}

/// The series of a column, with what stands below each.
fn bottoms(column: &Column, is_stacked: bool) -> Vec<(usize, i64, i64)> {
    let mut below = 0;
    let parts = column.values.iter().enumerate().map(|(place, value)| {
        let value = (*value).max(0);
        let part = (place, if is_stacked { below } else { 0 }, value);
        below += value;
        part
    });
    parts.collect()
}

/// The end of an axis: the smallest 4, 8, 20 or 40 times a power of ten that is at least `most`, so that its quarters are whole.
fn axis_end(most: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [4, 8, 20] {
            let end = power.saturating_mul(step);
            if end >= most {
                return end;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A number of an axis: thousands as `k`, millions as `M`.
fn short(number: i64) -> String {
    match number {
        number if number >= 1_000_000 && number % 100_000 == 0 => tenths(number / 100_000, "M"),
        number if number >= 1_000 && number % 100 == 0 => tenths(number / 100, "k"),
        number => grouped(&number.to_string()),
    }
}

/// A number of tenths with a unit; a whole one has no decimals.
fn tenths(number: i64, unit: &str) -> String {
    match number % 10 {
        0 => format!("{}{unit}", grouped(&(number / 10).to_string())),
        tenth => format!("{}.{tenth}{unit}", number / 10),
    }
}

fn scaled(value: i64, end: i64, length: i64) -> i64 {
    let part = i128::from(value) * i128::from(length) / i128::from(end.max(1));
    i64::try_from(part).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_whole_quarters() {
        assert_eq!([0, 1, 5, 9, 21, 700].map(axis_end), [4, 4, 8, 20, 40, 800]);
        assert_eq!([0, 50, 1_000, 2_500, 400_000, 1_500_000].map(short), ["0", "50", "1k", "2.5k", "400k", "1.5M"]);
    }

    #[test]
    fn stacked_series_stand_on_each_other() {
        let column = Column { label: "2026-03".to_owned(), values: vec![5, -1, 7] };
        assert_eq!(bottoms(&column, true), [(0, 0, 5), (1, 5, 0), (2, 5, 7)]);
        assert_eq!(bottoms(&column, false), [(0, 0, 5), (1, 0, 0), (2, 0, 7)]);
    }
}
