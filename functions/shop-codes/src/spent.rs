//! Takes codes out of their pools that an order has used before anybody had them.

use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_lambda::Services;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork};
use tessera_store::seed;

use crate::WorkError;

/// Takes those of some codes out of their pools that are ready there, and asks for a look at the pools. Codes of the merchant's are
/// none of ours, and a code that was drawn meanwhile stays its member's. Repeating it changes nothing.
///
/// # Errors
/// When the store or the queue fails.
pub(crate) async fn take_spent(
    services: &Services,
    program: &ProgramId,
    codes: &[CouponCode],
) -> Result<(), WorkError> {
    let known = services.store.shop_codes(program, codes.iter().map(FoldedCode::from)).await?;
    let mut messages = Vec::new();
    for code in known {
        let connection = &code.shop.connection;
        if let Some(pool) = services.store.take_spent_code(program, &code).await? {
            tracing::warn!(%program, %connection, reward = %pool.reward, "an order used a code that nobody had");
            let work = CodesWork::Reward { connection: connection.clone(), reward: pool.reward, again: false };
            messages.push(CodesMessage::new(program.clone(), work).outgoing(&format!("{:?}", seed()?.0)));
        }
    }
    if messages.is_empty() { Ok(()) } else { services.send_codes(&messages).await.map_err(WorkError::Unavailable) }
}
