//! The undoing of one row, by a counter-entry. What was spent meanwhile stays, and is reported.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tessera_domain::decide::{ImportFault, ImportedRow, NotUndone, decide_import_undo};
use tessera_domain::fact::{Refund, RefundAmount, Remaining};
use tessera_domain::ids::{CouponCode, MemberId, ReceiptId, RefundId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::MemberRef;
use tessera_import::{ImportRow, OrderRow, RowFault};
use tessera_intake::{Intake, RefundError};
use tessera_store::{Commit, CommitError, Committed, EntryKey, Party, PutFact, Snapshot, StoreError};

use crate::ImportError;
use crate::pass::{AT_ONCE, Pass};
use crate::returned::{ReturnedOrder, UndoneRow};
use crate::row::{RowResult, refused};

/// The refund that undoes an order of a history.
const REFUND: &str = "import-undone";
/// How long a batch waits for the decisions on its returns.
const PATIENCE: Duration = Duration::from_secs(30);
/// The wait between two looks at them, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Pass<'_> {
    /// Undoes a row; the reasons say what of it cannot be undone.
    pub(crate) async fn undo_row(&self, row: u64, content: &ImportRow) -> Result<UndoneRow, ImportError> {
        let code = match content {
            ImportRow::Order(order) => return self.undo_order(order).await,
            ImportRow::Coupon(coupon) => CouponCode::new(coupon.code.trim()).ok(),
            ImportRow::ReferralCode { .. } => {
                return Ok(UndoneRow::Known(refused("the referral code stays: links with it were shared")));
            }
            ImportRow::Member(_) | ImportRow::Tier(_) | ImportRow::Spend(_) => None,
        };
        let Some((member, done)) = self.find_done(row, content.reference()).await? else {
            return Ok(UndoneRow::Known(Ok(())));
        };
        self.undo_entry(row, &member, &done, code.as_slice()).await.map(UndoneRow::Known)
    }

    /// Waits until the returns of orders are decided, and says what of them cannot be undone.
    ///
    /// A decision takes a moment. One that takes longer is named, so that an import is never held up.
    pub(crate) async fn await_returns(
        &self,
        mut waiting: Vec<(u64, u64, ReturnedOrder)>,
    ) -> Result<Vec<(u64, u64, Vec<RowFault>)>, ImportError> {
        let (started, mut pause, mut refused) = (Instant::now(), FIRST_PAUSE, Vec::new());
        while !waiting.is_empty() {
            let look = |(row, rows, order): (u64, u64, ReturnedOrder)| async move {
                let report = self.report_return(&order).await?;
                Ok::<_, ImportError>((row, rows, report, order))
            };
            let looked: Vec<_> =
                stream::iter(std::mem::take(&mut waiting)).map(look).buffer_unordered(AT_ONCE).try_collect().await?;
            for (row, rows, report, order) in looked {
                match report {
                    Some(taken) => refused.extend(taken.err().map(|faults| (row, rows, faults))),
                    None if started.elapsed() < PATIENCE => waiting.push((row, rows, order)),
                    None => {
                        let late =
                            "the return of the order is not decided yet: its receipt says later what was taken back";
                        refused.push((row, rows, vec![RowFault::of_row(late.to_owned())]));
                    }
                }
            }
            if !waiting.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        Ok(refused)
    }

    /// What of an order cannot be undone; `None` while its return is not decided.
    async fn report_return(&self, order: &ReturnedOrder) -> Result<Option<RowResult>, ImportError> {
        let (store, program) = (&self.services.store, &self.program.id);
        let owners = store.owners(program, &order.member).await?;
        let Some(entry) = store.find_entry(program, &owners, &order.key).await? else { return Ok(None) };
        self.report(&order.member, &NotUndone::of_return(&entry)).await.map(Some)
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
        self.report(member, &NotUndone::of(done, &entry, coupon.as_ref())).await
    }

    /// Names whose points or coupon cannot be taken back: by the shop's id, else ours.
    async fn report(&self, member: &MemberId, left: &NotUndone) -> Result<RowResult, ImportError> {
        if *left == NotUndone::default() {
            return Ok(Ok(()));
        }
        let opened = self.services.store.open_member(&self.program.id, member).await?;
        let id = opened.and_then(|opened| opened.profile.id).map_or_else(|| member.to_string(), |id| id.to_string());
        let (points, coupon) = (left.points, left.coupon);
        let mut faults = Vec::new();
        if points.is_positive() {
            let reason =
                format!("{points} points of member {id} cannot be taken back: they were spent or have expired");
            faults.push(RowFault::of_row(reason));
        }
        if coupon {
            faults.push(RowFault::of_row(format!("a coupon of member {id} cannot be taken back: it was used")));
        }
        Ok(Err(faults))
    }

    /// Returns an order whole: its points, counters and coupons follow from the rules.
    async fn undo_order(&self, order: &OrderRow) -> Result<UndoneRow, ImportError> {
        let Pass { services, program, .. } = self;
        let nothing = Ok(UndoneRow::Known(Ok(())));
        let (Ok(receipt), Ok(refund)) = (ReceiptId::new(order.id.as_str()), RefundId::new(REFUND)) else {
            return nothing;
        };
        let Some(stored) = services.store.get_receipt_with_refunds(&program.id, &receipt).await? else {
            return nothing;
        };
        if !stored.receipt.history {
            return Ok(UndoneRow::Known(refused("the shop has sent the order itself since; return it there")));
        }
        let key = EntryKey::moved_refund(stored.receipt.occurred_at, &receipt, stored.moves(), &refund);
        let returned = || match stored.member.clone() {
            Some(member) => UndoneRow::Returned(ReturnedOrder { member, key: key.clone() }),
            None => UndoneRow::Known(Ok(())),
        };
        if stored.refunds.iter().any(|other| other.refund.id == refund) {
            return Ok(returned());
        }
        let before = stored.refunds.iter().map(|stored| &stored.refund);
        let left = Remaining::after(&stored.receipt, before).net_total();
        if left == 0 {
            return nothing;
        }
        let now = services.clock.now();
        let amount = RefundAmount::Net(left);
        let refund = Refund { id: refund, occurred_at: now, amount, is_raw: false, undoes_import: true };
        let intake = Intake { store: &services.store, programs: &services.programs, program, now };
        match intake.refund(&receipt, Some(&stored), refund).await {
            // A worker that was killed after its refund was stored finds it above.
            Ok(PutFact::Stored | PutFact::Waiting | PutFact::Same | PutFact::Different) => Ok(returned()),
            Err(RefundError::Refused { detail, .. }) => Ok(UndoneRow::Known(refused(detail))),
            Err(RefundError::Store(error)) => Err(error.into()),
        }
    }
}
