//! Settling used coupons with their owners.
//!
//! A coupon works on anyone's receipt, and its points are on its owner's account. A decision on a receipt or a refund writes
//! the buyer's account alone, so what it changes between a coupon and its owner is settled in a step of its own. The step may
//! run any number of times: the coupon remembers what is settled.

use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode};
use tessera_domain::decide::{Returned, decide_settlement, is_unsettled};
use tessera_domain::fact::{Receipt, Remaining};
use tessera_domain::ids::ReceiptId;
use tessera_domain::program::Asked;
use tessera_store::{ActiveProgram, Commit, CommitError, Committed, EntryKey, Party, ReceiptHistory, StoreError};

use crate::Services;

/// A receipt, and what remains of it after the refunds that were decided.
struct Remainder {
    receipt: Receipt,
    remaining: Remaining,
}

impl Services {
    /// Settles a used coupon with its owner; returns it as it stands afterwards. A coupon that cost nothing, or whose
    /// receipt is not known, costs no read.
    ///
    /// # Errors
    /// When the store fails; settling again completes it.
    pub async fn settle_coupon(&self, program: &ActiveProgram, coupon: Coupon) -> Result<Coupon, StoreError> {
        let remainder = match &coupon.receipt {
            Some(receipt) if coupon.cost.is_positive() => self.remainder(program, receipt).await?,
            _ => None,
        };
        self.settle_with(program, coupon, remainder.as_ref()).await
    }

    /// Settles every coupon that a receipt used: those that it names, and those that a till used on it.
    ///
    /// # Errors
    /// When the store fails; settling again completes it.
    pub async fn settle_coupons_of(&self, program: &ActiveProgram, receipt: &Receipt) -> Result<(), StoreError> {
        let by_tills = self.store.coupons_used_on(&program.id, &receipt.id).await?;
        let codes = receipt.coupons.iter().map(FoldedCode::from).chain(by_tills);
        let mut used = self.store.get_coupons(&program.id, codes).await?;
        used.retain(|coupon| coupon.receipt.as_ref() == Some(&receipt.id) && coupon.cost.is_positive());
        if used.is_empty() {
            return Ok(());
        }
        let remainder = self.remainder(program, &receipt.id).await?;
        for coupon in used {
            self.settle_with(program, coupon, remainder.as_ref()).await?;
        }
        Ok(())
    }

    async fn settle_with(
        &self,
        program: &ActiveProgram,
        coupon: Coupon,
        remainder: Option<&Remainder>,
    ) -> Result<Coupon, StoreError> {
        let config = &program.compiled;
        let returned = remainder.map(|found| Returned { receipt: &found.receipt, remaining: &found.remaining });
        if !is_unsettled(config, &coupon, returned) {
            return Ok(coupon);
        }
        let (owner, now, codes) = (&coupon.member, self.clock.now(), [coupon.code.clone()]);
        let natural = format!("{}#settle#{}#{}", coupon.code, coupon.restored.get(), u8::from(coupon.unpaid));
        let key = EntryKey::coupon(now, &natural);
        let profile = config.asks_profile(Asked::Tier);
        let commit =
            Commit::for_one(&program.id, config, Party { coupons: &codes, profile, ..Party::new(owner, &key) });
        let committed = self.store.commit(&commit, |seen| {
            let context = seen.context(config, now);
            let current = seen.coupons.first().filter(|current| current.status == CouponStatus::Used).ok_or(())?;
            decide_settlement(&context, seen.account, current, returned).ok_or(())
        });
        match committed.await {
            // Nothing is settled with an owner who was erased.
            Ok(Committed::Now(_) | Committed::Already(_))
            | Err(CommitError::Refused(()) | CommitError::Store(StoreError::Erased { .. })) => {}
            Err(CommitError::Store(error)) => return Err(error),
        }
        let settled = self.store.get_coupon(&program.id, &FoldedCode::from(&coupon.code)).await?;
        Ok(settled.unwrap_or(coupon))
    }

    /// What remains of a receipt; `None` while it is unknown. A refund that is not decided yet settles the coupons itself, after its
    /// decision. No decision is made on the refunds of an anonymous receipt: all of them count.
    async fn remainder(&self, program: &ActiveProgram, id: &ReceiptId) -> Result<Option<Remainder>, StoreError> {
        let Some(stored) = self.store.get_receipt_with_refunds(&program.id, id).await? else { return Ok(None) };
        let Some(buyer) = &stored.member else {
            let remaining = Remaining::after(&stored.receipt, stored.refunds.iter().map(|stored| &stored.refund));
            return Ok(Some(Remainder { receipt: stored.receipt, remaining }));
        };
        let owners = self.store.owners(&program.id, buyer).await?;
        let history = ReceiptHistory { at: stored.receipt.occurred_at, receipt: id, moves: stored.moves() };
        let entries = self.store.receipt_entries(&program.id, &owners, history).await?;
        let applied = entries.iter().filter(|stored| stored.entry.rejected.is_none());
        let accepted = applied.filter_map(|stored| stored.entry.cause.refund().map(|(_, refund)| refund));
        let refunds = accepted.filter_map(|id| stored.refunds.iter().find(|stored| stored.refund.id == *id));
        let remaining = Remaining::after(&stored.receipt, refunds.map(|stored| &stored.refund));
        Ok(Some(Remainder { receipt: stored.receipt, remaining }))
    }
}
