//! A member's facts in chronological order.

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use tessera_domain::fact::{Receipt, Refund};
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::rule::ReferralRole;

use crate::BacktestPeriod;

/// A member's receipts, refunds and rewarded referrals in chronological order, every refund after its receipt.
#[derive(Debug)]
pub struct History {
    /// The member.
    pub(crate) member: MemberId,
    /// The receipts, earliest first.
    pub(crate) receipts: Vec<Receipt>,
    /// The refunds, earliest first, each with the index of its receipt.
    pub(crate) refunds: Vec<(usize, Refund)>,
    /// True for each receipt with refunds.
    pub(crate) refunded: Vec<bool>,
    /// The order of receipts, refunds and referrals.
    pub(crate) steps: Vec<Step>,
    /// The rewarded referrals, earliest first, each with the member's side of it.
    pub(crate) referrals: Vec<(Timestamp, ReferralRole)>,
    /// The number of refunds without their receipt.
    pub(crate) orphans: u64,
}

/// A fact of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The receipt at an index.
    Receipt(usize),
    /// The refund at an index.
    Refund(usize),
    /// The rewarded referral at an index.
    Referral(usize),
}

impl History {
    /// Sorts a member's facts. Receipts outside the period are left out with their refunds. Duplicates of a receipt, or of a
    /// refund of one receipt, count once.
    pub fn new(
        member: MemberId,
        receipts: impl IntoIterator<Item = Receipt>,
        refunds: impl IntoIterator<Item = (ReceiptId, Refund)>,
        period: &BacktestPeriod,
    ) -> Self {
        let mut early: FxHashSet<ReceiptId> = FxHashSet::default();
        let mut receipts: Vec<Receipt> = receipts.into_iter().collect();
        receipts.sort_by(|a, b| (a.occurred_at, &a.id).cmp(&(b.occurred_at, &b.id)));
        let mut places: FxHashMap<ReceiptId, usize> = FxHashMap::default();
        let mut kept: Vec<Receipt> = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            if !period.holds(receipt.occurred_at) {
                early.insert(receipt.id);
            } else if !places.contains_key(&receipt.id) && !early.contains(&receipt.id) {
                places.insert(receipt.id.clone(), kept.len());
                kept.push(receipt);
            }
        }

        let mut orphans = 0;
        let mut found: Vec<(Timestamp, usize, Refund)> = Vec::new();
        for (receipt, refund) in refunds {
            match places.get(&receipt) {
                Some(place) if period.ends_after(refund.occurred_at) => {
                    let receipt = &kept[*place];
                    let at = refund.occurred_at.max(receipt.occurred_at);
                    found.push((at, *place, refund.in_currency(receipt.currency)));
                }
                Some(_) => {}
                None => orphans += u64::from(!early.contains(&receipt)),
            }
        }
        found.sort_by(|a, b| (a.0, a.1, &a.2.id).cmp(&(b.0, b.1, &b.2.id)));
        let mut refunded = vec![false; kept.len()];
        let mut seen = std::collections::HashSet::new();
        found.retain(|(_, place, refund)| seen.insert((*place, refund.id.clone())));

        let mut steps = Vec::with_capacity(kept.len() + found.len());
        let mut next = 0;
        for (place, (at, of, _)) in found.iter().enumerate() {
            while next < kept.len() && kept[next].occurred_at <= *at {
                steps.push(Step::Receipt(next));
                next += 1;
            }
            refunded[*of] = true;
            steps.push(Step::Refund(place));
        }
        steps.extend((next..kept.len()).map(Step::Receipt));
        let refunds = found.into_iter().map(|(_, place, refund)| (place, refund)).collect();
        Self { member, receipts: kept, refunds, refunded, steps, referrals: Vec::new(), orphans }
    }

    /// Adds the member's referrals that were rewarded in the period. A receipt of the same moment comes first.
    #[must_use]
    pub fn with_referrals(
        mut self,
        referrals: impl IntoIterator<Item = (Timestamp, ReferralRole)>,
        period: &BacktestPeriod,
    ) -> Self {
        self.referrals = referrals.into_iter().filter(|(at, _)| period.holds(*at)).collect();
        self.referrals.sort_by_key(|(at, role)| (*at, *role == ReferralRole::Friend));
        let at = |step: &Step| self.at(*step);
        let mut timed: Vec<(Timestamp, Step)> = Vec::with_capacity(self.steps.len() + self.referrals.len());
        timed.extend(self.steps.iter().map(|step| (at(step), *step)));
        timed.extend(self.referrals.iter().enumerate().map(|(place, (at, _))| (*at, Step::Referral(place))));
        // Stable: receipts and refunds of one moment keep their order.
        timed.sort_by_key(|(at, _)| *at);
        self.steps = timed.into_iter().map(|(_, step)| step).collect();
        self
    }

    /// When a step happens.
    pub(crate) fn at(&self, step: Step) -> Timestamp {
        match step {
            Step::Receipt(place) => self.receipts[place].occurred_at,
            Step::Refund(place) => {
                let (of, refund) = &self.refunds[place];
                refund.occurred_at.max(self.receipts[*of].occurred_at)
            }
            Step::Referral(place) => self.referrals[place].0,
        }
    }

    /// True when there is nothing to replay.
    pub const fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.referrals.is_empty() && self.orphans == 0
    }
}
