//! Decisions on receipts: rules match and fire, points and coupons are given, the tier may rise.

use super::draft::Draft;
use super::occasion::{Basket, Occasion};
use super::{Context, Decision};
use crate::account::Account;
use crate::coupon::{Coupon, CouponStatus, FoldedCode};
use crate::fact::{FactId, Receipt};
use crate::ledger::{Cause, Purchase, UNKNOWN_COUPON};
use crate::program::CompiledProgram;

/// A receipt and what was looked up for it.
#[derive(Debug, Clone)]
pub struct ReceiptContext<'a> {
    /// The receipt.
    pub receipt: &'a Receipt,
    /// The program's coupons that it names, as they are.
    pub coupons: &'a [Coupon],
}

/// Decides on a receipt.
pub fn decide_receipt(context: &Context<'_>, account: &Account, fact: &ReceiptContext<'_>) -> Decision {
    let cause = Cause::Fact(FactId::Receipt { receipt: fact.receipt.id.clone() });
    decide(context, account, fact, context.program, cause)
}

/// Decides anew on a receipt that was moved to a member, by the version of the program that decided it first.
///
/// What falls due, tiers and budgets follow the program in force. `cause` is the move.
pub fn decide_arrival(
    context: &Context<'_>,
    account: &Account,
    fact: &ReceiptContext<'_>,
    decided_by: &CompiledProgram,
    cause: Cause,
) -> Decision {
    let mut decision = decide(context, account, fact, decided_by, cause);
    // Refunds are judged by this version.
    decision.entry.program_version = decided_by.version;
    decision
}

fn decide(
    context: &Context<'_>,
    account: &Account,
    fact: &ReceiptContext<'_>,
    decided_by: &CompiledProgram,
    cause: Cause,
) -> Decision {
    let receipt = fact.receipt;
    let mut draft = Draft::new(context, account, receipt.occurred_at, cause);
    draft.decide_by(decided_by);
    let basket = Basket::whole(decided_by, receipt);
    let currency = decided_by.program.currency;
    draft.entry.purchase = Some(Purchase::of(receipt, receipt.total, currency));
    let mut occasion = Occasion::new(context, &draft.account, receipt.occurred_at);
    occasion.tier = decided_by.rules.tier_bit(draft.account.tier.current());
    let rules = decided_by.rules.for_receipt(&basket.words, occasion.at, occasion.day);
    draft.expect(rules.size_hint().1.unwrap_or(0));
    for rule in rules {
        if let Some(eligible) = rule.eligible(receipt, &basket.words, &basket.remaining, currency) {
            draft.consider(rule, &occasion, eligible);
        }
    }
    occasion.basket = Some(basket);
    draft.apply(&occasion);
    draft.decided_by = context.program;
    use_coupons(&mut draft, fact);
    draft.account.touch(context.program, receipt.occurred_at);
    draft.note_purchase();
    draft.account.last_purchase = draft.account.last_purchase.max(Some(receipt.occurred_at));
    draft.conclude();
    draft.end_overdue_waits();
    let mut decision = draft.finish();
    decision.entry.history = receipt.history;
    decision.tier_changes.iter_mut().for_each(|entry| entry.history = receipt.history);
    decision
}

/// Uses the coupons that the receipt names, as of its own date. A coupon that cannot be used is ignored.
fn use_coupons(draft: &mut Draft<'_>, fact: &ReceiptContext<'_>) {
    for code in &fact.receipt.coupons {
        let folded = FoldedCode::from(code);
        let found = fact.coupons.iter().find(|coupon| FoldedCode::from(&coupon.code) == folded);
        let used = found
            .ok_or(UNKNOWN_COUPON)
            .and_then(|coupon| Ok((coupon, used_on(coupon, fact.receipt, draft.owns(coupon))?)));
        match used {
            Ok((coupon, mut used)) => {
                if used.unpaid && draft.owns(coupon) {
                    draft.take_again(&mut used);
                }
                draft.entry.coupons.push(coupon.into());
                if used != *coupon {
                    draft.changed.push((coupon.clone(), used));
                }
            }
            Err(reason) => draft.entry.ignored.push((code.clone(), reason.to_owned())),
        }
    }
}

/// The coupon after its use on a receipt, as of the receipt's own date. `is_own`: it is the buyer's.
///
/// # Errors
/// Why the receipt cannot use it.
pub fn used_on(coupon: &Coupon, receipt: &Receipt, is_own: bool) -> Result<Coupon, &'static str> {
    let status = coupon.status_as_of(receipt.occurred_at);
    let by_this = coupon.receipt.as_ref() == Some(&receipt.id);
    if status == CouponStatus::Used && by_this {
        return Ok(coupon.clone());
    }
    if coupon.is_bound() && !is_own {
        return Err("foreign");
    }
    let tied = Some(receipt.id.clone());
    match status {
        CouponStatus::Available | CouponStatus::Applied => Ok(Coupon {
            status: CouponStatus::Used,
            until: None,
            receipt: tied,
            ended_at: Some(receipt.occurred_at),
            cancelling: None,
            unpaid: coupon.status == CouponStatus::Cancelled && coupon.cost.is_positive(),
            ..coupon.clone()
        }),
        // A coupon used at a till without a receipt belongs to the first receipt that names it.
        CouponStatus::Used if coupon.receipt.is_none() => Ok(Coupon { receipt: tied, ..coupon.clone() }),
        CouponStatus::Used => Err("used"),
        CouponStatus::Reserved => Err("reserved"),
        CouponStatus::Lapsed => Err("lapsed"),
        CouponStatus::Expired => Err("expired"),
        CouponStatus::Cancelled => Err("cancelled"),
    }
}
