//! Fills the pool of one discount: the discount first, then batches of codes until there are enough.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tessera_domain::ids::CouponCode;
use tessera_lambda::Services;
use tessera_shops::CodeSettings;
use tessera_store::{ActiveProgram, CodeBatch, StoreError, StoredShopPool, TargetId, seed};

use crate::access::BatchOutcome;
use crate::http::ShopFailure;
use crate::shop::{SentBatch, Shop};

/// Codes have eleven random characters and a check character: codes that nobody has yet work at a checkout already, where nobody
/// counts wrong guesses.
const PATTERN: &str = "############";
/// The batches of one message; the next message goes on.
const MOST_BATCHES: u32 = 8;
/// A batch of fewer codes may collide with others as a whole.
const FEW_CODES: usize = 10;
/// How long after a check of the ready codes the next one is due.
const BETWEEN_CHECKS: SignedDuration = SignedDuration::from_hours(24);
/// How often another first code is tried for a discount.
const FIRST_CODES: u32 = 3;

/// How far the work on a pool has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolProgress {
    /// It is done.
    Whole,
    /// Another message is to go on.
    Partly,
}

/// What fills and withdraws pools of one connection.
pub(crate) struct PoolWorker<'a> {
    pub services: &'a Services,
    pub program: &'a ActiveProgram,
    pub connection: &'a TargetId,
    pub shop: &'a Shop<'a>,
}

impl PoolWorker<'_> {
    /// Creates the discount and codes of a pool, if it has fewer than `codes` says. A discount that the merchant has deleted is
    /// created anew.
    ///
    /// # Errors
    /// When the shop or the store did not do it.
    pub async fn fill(&self, stored: &mut StoredShopPool, codes: CodeSettings) -> Result<PoolProgress, ShopFailure> {
        let before = stored.pool.discount_id.clone();
        let refused = match self.fill_existing(stored, codes).await {
            Err(ShopFailure::Refused(reason)) => reason,
            other => return other,
        };
        match before {
            Some(discount) if !self.shop.has_discount(&discount).await? => {
                self.forget_discount(stored).await?;
                Ok(PoolProgress::Partly)
            }
            _ => Err(ShopFailure::Refused(refused)),
        }
    }

    /// Fills a pool. Each step is stored before the next one begins, so that it goes on where it was interrupted.
    async fn fill_existing(
        &self,
        stored: &mut StoredShopPool,
        codes: CodeSettings,
    ) -> Result<PoolProgress, ShopFailure> {
        let discount = self.discount(stored).await?;
        let is_off = stored.pool.is_withdrawn || stored.pool.switch.is_some();
        if is_off && self.switch(stored, &discount, true).await? == PoolProgress::Partly {
            return Ok(PoolProgress::Partly);
        }
        self.check_ready(stored).await?;
        for _ in 0..MOST_BATCHES {
            if stored.pool.batch.is_none() && !self.begin_batch(stored, codes).await? {
                return Ok(PoolProgress::Whole);
            }
            self.finish_batch(stored, &discount).await?;
        }
        Ok(PoolProgress::Partly)
    }

    /// Once a day, takes the codes out of the pool that the shop does not accept any more although nobody had them: the merchant
    /// deleted them, or an order used one of which nothing was heard. Where each code is a discount of its own, no filling finds
    /// that out.
    async fn check_ready(&self, stored: &mut StoredShopPool) -> Result<(), ShopFailure> {
        let Shop::Woocommerce(shop) = self.shop else { return Ok(()) };
        let now = self.services.clock.now();
        let last = stored.pool.checked_at.unwrap_or(stored.pool.created_at);
        if now.duration_since(last) < BETWEEN_CHECKS {
            return Ok(());
        }
        let (store, program, pool) = (&self.services.store, &self.program.id, &stored.pool.pool);
        let ready = store.ready_shop_codes(program, pool).await?;
        let dead = shop.dead(&ready).await?;
        if !dead.is_empty() {
            tracing::warn!(%program, reward = %pool.reward, codes = dead.len(), "ready codes are dead in the shop");
            store.take_dead_codes(program, self.connection, pool, &dead).await?;
        }
        // Times are stored in milliseconds.
        stored.pool.checked_at = Some(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now));
        self.save(stored).await
    }

    /// Stores a pool as it is now.
    pub async fn save(&self, stored: &mut StoredShopPool) -> Result<(), ShopFailure> {
        let is_saved = self.services.store.put_shop_pool(&self.program.id, self.connection, stored).await?;
        let contended = StoreError::Contended { operation: "storing a shop's pool of codes", tries: 1 };
        if is_saved { Ok(()) } else { Err(contended.into()) }
    }

    /// The shop's id of the pool's discount, which is created if it is missing.
    async fn discount(&self, stored: &mut StoredShopPool) -> Result<String, ShopFailure> {
        if let Some(discount) = &stored.pool.discount_id {
            return Ok(discount.clone());
        }
        for _ in 0..FIRST_CODES {
            let (first, is_repeated) = if let Some(first) = stored.pool.first_code.clone() {
                (first, true)
            } else {
                let first = new_codes(1)?.into_iter().next();
                let first = first.ok_or_else(|| ShopFailure::again("no code could be generated"))?;
                stored.pool.first_code = Some(first.clone());
                self.save(stored).await?;
                (first, false)
            };
            match self.shop.create_discount(&stored.pool, &first, is_repeated).await? {
                Some(discount) => {
                    stored.pool.discount_id = Some(discount.clone());
                    self.save(stored).await?;
                    return Ok(discount);
                }
                None => stored.pool.first_code = None,
            }
        }
        Err(ShopFailure::Refused("every code that was tried for the discount is the merchant's own".to_owned()))
    }

    /// Chooses the next batch; false when there are enough codes.
    async fn begin_batch(&self, stored: &mut StoredShopPool, codes: CodeSettings) -> Result<bool, ShopFailure> {
        let ready = self.services.store.codes_left(&self.program.id, &stored.pool.pool).await?;
        let is_filling =
            ready < u64::from(codes.fill_to) && (stored.pool.is_filling || ready < u64::from(codes.low_water));
        if !is_filling {
            if stored.pool.is_filling {
                stored.pool.is_filling = false;
                self.save(stored).await?;
            }
            return Ok(false);
        }
        let missing = usize::try_from(u64::from(codes.fill_to) - ready).unwrap_or(usize::MAX);
        let codes = new_codes(missing.min(self.shop.most_codes()))?;
        stored.pool.is_filling = true;
        stored.pool.batch = Some(CodeBatch { codes, sent: 0, job: None });
        Ok(true)
    }

    /// Sends the stored batch, unless it was, and loads what the shop created.
    pub async fn finish_batch(&self, stored: &mut StoredShopPool, discount: &str) -> Result<(), ShopFailure> {
        let none = || ShopFailure::again("there is no batch");
        let mut batch = stored.pool.batch.clone().ok_or_else(none)?;
        let sent = if let Some(job) = batch.job.clone() {
            SentBatch::Job(job)
        } else {
            batch.sent = batch.sent.saturating_add(1);
            stored.pool.batch = Some(batch.clone());
            self.save(stored).await?;
            self.shop.send(&stored.pool, discount, &batch).await?
        };
        let BatchOutcome { created, refused } = match sent {
            SentBatch::Done(outcome) => outcome,
            SentBatch::Job(job) => {
                if batch.job.is_none() {
                    batch.job = Some(job.clone());
                    stored.pool.batch = Some(batch.clone());
                    self.save(stored).await?;
                }
                self.shop.outcome(discount, &batch, &job).await?
            }
        };
        let store = &self.services.store;
        if self.shop.codes_are_discounts() {
            // Before they can be drawn: what is drawn can be withdrawn.
            let ids: Vec<&str> = created.iter().map(|(_, place)| place.id.as_str()).collect();
            let first = batch.codes.first().ok_or_else(none)?;
            let of = (first, batch.sent);
            store.put_shop_batch(&self.program.id, self.connection, &stored.pool.pool, of, &ids).await?;
        }
        store.load_shop_codes(&self.program.id, &stored.pool.pool, &created).await?;
        let pool = &mut stored.pool;
        pool.batch = None;
        pool.failed = pool.failed.saturating_add(refused.len() as u64);
        pool.error = refused.first().map(|(_, reason)| reason.clone());
        (pool.attempts, pool.due, pool.is_stopped) = (0, None, false);
        self.save(stored).await?;
        match refused.first() {
            Some((_, reason)) if created.is_empty() => {
                let reason = format!("none of {} codes was created: {reason}", refused.len());
                // A few may have collided with codes of the merchant's.
                Err(if refused.len() < FEW_CODES { ShopFailure::again(reason) } else { ShopFailure::Refused(reason) })
            }
            _ => Ok(()),
        }
    }
}

/// Random codes, each once.
fn new_codes(count: usize) -> Result<Vec<CouponCode>, ShopFailure> {
    let seed = seed()?;
    let codes: BTreeSet<CouponCode> = (0..).map_while(|ordinal| seed.code(PATTERN, ordinal)).take(count).collect();
    Ok(codes.into_iter().collect())
}
