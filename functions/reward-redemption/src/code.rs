//! Codes as people read them out: in any case, with the letter O for a zero, I or L for a one.

use tessera_domain::ids::CouponCode;
use tessera_domain::program::{CodeSource, Program};

/// The most readings of one code that are looked up: each costs a read.
const MOST_READINGS: usize = 6;

/// The codes that a person may have meant, the likeliest first: exactly what was given, then what it reads as under the
/// patterns of the program's rewards (whose own letters may be an O or an L), then under none.
pub(crate) fn readings(given: &str, program: &Program) -> Vec<CouponCode> {
    let given = given.trim();
    let patterns = program.rewards.iter().filter_map(|reward| match &reward.code {
        CodeSource::Pattern(pattern) => Some(pattern.as_str()),
        CodeSource::Pool(_) | CodeSource::Provider(_) => None,
    });
    let by_pattern = patterns.filter_map(|pattern| under_pattern(given, pattern));
    let without = [given.to_ascii_uppercase(), given.chars().map(folded).collect()];
    let mut readings: Vec<CouponCode> = Vec::new();
    for text in std::iter::once(given.to_owned()).chain(by_pattern).chain(without) {
        match CouponCode::new(text) {
            Ok(code) if !readings.contains(&code) => readings.push(code),
            _ => {}
        }
    }
    readings.truncate(MOST_READINGS);
    readings
}

/// What a code reads as when it was made by a pattern; `None` when it cannot have been.
fn under_pattern(given: &str, pattern: &str) -> Option<String> {
    if given.chars().count() != pattern.chars().count() {
        return None;
    }
    let read = |(given, pattern): (char, char)| match pattern {
        '#' => Some(folded(given)),
        literal if folded(given) == folded(literal) => Some(literal),
        _ => None,
    };
    given.chars().zip(pattern.chars()).map(read).collect()
}

/// The character of the codes' alphabet that a person means.
fn folded(c: char) -> char {
    match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tessera_domain::program::read_program;

    use super::*;

    fn program(patterns: &[&str]) -> Program {
        let rewards: Vec<_> = patterns
            .iter()
            .enumerate()
            .map(|(place, pattern)| {
                json!({ "id": format!("r{place}"), "name": "r", "type": "free_shipping", "cost": 1,
                        "code": { "pattern": pattern } })
            })
            .collect();
        let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "rewards": rewards });
        read_program(&document).unwrap()
    }

    fn texts(given: &str, program: &Program) -> Vec<String> {
        readings(given, program).iter().map(|code| code.as_str().to_owned()).collect()
    }

    #[test]
    fn the_exact_code_is_looked_up_first() {
        let program = program(&["ADA-########"]);
        assert_eq!(texts("ADA-7K2M9QXT", &program), ["ADA-7K2M9QXT"]);
        assert_eq!(texts("old-Lo", &program)[0], "old-Lo");
    }

    #[test]
    fn slips_of_the_eye_are_read_as_what_the_alphabet_has() {
        let program = program(&["ADA-########"]);
        assert_eq!(texts(" ada-7k2m9qol ", &program)[1], "ADA-7K2M9Q01");
        assert_eq!(texts("ADA-7K2M9QiO", &program)[1], "ADA-7K2M9Q10");
    }

    #[test]
    fn the_letters_of_a_pattern_stay_what_they_are() {
        let program = program(&["LOYAL-######", "GOLD-########"]);
        assert_eq!(texts("l0yal-abc1o2", &program)[1], "LOYAL-ABC102");
        assert_eq!(under_pattern("GOLD-1", "LOYAL-######"), None);
        assert_eq!(under_pattern("XOYAL-ABC102", "LOYAL-######"), None);
    }

    #[test]
    fn few_readings_are_tried_and_nonsense_has_none() {
        let many: Vec<String> = (0..30).map(|n| format!("{n:02}########")).collect();
        let patterns: Vec<&str> = many.iter().map(String::as_str).chain(std::iter::repeat_n("##########", 3)).collect();
        assert!(readings("0o0o0o0o0o", &program(&patterns)).len() <= MOST_READINGS);
        assert!(readings("  ", &program(&[])).is_empty());
        assert!(readings(&"x".repeat(500), &program(&[])).is_empty());
    }
}
