//! The targets of events, as a warm function remembers them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tessera_domain::ids::ProgramId;
use tessera_store::{Store, StoreError, Target, TargetId};

/// How many programs are remembered at most. Deliveries name programs before their signature is checked.
const MOST: usize = 256;

/// The targets of programs, read again after a while. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct TargetCache {
    recheck: Duration,
    known: Arc<Mutex<HashMap<ProgramId, Remembered>>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    targets: Arc<Vec<Target>>,
    read_at: Instant,
}

impl TargetCache {
    /// An empty cache whose content is valid for `recheck`.
    pub fn new(recheck: Duration) -> Self {
        Self { recheck, known: Arc::default() }
    }

    /// The targets of a program, at most `recheck` old.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get(&self, store: &Store, program: &ProgramId) -> Result<Arc<Vec<Target>>, StoreError> {
        let known = self.lock().get(program).filter(|known| known.read_at.elapsed() < self.recheck).cloned();
        if let Some(known) = known {
            return Ok(known.targets);
        }
        let read_at = Instant::now();
        let targets = Arc::new(store.targets(program).await?);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(program.clone(), Remembered { targets: Arc::clone(&targets), read_at });
        drop(known);
        Ok(targets)
    }

    /// The targets of a program, for a message about one of them: read again unless the remembered ones hold it, enabled. Who sent
    /// the message may know of a change that this function does not know yet.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn for_message(
        &self,
        store: &Store,
        program: &ProgramId,
        id: &TargetId,
    ) -> Result<Arc<Vec<Target>>, StoreError> {
        let known = self.get(store, program).await?;
        if known.iter().any(|target| target.id == *id && target.is_enabled) {
            return Ok(known);
        }
        self.forget(program);
        self.get(store, program).await
    }

    /// Forgets the targets of a program, because they were changed.
    pub fn forget(&self, program: &ProgramId) {
        self.lock().remove(program);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ProgramId, Remembered>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
