//! The departure of a receipt that is moved to another member: all that it gave is taken back.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::refund::{RefundContext, lower, remaining_after};
use super::{Context, Decision};
use crate::account::Account;
use crate::coupon::Coupon;
use crate::fact::{Receipt, Refund};
use crate::ids::{CouponCode, RefundId};
use crate::ledger::{Cause, Entry, Purchase};
use crate::program::CompiledProgram;

/// A receipt that leaves its member for another one, and what was looked up for it.
#[derive(Debug, Clone, Copy)]
pub struct DepartureContext<'a> {
    /// The receipt.
    pub receipt: &'a Receipt,
    /// The entry that decided on it.
    pub decision: &'a Entry,
    /// The entries of its refunds, each with its refund, in order.
    pub refunds: &'a [(Refund, Entry)],
    /// The entries of the committed steps of the departure, in order.
    pub steps: &'a [Entry],
    /// The version of the program that decided the receipt.
    pub decided_by: &'a CompiledProgram,
    /// The member's coupons: unused ones that the receipt's rules gave are cancelled.
    pub coupons: &'a BTreeMap<CouponCode, Coupon>,
}

/// Notes that a receipt leaves its member whose points an unmerge has taken back already.
pub fn decide_departure_of_undone(
    context: &Context<'_>,
    account: &Account,
    receipt: &Receipt,
    decision: &Entry,
    cause: Cause,
) -> Decision {
    let mut draft = Draft::new(context, account, context.now, cause);
    draft.entry.rejected = decision.rejected;
    if decision.rejected.is_none() {
        draft.entry.purchase = Some(Purchase::of(receipt, -receipt.total, context.program.program.currency));
        draft.entry.coupons.clone_from(&decision.coupons);
    }
    draft.finish()
}

/// Takes back all that a receipt still gives, because it is moved to another member. What cannot be taken is a debt.
///
/// Goods are not returned: coupons that the receipt used stay used, and their points stay spent. `cause` is the move.
pub fn decide_departure(
    context: &Context<'_>,
    account: &Account,
    fact: &DepartureContext<'_>,
    cause: Cause,
) -> Decision {
    let DepartureContext { receipt, decision, refunds, steps, decided_by, coupons } = *fact;
    let mut draft = Draft::new(context, account, context.now, cause);
    draft.may_forgive = false;
    if decision.rejected.is_some() {
        // A rejected receipt gave nothing.
        draft.entry.rejected = decision.rejected;
        return draft.finish();
    }
    // To the rules, it is a refund of all that remains.
    let left = remaining_after(receipt, refunds);
    let amount = left.everything();
    let rest =
        Refund { id: RefundId::unnamed(), occurred_at: context.now, amount, is_raw: false, undoes_import: false };
    let empty = left.less(&rest).unwrap_or_else(|_| left.clone());
    let taken = steps.iter().map(|step| (rest.clone(), step.clone()));
    let earlier: Vec<(Refund, Entry)> = refunds.iter().cloned().chain(taken).collect();
    let before = if steps.is_empty() { &left } else { &empty };
    if steps.is_empty() {
        // The whole sale leaves; its refunds go with it.
        draft.entry.purchase = Some(Purchase::of(receipt, -receipt.total, context.program.program.currency));
        draft.entry.coupons.clone_from(&decision.coupons);
    }
    let refund = RefundContext { refund: &rest, receipt, decision, earlier: &earlier, decided_by, coupons };
    lower(&mut draft, &refund, before, empty.clone());
    draft.entry.step = u32::try_from(steps.len()).ok().filter(|_| draft.is_unfinished);
    draft.finish()
}
