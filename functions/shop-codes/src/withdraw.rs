//! Withdraws the pool of a reward that is not offered any more, and brings its codes back.

use tessera_domain::coupon::PoolId;
use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_store::{CodeSwitch, StoreError, StoredShopPool};

use crate::fill::{PoolProgress, PoolWorker};
use crate::http::ShopFailure;
use crate::shop::Shop;

/// The batches of codes that one message switches, where each code is a discount of its own: a request for each.
const MOST_SWITCHED: usize = 40;
/// The batches that are read at once.
const PAGE: u32 = 10;
/// The requests of one message that delete codes.
const MOST_DELETIONS: u32 = 8;
/// The codes that are taken out of a pool at once, when nothing is asked of the shop.
const DROPPED_AT_ONCE: u32 = 250;

/// Takes the codes that are ready out of a pool whose shop has none of them. The shop is asked for nothing.
///
/// # Errors
/// When the store fails.
pub(crate) async fn drop_ready(
    services: &Services,
    program: &ProgramId,
    pool: &PoolId,
) -> Result<PoolProgress, StoreError> {
    for _ in 0..MOST_DELETIONS {
        if services.store.withdraw_shop_codes(program, pool, DROPPED_AT_ONCE).await?.is_empty() {
            return Ok(PoolProgress::Whole);
        }
    }
    Ok(PoolProgress::Partly)
}

impl PoolWorker<'_> {
    /// Makes every code of a pool invalid in the shop, those in wallets too. Then the codes that nobody has are taken out of the pool
    /// and deleted: a code that does not work is never handed out, also when the reward comes back.
    ///
    /// # Errors
    /// When the shop or the store did not do it.
    pub async fn withdraw(&self, stored: &mut StoredShopPool) -> Result<PoolProgress, ShopFailure> {
        if stored.pool.discount_id.is_none()
            && let Some(first) = stored.pool.first_code.clone()
        {
            // Its creation may have been interrupted.
            stored.pool.discount_id = self.shop.find_discount(&stored.pool, &first).await?;
        }
        if let Some(discount) = stored.pool.discount_id.clone() {
            if self.shop.codes_are_discounts() && stored.pool.batch.is_some() {
                // The shop may have created them, and only its response says which.
                match self.finish_batch(stored, &discount).await {
                    Ok(()) => {}
                    Err(ShopFailure::Refused(_)) => stored.pool.batch = None,
                    Err(other) => return Err(other),
                }
            }
            if self.switch(stored, &discount, false).await? == PoolProgress::Partly
                || self.delete_ready(stored, &discount).await? == PoolProgress::Partly
            {
                return Ok(PoolProgress::Partly);
            }
        }
        (stored.pool.is_withdrawn, stored.pool.is_filling, stored.pool.switch) = (true, false, None);
        self.save(stored).await?;
        Ok(PoolProgress::Whole)
    }

    /// Makes the codes of a discount work, or not.
    ///
    /// # Errors
    /// When the shop or the store did not do it.
    pub async fn switch(
        &self,
        stored: &mut StoredShopPool,
        discount: &str,
        is_active: bool,
    ) -> Result<PoolProgress, ShopFailure> {
        let begun = stored.pool.switch.take().filter(|switch| switch.is_active == is_active);
        let is_new = begun.is_none();
        let mut switch = begun.unwrap_or(CodeSwitch { is_active, after: None });
        stored.pool.switch = Some(switch.clone());
        if is_new {
            // From now on, some of them may work.
            stored.pool.is_withdrawn &= !is_active;
            self.save(stored).await?;
        }
        match self.shop {
            Shop::Shopify(shop) => shop.set_active(discount, is_active).await?,
            Shop::Woocommerce(shop) => {
                let mut left = MOST_SWITCHED;
                loop {
                    let (store, after) = (&self.services.store, switch.after.as_deref());
                    let pool = &stored.pool.pool;
                    let batches = store.shop_batches(&self.program.id, self.connection, pool, after, PAGE).await?;
                    if batches.is_empty() {
                        break;
                    }
                    for batch in batches {
                        if left == 0 {
                            return Ok(PoolProgress::Partly);
                        }
                        left -= 1;
                        shop.set_active(&stored.pool, &batch.ids, is_active).await?;
                        switch.after = Some(batch.place);
                        stored.pool.switch = Some(switch.clone());
                        self.save(stored).await?;
                    }
                }
            }
        }
        if is_active {
            stored.pool.switch = None;
            self.save(stored).await?;
        }
        Ok(PoolProgress::Whole)
    }

    /// Forgets a discount that the merchant has deleted, and its ready codes, which died with it. The next message creates it anew.
    pub async fn forget_discount(&self, stored: &mut StoredShopPool) -> Result<(), ShopFailure> {
        let pool = &mut stored.pool;
        tracing::warn!(program = %self.program.id, reward = %pool.pool.reward, "a shop's discount does not exist any more");
        if drop_ready(self.services, &self.program.id, &pool.pool).await? == PoolProgress::Whole {
            (pool.discount_id, pool.first_code, pool.batch, pool.switch) = (None, None, None, None);
            (pool.is_withdrawn, pool.error) = (false, None);
            self.save(stored).await?;
        }
        Ok(())
    }

    /// Takes the codes that are ready out of a pool, and deletes them in the shop.
    async fn delete_ready(&self, stored: &StoredShopPool, discount: &str) -> Result<PoolProgress, ShopFailure> {
        let most = u32::try_from(self.shop.most_codes()).unwrap_or(u32::MAX);
        for _ in 0..MOST_DELETIONS {
            let store = &self.services.store;
            // First from the pool: a code that was deleted is not drawn.
            let codes = store.withdraw_shop_codes(&self.program.id, &stored.pool.pool, most).await?;
            if codes.is_empty() {
                return Ok(PoolProgress::Whole);
            }
            self.shop.delete(discount, &codes).await?;
        }
        Ok(PoolProgress::Partly)
    }
}
