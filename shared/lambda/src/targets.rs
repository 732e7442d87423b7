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
    state: Arc<Mutex<RememberedTargets>>,
}

#[derive(Debug, Default)]
struct RememberedTargets {
    known: HashMap<ProgramId, Remembered>,
    /// How often something was forgotten: what was read before that may be out of date.
    forgotten: u64,
}

#[derive(Debug)]
struct Remembered {
    targets: Arc<Vec<Target>>,
    read_at: Instant,
}

impl TargetCache {
    /// An empty cache whose content is valid for `recheck`.
    pub fn new(recheck: Duration) -> Self {
        Self { recheck, state: Arc::default() }
    }

    /// The targets of a program, at most `recheck` old.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get(&self, store: &Store, program: &ProgramId) -> Result<Arc<Vec<Target>>, StoreError> {
        let forgotten = match self.lock().look(program, self.recheck) {
            Ok(targets) => return Ok(targets),
            Err(forgotten) => forgotten,
        };
        let read_at = Instant::now();
        let targets = Arc::new(store.targets(program).await?);
        self.lock().remember(program, Remembered { targets: Arc::clone(&targets), read_at }, forgotten);
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
        self.lock().forget(program);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RememberedTargets> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RememberedTargets {
    /// The targets, if they are remembered; else how often something was forgotten so far.
    fn look(&self, program: &ProgramId, recheck: Duration) -> Result<Arc<Vec<Target>>, u64> {
        let known = self.known.get(program).filter(|known| known.read_at.elapsed() < recheck);
        known.map(|known| Arc::clone(&known.targets)).ok_or(self.forgotten)
    }

    /// Remembers what was read, unless something was forgotten during the read.
    fn remember(&mut self, program: &ProgramId, read: Remembered, forgotten: u64) {
        if self.forgotten != forgotten {
            return;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(program.clone(), read);
    }

    fn forget(&mut self, program: &ProgramId) {
        self.known.remove(program);
        self.forgotten += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let (program, hour) = (ProgramId::new("prg_1").unwrap(), Duration::from_hours(1));
        let read = || Remembered { targets: Arc::default(), read_at: Instant::now() };
        let mut state = RememberedTargets::default();
        let forgotten = state.look(&program, hour).unwrap_err();
        state.remember(&program, read(), forgotten);
        assert!(state.look(&program, hour).is_ok() && state.look(&program, Duration::ZERO).is_err());
        // A change between the read and its end.
        state.forget(&program);
        let forgotten = state.look(&program, hour).unwrap_err();
        state.forget(&program);
        state.remember(&program, read(), forgotten);
        assert!(state.look(&program, hour).is_err());
    }
}
