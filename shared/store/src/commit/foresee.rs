//! What a decision is about to take, looked up together with the accounts: free codes of pools, and counters of stocks.

use std::collections::BTreeMap;

use tessera_domain::coupon::PoolId;
use tessera_domain::decide::{Seed, Supply};
use tessera_domain::ids::CouponCode;

use super::low::Glimpsed;
use super::{Commit, Spread};
use crate::pools::PoolCodes;
use crate::{Store, StoreError};

/// What one attempt knows of pools and stocks before its transaction.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    /// Free codes.
    pub codes: PoolCodes,
    /// The counter that units will be taken from, and what it had issued.
    pub counters: Glimpsed,
}

impl Foreseen {
    /// Gives each party codes of its own of every pool that was looked up.
    pub fn supply(&self, supplies: &mut [Supply]) {
        let parties = supplies.len();
        for (party, supply) in supplies.iter_mut().enumerate() {
            let own =
                |codes: Vec<&CouponCode>| codes.into_iter().skip(party).step_by(parties.max(1)).cloned().collect();
            supply.codes = self.codes.all().map(|(pool, codes)| (pool.clone(), own(codes.collect()))).collect();
        }
    }
}

impl Store {
    /// Looks up what the parties say that they will take.
    pub(super) async fn foresee<const N: usize>(
        &self,
        commit: &Commit<'_, N>,
        seeds: &[Seed],
    ) -> Result<Foreseen, StoreError> {
        let mut foreseen = Foreseen::default();
        let takings = commit.parties.iter().zip(seeds).filter_map(|(party, seed)| Some((party.takes?, seed)));
        for (taking, seed) in takings {
            let Some(reward) = commit.config.reward(taking.reward) else { continue };
            let start = start_of(seeds);
            let Foreseen { codes, counters } = &mut foreseen;
            let counter = async {
                if let Some(stock) = reward.stock.filter(|stock| *stock > 0) {
                    let shard = start % Spread::of_stock(stock).shards();
                    let issued = self.stock_counter(commit.program, &reward.id, shard).await?;
                    counters.insert(reward.id.clone(), (shard, issued));
                }
                Ok(())
            };
            let code = async {
                if let Some(pool) = taking.pool(reward, commit.config.program.currency) {
                    let place = [seed.0[1], seed.0[2]];
                    self.find_codes(commit.program, (&pool, taking.provider(reward)), 1, place, codes).await?;
                }
                Ok(())
            };
            tokio::try_join!(counter, code)?;
        }
        Ok(foreseen)
    }

    /// Notes the pools that were found empty.
    pub(super) async fn note_empty_pools<const N: usize>(&self, commit: &Commit<'_, N>, foreseen: &Foreseen) {
        for taking in commit.parties.iter().filter_map(|party| party.takes) {
            let reward = commit.config.reward(taking.reward);
            // A reward with a pool for each number of points is not sold out when one of them is empty.
            let pool = reward
                .filter(|reward| reward.cost.chosen().is_none() || reward.code.provider().is_none())
                .and_then(|reward| taking.pool(reward, commit.config.program.currency));
            if let Some(pool) = pool.filter(|pool| foreseen.codes.is_empty(pool)) {
                self.note_empty_pool(commit.program, &pool).await;
            }
        }
    }

    /// Looks up codes that decisions turned out to take.
    pub(super) async fn find_lacking<const N: usize>(
        &self,
        commit: &Commit<'_, N>,
        lacking: &BTreeMap<PoolId, usize>,
        seeds: &[Seed],
        foreseen: &mut Foreseen,
    ) -> Result<(), StoreError> {
        let place = seeds.first().map_or([0, 0], |seed| [seed.0[1], seed.0[2]]);
        for (pool, units) in lacking {
            let provider = commit.config.reward(&pool.reward).and_then(|reward| reward.code.provider());
            // Parties share the codes, so each may see fewer than it takes.
            let wanted = units.saturating_mul(N);
            self.find_codes(commit.program, (pool, provider), wanted, place, &mut foreseen.codes).await?;
        }
        Ok(())
    }
}

/// Where the search for units of a stock begins.
pub(super) fn start_of(seeds: &[Seed]) -> u32 {
    seeds.first().map_or(0, |seed| u32::from(seed.0[0]))
}
