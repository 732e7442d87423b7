//! Receipts: one read, one decision, one transaction.

use std::convert::Infallible;

use tessera_domain::decide::{ReceiptContext, decide_receipt};
use tessera_domain::fact::{FactId, Receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::program::Asked;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, Committed, EntryKey, Party};

use crate::{EvaluationError, rejection};

/// Decides on a receipt, once: when it was decided before, nothing is written and that decision stands.
///
/// # Errors
/// When the store fails.
pub async fn evaluate(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    receipt: &Receipt,
) -> Result<Committed, EvaluationError> {
    let key = EntryKey::receipt(receipt.occurred_at, &receipt.id);
    let profile = program.compiled.asks_profile(Asked::Receipt);
    let party = Party { coupons: &receipt.coupons, profile, ..Party::new(member, &key) };
    let commit = Commit::for_one(&program.id, &program.compiled, party);
    let now = services.clock.now();
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(&program.compiled, now);
        let fact = ReceiptContext { receipt, coupons: seen.coupons };
        Ok::<_, Infallible>(decide_receipt(&context, seen.account, &fact))
    });
    let committed = match committed.await {
        Ok(committed) => committed,
        Err(CommitError::Refused(never)) => match never {},
        Err(CommitError::Store(error)) => {
            let Some(reason) = rejection::reason_of(&error) else { return Err(error.into()) };
            let id = FactId::Receipt { receipt: receipt.id.clone() };
            rejection::reject(services, &commit, receipt.occurred_at, id.into(), reason).await?
        }
    };
    settle_coupons(services, program, receipt, &committed).await?;
    Ok(committed)
}

/// Settles the coupons of other members that the receipt used although they were cancelled later.
async fn settle_coupons(
    services: &Services,
    program: &ActiveProgram,
    receipt: &Receipt,
    committed: &Committed,
) -> Result<(), EvaluationError> {
    match committed {
        Committed::Now(decision) => {
            for (_, coupon) in decision.changed.iter().filter(|(_, coupon)| coupon.unpaid) {
                services.settle_coupon(program, coupon.clone()).await?;
            }
        }
        // The message came again, perhaps because this step failed.
        Committed::Already(_) if !receipt.coupons.is_empty() => services.settle_coupons_of(program, receipt).await?,
        Committed::Already(_) => {}
    }
    Ok(())
}
