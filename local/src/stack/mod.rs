//! The local stack: the template's system in one process, on embedded engines.
//!
//! It runs the same handlers as Lambda, behind the same authorizer, with the same events and the ordinary SDK clients. The
//! differences from AWS are documented in `pollers` (a failed message returns soon), `streams` (restart after a crash) and
//! `wire` (faults and policies).

mod activity;
mod busy;
mod call;
mod checkpoint;
mod clients;
mod clock;
mod database;
mod database_http;
mod engines;
mod faults;
mod gateway;
mod guard;
mod handler;
mod http_event;
mod local_api;
mod meter;
mod names;
mod pollers;
mod problem;
mod queues;
mod routes;
mod schedules;
mod settle;
mod streams;
pub mod template;
mod tokens;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tessera_lambda::Config;
use tessera_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use clients::LocalClients;
pub use clock::{ClockMovedBackwards, StackClock};
pub use faults::{CallSide, Calls, DELIVERY, FaultPlan, Injected, InjectedFault};
pub use handler::{BoundHandler, Handler, Setting};
pub use meter::Permissions;

use activity::Activity;
use checkpoint::Checkpoints;
use engines::{Engines, listen, stopped, url};
use gateway::Gateway;
use guard::Hosts;
use schedules::Schedules;
use settle::Settler;
use streams::Position;
use template::Template;
use wire::{Exchange, FunctionWire};

use crate::private;
use crate::shop::DemoShop;

/// The minimum timeout of a function: a debug build on a busy laptop is slower than Lambda.
const LEAST_LIMIT: Duration = Duration::from_secs(30);
/// The lock file of a running stack in its data folder.
const LOCK: &str = "lock";
/// Time for work in flight to finish when the stack stops.
const GRACE: Duration = Duration::from_secs(5);

/// Where the data is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In memory, until the stack stops.
    Memory,
    /// In a folder, which is created if it is missing.
    Folder(PathBuf),
}

impl Storage {
    /// Checks that a folder has the tables of a stack, for commands that read what is there: opening would create them.
    ///
    /// # Errors
    /// When it has none.
    pub fn require_tables(&self) -> Result<()> {
        match self {
            Self::Folder(folder) if !folder.join(database::FILE).is_file() => {
                bail!("{} is no data folder of a stack", folder.display())
            }
            _ => Ok(()),
        }
    }
}

/// Options of a stack.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The gateway's port on 127.0.0.1; `None` for any free one.
    pub port: Option<u16>,
    /// Where the data is stored.
    pub storage: Storage,
    /// The fixed time of the clock; `None` for the machine's clock.
    pub clock: Option<Timestamp>,
    /// Values of the template's parameters.
    pub parameters: HashMap<String, String>,
    /// A plan of faults, for tests.
    pub faults: Option<Arc<FaultPlan>>,
    /// How many times the limits that vendors publish apply; more than 1 for benchmarks alone.
    pub vendor_rate: u32,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            port: None,
            storage: Storage::Memory,
            clock: None,
            parameters: HashMap::new(),
            faults: None,
            vendor_rate: 1,
        }
    }
}

/// A running stack. It stops when it is shut down or dropped.
pub struct Stack {
    url: String,
    template: Template,
    clock: StackClock,
    engines: Engines,
    exchange: Arc<Exchange>,
    settler: Arc<Settler>,
    shop: Arc<OnceLock<DemoShop>>,
    stop: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
    /// Locked while the stack runs.
    _lock: Option<File>,
}

impl Stack {
    /// Starts a stack from a template; `mount` creates each function's handler.
    ///
    /// # Errors
    /// When the template is invalid, a function lacks a handler for its triggers, the port is taken, or the data folder cannot
    /// be used.
    pub async fn start_with(
        options: StackOptions,
        template: &str,
        mount: impl Fn(&Setting) -> Result<Handler>,
    ) -> Result<Self> {
        let lock = match &options.storage {
            Storage::Memory => None,
            Storage::Folder(folder) => Some(lock(folder)?),
        };
        let front = listen(options.port.unwrap_or(0)).await?;
        let checkpoints = Arc::new(Checkpoints::open(&options.storage)?);
        let (engines, template) = Engines::start(&options.storage, template, options.parameters).await?;
        let exchange = Arc::new(Exchange::new(options.faults, Activity::new(&template)));
        let clock = StackClock::new(options.clock);

        let mut functions = HashMap::new();
        for (name, function) in &template.functions {
            let wire = FunctionWire::new(name, Some(&function.statements), &exchange);
            let setting = Setting {
                name: name.clone(),
                variables: function.variables.clone(),
                clients: LocalClients::new(&wire, &engines),
                clock: clock.clone(),
                vendor_rate: options.vendor_rate,
            };
            let handler = mount(&setting).with_context(|| format!("function {name}"))?;
            functions.insert(name.clone(), handler);
        }
        let positions = template.streams.iter().map(|stream| {
            let after = checkpoints.get(&streams::StreamSource::name(stream));
            Arc::new(Position::new(engines.database.clone(), &stream.table, after))
        });
        let settler = Arc::new(Settler {
            queues: Arc::clone(&engines.queues),
            fed: template.pollers.iter().map(|poller| poller.queue.clone()).collect(),
            positions: positions.collect(),
            exchange: Arc::clone(&exchange),
        });
        let schedules = Arc::new(Schedules::new(&template.schedules, &functions, clock.clone()));
        let demo_shop = Arc::default();
        let local = local_api::Local {
            clock: clock.clone(),
            settler: Arc::clone(&settler),
            exchange: Arc::clone(&exchange),
            schedules: Arc::clone(&schedules),
            busy: engines.busy.clone(),
            endpoints: serde_json::json!({
                "dynamodb": engines.dynamodb_url,
                "sqs": engines.sqs_url,
                "access_key_id": engines.access_key.id(),
            }),
            store: store(&template, &FunctionWire::new("operator", None, &exchange), &engines),
            shop: Arc::clone(&demo_shop),
        };
        let gateway = Gateway::new(&template, &functions, clock.clone(), local, Hosts::of(front.local_addr()?))?;

        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let url = url(&front)?;
        let service = gateway::service(Arc::new(gateway));
        let until = stopped(stopping.clone());
        tasks.spawn(async move {
            let service = service.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(front, service).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the HTTP gateway stopped");
            }
        });
        let stack = Self {
            url,
            template,
            clock,
            engines,
            exchange,
            settler,
            shop: demo_shop,
            stop,
            tasks: tokio::sync::Mutex::new(tasks),
            _lock: lock,
        };
        stack.feed(&functions, &checkpoints, &stopping).await?;
        // Jobs that fell due while the stack was off run before it reports that it is ready.
        schedules.catch_up().await;
        stack.tasks.lock().await.spawn(schedules.watch(stopping));
        Ok(stack)
    }

    /// Starts the pollers and stream readers.
    async fn feed(
        &self,
        functions: &HashMap<String, Handler>,
        checkpoints: &Arc<Checkpoints>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<()> {
        let limit = |function: &str| {
            let limit = self.template.functions.get(function).map(|function| function.timeout);
            limit.unwrap_or_default().max(LEAST_LIMIT)
        };
        let mut tasks = self.tasks.lock().await;
        for poller in &self.template.pollers {
            let Some(Handler::Queue(handler)) = functions.get(&poller.function) else {
                bail!("{} is triggered by a queue but handles no messages", poller.function);
            };
            if self.engines.queues.url(&poller.queue).is_none() {
                bail!("{} is triggered by {}, which is not in the template", poller.function, poller.queue);
            }
            let source = pollers::QueueSource {
                poller: poller.clone(),
                handler: Arc::clone(handler),
                limit: limit(&poller.function),
                queues: Arc::clone(&self.engines.queues),
                exchange: Arc::clone(&self.exchange),
            };
            for _ in 0..source.concurrency() {
                tasks.spawn(source.clone().run(stopping.clone()));
            }
        }
        for (stream, position) in self.template.streams.iter().zip(&self.settler.positions) {
            let Some(Handler::Stream(handler)) = functions.get(&stream.function) else {
                bail!("{} is triggered by a stream but handles no records", stream.function);
            };
            let source = streams::StreamSource {
                stream: stream.clone(),
                handler: Arc::clone(handler),
                limit: limit(&stream.function),
                position: Arc::clone(position),
                settler: Arc::clone(&self.settler),
                checkpoints: Arc::clone(checkpoints),
            };
            tasks.spawn(source.run(stopping.clone()));
        }
        Ok(())
    }

    /// The gateway's URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens the demo shop at `/_local/shop/`. Only the first one counts.
    pub fn open_shop(&self, shop: DemoShop) {
        let _ = self.shop.set(shop);
    }

    /// The parsed template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The clock of all functions.
    pub fn clock(&self) -> &StackClock {
        &self.clock
    }

    /// Clients of an operator, without a policy. Their consumption is counted under `name`.
    pub fn clients(&self, name: &str) -> LocalClients {
        LocalClients::new(&FunctionWire::new(name, None, &self.exchange), &self.engines)
    }

    /// Clients of a function, restricted by its policy. `None` for an unknown function.
    pub fn clients_of(&self, function: &str) -> Option<LocalClients> {
        let statements = &self.template.functions.get(function)?.statements;
        Some(LocalClients::new(&FunctionWire::new(function, Some(statements), &self.exchange), &self.engines))
    }

    /// The permissions that each function has used since the start.
    pub fn used_permissions(&self) -> Permissions {
        self.exchange.meter.used_permissions()
    }

    /// The permissions that each function's policy grants.
    pub fn granted_permissions(&self) -> Permissions {
        let of = |function: &template::Function| {
            let pairs =
                function.statements.iter().filter(|statement| statement.effect == template::PolicyEffect::Allow);
            let pairs = pairs.flat_map(|statement| {
                let on = |action| statement.resources.iter().map(move |resource| (action, resource));
                statement.actions.iter().flat_map(on).map(|(action, on)| (action.clone(), on.clone()))
            });
            pairs.collect()
        };
        self.template.functions.iter().map(|(name, function)| (name.clone(), of(function))).collect()
    }

    /// Each function's consumption, as in `GET /_local/capacity`.
    pub fn capacity(&self) -> serde_json::Value {
        self.exchange.meter.json()
    }

    /// Resets the consumption.
    pub fn reset_capacity(&self) {
        self.exchange.meter.reset();
    }

    /// Resolves when all streams are read and all queues are empty. Returns the number of messages in each dead-letter queue
    /// that has any.
    ///
    /// # Errors
    /// When an engine stopped responding.
    pub async fn settle(&self) -> Result<BTreeMap<String, u64>> {
        self.settler.settle().await
    }

    /// Stops everything after the requests in flight.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        let mut tasks = self.tasks.lock().await;
        let finished = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tasks.abort_all();
        }
        self.engines.shutdown().await;
    }
}

/// Creates and locks a data folder. Two stacks on one folder would process each other's facts.
fn lock(folder: &Path) -> Result<File> {
    private::open_folder(folder)?;
    let file = private::create(&folder.join(LOCK)).with_context(|| folder.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another stack is using {}", folder.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| folder.display().to_string()),
    }
}

/// The tables; `None` when the template is not Tessera's.
fn store(template: &Template, wire: &FunctionWire, engines: &Engines) -> Option<Store> {
    let config = template.functions.values().find_map(|function| Config::from_vars(&function.variables, &[]).ok())?;
    Some(Store::new(LocalClients::new(wire, engines).dynamodb, config.tables))
}

#[cfg(test)]
mod tests;
