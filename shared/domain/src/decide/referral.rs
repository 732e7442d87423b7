//! Decisions on rewarded referrals.

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::Occasion;
use super::{Context, Decision};
use crate::account::Account;
use crate::ledger::Cause;
use crate::rule::{ReferralRole, Trigger, Waiting};

/// Decides on a rewarded referral, for the advocate or the friend. `referral` is its identifier.
pub fn decide_referral(context: &Context<'_>, account: &Account, role: ReferralRole, referral: &str) -> Decision {
    let mut draft = Draft::new(context, account, context.now, Cause::Referral(referral.to_owned()));
    let occasion = Occasion::new(context, &draft.account, context.now);
    for rule in context.program.rules.waiting(&Waiting::Referral).filter(|rule| rule.covers(context.now)) {
        if matches!(rule.rule.on, Trigger::Referral { role: wanted } if wanted == role) {
            draft.consider(rule, &occasion, NO_AMOUNT);
        }
    }
    draft.apply(&occasion);
    draft.finish()
}
