//! Coupons of receipts on which nothing is decided.

use tessera_domain::decide::used_on;
use tessera_domain::fact::Receipt;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, CouponError};

use crate::EvaluationError;

/// Uses the coupons that a receipt names and settles them with their owners, although nothing is decided on the receipt: it is
/// nobody's, or was rejected. An order uses a bearer coupon, whoever placed it. Repeating it changes nothing, and a receipt that is
/// claimed later finds them used by itself.
///
/// Codes that no coupon has may be ready codes of a shop, which leave their pools.
///
/// # Errors
/// When the store or the queue fails; repeating it completes it.
pub async fn use_coupons(
    services: &Services,
    program: &ActiveProgram,
    receipt: &Receipt,
) -> Result<(), EvaluationError> {
    let mut unknown = Vec::new();
    for code in &receipt.coupons {
        let used = services.store.change_coupon(&program.id, code, |coupon| used_on(coupon, receipt, false));
        match used.await {
            // A coupon that the receipt cannot use is ignored, as by a decision.
            Ok(_) | Err(CouponError::Refused(_)) => {}
            Err(CouponError::Unknown) => unknown.push(code.clone()),
            Err(CouponError::Store(error)) => return Err(error.into()),
        }
    }
    services.settle_coupons_of(program, receipt).await?;
    let cause = format!("receipt {}", receipt.id);
    services.ask_spent(&program.id, unknown, &cause).await.map_err(EvaluationError::Codes)
}
