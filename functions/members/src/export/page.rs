//! The export as a page that a person can read and print. It has no script, and loads nothing.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::PersonalData;
use super::words::{heading, label};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;\
background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}table{border-collapse:collapse;width:100%;\
display:block;overflow-x:auto}th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;\
border-bottom:1px solid #ddd}th{font-weight:600;color:#444}ul{margin:0;padding-left:1.1rem}p{margin:.4rem 0}";

/// The source of the style in a Content-Security-Policy.
pub(super) static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE.as_bytes()))));

/// The page, in a language.
pub(super) fn render(held: &PersonalData, language: &str) -> String {
    let list = |values: &[Value]| Value::Array(values.to_vec());
    let optional = |values: &Option<Vec<Value>>| values.as_deref().map(list);
    let sections = [
        ("member", held.member.clone()),
        ("account", held.account.clone()),
        ("coupons", optional(&held.coupons)),
        ("notes", optional(&held.notes)),
        ("notices", optional(&held.notices)),
        ("referrals", held.referrals.clone()),
        ("entries", Some(list(&held.entries))),
        ("corrections", Some(list(&held.corrections))),
        ("receipts", Some(list(&held.receipts))),
        ("interactions", Some(list(&held.interactions))),
    ];
    let title = heading("title", language);
    let page = html! {
        (DOCTYPE)
        html lang=(language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (held.program) " · " time datetime=(held.exported_at) { (held.exported_at) } }
                @for (name, content) in &sections {
                    @if let Some(content) = content {
                        section {
                            h2 { (heading(name, language)) }
                            (block(content, language))
                        }
                    }
                }
                @if let Some(next) = &held.next_cursor {
                    p { a href={ "?format=html&locale=" (language) "&cursor=" (next) } { (heading("next", language)) } }
                }
            }
        }
    };
    page.into_string()
}

/// A value that stands by itself.
fn block(value: &Value, language: &str) -> Markup {
    match value {
        Value::Object(fields) => fields_table(fields, language),
        Value::Array(items) if items.is_empty() => html! { p { (heading("nothing", language)) } },
        Value::Array(items) if items.iter().all(Value::is_object) => items_table(items, language),
        other => html! { p { (inline(other, language)) } },
    }
}

/// One row for each field.
fn fields_table(fields: &Map<String, Value>, language: &str) -> Markup {
    html! {
        table {
            @for (name, value) in fields.iter().filter(|(_, value)| !is_empty(value)) {
                tr { th scope="row" { (label(name, language)) } td { (inline(value, language)) } }
            }
        }
    }
}

/// One row for each item, one column for each field that any of them has.
fn items_table(items: &[Value], language: &str) -> Markup {
    let mut columns: Vec<&str> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        if !columns.contains(&name.as_str()) && !is_empty(value) {
            columns.push(name);
        }
    }
    html! {
        table {
            thead { tr { @for name in &columns { th scope="col" { (label(name, language)) } } } }
            tbody {
                @for item in items {
                    tr { @for name in &columns { td { (inline(&item[*name], language)) } } }
                }
            }
        }
    }
}

/// A value within a table.
fn inline(value: &Value, language: &str) -> Markup {
    match value {
        Value::Null => html! { "–" },
        Value::Bool(true) => html! { (heading("yes", language)) },
        Value::Bool(false) => html! { (heading("no", language)) },
        Value::Number(number) => html! { (number) },
        Value::String(text) => html! { (text) },
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            html! { @for (place, item) in items.iter().enumerate() { @if place > 0 { ", " } (inline(item, language)) } }
        }
        Value::Array(items) => html! { ul { @for item in items { li { (inline(item, language)) } } } },
        Value::Object(fields) => html! {
            @for (place, (name, value)) in fields.iter().filter(|(_, value)| !is_empty(value)).enumerate() {
                @if place > 0 { " · " } (label(name, language)) ": " (inline(value, language))
            }
        },
    }
}

/// True for what says nothing to a reader.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_escapes_what_people_wrote_and_speaks_their_language() {
        let held = PersonalData {
            exported_at: "2026-03-01T09:00:00Z".to_owned(),
            program: "Club <Ada>".to_owned(),
            member: Some(json!({ "first_name": "<script>alert(1)</script>", "tags": ["a", "b"], "click": null })),
            account: None,
            coupons: Some(Vec::new()),
            notes: Some(vec![json!({ "text": "\"quoted\" & <b>", "actor": "desk" })]),
            notices: None,
            referrals: None,
            entries: vec![json!({ "points": { "redeemable": 20 }, "type": "earn" })],
            corrections: Vec::new(),
            receipts: Vec::new(),
            interactions: Vec::new(),
            next_cursor: Some("abc_-".to_owned()),
        };
        let pages = ["it", "en", "ro", "ru"].map(|language| render(&held, language));
        for (place, page) in pages.iter().enumerate() {
            assert!(page.contains("Club &lt;Ada&gt;") && page.contains("&lt;script&gt;"), "{page}");
            assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
            assert!(page.contains("cursor=abc_-"), "{page}");
            assert!(pages[..place].iter().all(|other| other != page));
        }
        assert!(pages[0].contains("<html lang=\"it\">") && pages[0].contains("Nome"));
        assert!(pages[3].contains("Имя"));
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page() {
        assert!(STYLE_HASH.starts_with("sha256-") && STYLE_HASH.ends_with('='));
    }
}
