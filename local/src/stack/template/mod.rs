//! `template.yaml` in resolved form: functions with their policies, tables, queues, routes, event sources and schedules.
//!
//! The template is the only description of the system: what it lacks does not exist locally.

mod filter;
mod policy;
mod read;
mod resolve;
mod triggers;
mod yaml;

use std::collections::BTreeMap;
use std::time::Duration;

pub use filter::RecordFilter;
pub use policy::{PolicyEffect, PolicyStatement, allows};
pub use read::{Environment, read};

/// The whole system.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Functions by name: the folder under `functions/` that holds their code.
    pub functions: BTreeMap<String, Function>,
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Queues by name.
    pub queues: BTreeMap<String, TemplateQueue>,
    /// Routes of the HTTP API, in the order of the template.
    pub routes: Vec<TemplateRoute>,
    /// SQS event sources.
    pub pollers: Vec<Poller>,
    /// DynamoDB stream event sources.
    pub streams: Vec<Stream>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
}

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    /// The environment variables, including the globals.
    pub variables: BTreeMap<String, String>,
    /// The statements of its policies.
    pub statements: Vec<PolicyStatement>,
    /// The timeout of an invocation.
    pub timeout: Duration,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The ARN in policies.
    pub arn: String,
    /// Key attributes and their types (`S`, `N`, `B`), of the table and its indexes.
    pub attributes: Vec<(String, String)>,
    /// The partition key and the optional sort key.
    pub keys: Vec<String>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The view type of the stream, if it has one.
    pub stream: Option<String>,
    /// The TTL attribute.
    pub ttl: Option<String>,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The partition key and the optional sort key.
    pub keys: Vec<String>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// The attributes of `INCLUDE`.
    pub included: Vec<String>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateQueue {
    /// The ARN in policies and event sources.
    pub arn: String,
    /// The URL on the local engine.
    pub url: String,
    /// The attributes, by their names in the SQS API.
    pub attributes: BTreeMap<String, String>,
    /// The ARN of the dead-letter queue.
    pub dead_letter: Option<String>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRoute {
    /// `GET`, …; `ANY` matches every method.
    pub method: String,
    /// The path with parameters: `/v1/receipts/{id}`.
    pub path: String,
    /// The function that handles it.
    pub function: String,
    /// The authorizer; `None` for a public route.
    pub authorizer: Option<Authorizer>,
}

/// The Lambda authorizer of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// The function that decides.
    pub function: String,
    /// How long a response is cached for the same header.
    pub keep: Duration,
}

/// An event source that reads a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poller {
    /// The function to invoke.
    pub function: String,
    /// The queue's name.
    pub queue: String,
    /// The maximum number of messages per invocation.
    pub batch: usize,
    /// The maximum number of concurrent invocations, if limited.
    pub concurrency: Option<usize>,
    /// True when the response names failed messages; otherwise a batch fails as a whole.
    pub partial: bool,
}

/// An event source that reads a table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The function to invoke.
    pub function: String,
    /// The table's name.
    pub table: String,
    /// The maximum number of records per invocation.
    pub batch: usize,
    /// The number of retries before a record is reported to `failures`; `None` for no limit.
    pub retries: Option<u32>,
    /// True when a failed batch is split in half.
    pub bisect: bool,
    /// True when the response names the first failed record.
    pub partial: bool,
    /// The queue that receives reports of failed records.
    pub failures: Option<String>,
    /// The filters of records; empty for all.
    pub filters: Vec<RecordFilter>,
}

/// A job that runs on a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The job's name.
    pub name: String,
    /// The function to invoke.
    pub function: String,
    /// The period of `rate(…)`; schedules of other kinds run only on request.
    pub every: Option<Duration>,
    /// The JSON input.
    pub input: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests;
