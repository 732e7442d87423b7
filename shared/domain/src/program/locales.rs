//! The languages of a program's texts.

use std::collections::BTreeSet;

use super::Program;
use crate::locale::SENTENCE_LOCALES;
use crate::text::Text;

/// The language tags of a program's texts, its own, and those of the built-in sentences.
pub(super) fn of(program: &Program) -> Vec<String> {
    let rewards = program.rewards.iter().flat_map(|reward| std::iter::once(&reward.name).chain(&reward.description));
    let tiers = program.tiers.iter().flat_map(|tiers| {
        let ladder = tiers.ladder.iter().map(|tier| (&tier.name, &tier.benefits));
        let vip = tiers.vip.iter().map(|tier| (&tier.name, &tier.benefits));
        ladder.chain(vip).flat_map(|(name, benefits)| std::iter::once(name).chain(benefits))
    });
    let rules = program.rules.iter().filter_map(|rule| rule.storefront.as_ref());
    let rules = rules.flat_map(|shown| shown.title.iter().chain(&shown.description));
    let texts = rewards.chain(tiers).chain(rules).flat_map(Text::locales);
    let points = program.points.name.as_object().into_iter().flatten();
    let points = points.filter(|(_, forms)| forms.is_object()).map(|(tag, _)| tag.as_str());
    let all: BTreeSet<&str> = texts.chain(points).chain(SENTENCE_LOCALES).chain([program.locale.as_str()]).collect();
    all.into_iter().map(str::to_owned).collect()
}
