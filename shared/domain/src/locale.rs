//! Language tags (BCP 47) and the choice among the languages of a text.

/// The languages of the built-in sentences.
pub const SENTENCE_LOCALES: [&str; 4] = ["en", "it", "ro", "ru"];

/// The longest language tag, in bytes.
const MAX_TAG_BYTES: usize = 64;

/// True for a language tag such as `it`, `pt-BR` or `zh-Hant-TW`.
///
/// A language has two or three letters: the longer ones that BCP 47 reserves are not assigned, and `italian` is a typo.
/// `x-…` and `i-…` are tags as well.
pub fn is_language_tag(text: &str) -> bool {
    let (language, rest) = text.split_once('-').map_or((text, None), |(language, rest)| (language, Some(rest)));
    let is_private = rest.is_some() && matches!(language, "x" | "X" | "i" | "I");
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    // A single letter introduces the subtags after it.
    let is_complete = is_private || rest.is_none_or(|rest| rest.rsplit('-').next().is_some_and(|last| last.len() > 1));
    (is_language || is_private)
        && is_complete
        && rest.is_none_or(|rest| rest.split('-').all(is_subtag))
        && text.len() <= MAX_TAG_BYTES
}

/// The language of a tag, without region, script and variants.
pub fn primary_language(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

/// The offered tag nearest to the wanted one: the same, a more general one, or one of the same language.
///
/// The first two steps are the lookup of RFC 4647, section 3.4. `None` when nothing of that language is offered.
pub fn nearest<'t, I>(wanted: &str, mut offered: I) -> Option<&'t str>
where
    I: Iterator<Item = &'t str> + Clone,
{
    let mut range = wanted.trim();
    loop {
        if let Some(found) = offered.clone().find(|tag| tag.eq_ignore_ascii_case(range)) {
            return Some(found);
        }
        let Some((shorter, _)) = range.rsplit_once('-') else { break };
        range = shorter;
    }
    offered.find(|tag| primary_language(tag).eq_ignore_ascii_case(range))
}

/// The entry for the first of these languages that has one, by nearest tag; otherwise the first entry.
pub fn in_locale<'m, V, I>(mut by_locale: I, wanted: &[&str]) -> Option<(&'m str, V)>
where
    I: Iterator<Item = (&'m str, V)> + Clone,
{
    let tags = by_locale.clone().map(|(tag, _)| tag);
    let chosen = wanted.iter().find_map(|locale| nearest(locale, tags.clone()));
    match chosen {
        Some(chosen) => by_locale.find(|(tag, _)| *tag == chosen),
        None => by_locale.next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags() {
        for tag in
            ["ja", "ar", "fil", "pt-BR", "zh-Hant-TW", "sl-rozaj-biske", "de-DE-u-co-phonebk", "x-elvish", "i-klingon"]
        {
            assert!(is_language_tag(tag), "{tag}");
        }
        for text in
            ["", "i", "x", "it_IT", "it-", "-it", "1t", "italian", "en-u", "en--GB", "en-abcdefghi", " en", "日本"]
        {
            assert!(!is_language_tag(text), "{text}");
        }
        assert!(!is_language_tag(&format!("en{}", "-abcdefgh".repeat(7))));
    }

    #[test]
    fn the_nearest_language() {
        let offered = ["de", "pt-BR", "zh-Hant", "zh"];
        for (wanted, expected) in [
            ("PT-br", Some("pt-BR")),
            ("de-CH-1996", Some("de")),
            ("pt-PT", Some("pt-BR")),
            ("pt", Some("pt-BR")),
            ("zh-Hant-TW", Some("zh-Hant")),
            ("zh-Hans", Some("zh")),
            ("ja", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, offered.into_iter()), expected, "{wanted}");
        }
    }

    #[test]
    fn an_entry_is_always_found_in_a_map_that_has_one() {
        let texts = [("ar", 1), ("en-GB", 2), ("ja", 3)];
        for (locale, expected) in [("ja-JP", 3), ("fr", 2), ("en", 2)] {
            assert_eq!(in_locale(texts.into_iter(), &[locale, "en"]).map(|(_, n)| n), Some(expected), "{locale}");
        }
        assert_eq!(in_locale([("ar", 1), ("ja", 3)].into_iter(), &["fr", "ja"]), Some(("ja", 3)));
        assert_eq!(in_locale([("ar", 1), ("ja", 3)].into_iter(), &["fr"]), Some(("ar", 1)));
        assert_eq!(in_locale(std::iter::empty::<(&str, u8)>(), &["fr"]), None);
    }
}
