//! The health of the codes that a shop creates.

use std::collections::BTreeMap;

use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_lambda::{Problem, Services};
use tessera_store::TargetId;

use crate::schema::CodesHealthView;

/// The most rewards that are listed.
const MOST_REWARDS: usize = 50;

/// The codes of each reward. Those of discounts that the reward does not give any more are not ready: nobody draws them.
pub(crate) async fn codes_health(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
) -> Result<Vec<CodesHealthView>, Problem> {
    let stored = services.store.shop_pools(program, connection).await?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let active = services.program(program).await?;
    let currency = active.compiled.program.currency;
    let offers = |pool: &PoolId| {
        let reward = active.compiled.reward(&pool.reward).filter(|reward| reward.code.provider().is_some());
        let mut discounts = reward.into_iter().flat_map(|reward| reward.discounts(currency));
        discounts.any(|discount| PoolId::created(pool.reward.clone(), &discount) == *pool)
    };
    let mut rewards: BTreeMap<RewardId, CodesHealthView> = BTreeMap::new();
    for stored in stored {
        let reward = &stored.pool.pool.reward;
        if rewards.len() >= MOST_REWARDS && !rewards.contains_key(reward) {
            continue;
        }
        let is_offered = offers(&stored.pool.pool) && !stored.pool.is_withdrawn;
        let ready = if is_offered { services.store.codes_left(program, &stored.pool.pool).await? } else { 0 };
        let batch = stored.pool.batch.filter(|_| is_offered);
        let view = rewards.entry(reward.clone()).or_insert_with(|| CodesHealthView {
            reward: reward.to_string(),
            ready: 0,
            filling: 0,
            failed: 0,
            dead: 0,
            spent: 0,
            error: None,
        });
        view.ready += ready;
        view.filling += batch.map_or(0, |batch| batch.codes.len() as u64);
        view.failed += stored.pool.failed;
        view.dead += stored.deleted;
        view.spent += stored.spent;
        view.error = view.error.take().or(stored.pool.error);
    }
    Ok(rewards.into_values().collect())
}
