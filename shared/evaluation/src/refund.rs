//! Refunds: judged by what the receipt's decision says, and by the version of the program that made it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tessera_domain::decide::{Decision, RefundContext, decide_refund, decide_rejection};
use tessera_domain::fact::{FactId, Refund};
use tessera_domain::ids::{MemberId, ReceiptId, RefundId};
use tessera_domain::ledger::{Entry, Rejection};
use tessera_domain::program::{Asked, CompiledProgram};
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, Party, ReceiptHistory, Snapshot, StoredReceipt};

use crate::{DispatchOutcome, EvaluationError, moved, receipt, rejection};

/// How often what a refund needs is looked up before it is given up: the receipt's decision, the program's version and
/// the refunds decided meanwhile can each be missing once, and then once more when someone is faster.
pub(crate) const MOST_LOOKS: u32 = 6;

/// Decides on a refund, once, and settles the coupons that paid for its receipt with their owners. When the receipt has not
/// been decided yet, that comes first. A refund follows its receipt to the member that this was moved to.
///
/// # Errors
/// When the store fails, or what the refund needs is missing.
pub async fn evaluate(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    receipt: &ReceiptId,
    refund: &RefundId,
) -> Result<DispatchOutcome, EvaluationError> {
    let stored = load(services, program, member, receipt).await?;
    let of = stored.receipt.clone();
    let outcome = decide_once(services, program, stored, refund).await?;
    services.settle_coupons_of(program, &of).await?;
    Ok(outcome)
}

async fn decide_once(
    services: &Services,
    program: &ActiveProgram,
    mut stored: StoredReceipt,
    refund: &RefundId,
) -> Result<DispatchOutcome, EvaluationError> {
    let receipt = &stored.receipt.id.clone();
    let mut decided_by = Arc::clone(&program.compiled);
    for _ in 0..MOST_LOOKS {
        let Some(member) = stored.member.clone() else { return Err(EvaluationError::OtherMember(receipt.clone())) };
        match attempt(services, program, &member, &stored, refund, &decided_by).await {
            Ok(outcome) => return Ok(outcome),
            Err(CommitError::Refused(MissingInput::Nothing)) => return Ok(DispatchOutcome::DecidedBefore),
            Err(CommitError::Refused(MissingInput::Decision)) if stored.moved.is_some() => {
                moved::carry(services, program, &stored).await?;
            }
            Err(CommitError::Refused(MissingInput::Decision)) => {
                receipt::evaluate(services, program, &member, &stored.receipt).await?;
            }
            Err(CommitError::Refused(MissingInput::Member)) => stored = moved::load(services, program, receipt).await?,
            Err(CommitError::Refused(MissingInput::Version(version))) => {
                let found = services.programs.at_version(&program.id, version).await?;
                decided_by =
                    found.ok_or_else(|| EvaluationError::UnknownVersion { program: program.id.clone(), version })?;
            }
            Err(CommitError::Refused(MissingInput::Refund(id))) => {
                stored = moved::load(services, program, receipt).await?;
                if !stored.refunds.iter().any(|other| other.refund.id == id) {
                    return Err(EvaluationError::UnknownFact(FactId::Refund { receipt: receipt.clone(), refund: id }));
                }
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(EvaluationError::Unsettled(receipt.clone(), refund.clone()))
}

/// The receipt with all its refunds, as they came. A message may name the member that had it before a move.
async fn load(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    receipt: &ReceiptId,
) -> Result<StoredReceipt, EvaluationError> {
    let stored = moved::load(services, program, receipt).await?;
    if stored.member.as_ref() == Some(member) || stored.moved.is_some() {
        Ok(stored)
    } else {
        Err(EvaluationError::OtherMember(receipt.clone()))
    }
}

async fn attempt(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    stored: &StoredReceipt,
    refund: &RefundId,
    decided_by: &CompiledProgram,
) -> Result<DispatchOutcome, CommitError<MissingInput>> {
    let receipt = &stored.receipt;
    let (at, moves) = (receipt.occurred_at, stored.moves());
    let key = EntryKey::moved_refund(at, &receipt.id, moves, refund);
    let history = Some(ReceiptHistory { at, receipt: &receipt.id, moves });
    let profile = program.compiled.asks_profile(Asked::Receipt);
    let commit =
        Commit::for_one(&program.id, &program.compiled, Party { history, profile, ..Party::new(member, &key) });
    let case = RefundCase { program: &program.compiled, now: services.clock.now(), stored, refund, decided_by };
    // A refund that cancels more coupons than a transaction holds is committed in steps; the last one decides it.
    let committed = loop {
        match services.store.commit(&commit, |seen| case.decide(seen)).await {
            Ok(committed) if committed.entry().step.is_some() => {}
            committed => break committed,
        }
    };
    match committed {
        Ok(committed) => Ok(DispatchOutcome::of(&committed)),
        Err(CommitError::Store(error)) => {
            let Some(reason) = rejection::reason_of(&error) else { return Err(error.into()) };
            let anyone = rejection::of_anyone(&commit);
            let refused = services.store.commit(&anyone, |seen| case.reject(seen, reason)).await?;
            Ok(DispatchOutcome::of(&refused))
        }
        Err(refused) => Err(refused),
    }
}

/// What a decision on a refund cannot go without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingInput {
    /// Its receipt's own decision.
    Decision,
    /// The version of the program that made it.
    Version(u32),
    /// A refund, this one or one that was decided before it.
    Refund(RefundId),
    /// Its receipt's member: the receipt was moved meanwhile.
    Member,
    /// Nothing at all: the refund was decided before.
    Nothing,
}

/// A refund, and all that is known of it before the account is read.
pub(crate) struct RefundCase<'a> {
    program: &'a CompiledProgram,
    now: Timestamp,
    stored: &'a StoredReceipt,
    refund: &'a RefundId,
    decided_by: &'a CompiledProgram,
}

/// What was decided on a receipt for its member.
pub(crate) struct KnownReceipt<'a> {
    /// Its own decision.
    pub decision: Option<&'a Entry>,
    /// Its refunds, with their entries, in order.
    pub refunds: Vec<(Refund, Entry)>,
    /// The steps of its departure, in order.
    pub departed: Vec<Entry>,
}

impl RefundCase<'_> {
    /// Sorts the entries of a receipt.
    pub(crate) fn read_history<'a>(
        stored: &StoredReceipt,
        seen: &Snapshot<'a>,
    ) -> Result<KnownReceipt<'a>, MissingInput> {
        let mut known = KnownReceipt { decision: None, refunds: Vec::new(), departed: Vec::new() };
        for entry in seen.history {
            if entry.is_decision_on(&stored.receipt.id) {
                known.decision = Some(entry);
            } else if entry.cause.departed().is_some() {
                known.departed.push(entry.clone());
            } else if let Some((_, id)) = entry.cause.refund() {
                known.refunds.push((stored_refund(stored, id)?.clone(), entry.clone()));
            }
            // Others followed from these: rules for a change of tier.
        }
        Ok(known)
    }

    fn decide(&self, seen: &Snapshot<'_>) -> Result<Decision, MissingInput> {
        let KnownReceipt { decision, refunds: earlier, departed } = Self::read_history(self.stored, seen)?;
        if !departed.is_empty() {
            return Err(MissingInput::Member);
        }
        if earlier.iter().any(|(refund, entry)| refund.id == *self.refund && entry.step.is_none()) {
            return Err(MissingInput::Nothing);
        }
        let decision = decision.ok_or(MissingInput::Decision)?;
        if decision.program_version != self.decided_by.version {
            return Err(MissingInput::Version(decision.program_version));
        }
        let coupons: BTreeMap<_, _> = seen.coupons.iter().map(|coupon| (coupon.code.clone(), coupon.clone())).collect();
        let fact = RefundContext {
            refund: stored_refund(self.stored, self.refund)?,
            receipt: &self.stored.receipt,
            decision,
            earlier: &earlier,
            decided_by: self.decided_by,
            coupons: &coupons,
        };
        Ok(decide_refund(&seen.context(self.program, self.now), seen.account, &fact))
    }

    /// Rejects the refund.
    fn reject(&self, seen: &Snapshot<'_>, reason: Rejection) -> Result<Decision, MissingInput> {
        let at = stored_refund(self.stored, self.refund)?.occurred_at;
        let cause = self.id().into();
        Ok(decide_rejection(&seen.context(self.program, self.now), seen.account, at, cause, reason))
    }

    fn id(&self) -> FactId {
        FactId::Refund { receipt: self.stored.receipt.id.clone(), refund: self.refund.clone() }
    }
}

fn stored_refund<'a>(stored: &'a StoredReceipt, id: &RefundId) -> Result<&'a Refund, MissingInput> {
    let found = stored.refunds.iter().find(|stored| stored.refund.id == *id);
    found.map(|stored| &stored.refund).ok_or_else(|| MissingInput::Refund(id.clone()))
}

#[cfg(test)]
mod tests;
