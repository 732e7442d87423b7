//! What a handler works with.

use std::sync::Arc;

use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_domain::program::diff;
use tessera_store::{ActiveProgram, ProgramCache, SecretsKey, Store};

use crate::aws::Clients;
use crate::caller::CallerCache;
use crate::clock::Clock;
use crate::config::Config;
use crate::limits::RateLimiter;
use crate::problem::Problem;
use crate::secrets::Secrets;
use crate::targets::TargetCache;

/// What a handler works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    /// The tables.
    pub store: Store,
    /// The programs.
    pub programs: ProgramCache,
    /// The targets of events.
    pub targets: TargetCache,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The time.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    /// The rate limits, as this instance of a function remembers them.
    pub limits: Arc<RateLimiter>,
    secrets: Secrets,
    pub(crate) callers: Arc<CallerCache>,
}

impl Services {
    /// Everything, wired. `secrets`: where the key of stored secrets comes from.
    pub fn new(config: Config, clients: Clients, clock: Clock, secrets: Secrets) -> Self {
        let store = Store::new(clients.dynamodb, config.tables.clone()).with_secrets(secrets.clone());
        let programs = ProgramCache::new(store.clone(), config.program_recheck);
        let targets = TargetCache::new(config.program_recheck);
        let (sqs, config, limits) = (clients.sqs, Arc::new(config), Arc::default());
        let callers = Arc::default();
        Self { store, programs, targets, sqs, clock, config, limits, secrets, callers }
    }

    /// The same, with what another function's caches of programs and targets hold: on the local stack one function's change
    /// is at once every function's.
    #[must_use]
    pub fn sharing(self, programs: &ProgramCache, targets: &TargetCache) -> Self {
        let programs = programs.through(self.store.clone());
        Self { programs, targets: targets.clone(), ..self }
    }

    /// The program of a caller.
    ///
    /// # Errors
    /// 503 when it is not there, or cannot be read.
    pub async fn program(&self, program: &ProgramId) -> Result<Arc<ActiveProgram>, Problem> {
        self.programs.get(program).await?.ok_or_else(|| Problem::program_missing(program))
    }

    /// The problem of someone who knew another version of a program than the current one: what has changed since.
    ///
    /// # Errors
    /// 503 when a version cannot be read.
    pub async fn stale_version(&self, program: &ProgramId, known: u32, current: u32) -> Result<Problem, Problem> {
        let at = async |version: u32| -> Result<Option<Value>, Problem> {
            Ok(self.programs.at_version(program, version).await?.map(|compiled| json!(compiled.program)))
        };
        let changes = match (at(known).await?, at(current).await?) {
            (Some(before), Some(after)) => diff(&before, &after),
            _ => Vec::new(),
        };
        let detail = format!("the program is at version {current} now, not at the version that the change is based on");
        Ok(Problem::conflict("stale_version", detail).with("version", json!(current)).with("diff", json!(changes)))
    }

    /// The key of stored secrets.
    ///
    /// # Errors
    /// 503 when it cannot be read.
    pub async fn secrets(&self) -> Result<SecretsKey, Problem> {
        self.secrets.key().await
    }
}
