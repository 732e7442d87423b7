//! Compares a program's rewards with what its shops were asked for, and brings one reward in line.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tessera_domain::coupon::{Discount, PoolId};
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::program::{Provider, Reward};
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork, connection_of};
use tessera_orders::{ShopConnection, next_attempt};
use tessera_shops::CodeSettings;
use tessera_store::{
    ActiveProgram, Delivery, DeliveryContent, DeliveryStatus, ShopPool, StoreError, StoredShopPool, TargetId, seed,
};

use crate::ShopClients;
use crate::fill::{PoolProgress, PoolWorker};
use crate::http::ShopFailure;
use crate::shop::{Shop, credentials, provider_of};
use crate::withdraw::drop_ready;
use crate::{WorkError, active};

/// How many codes are kept ready where the settings say nothing.
const USUAL_CODES: CodeSettings = CodeSettings { low_water: 200, fill_to: 1_000 };
/// The longest wait before a failed request is repeated: a shop that was down for a day is served soon after.
const LONGEST_ATTEMPTS: u32 = 4;

/// Asks for a look at each reward whose codes a shop creates, or created until it was withdrawn.
///
/// # Errors
/// When the store or the queue fails.
pub(crate) async fn look(services: &Services, program_id: &ProgramId, again: bool) -> Result<(), WorkError> {
    let program = active(services, program_id).await?;
    let mut messages = Vec::new();
    for (_, provider) in Provider::NAMES {
        let Some(connection) = connection_of(provider) else { continue };
        let target = services.store.target(program_id, &connection).await?;
        let Some(ShopConnection { is_enabled, settings, .. }) = target.as_ref().and_then(ShopConnection::of) else {
            continue;
        };
        let offered = program.compiled.program.rewards.iter().filter(|reward| reward.code.provider() == Some(provider));
        let mut rewards: BTreeSet<RewardId> = offered.map(|reward| reward.id.clone()).filter(|_| is_enabled).collect();
        let (stored, shop) = (services.store.shop_pools(program_id, &connection).await?, settings.shop_identity());
        let asked_for = stored
            .into_iter()
            .filter(|StoredShopPool { pool, .. }| pool.is_of_another(&shop) || (is_enabled && pool.may_work()));
        rewards.extend(asked_for.map(|stored| stored.pool.pool.reward));
        for reward in rewards {
            let work = CodesWork::Reward { connection: connection.clone(), reward, again };
            messages.push(CodesMessage::new(program_id.clone(), work).outgoing(&format!("{:?}", seed()?.0)));
        }
    }
    services.send_codes(&messages).await.map_err(WorkError::Unavailable)
}

/// Fills the pools of a reward, or makes its codes invalid when it was withdrawn. Failures of the shop are stored.
///
/// # Errors
/// When the store or the queue fails.
pub(crate) async fn bring_in_line(
    services: &Services,
    clients: &ShopClients,
    program_id: &ProgramId,
    connection_id: &TargetId,
    reward: &RewardId,
    again: bool,
) -> Result<(), WorkError> {
    let target = services.store.target(program_id, connection_id).await?;
    let Some(connection) = target.as_ref().and_then(ShopConnection::of) else { return Ok(()) };
    let shop = connection.settings.shop_identity();
    let mut stored = services.store.shop_pools(program_id, connection_id).await?;
    stored.retain(|stored| stored.pool.pool.reward == *reward);
    let (elsewhere, mut stored): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|stored| stored.pool.is_of_another(&shop));
    if drop_pools(services, program_id, connection_id, &elsewhere).await? == PoolProgress::Partly {
        return ask_again(services, program_id, connection_id, reward, again).await;
    }
    if !connection.is_enabled {
        // Asked for again once it is enabled.
        return Ok(());
    }
    let program = active(services, program_id).await?;
    let now = services.clock.now();
    let provider = provider_of(connection.settings.vendor);
    let offered = program.compiled.reward(reward);
    let offered = offered.filter(|reward| reward.code.provider() == provider && !is_withdrawn(&program, reward, now));
    let (pools, codes) = match offered {
        // Nobody gets a coupon of it any more; those in wallets live on.
        Some(ended) if has_ended(&program, ended, now) => return Ok(()),
        Some(offered) => wanted_pools(services, &program, offered, &connection, stored),
        None => {
            stored.retain(|stored| stored.pool.may_work());
            (stored, None)
        }
    };
    let mut is_whole = true;
    for mut pool in pools {
        if pool.pool.shop.is_none() {
            // Of an earlier release, which did not store it. A pool that is new is stored with its first request.
            pool.pool.shop = Some(shop.clone());
            if pool.version > 0 && !services.store.put_shop_pool(program_id, connection_id, &mut pool).await? {
                is_whole = false;
                continue;
            }
        }
        // What failed may have been the opposite of what is wanted now.
        let is_same = pool.pool.switch.as_ref().is_none_or(|switch| switch.is_active) == codes.is_some();
        let waits = pool.pool.is_stopped || pool.pool.due.is_some_and(|due| now < due);
        if is_same && waits && !again {
            continue;
        }
        let outcome = Box::pin(serve(services, clients, &program, &connection, &mut pool, codes)).await;
        match outcome {
            Ok(progress) => {
                is_whole &= progress == PoolProgress::Whole;
                settle(services, program_id, connection_id, &mut pool).await?;
            }
            Err(ShopFailure::Store(error)) => return Err(error.into()),
            Err(failure) => record(services, program_id, connection_id, &mut pool, failure).await?,
        }
    }
    if is_whole { Ok(()) } else { ask_again(services, program_id, connection_id, reward, again).await }
}

/// Asks for another look at a reward, which goes on.
///
/// # Errors
/// When the queue cannot be reached.
pub(crate) async fn ask_again(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    reward: &RewardId,
    again: bool,
) -> Result<(), WorkError> {
    let work = CodesWork::Reward { connection: connection.clone(), reward: reward.clone(), again };
    let message = CodesMessage::new(program.clone(), work).outgoing(&format!("{:?}", seed()?.0));
    services.send_codes(&[message]).await.map_err(WorkError::Unavailable)
}

/// Drops pools that another shop filled, to which the connection led before: their codes work there alone. Coupons in wallets
/// keep theirs. The shop of today is asked for nothing: what has such an id there is the merchant's own.
async fn drop_pools(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    pools: &[StoredShopPool],
) -> Result<PoolProgress, StoreError> {
    for StoredShopPool { pool, .. } in pools {
        tracing::info!(%program, %connection, reward = %pool.pool.reward, "the codes of another shop are dropped");
        if drop_ready(services, program, &pool.pool).await? == PoolProgress::Partly {
            return Ok(PoolProgress::Partly);
        }
        services.store.delete_shop_pool(program, connection, &pool.pool).await?;
    }
    Ok(PoolProgress::Whole)
}

/// True when nobody can get a reward any more.
fn has_ended(program: &ActiveProgram, reward: &Reward, now: Timestamp) -> bool {
    reward.ends_at.is_some_and(|end| end.at(&program.compiled.zone) <= now)
}

/// True when a reward has ended, and the last of its coupons too.
fn is_withdrawn(program: &ActiveProgram, reward: &Reward, now: Timestamp) -> bool {
    let (Some(end), Some(days)) = (reward.ends_at, reward.valid_days) else { return false };
    let zone = &program.compiled.zone;
    Day::of(end.at(zone), zone).plus_days(days).plus_days(1).start(zone) <= now
}

/// The pools of every discount that a reward can give now, and how many codes each is to have.
fn wanted_pools(
    services: &Services,
    program: &ActiveProgram,
    reward: &Reward,
    connection: &ShopConnection,
    mut stored: Vec<StoredShopPool>,
) -> (Vec<StoredShopPool>, Option<CodeSettings>) {
    let discounts = reward.discounts(program.compiled.program.currency);
    let count = u32::try_from(discounts.len()).unwrap_or(u32::MAX).max(1);
    let settings = connection.settings.codes.unwrap_or(USUAL_CODES);
    // The settings are for a reward: its pools share them.
    let each = |codes: u32| codes.div_ceil(count);
    let codes = CodeSettings { low_water: each(settings.low_water), fill_to: each(settings.fill_to) };
    let pools = discounts.into_iter().map(|discount| {
        let pool = PoolId::created(reward.id.clone(), &discount);
        let known = stored.iter().position(|stored| stored.pool.pool == pool);
        match known {
            Some(place) => stored.swap_remove(place),
            None => new_pool(services, program, reward, pool, discount),
        }
    });
    (pools.collect(), Some(codes))
}

fn new_pool(
    services: &Services,
    program: &ActiveProgram,
    reward: &Reward,
    pool: PoolId,
    discount: Discount,
) -> StoredShopPool {
    let name = reward.name.in_locale(&program.compiled.program.locale);
    // Of two rewards of one name, each finds its own discount by the title.
    let title = format!("{name} ({} {})", reward.id, pool.discount.as_deref().unwrap_or_default());
    // Times are stored in milliseconds.
    let now = services.clock.now();
    let created_at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    let pool = ShopPool {
        pool,
        discount,
        shop: None,
        title,
        created_at,
        first_code: None,
        discount_id: None,
        is_withdrawn: false,
        switch: None,
        batch: None,
        is_filling: false,
        failed: 0,
        error: None,
        attempts: 0,
        due: None,
        checked_at: None,
        is_stopped: false,
    };
    StoredShopPool { pool, version: 0, deleted: 0, spent: 0 }
}

/// Fills a pool, or withdraws it where `codes` is `None`.
async fn serve(
    services: &Services,
    clients: &ShopClients,
    program: &ActiveProgram,
    connection: &ShopConnection,
    stored: &mut StoredShopPool,
    codes: Option<CodeSettings>,
) -> Result<PoolProgress, ShopFailure> {
    let credentials = credentials(services, &program.id, connection).await?;
    let shop = Shop::new(services, clients, &program.id, connection, &credentials)?;
    let worker = PoolWorker { services, program, connection: &connection.id, shop: &shop };
    match codes {
        Some(codes) => Box::pin(worker.fill(stored, codes)).await,
        None => Box::pin(worker.withdraw(stored)).await,
    }
}

/// Forgets an earlier failure of a pool that needs nothing now.
async fn settle(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    stored: &mut StoredShopPool,
) -> Result<(), StoreError> {
    if stored.pool.attempts == 0 && !stored.pool.is_stopped {
        return Ok(());
    }
    (stored.pool.attempts, stored.pool.due, stored.pool.is_stopped) = (0, None, false);
    stored.pool.error = None;
    services.store.put_shop_pool(program, connection, stored).await.map(drop)
}

/// Stores that the shop did not do what a pool needs. What it refused is listed as a dead letter.
async fn record(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    stored: &mut StoredShopPool,
    failure: ShopFailure,
) -> Result<(), StoreError> {
    let now = services.clock.now();
    let pool = &mut stored.pool;
    pool.attempts = pool.attempts.saturating_add(1);
    match failure {
        ShopFailure::Store(error) => return Err(error),
        ShopFailure::Again { reason, asked } => {
            tracing::warn!(%program, %connection, reward = %pool.pool.reward, reason, "a shop creates no codes now");
            let subject = format!("{} {:?}", pool.pool.reward, pool.pool.discount);
            pool.due = next_attempt(now, &subject, pool.attempts.min(LONGEST_ATTEMPTS), asked);
            pool.error = Some(reason);
        }
        ShopFailure::Refused(reason) => {
            tracing::error!(%program, %connection, reward = %pool.pool.reward, reason, "a shop refused to create codes");
            pool.is_stopped = true;
            pool.batch = None;
            let dead = dead_letter(connection, pool, &reason, now);
            pool.error = Some(reason);
            services.store.put_delivery(program, connection, &dead, None).await?;
        }
    }
    // Another worker has changed it meanwhile: it knows better.
    services.store.put_shop_pool(program, connection, stored).await.map(drop)
}

fn dead_letter(connection: &TargetId, pool: &ShopPool, reason: &str, now: Timestamp) -> Delivery {
    let work = CodesWork::Reward { connection: connection.clone(), reward: pool.pool.reward.clone(), again: true };
    let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    Delivery {
        id: Delivery::id_of(&format!("{:?} {reason}", pool.pool), now),
        event: pool.pool.reward.to_string(),
        kind: CodesWork::KIND.to_owned(),
        member: None,
        status: DeliveryStatus::Failed,
        made_at: now,
        tried_at: now,
        attempts: pool.attempts,
        response: Some(reason.chars().take(300).collect()),
        due: None,
        is_test: false,
        content: DeliveryContent::Inline(serde_json::to_string(&work).unwrap_or_default()),
    }
}
