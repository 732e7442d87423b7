//! What a receipt does: rules match and fire, limits cut, points and coupons are given, the tier may rise.

use super::draft::Draft;
use super::occasion::{Basket, Occasion};
use super::{Context, Decision};
use crate::account::Account;
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::Receipt;
use crate::ledger::Cause;

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
    let receipt = fact.receipt;
    let mut draft = Draft::new(context, account, receipt.occurred_at, Cause::Receipt(receipt.id.clone()));
    let basket = Basket::whole(context.program, receipt);
    let currency = context.program.program.currency;
    let mut occasion = Occasion::new(context, &draft.account, receipt.occurred_at);
    let rules = context.program.rules.for_receipt(&basket.words, occasion.at, occasion.day);
    draft.expect(rules.size_hint().1.unwrap_or(0));
    for rule in rules {
        if let Some(eligible) = rule.eligible(receipt, &basket.words, &basket.remaining, currency) {
            draft.consider(rule, &occasion, eligible);
        }
    }
    occasion.basket = Some(basket);
    draft.apply(&occasion);
    use_coupons(&mut draft, fact);
    draft.account.touch(context.program, receipt.occurred_at);
    draft.account.last_purchase = draft.account.last_purchase.max(Some(receipt.occurred_at));
    draft.finish()
}

/// Marks the coupons that the receipt presents as used; one that cannot be used never stops a receipt.
fn use_coupons(draft: &mut Draft<'_>, fact: &ReceiptContext<'_>) {
    for code in &fact.receipt.coupons {
        let found = fact.coupons.iter().find(|coupon| coupon.code == *code);
        let reason = match found {
            None => "unknown",
            Some(coupon) if coupon.member != *draft.context.member => "foreign",
            Some(coupon) => match coupon.status_at(draft.context.now) {
                CouponStatus::Available | CouponStatus::Applied => {
                    let used = Coupon {
                        status: CouponStatus::Used,
                        until: None,
                        receipt: Some(fact.receipt.id.clone()),
                        ..coupon.clone()
                    };
                    draft.changed.push((coupon.clone(), used));
                    draft.entry.coupons.push(code.clone());
                    continue;
                }
                CouponStatus::Used if coupon.receipt.as_ref() == Some(&fact.receipt.id) => {
                    draft.entry.coupons.push(code.clone());
                    continue;
                }
                CouponStatus::Used => "used",
                CouponStatus::Reserved | CouponStatus::Lapsed => "reserved",
                CouponStatus::Expired => "expired",
                CouponStatus::Cancelled => "cancelled",
            },
        };
        draft.entry.ignored.push((code.clone(), reason.to_owned()));
    }
}
