//! When nothing is left to do: every stream read to its end, every queue empty, nothing in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::queues::Queues;
use super::streams::Position;
use super::wire::Exchange;

/// The engine counts some changes without telling (a message that becomes visible again), so a wait
/// for news ends by itself after this long.
const GLANCE: Duration = Duration::from_millis(25);

/// Knows everything that may be under way.
pub(super) struct Settler {
    pub queues: Arc<Queues>,
    /// The queues that functions are fed from.
    pub fed: Vec<String>,
    pub positions: Vec<Arc<Position>>,
    pub exchange: Arc<Exchange>,
}

impl Settler {
    /// Resolves when the stack is settled, with what lies in the dead-letter queues.
    ///
    /// The streams are looked at before the queues they feed. A write that happens meanwhile (by a
    /// handler whose message is deleted afterwards) is counted before that message is gone, so equal
    /// counts before and after mean that nothing slipped through between the looks.
    pub async fn settle(&self) -> Result<BTreeMap<String, u64>> {
        let mut news = self.exchange.activity.steps();
        loop {
            let before = *news.borrow_and_update();
            if self.streams_read()? && self.queues_drained().await? && *news.borrow() == before {
                return self.dead_letters().await;
            }
            let _ = tokio::time::timeout(GLANCE, news.changed()).await;
        }
    }

    /// Whether nothing at all waits downstream of the streams, dead letters included.
    pub async fn all_empty(&self) -> Result<bool> {
        for queue in self.queues.names() {
            if !self.queues.depth(queue).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many messages wait to be received by functions.
    pub async fn backlog(&self) -> Result<u64> {
        let mut waiting = 0;
        for queue in &self.fed {
            waiting += self.queues.depth(queue).await?.waiting;
        }
        Ok(waiting)
    }

    fn streams_read(&self) -> Result<bool> {
        for position in &self.positions {
            if !position.is_last()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn queues_drained(&self) -> Result<bool> {
        for queue in &self.fed {
            if !self.queues.depth(queue).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn dead_letters(&self) -> Result<BTreeMap<String, u64>> {
        let mut found = BTreeMap::new();
        for queue in self.queues.names().filter(|name| !self.fed.iter().any(|fed| fed == name)) {
            let depth = self.queues.depth(queue).await?;
            if !depth.is_empty() {
                found.insert(queue.to_owned(), depth.waiting + depth.in_flight);
            }
        }
        Ok(found)
    }
}
