//! Rule templates for common cases (F-01), to be put as they are or with other numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::text::Text;
use crate::time::Day;

/// The templates, in the order in which they are shown.
const TEMPLATES: [&str; 14] = [
    include_str!("templates/points-per-euro.json"),
    include_str!("templates/every-50.json"),
    include_str!("templates/welcome-bonus.json"),
    include_str!("templates/first-purchase.json"),
    include_str!("templates/birthday-gift.json"),
    include_str!("templates/buy-3-get-1.json"),
    include_str!("templates/double-points-weekend.json"),
    include_str!("templates/category-multiplier.json"),
    include_str!("templates/vip-welcome.json"),
    include_str!("templates/win-back.json"),
    include_str!("templates/newsletter.json"),
    include_str!("templates/wallet-pass.json"),
    include_str!("templates/review.json"),
    include_str!("templates/referral-bonus.json"),
];

/// A rule template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleTemplate {
    /// Its identifier, which is also the rule's.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Its effect.
    pub description: Text,
    /// The body of `POST /v1/rules`: the rule, active from today or for the next weekend.
    #[cfg_attr(feature = "openapi", schema(value_type = super::Rule))]
    pub rule: Value,
    /// The parts that the program must have before.
    pub needs: Vec<TemplateNeed>,
}

/// A part that a program must have before a template's rule can be put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TemplateNeed {
    /// The kind of part.
    pub part: TemplatePart,
    /// An example: the body of `POST /v1/rewards` or `POST /v1/tiers`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub document: Value,
}

/// A part of a program to which a rule can refer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TemplatePart {
    /// A reward.
    Rewards,
    /// A tier.
    Tiers,
}

/// A template file: its rule has no name, status, calendar and storefront yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    name: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    /// Whether the rule lasts from a Saturday to the Sunday after it.
    #[serde(default)]
    weekend: bool,
    rule: Map<String, Value>,
    #[serde(default)]
    needs: Vec<TemplateNeed>,
}

/// All templates, with names in the program's `locale` and rules that start on `today`, its local day.
///
/// # Errors
/// When a built-in file is not a template.
pub fn rule_templates(locale: &str, today: Day) -> Result<Vec<RuleTemplate>, serde_json::Error> {
    TEMPLATES.into_iter().map(|text| Ok(complete(serde_json::from_str(text)?, locale, today))).collect()
}

fn complete(kept: Kept, locale: &str, today: Day) -> RuleTemplate {
    let (name, description) = (Text::Localised(kept.name), Text::Localised(kept.description));
    let (starts, ends) = if kept.weekend {
        let saturday = next_saturday(today);
        (saturday, Some(saturday.plus_days(2)))
    } else {
        (today, None)
    };
    let midnight = |day: Day| format!("{day}T00:00:00");
    let mut rule = kept.rule;
    rule.insert("id".to_owned(), json!(kept.id));
    rule.insert("name".to_owned(), json!(name.in_locale(locale)));
    rule.insert("status".to_owned(), json!("active"));
    rule.insert("starts_at".to_owned(), json!(midnight(starts)));
    rule.insert("ends_at".to_owned(), json!(ends.map(midnight)));
    rule.insert("storefront".to_owned(), json!({ "visible": true, "title": name, "description": description }));
    RuleTemplate { id: kept.id, name, description, rule: Value::Object(rule), needs: kept.needs }
}

/// Today if it is a Saturday, otherwise the next Saturday.
fn next_saturday(today: Day) -> Day {
    let saturday = today.monday().plus_days(5);
    if saturday < today { saturday.plus_days(7) } else { saturday }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::SENTENCE_LOCALES;

    #[test]
    fn every_template_speaks_all_languages_and_has_an_identifier_of_its_own() {
        let templates = rule_templates("ro", Day::from_date(jiff::civil::date(2026, 3, 1))).unwrap();
        let mut ids: Vec<&str> = templates.iter().map(|template| template.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), TEMPLATES.len());
        for template in &templates {
            for text in [&template.name, &template.description] {
                let Text::Localised(texts) = text else { panic!("{text:?}") };
                assert_eq!(texts.len(), SENTENCE_LOCALES.len());
                assert!(SENTENCE_LOCALES.iter().all(|locale| texts[*locale].len() > 5), "{texts:?}");
            }
            assert_eq!(template.rule["name"], template.name.in_locale("ro"));
        }
    }

    #[test]
    fn a_weekend_is_the_one_that_is_still_whole() {
        let day = |day| Day::from_date(jiff::civil::date(2026, 3, day));
        for (today, saturday) in [(2, 7), (6, 7), (7, 7), (8, 14), (9, 14)] {
            assert_eq!(next_saturday(day(today)), day(saturday), "{today}");
        }
        let templates = rule_templates("en", day(4)).unwrap();
        let weekend = templates.iter().find(|template| template.id == "double-points-weekend").unwrap();
        assert_eq!(weekend.rule["starts_at"], "2026-03-07T00:00:00");
        assert_eq!(weekend.rule["ends_at"], "2026-03-09T00:00:00");
    }
}
