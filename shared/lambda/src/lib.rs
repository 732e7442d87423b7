//! What every handler shares: configuration, HTTP and problem+json, authentication, messages, jobs.

pub mod assets;
pub mod auth;
pub mod aws;
pub mod batch;
mod callers;
pub mod clock;
pub mod config;
pub mod cursor;
mod deadline;
pub mod erasure;
pub mod http;
mod identity;
pub mod job;
mod jwt;
pub mod limits;
mod member;
pub mod message;
pub mod notification;
pub mod operation;
pub mod problem;
pub mod referrals;
mod route;
pub mod secrets;
pub mod sender;
pub mod serve;
mod services;
mod settlement;
pub mod source;
#[cfg(feature = "ssm")]
mod ssm;
pub mod stream;
mod targets;
pub mod task;
pub mod trace;
pub mod version;

pub use auth::{Caller, Scope};
pub use clock::Clock;
pub use config::{Config, Variable};
pub use deadline::Deadline;
pub use operation::{Content, Parameter, ValueKind};
pub use problem::Problem;
pub use route::{Access, Handling, Route, RouteHandler, Routes};
pub use secrets::Secrets;
pub use services::{Clients, Services};
pub use source::{Source, TrustedProxies};
pub use targets::TargetCache;
