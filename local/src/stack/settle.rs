//! Detects that the stack is settled: all streams read to the end, all queues empty, nothing in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::queues::Queues;
use super::streams::Position;
use super::wire::Exchange;

/// The maximum wait for activity: the engine does not report some changes, such as a message that becomes visible again.
const GLANCE: Duration = Duration::from_millis(25);

/// Everything that can have work in flight.
pub(super) struct Settler {
    pub queues: Arc<Queues>,
    /// The queues that trigger functions.
    pub fed: Vec<String>,
    pub positions: Vec<Arc<Position>>,
    pub exchange: Arc<Exchange>,
}

impl Settler {
    /// Resolves when the stack is settled. Returns the counts of the dead-letter queues.
    ///
    /// Streams are checked before the queues that they feed. A handler's write is counted before its message is deleted, so
    /// equal counts before and after the check mean that nothing was missed in between.
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

    /// True when all queues are empty, including dead-letter queues.
    pub async fn all_empty(&self) -> Result<bool> {
        for queue in self.queues.names() {
            if !self.queues.depth(queue).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The number of messages that wait for functions.
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
