//! `template.yaml` as the local stack understands it: functions with their policies, tables,
//! queues, routes, event sources and schedules, with every reference resolved.
//!
//! The template is the one description of the system; what is not in it does not exist locally.

mod filter;
mod policy;
mod read;
mod resolve;
mod triggers;
mod yaml;

use std::collections::BTreeMap;
use std::time::Duration;

pub use filter::Filter;
pub use policy::{Effect, Statement, allows};
pub use read::{Environment, read};

/// The whole system.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Functions by name: the folder under `functions/` that holds their code.
    pub functions: BTreeMap<String, Function>,
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Queues by name.
    pub queues: BTreeMap<String, Queue>,
    /// Routes of the HTTP API, in the order of the template.
    pub routes: Vec<Route>,
    /// SQS event sources.
    pub pollers: Vec<Poller>,
    /// DynamoDB stream event sources.
    pub streams: Vec<Stream>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
}

/// One function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its environment variables, the globals included.
    pub variables: BTreeMap<String, String>,
    /// What it may do.
    pub statements: Vec<Statement>,
    /// After this long a call is given up, as Lambda does.
    pub timeout: Duration,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its ARN, as policies name it.
    pub arn: String,
    /// Key attributes and their types (`S`, `N`, `B`), of the table and its indexes.
    pub attributes: Vec<(String, String)>,
    /// The partition key, and the sort key where there is one.
    pub keys: Vec<String>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The view type of its stream, where it has one.
    pub stream: Option<String>,
    /// The attribute whose time deletes an item.
    pub ttl: Option<String>,
}

/// One global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The partition key, and the sort key where there is one.
    pub keys: Vec<String>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// The attributes of `INCLUDE`.
    pub included: Vec<String>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its ARN, as policies and event sources name it.
    pub arn: String,
    /// Its URL on the local engine.
    pub url: String,
    /// Its attributes, by the names of the SQS API.
    pub attributes: BTreeMap<String, String>,
    /// The ARN of the queue that takes what is received too often.
    pub dead_letter: Option<String>,
}

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, …; `ANY` matches every method.
    pub method: String,
    /// The path with its parameters: `/v1/receipts/{id}`.
    pub path: String,
    /// The function that answers.
    pub function: String,
    /// Who is asked first, unless anyone may call.
    pub authorizer: Option<Authorizer>,
}

/// The Lambda authorizer of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// The function that decides.
    pub function: String,
    /// How long an answer holds for the same header.
    pub keep: Duration,
}

/// A function fed by a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poller {
    /// The function called.
    pub function: String,
    /// The queue's name.
    pub queue: String,
    /// At most this many messages per call.
    pub batch: usize,
    /// At most this many calls at once, where the template limits it.
    pub concurrency: Option<usize>,
    /// Whether the answer names the failed messages; otherwise a batch fails as one.
    pub partial: bool,
}

/// A function fed by a table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The function called.
    pub function: String,
    /// The table's name.
    pub table: String,
    /// At most this many records per call.
    pub batch: usize,
    /// After this many retries a record goes to `failures`; none = never give up.
    pub retries: Option<u32>,
    /// Whether a failed batch is halved.
    pub bisect: bool,
    /// Whether the answer names the first failed record.
    pub partial: bool,
    /// The queue that learns of records given up.
    pub failures: Option<String>,
    /// Which records are handed over; empty = all.
    pub filters: Vec<Filter>,
}

/// A job that runs on a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The job's name.
    pub name: String,
    /// The function called.
    pub function: String,
    /// How often, for `rate(…)`; a schedule of another kind runs by hand alone.
    pub every: Option<Duration>,
    /// What it is called with, as JSON.
    pub input: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests;
