//! Completes the cancellation of a coupon whose code the shop has deleted: its points come back.

use tessera_domain::coupon::Coupon;
use tessera_domain::decide::decide_deleted_cancel;
use tessera_domain::program::Asked;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, Party, StoreError};

/// Gives the points of a coupon back, unless an order has used it meanwhile. Repeating it changes nothing: the key of its entry
/// is that of the cancellation's beginning.
///
/// # Errors
/// When DynamoDB fails.
pub(crate) async fn finish_cancel(
    services: &Services,
    program: &ActiveProgram,
    coupon: &Coupon,
) -> Result<(), StoreError> {
    let Some(began) = coupon.cancelling else { return Ok(()) };
    let (now, config, codes) = (services.clock.now(), &program.compiled, [coupon.code.clone()]);
    let key = EntryKey::coupon(began, &format!("{}#cancel", coupon.code));
    let profile = config.asks_profile(Asked::Tier);
    let party = Party { coupons: &codes, profile, ..Party::new(&coupon.member, &key) };
    let commit = Commit::for_one(&program.id, config, party);
    let committed = services.store.commit(&commit, |seen| {
        let current = seen.coupons.iter().find(|seen| seen.issued_code() == coupon.issued_code()).unwrap_or(coupon);
        decide_deleted_cancel(&seen.context(config, now), seen.account, current)
    });
    match committed.await {
        Err(CommitError::Refused(fault)) => {
            tracing::info!(program = %program.id, status = ?fault.status, "a cancelled coupon was used or moved meanwhile");
            Ok(())
        }
        // Or erased meanwhile, which cancels coupons without giving points back.
        Ok(_) | Err(CommitError::Store(StoreError::Erased { .. })) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}
