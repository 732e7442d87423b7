//! Bar charts as inline SVG. Elements are written with an end tag, because HTML has no empty `<rect>`.

use maud::{Markup, html};

use crate::words::grouped;

/// The size of a chart, in its own units.
const WIDTH: i64 = 860;
const HEIGHT: i64 = 260;
/// The space around the bars.
const LEFT: i64 = 70;
const BOTTOM: i64 = 40;
const TOP: i64 = 12;

/// The longest label of a row, in characters.
const MAX_LABEL: usize = 42;

/// A pair of bars with a label.
pub(super) struct Group {
    pub label: String,
    pub present: i64,
    pub draft: i64,
}

/// The end of an axis: the smallest 1, 2 or 5 times a power of ten that is at least `max`.
fn axis_end(max: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [1, 2, 5] {
            let end = power.saturating_mul(step);
            if end >= max {
                return end;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The end of the axis of all groups.
fn common_axis_end(groups: &[Group]) -> i64 {
    axis_end(groups.iter().flat_map(|group| [group.present, group.draft]).max().unwrap_or(1))
}

/// The length of a bar: `value / end` of `length`, rounded down.
fn scaled(value: i64, end: i64, length: i64) -> i64 {
    let part = i128::from(value.max(0)) * i128::from(length) / i128::from(end.max(1));
    i64::try_from(part).unwrap_or(length).min(length)
}

fn text(points: i64) -> String {
    grouped(i128::from(points))
}

/// Vertical bars in pairs. With many groups, only some have a label.
pub(super) fn columns(title: &str, groups: &[Group]) -> Markup {
    let count = i64::try_from(groups.len()).unwrap_or(1).max(1);
    let end = common_axis_end(groups);
    let (plot, floor) = (WIDTH - LEFT - 10, HEIGHT - BOTTOM);
    let tall = floor - TOP;
    let bar = (plot / count * 2 / 5).max(1);
    let every = (count + 11) / 12;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            @for quarter in 0..=4 {
                @let y = floor - tall * quarter / 4;
                line.grid x1=(LEFT) x2=(WIDTH - 10) y1=(y) y2=(y) {}
                text x=(LEFT - 8) y=(y + 4) text-anchor="end" {
                    (grouped(i128::from(end) * i128::from(quarter) / 4))
                }
            }
            @for (index, group) in (0..).zip(groups) {
                @let x = LEFT + plot * index / count + plot / count / 10;
                @for (offset, class, value) in [(0, "present", group.present), (bar, "draft", group.draft)] {
                    @let height = scaled(value, end, tall);
                    rect class=(class) x=(x + offset) y=(floor - height) width=(bar) height=(height) {
                        title { (group.label) ": " (text(value)) }
                    }
                }
                @if index % every == 0 {
                    // A range takes two lines, so that it does not overlap its neighbours.
                    @for (y, part) in (floor + 16..).step_by(14).zip(group.label.split_inclusive('–')) {
                        text x=(x + bar) y=(y) text-anchor="middle" { (part) }
                    }
                }
            }
        }
    }
}

/// Horizontal bars in pairs, with their labels at the left.
pub(super) fn rows(title: &str, groups: &[Group]) -> Markup {
    let end = common_axis_end(groups);
    let (left, step) = (300, 40);
    let height = step * i64::try_from(groups.len()).unwrap_or(1) + 10;
    let wide = WIDTH - left - 110;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(title) {
            @for (index, group) in (0..).zip(groups) {
                @let y = index * step + 6;
                text x=(left - 10) y=(y + 18) text-anchor="end" { (shortened(&group.label)) }
                @for (offset, class, value) in [(0, "present", group.present), (14, "draft", group.draft)] {
                    @let length = scaled(value, end, wide);
                    rect class=(class) x=(left) y=(y + offset) width=(length) height="13" {}
                    text x=(left + length + 6) y=(y + offset + 11) { (text(value)) }
                }
            }
        }
    }
}

fn shortened(label: &str) -> String {
    if label.chars().count() > MAX_LABEL {
        label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
    } else {
        label.to_owned()
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
    fn labels_are_escaped_in_texts_and_attributes() {
        let label = "<a href='x' title=\"y\">&".to_owned();
        let chart = rows(&label, &[Group { label: label.clone(), present: 1, draft: 2 }]).into_string();
        let escaped = "&lt;a href='x' title=&quot;y&quot;&gt;&amp;";
        assert_eq!(chart.matches(escaped).count(), 2, "{chart}");
        let chart = columns(&label, &[Group { label: label.clone(), present: 1, draft: 2 }]).into_string();
        assert_eq!(chart.matches(escaped).count(), 4, "{chart}");
    }
}
