//! Decisions on interactions: named events, opened e-mails, followed links.

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::Occasion;
use super::{Context, Decision};
use crate::account::Account;
use crate::fact::{FactId, Interaction};
use crate::ledger::{Cause, SkipReason};
use crate::program::CompiledProgram;
use crate::rule::{EmailTrigger, Trigger, Waiting};

/// An interaction and what was looked up for it.
#[derive(Debug, Clone)]
pub struct InteractionContext<'a> {
    /// The interaction.
    pub interaction: &'a Interaction,
    /// True if the interaction's once-only key ([`Interaction::once`]) was used before.
    pub counted_before: bool,
}

/// Decides on an interaction.
pub fn decide_interaction(context: &Context<'_>, account: &Account, fact: &InteractionContext<'_>) -> Decision {
    decide_interaction_by(context, account, fact, context.program)
}

/// Decides anew on an interaction, by the version of the program that decided it first.
pub fn decide_interaction_by(
    context: &Context<'_>,
    account: &Account,
    fact: &InteractionContext<'_>,
    decided_by: &CompiledProgram,
) -> Decision {
    let interaction = fact.interaction;
    let cause = Cause::Fact(FactId::Interaction { interaction: interaction.id.clone() });
    let mut draft = Draft::new(context, account, interaction.occurred_at, cause);
    draft.release_for(interaction);
    draft.decide_by(decided_by);
    let mut occasion = Occasion::new(context, &draft.account, interaction.occurred_at);
    occasion.tier = decided_by.rules.tier_bit(draft.account.tier.current());
    let waiting = Waiting::Interaction(interaction.name.clone());
    let counts = !interaction.is_machine_open();
    for rule in decided_by.rules.waiting(&waiting).filter(|rule| counts && rule.covers(occasion.at)) {
        // The first rule with this trigger uses the key up, whether or not its conditions hold.
        draft.marks |= interaction.once().is_some() && !fact.counted_before;
        if !is_met(&rule.rule.on, interaction) {
            continue;
        }
        if fact.counted_before {
            draft.skip(rule, SkipReason::Duplicate, None);
        } else {
            draft.consider(rule, &occasion, NO_AMOUNT);
        }
    }
    draft.apply(&occasion);
    draft.decided_by = context.program;
    if counts {
        draft.account.touch(context.program, interaction.occurred_at);
        draft.note_activity();
    }
    let mut decision = draft.finish();
    decision.entry.program_version = decided_by.version;
    decision
}

/// True if an interaction satisfies a trigger.
pub(super) fn is_met(trigger: &Trigger, interaction: &Interaction) -> bool {
    match trigger {
        Trigger::Interaction(wanted) => {
            wanted.name == interaction.name
                && wanted
                    .filter
                    .iter()
                    .flat_map(|filter| &filter.properties)
                    .all(|(name, values)| interaction.texts(name).iter().any(|text| values.contains(text)))
        }
        Trigger::EmailOpened(wanted) | Trigger::EmailClicked(wanted) => is_email_met(wanted, interaction),
        _ => false,
    }
}

fn is_email_met(wanted: &EmailTrigger, interaction: &Interaction) -> bool {
    let among = |list: &Option<Vec<String>>, property: &str| {
        list.as_ref().is_none_or(|list| interaction.texts(property).iter().any(|text| list.contains(text)))
    };
    among(&wanted.campaign_categories, "campaign_category")
        && among(&wanted.devices, "device")
        && among(&wanted.link_categories, "link_category")
}
