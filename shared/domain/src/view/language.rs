//! The language of a response.

use std::cmp::Reverse;

use crate::locale::nearest;
use crate::program::CompiledProgram;

/// The language tag of a response: the first requested one in which the program has texts.
///
/// The order: the request's `locale`, the member's, those of `Accept-Language` (RFC 9110), the program's.
pub fn choose_language<'p>(
    asked: Option<&str>,
    profile: Option<&str>,
    accepted: Option<&str>,
    program: &'p CompiledProgram,
) -> &'p str {
    let accepted = accepted.map(by_preference).unwrap_or_default();
    let mut requested = asked.into_iter().chain(profile).chain(accepted);
    requested.find_map(|tag| nearest(tag, program.locales())).unwrap_or(&program.program.locale)
}

/// The tags of an `Accept-Language` header, by descending weight.
fn by_preference(header: &str) -> Vec<&str> {
    let mut tags: Vec<(u32, &str)> = header
        .split(',')
        .take(20)
        .filter_map(|part| {
            let mut fields = part.split(';');
            let tag = fields.next()?.trim();
            let weight = fields.find_map(|field| field.trim().strip_prefix("q=")).map_or(1000, thousandths);
            (weight > 0 && !tag.is_empty()).then_some((weight, tag))
        })
        .collect();
    tags.sort_by_key(|(weight, _)| Reverse(*weight));
    tags.into_iter().map(|(_, tag)| tag).collect()
}

/// A weight in thousandths: `0` to `1` with up to three decimals; 0 when malformed.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), fraction.parse::<u32>()) {
        (Ok(whole), Ok(fraction)) => whole.saturating_mul(1000).saturating_add(fraction).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::program::SubmittedProgram;

    fn program(locale: &str) -> CompiledProgram {
        let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "locale": locale,
            "tiers": { "ladder": [{ "id": "base", "name": { "pt-BR": "Básico", "ja": "基本" }, "threshold": 0 }] } });
        CompiledProgram::new(SubmittedProgram::read(&document).unwrap(), 1)
    }

    #[test]
    fn the_first_requested_language_that_there_are_texts_in() {
        let (english, italian) = (program("en"), program("it"));
        assert_eq!(choose_language(Some("ro"), Some("it"), Some("ru"), &english), "ro");
        assert_eq!(choose_language(Some("fr"), Some("it-IT"), Some("ru"), &english), "it");
        assert_eq!(choose_language(None, None, Some("fr;q=0.9, en;q=0.3, RU-ru;q=0.75"), &italian), "ru");
        assert_eq!(choose_language(None, None, Some("ru;q=0, *"), &italian), "it");
        assert_eq!(choose_language(None, None, Some(";;q=,x;q=9.99.9"), &program("fr")), "fr");
    }

    #[test]
    fn a_program_is_shown_in_any_language_that_it_has_texts_in() {
        let program = program("ar");
        assert_eq!(choose_language(Some("ja-JP"), None, None, &program), "ja");
        assert_eq!(choose_language(None, None, Some("fr, pt;q=0.5"), &program), "pt-BR");
        assert_eq!(choose_language(Some("fr"), Some("de"), None, &program), "ar");
    }
}
