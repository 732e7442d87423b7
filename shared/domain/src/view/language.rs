//! In which language a shopper is answered.

use std::cmp::Reverse;

use crate::text::LOCALES;

/// The language of an answer: what the call asks for, else what the member reads, else what their browser accepts
/// (`Accept-Language`, RFC 9110), else the program's. A language that no text is given in is passed over.
pub fn choose_language(
    asked: Option<&str>,
    profile: Option<&str>,
    accepted: Option<&str>,
    program: &str,
) -> &'static str {
    let accepted = accepted.map(by_preference).unwrap_or_default();
    let mut wishes = asked.into_iter().chain(profile).chain(accepted).chain([program]);
    wishes.find_map(known).unwrap_or("en")
}

/// The language of a tag, if texts are given in it.
fn known(tag: &str) -> Option<&'static str> {
    let language = tag.trim().split('-').next().unwrap_or_default();
    LOCALES.into_iter().find(|known| known.eq_ignore_ascii_case(language))
}

/// The tags of an `Accept-Language` header, the most wanted first.
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

/// A weight, `0` to `1` with up to three decimals, in thousandths; nonsense weighs nothing.
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
    use super::*;

    #[test]
    fn the_first_wish_that_can_be_met() {
        assert_eq!(choose_language(Some("ro"), Some("it"), Some("ru"), "en"), "ro");
        assert_eq!(choose_language(Some("fr"), Some("it-IT"), Some("ru"), "en"), "it");
        assert_eq!(choose_language(None, None, Some("fr;q=0.9, en;q=0.3, RU-ru;q=0.75"), "it"), "ru");
        assert_eq!(choose_language(None, None, Some("ru;q=0, *"), "it"), "it");
        assert_eq!(choose_language(None, None, Some(";;q=,x;q=9.99.9"), "fr"), "en");
    }
}
