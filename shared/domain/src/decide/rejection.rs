//! Rejections: accepted facts that cannot be applied.

use jiff::Timestamp;

use super::{BudgetDraws, Context, Decision};
use crate::account::Account;
use crate::ledger::{Cause, Entry, MemberStanding, Rejection, StandingMove, TierMove};

/// Rejects a fact: it has an entry that moves nothing. The account is not settled, so that it does not grow.
pub fn decide_rejection(
    context: &Context<'_>,
    account: &Account,
    at: Timestamp,
    cause: Cause,
    reason: Rejection,
) -> Decision {
    let before = MemberStanding::of(account);
    let account = Account { version: account.version + 1, ..account.clone() };
    let after = MemberStanding::of(&account);
    let entry = Entry {
        rejected: Some(reason),
        balance: account.balance(),
        standing: (before != after).then_some(StandingMove { before, after }),
        status: account.status,
        tier: account.tier.current().cloned().map(TierMove::unchanged),
        ..Entry::new(at, context.now, account.version, context.program.version, cause)
    };
    Decision {
        account,
        due: Vec::new(),
        entry,
        tier_changes: Vec::new(),
        marks: false,
        issued: Vec::new(),
        changed: Vec::new(),
        stock: Vec::new(),
        drawn: Vec::new(),
        budgets: BudgetDraws::new(),
    }
}
