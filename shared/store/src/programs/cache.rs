//! The programs that a warm function works with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tessera_domain::ids::ProgramId;
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tokio::sync::Mutex;

use super::head::attribute;
use super::{Head, PutProgramError};
use crate::writes::{Write, Written};
use crate::{Audit, Store, StoreError, keys};

const MARK: &str = "marking a program as in use";

/// The most programs that are held, and the most old versions besides.
const MOST: usize = 64;

/// A program, ready to work with.
#[derive(Debug, Clone)]
pub struct ActiveProgram {
    /// The tenant.
    pub id: ProgramId,
    /// What is known of it besides its configuration.
    pub head: Head,
    /// Its configuration, compiled.
    pub compiled: Arc<CompiledProgram>,
}

/// The programs that a warm function works with. Cheap to clone; clones share what they hold.
#[derive(Debug, Clone)]
pub struct ProgramCache {
    store: Store,
    recheck: Duration,
    state: Arc<Mutex<CacheState>>,
}

#[derive(Debug, Default)]
struct CacheState {
    active: HashMap<ProgramId, (Arc<ActiveProgram>, Instant)>,
    /// Versions that are no longer in force: they never change.
    old: HashMap<(ProgramId, u32), Arc<CompiledProgram>>,
}

impl CacheState {
    /// Caches a program that was read just now, unless a newer version is cached. Returns the newer one.
    fn hold(&mut self, program: Arc<ActiveProgram>) -> Arc<ActiveProgram> {
        let now = Instant::now();
        if let Some((held, _)) = self.active.get(&program.id)
            && held.head.version > program.head.version
        {
            return Arc::clone(held);
        }
        if self.active.len() >= MOST && !self.active.contains_key(&program.id) {
            let oldest = self.active.iter().min_by_key(|(_, (_, checked))| *checked).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.active.remove(&id));
        }
        self.active.insert(program.id.clone(), (Arc::clone(&program), now));
        program
    }
}

impl ProgramCache {
    /// A cache that looks after `recheck` of monotonic time whether a program has a newer version.
    pub fn new(store: Store, recheck: Duration) -> Self {
        Self { store, recheck, state: Arc::default() }
    }

    /// A cache that reads through another store but shares what is held: on the local stack one function's change is at
    /// once every function's, and each still reads with its own permissions.
    #[must_use]
    pub fn through(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    /// A program as it is now, at most `recheck` old; `None` when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the stored configuration cannot be read.
    pub async fn get(&self, program: &ProgramId) -> Result<Option<Arc<ActiveProgram>>, StoreError> {
        let known = self.state.lock().await.active.get(program).cloned();
        let head = match &known {
            Some((active, checked)) if checked.elapsed() < self.recheck => return Ok(Some(Arc::clone(active))),
            // A program does not go away: half the price, and at worst a moment old.
            Some(_) => self.store.read_head_eventual(program).await?,
            None => self.store.load_head(program).await?,
        };
        let Some(head) = head else { return Ok(None) };
        self.active_of(program, head).await.map(Some)
    }

    /// The program in force, strongly consistent, for work that a new version asked for; `None` when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the stored configuration cannot be read.
    pub async fn current(&self, program: &ProgramId) -> Result<Option<Arc<ActiveProgram>>, StoreError> {
        let Some(head) = self.store.load_head(program).await? else { return Ok(None) };
        self.active_of(program, head).await.map(Some)
    }

    /// The program of a head that was read just now.
    async fn active_of(&self, program: &ProgramId, head: Head) -> Result<Arc<ActiveProgram>, StoreError> {
        let compiled = self.of_head(program, &head).await?;
        let active = ActiveProgram { id: program.clone(), head, compiled };
        Ok(self.state.lock().await.hold(Arc::new(active)))
    }

    /// A program as it was at a version; `None` when there was none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the stored configuration cannot be read.
    pub async fn at_version(
        &self,
        program: &ProgramId,
        version: u32,
    ) -> Result<Option<Arc<CompiledProgram>>, StoreError> {
        let key = (program.clone(), version);
        {
            let holding = self.state.lock().await;
            if let Some((active, _)) = holding.active.get(program)
                && active.head.version == version
            {
                return Ok(Some(Arc::clone(&active.compiled)));
            }
            if let Some(old) = holding.old.get(&key) {
                return Ok(Some(Arc::clone(old)));
            }
        }
        let Some(compiled) = self.store.load_program(program, version).await? else { return Ok(None) };
        let compiled = Arc::new(compiled);
        let mut holding = self.state.lock().await;
        if holding.old.len() >= MOST {
            holding.old.clear();
        }
        holding.old.insert(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    /// As [`Store::put_program`]; this cache holds the new version at once.
    ///
    /// # Errors
    /// As [`Store::put_program`].
    pub async fn put(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        now: jiff::Timestamp,
        audit: &Audit,
    ) -> Result<Arc<ActiveProgram>, PutProgramError> {
        let (head, next) = self.store.put_next_version(program, document, expected, now, audit, Some(self)).await?;
        let Some(next) = next else { return Ok(self.active_of(program, head).await?) };
        let active = ActiveProgram { id: program.clone(), head, compiled: Arc::new(next.compile()) };
        Ok(self.state.lock().await.hold(Arc::new(active)))
    }

    /// Makes the next read look at the table: somebody changed the program without this cache.
    pub async fn forget(&self, program: &ProgramId) {
        let mut holding = self.state.lock().await;
        holding.active.remove(program);
        holding.old.retain(|(other, _), _| other != program);
    }

    /// The program of a head: the cached one, or the stored document.
    pub(super) async fn of_head(&self, program: &ProgramId, head: &Head) -> Result<Arc<CompiledProgram>, StoreError> {
        {
            let cached = self.state.lock().await;
            let active = cached.active.get(program).map(|(active, _)| active);
            if let Some(active) = active.filter(|active| active.head.checksum == head.checksum) {
                return Ok(Arc::clone(&active.compiled));
            }
            if let Some(old) = cached.old.get(&(program.clone(), head.version)) {
                return Ok(Arc::clone(old));
            }
        }
        self.store.compile_document(program, &head.place()).await
    }

    /// Notes that the program has members or facts, which freezes some of its configuration. Costs one write the first
    /// time, nothing afterwards. To be called before the first of them is written.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mark_in_use(&self, program: &ActiveProgram) -> Result<(), StoreError> {
        if program.head.in_use {
            return Ok(());
        }
        let mark = Write::update(&self.store.tables.programs, &keys::head(&program.id), "SET u = :yes")
            .when("attribute_exists(pk)")
            .value(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        if self.store.write(MARK, &mark).await? != Written::Done {
            return Err(StoreError::Item { operation: MARK, attribute: attribute::IN_USE });
        }
        let mut holding = self.state.lock().await;
        if let Some((active, _)) = holding.active.get_mut(&program.id) {
            let head = Head { in_use: true, ..active.head.clone() };
            *active = Arc::new(ActiveProgram { head, ..ActiveProgram::clone(active) });
        }
        Ok(())
    }
}
