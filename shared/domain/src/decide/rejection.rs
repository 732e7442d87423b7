//! Rejections: accepted facts that cannot be applied.

use jiff::Timestamp;

use super::{Context, Decision};
use crate::account::Account;
use crate::ledger::{Cause, Entry, Rejection, TierMove};

/// Rejects a fact: it has an entry that moves nothing. The account is not settled, so that it does not grow.
pub fn decide_rejection(
    context: &Context<'_>,
    account: &Account,
    at: Timestamp,
    cause: Cause,
    reason: Rejection,
) -> Decision {
    let account = Account { version: account.version + 1, ..account.clone() };
    let entry = Entry {
        rejected: Some(reason),
        balance: account.balance(),
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
    }
}
