//! The undoing of one row, by a counter-entry. What was spent meanwhile stays, and is reported.

use tessera_domain::decide::{ImportFault, ImportedRow, NotUndone, decide_import_undo};
use tessera_domain::fact::{Refund, RefundAmount, Remaining};
use tessera_domain::ids::{CouponCode, MemberId, ReceiptId, RefundId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::MemberRef;
use tessera_import::{ImportRow, OrderRow};
use tessera_intake::{Intake, RefundError};
use tessera_store::{Commit, CommitError, Committed, Party, PutFact, Snapshot, StoreError, StoredRefund};

use crate::ImportError;
use crate::pass::Pass;
use crate::row::{RowResult, refused};

/// The refund that undoes an order of a history.
const REFUND: &str = "import-undone";

impl Pass<'_> {
    /// Undoes a row; the reasons say what of it cannot be undone.
    pub(crate) async fn undo_row(&self, row: u64, content: &ImportRow) -> Result<RowResult, ImportError> {
        let code = match content {
            ImportRow::Order(order) => return self.undo_order(order).await,
            ImportRow::Coupon(coupon) => CouponCode::new(coupon.code.trim()).ok(),
            ImportRow::ReferralCode { .. } => return Ok(refused("the referral code stays: links with it were shared")),
            ImportRow::Member(_) | ImportRow::Tier(_) | ImportRow::Spend(_) => None,
        };
        let Some((member, done)) = self.find_done(row, content.reference()).await? else { return Ok(Ok(())) };
        self.undo_entry(row, &member, &done, code.as_slice()).await
    }

    /// The entry that a row has, and whose it is; `None` when the row was refused.
    async fn find_done(&self, row: u64, reference: &MemberRef) -> Result<Option<(MemberId, Entry)>, ImportError> {
        let (store, program) = (&self.services.store, &self.program.id);
        let known = store.resolve(program, &self.program.head.identity_key, &self.verified(reference), true).await?;
        let Some(member) = known.member else { return Ok(None) };
        let owners = store.owners(program, &member).await?;
        let found = store.find_entry(program, &owners, &self.key(row, false)).await?;
        Ok(found.map(|entry| (member, entry)))
    }

    async fn undo_entry(
        &self,
        row: u64,
        member: &MemberId,
        done: &Entry,
        coupons: &[CouponCode],
    ) -> Result<RowResult, ImportError> {
        let (config, now) = (&*self.program.compiled, self.services.clock.now());
        let key = self.key(row, true);
        let party = Party { coupons, ..Party::new(member, &key) };
        let commit = Commit::for_one(&self.program.id, config, party);
        let named = ImportedRow { import: self.id, row };
        let decide = |seen: &Snapshot<'_>| {
            let context = seen.context(config, now);
            decide_import_undo(&context, seen.account, &named, done, seen.coupons.first())
        };
        let entry = match self.services.store.commit(&commit, decide).await {
            Ok(Committed::Now(decision)) => decision.entry,
            Ok(Committed::Already(entry)) => *entry,
            // The erasure has removed what the row gave.
            Err(CommitError::Refused(ImportFault::NothingToUndo) | CommitError::Store(StoreError::Erased { .. })) => {
                return Ok(Ok(()));
            }
            Err(CommitError::Refused(refusal)) => return Ok(refused(refusal)),
            Err(CommitError::Store(error)) => return Err(error.into()),
        };
        // Derived from what stands, so that a repetition reports the same.
        let coupon = match coupons.first() {
            Some(code) => self.find_coupon(code).await?,
            None => None,
        };
        Ok(report(&NotUndone::of(done, &entry, coupon.as_ref())))
    }

    /// Returns an order whole: its points, counters and coupons follow from the rules.
    async fn undo_order(&self, order: &OrderRow) -> Result<RowResult, ImportError> {
        let Pass { services, program, .. } = self;
        let (Ok(receipt), Ok(refund)) = (ReceiptId::new(order.id.as_str()), RefundId::new(REFUND)) else {
            return Ok(Ok(()));
        };
        let Some(stored) = services.store.get_receipt_with_refunds(&program.id, &receipt).await? else {
            return Ok(Ok(()));
        };
        if !stored.receipt.history {
            return Ok(refused("the shop has sent the order itself since; return it there"));
        }
        let is_ours = |other: &&StoredRefund| other.refund.id == refund;
        if stored.refunds.iter().any(|other| is_ours(&other)) {
            return Ok(Ok(()));
        }
        let before = stored.refunds.iter().map(|stored| &stored.refund);
        let left = Remaining::after(&stored.receipt, before).net_total();
        if left == 0 {
            return Ok(Ok(()));
        }
        let now = services.clock.now();
        let amount = RefundAmount::Net(left);
        let refund = Refund { id: refund, occurred_at: now, amount, is_raw: false, undoes_import: true };
        let intake = Intake { store: &services.store, programs: &services.programs, program, now };
        match intake.refund(&receipt, Some(&stored), refund).await {
            // A worker that was killed after its refund was stored finds it above.
            Ok(PutFact::Stored | PutFact::Waiting | PutFact::Same | PutFact::Different) => Ok(Ok(())),
            Err(RefundError::Refused { detail, .. }) => Ok(refused(detail)),
            Err(RefundError::Store(error)) => Err(error.into()),
        }
    }
}

fn report(left: &NotUndone) -> RowResult {
    match (left.points.is_positive(), left.coupon) {
        (false, false) => Ok(()),
        (true, _) => refused(format!("{} points cannot be taken back: they were spent or have expired", left.points)),
        (false, true) => refused("the coupon cannot be taken back: it was used"),
    }
}
