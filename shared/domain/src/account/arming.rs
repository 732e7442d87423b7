//! Arming members for a changed program: rules, tiers and warnings that were added or shortened after their last decision.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Account;
use crate::program::CompiledProgram;
use crate::rule::Waiting;

/// Raised when this code arms members for a further kind of thing: everybody is then armed anew, once.
const KINDS: u32 = 1;
/// The bytes of a digest that are stored.
const DIGEST_BYTES: usize = 12;

/// Digests of what decides when something falls due. As long as one stays, everybody who was armed by it is armed rightly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueTerms {
    /// Of members: inactivity rules, the presence of tier-change rules with the ladder, days of warnings.
    #[serde(rename = "m")]
    pub members: String,
    /// Of friends: whether there are referrals, and the days after which a friend is reminded.
    #[serde(rename = "f")]
    pub friends: String,
}

impl CompiledProgram {
    /// What decides when something falls due under this version. Names, effects and other rules are no part of it.
    pub fn due_terms(&self) -> DueTerms {
        let lapses: Vec<_> = self
            .rules
            .waiting(&Waiting::Inactivity)
            .map(|rule| (&rule.rule.id, &rule.rule.on, &rule.rule.starts_at, &rule.rule.ends_at))
            .collect();
        // Without a rule for changes of tier, reads compute the tier, and nobody is armed for it.
        let has_tier_rules = self.rules.waiting(&Waiting::TierChange).next().is_some();
        let ladder = self.program.tiers.as_ref().filter(|_| has_tier_rules).map(|tiers| {
            let steps: Vec<_> = tiers.ladder.iter().map(|tier| (&tier.id, tier.threshold)).collect();
            (steps, tiers.window, tiers.downgrade, tiers.grace_days)
        });
        let warnings = &self.program.points.warn_days;
        let reminder = self.referral.as_ref().map(|referral| referral.program.remind_after_days);
        DueTerms { members: digest(&(KINDS, lapses, ladder, warnings)), friends: digest(&reminder) }
    }
}

fn digest(of: &impl Serialize) -> String {
    // Texts and numbers alone: it cannot fail.
    let text = serde_json::to_string(of).unwrap_or_default();
    hex::encode(Sha256::digest(text.as_bytes()).iter().take(DIGEST_BYTES).copied().collect::<Vec<u8>>())
}

impl Account {
    /// The account armed for a program under which something falls due earlier; `None` when it is armed early enough.
    pub fn armed_earlier(&self, program: &CompiledProgram) -> Option<Self> {
        let mut account = self.clone();
        account.arm(program, false);
        (account.due != self.due).then_some(account)
    }
}
