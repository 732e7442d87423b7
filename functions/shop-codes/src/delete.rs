//! Deletes the codes of coupons that expired, were cancelled, or were used elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode, PoolId};
use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_lambda::Services;
use tessera_lambda::shop_codes::CodesWork;
use tessera_orders::{ShopConnection, next_attempt};
use tessera_store::{CouponShopCode, Delivery, DeliveryContent, DeliveryStatus, ShopCode, StoreError, TargetId};

use crate::ShopClients;
use crate::cancel::finish_cancel;
use crate::http::ShopFailure;
use crate::shop::{Shop, credentials};
use crate::{WorkError, active};

/// Codes of one discount of a shop: the connection, the shop that it led to, and the shop's id of the discount.
type Group = (TargetId, Option<String>, String);

/// Deletes those of some codes whose coupons are over, and completes cancellations that waited for it. Failures of a shop are
/// stored as deliveries. `before`: the delivery that is tried again. False when a code is left.
///
/// # Errors
/// When the store fails.
pub(crate) async fn delete(
    services: &Services,
    clients: &ShopClients,
    program_id: &ProgramId,
    codes: &[CouponCode],
    at: Timestamp,
    before: Option<&Delivery>,
) -> Result<bool, WorkError> {
    let program = active(services, program_id).await?;
    let now = services.clock.now();
    let folded = || codes.iter().map(FoldedCode::from);
    let known = services.store.shop_codes(program_id, folded()).await?;
    let coupons = services.store.get_coupons(program_id, folded()).await?;
    let over: Vec<Coupon> = coupons.into_iter().filter(|coupon| is_over(coupon, now)).collect();
    let mut groups: BTreeMap<Group, Vec<(Coupon, ShopCode)>> = BTreeMap::new();
    let mut dead = Vec::new();
    for coupon in over {
        match known.iter().find(|known| known.code == FoldedCode::from(&coupon.code)) {
            Some(CouponShopCode { shop, deleted_at: None, .. }) => {
                let group = (shop.connection.clone(), shop.shop.clone(), shop.discount.clone());
                groups.entry(group).or_default().push((coupon, shop.clone()));
            }
            // Deleted before, or never created: a coupon that was restored has no code in the shop.
            Some(_) | None => dead.push(coupon),
        }
    }
    let mut is_done = true;
    for (group, codes) in groups {
        let connection = &group.0;
        match delete_group(services, clients, program_id, &group, &codes).await {
            Ok(deletion) => {
                if deletion == Deletion::Done {
                    note(services, program_id, connection, &codes, now).await?;
                }
                dead.extend(codes.into_iter().map(|(coupon, _)| coupon));
            }
            Err(ShopFailure::Store(error)) => return Err(error.into()),
            Err(failure) => {
                is_done = false;
                let codes = codes.into_iter().map(|(coupon, _)| coupon.code).collect();
                record(services, program_id, connection, codes, at, before, failure).await?;
            }
        }
    }
    for coupon in dead.iter().filter(|coupon| coupon.cancelling.is_some()) {
        finish_cancel(services, &program, coupon).await?;
    }
    Ok(is_done)
}

/// What became of codes that a shop was to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    /// They are dead.
    Done,
    /// The shop has left, and its credentials are gone, or the connection leads to another shop: nobody can ask it for anything.
    OutOfReach,
}

/// True when the shop's checkout must not accept a coupon any more. An order may have used its code before.
fn is_over(coupon: &Coupon, now: Timestamp) -> bool {
    match coupon.status {
        CouponStatus::Cancelled | CouponStatus::Expired => true,
        CouponStatus::Available | CouponStatus::Applied => {
            coupon.cancelling.is_some() || coupon.expires_at.is_some_and(|end| end <= now)
        }
        // What was used at a till must not be used again at the checkout.
        CouponStatus::Used => coupon.is_used_elsewhere(),
        CouponStatus::Reserved | CouponStatus::Lapsed => false,
    }
}

async fn delete_group(
    services: &Services,
    clients: &ShopClients,
    program: &ProgramId,
    (connection, shop, discount): &Group,
    codes: &[(Coupon, ShopCode)],
) -> Result<Deletion, ShopFailure> {
    let target = services.store.target(program, connection).await?;
    let known = target.as_ref().and_then(ShopConnection::of);
    let today = known.as_ref().map(|known| known.settings.shop_identity());
    if today.is_some_and(|today| shop.as_ref().is_some_and(|shop| *shop != today)) {
        // What has such an id in the shop of today is the merchant's own.
        return Ok(Deletion::OutOfReach);
    }
    let Some(connection) = known.filter(|known| known.is_enabled) else {
        // A merchant who only disables a connection keeps its credentials.
        let key = services.secrets().await.map_err(|problem| ShopFailure::again(problem.detail()))?;
        let secrets = services.store.target_secrets(program, connection, &key).await?;
        return secrets.map_or(Ok(Deletion::OutOfReach), |_| Err(ShopFailure::again("the connection is disabled")));
    };
    let credentials = credentials(services, program, &connection).await?;
    let shop = Shop::new(services, clients, program, &connection, &credentials)?;
    let codes: Vec<_> = codes.iter().map(|(coupon, place)| (coupon.code.clone(), place.clone())).collect();
    shop.delete(discount, &codes).await?;
    Ok(Deletion::Done)
}

/// Notes that codes are dead, by pool.
async fn note(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    codes: &[(Coupon, ShopCode)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut pools: BTreeMap<PoolId, Vec<FoldedCode>> = BTreeMap::new();
    for (coupon, _) in codes {
        let pool = PoolId::created(coupon.reward.clone(), &coupon.discount);
        pools.entry(pool).or_default().push(FoldedCode::from(&coupon.code));
    }
    for (pool, codes) in pools {
        services.store.note_shop_deleted(program, connection, &pool, &codes, now).await?;
    }
    Ok(())
}

/// Stores that a shop did not delete codes: they are tried again, or listed as a dead letter.
async fn record(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    codes: Vec<CouponCode>,
    at: Timestamp,
    before: Option<&Delivery>,
    failure: ShopFailure,
) -> Result<(), StoreError> {
    let now = services.clock.now();
    let whole = |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
    let event = codes.first().map(CouponCode::to_string).unwrap_or_default();
    let text = serde_json::to_string(&CodesWork::Delete { codes, at }).unwrap_or_default();
    let (reason, due) = match failure {
        ShopFailure::Store(error) => return Err(error),
        ShopFailure::Refused(reason) => (reason, None),
        ShopFailure::Again { reason, asked } => (reason, next_attempt(now, &text, attempts, asked).map(whole)),
    };
    tracing::warn!(%program, %connection, reason, attempts, "a shop did not delete codes");
    let status = if due.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Failed };
    let response = Some(reason.chars().take(300).collect());
    let delivery = match before {
        Some(before) => Delivery { status, tried_at: whole(now), attempts, response, due, ..before.clone() },
        None => Delivery {
            id: Delivery::id_of(&text, at),
            event,
            kind: CodesWork::KIND.to_owned(),
            member: None,
            status,
            made_at: whole(at),
            tried_at: whole(now),
            attempts,
            response,
            due,
            is_test: false,
            content: DeliveryContent::Inline(text),
        },
    };
    services.store.put_delivery(program, connection, &delivery, before).await.map(drop)
}
