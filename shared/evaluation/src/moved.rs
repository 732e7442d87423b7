//! Receipts that were moved to another member.
//!
//! The move stands with the receipt. Its steps follow: the receipt leaves its first member, is decided anew for the other one,
//! and its refunds are decided after it. Each step has a key of its own, so that all of them may be repeated.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use tessera_domain::decide::{
    Decision, DepartureContext, ReceiptContext, decide_arrival, decide_departure, decide_departure_of_undone,
    decide_rejection,
};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::ledger::{Cause, Entry, Moved, Rejection};
use tessera_domain::program::CompiledProgram;
use tessera_intake::refunds_in_order;
use tessera_lambda::Services;
use tessera_lambda::referrals::ReferralMessage;
use tessera_store::{
    ActiveProgram, Commit, CommitError, EntryKey, Party, ReceiptHistory, ReceiptMove, Snapshot, StoreError,
    StoredReceipt,
};

use crate::refund::{MOST_LOOKS, MissingInput, RefundCase};
use crate::{EvaluationError, refund, rejection};

/// Completes the last move of a receipt: every step that is not committed yet. A receipt that was never moved is left alone.
///
/// # Errors
/// When the store or the queue of referrals fails. Completing it again goes on.
pub async fn complete(
    services: &Services,
    program: &ActiveProgram,
    stored: &StoredReceipt,
) -> Result<(), EvaluationError> {
    let (Some(moved), Some(member)) = (&stored.moved, &stored.member) else { return Ok(()) };
    carry(services, program, stored).await?;
    for refund in refunds_in_order(stored) {
        refund::evaluate(services, program, member, &stored.receipt.id, &refund.id).await?;
    }
    for friend in [&moved.from, member] {
        let asked = ReferralMessage::new(program.id.clone(), friend.clone());
        let cause = format!("move {} of receipt {}", moved.number, stored.receipt.id);
        services.ask_referral(&asked, &cause).await.map_err(EvaluationError::Referral)?;
    }
    Ok(())
}

/// Lets a receipt leave its first member and arrive at the other one.
pub(crate) async fn carry(
    services: &Services,
    program: &ActiveProgram,
    stored: &StoredReceipt,
) -> Result<(), EvaluationError> {
    let (Some(moved), Some(member)) = (&stored.moved, &stored.member) else { return Ok(()) };
    let decided_by = depart(services, program, stored.clone(), moved).await?;
    arrive(services, program, stored, (moved, member), &decided_by).await
}

/// Takes back what the receipt gave to its first member. Returns the version of the program that decided it.
async fn depart(
    services: &Services,
    program: &ActiveProgram,
    mut stored: StoredReceipt,
    moved: &ReceiptMove,
) -> Result<Arc<CompiledProgram>, EvaluationError> {
    let (at, id) = (stored.receipt.occurred_at, stored.receipt.id.clone());
    let history = ReceiptHistory { at, receipt: &id, moves: moved.number.saturating_sub(1) };
    let key = EntryKey::departure(at, &id, moved.number);
    let party = Party { history: Some(history), profile: true, ..Party::new(&moved.from, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let mut decided_by = decider(services, program, history, &moved.from).await?;
    let unsettled = || EvaluationError::UnsettledMove(id.clone());
    let mut looks = 0;
    while looks < MOST_LOOKS {
        let case = Departure { services, program, stored: &stored, moved, decided_by: &decided_by };
        match services.store.commit(&commit, |seen| case.decide(seen)).await {
            // Coupons were left over: another step follows.
            Ok(committed) if committed.entry().step.is_some() => continue,
            Ok(_) => return Ok(decided_by),
            Err(CommitError::Refused(MissingInput::Version(version))) => {
                let found = services.programs.at_version(&program.id, version).await?;
                decided_by =
                    found.ok_or_else(|| EvaluationError::UnknownVersion { program: program.id.clone(), version })?;
            }
            Err(CommitError::Refused(MissingInput::Refund(_))) => {
                let again = services.store.get_receipt_with_refunds(&program.id, &id).await?;
                stored = again.ok_or_else(unsettled)?;
            }
            Err(CommitError::Refused(MissingInput::Decision | MissingInput::Nothing | MissingInput::Member)) => {
                return Err(unsettled());
            }
            Err(CommitError::Store(StoreError::Erased { .. })) => {
                // The points went with the member.
                let anyone = rejection::of_anyone(&commit);
                let reject = |seen: &Snapshot<'_>| Ok::<_, Infallible>(case.reject(seen));
                services.store.commit(&anyone, reject).await.map_err(never)?;
                return Ok(decided_by);
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
        looks += 1;
    }
    Err(unsettled())
}

/// The version of the program that decided a receipt for a member, whatever became of it since.
async fn decider(
    services: &Services,
    program: &ActiveProgram,
    history: ReceiptHistory<'_>,
    member: &MemberId,
) -> Result<Arc<CompiledProgram>, EvaluationError> {
    let owners = services.store.owners(&program.id, member).await?;
    let entries = services.store.receipt_entries(&program.id, &owners, history).await?;
    let decision = entries.iter().find(|stored| stored.entry.is_decision_on(history.receipt));
    let version =
        decision.ok_or_else(|| EvaluationError::UnsettledMove(history.receipt.clone()))?.entry.program_version;
    if version == program.compiled.version {
        return Ok(Arc::clone(&program.compiled));
    }
    let found = services.programs.at_version(&program.id, version).await?;
    found.ok_or_else(|| EvaluationError::UnknownVersion { program: program.id.clone(), version })
}

/// Decides on the receipt for its new member.
async fn arrive(
    services: &Services,
    program: &ActiveProgram,
    stored: &StoredReceipt,
    (moved, member): (&ReceiptMove, &MemberId),
    decided_by: &CompiledProgram,
) -> Result<(), EvaluationError> {
    let receipt = &stored.receipt;
    let key = EntryKey::moved_receipt(receipt.occurred_at, &receipt.id, moved.number);
    let party = Party { coupons: &receipt.coupons, profile: true, ..Party::new(member, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let (now, cause) = (services.clock.now(), cause_of(receipt.id.clone(), moved, &moved.from, true));
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(&program.compiled, now);
        let fact = ReceiptContext { receipt, coupons: seen.coupons };
        Ok::<_, Infallible>(decide_arrival(&context, seen.account, &fact, decided_by, cause.clone()))
    });
    match committed.await {
        Ok(_) => Ok(()),
        Err(CommitError::Refused(never)) => match never {},
        Err(CommitError::Store(error)) => {
            let Some(reason) = rejection::reason_of(&error) else { return Err(error.into()) };
            rejection::reject(services, &commit, receipt.occurred_at, cause, reason).await.map(|_| ())
        }
    }
}

fn cause_of(receipt: ReceiptId, moved: &ReceiptMove, other: &MemberId, arrives: bool) -> Cause {
    let (actor, reason) = (moved.actor.clone(), moved.reason.clone());
    Cause::Move { moved: Moved::Receipt(receipt), other: other.clone(), actor, reason, arrives }
}

/// A receipt that leaves its member, and all that is known of it before the account is read.
struct Departure<'a> {
    services: &'a Services,
    program: &'a ActiveProgram,
    stored: &'a StoredReceipt,
    moved: &'a ReceiptMove,
    decided_by: &'a CompiledProgram,
}

impl Departure<'_> {
    fn cause(&self) -> Cause {
        let target = self.stored.member.as_ref().unwrap_or(&self.moved.from);
        cause_of(self.stored.receipt.id.clone(), self.moved, target, false)
    }

    fn decide(&self, seen: &Snapshot<'_>) -> Result<Decision, MissingInput> {
        let known = RefundCase::read_history(self.stored, seen)?;
        let decision = known.decision.ok_or(MissingInput::Decision)?;
        let context = seen.context(&self.program.compiled, self.services.clock.now());
        if self.is_undone(decision) {
            return Ok(decide_departure_of_undone(
                &context,
                seen.account,
                &self.stored.receipt,
                decision,
                self.cause(),
            ));
        }
        // Refunds since the merge were undone with it.
        let mut refunds = known.refunds;
        refunds.retain(|(_, entry)| !self.is_undone(entry));
        if decision.program_version != self.decided_by.version {
            return Err(MissingInput::Version(decision.program_version));
        }
        let coupons: BTreeMap<_, _> = seen.coupons.iter().map(|coupon| (coupon.code.clone(), coupon.clone())).collect();
        let fact = DepartureContext {
            receipt: &self.stored.receipt,
            decision,
            refunds: &refunds,
            steps: &known.departed,
            decided_by: self.decided_by,
            coupons: &coupons,
        };
        Ok(decide_departure(&context, seen.account, &fact, self.cause()))
    }

    /// True if an unmerge has taken back what the entry gave.
    fn is_undone(&self, entry: &Entry) -> bool {
        // Members who were part of the target before have sequences of their own.
        self.moved.undone.is_some_and(|since| entry.decided_at >= since.at && entry.sequence > since.version)
    }

    fn reject(&self, seen: &Snapshot<'_>) -> Decision {
        let now = self.services.clock.now();
        let context = seen.context(&self.program.compiled, now);
        decide_rejection(&context, seen.account, now, self.cause(), Rejection::Erased)
    }
}

fn never(error: CommitError<Infallible>) -> EvaluationError {
    match error {
        CommitError::Refused(never) => match never {},
        CommitError::Store(error) => error.into(),
    }
}

/// The receipt with its refunds, as it stands, for a message about a fact of it.
pub(crate) async fn load(
    services: &Services,
    program: &ActiveProgram,
    receipt: &ReceiptId,
) -> Result<StoredReceipt, EvaluationError> {
    let found = services.store.get_receipt_with_refunds(&program.id, receipt).await?;
    found.ok_or_else(|| EvaluationError::UnknownFact(FactId::Receipt { receipt: receipt.clone() }))
}
