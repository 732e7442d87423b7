//! The `tessera` binary's library: the local stack, the command line and the demo.

mod aws_call;
pub mod aws_fault;
pub mod backtest;
pub mod cli;
pub mod codes;
pub mod demo;
pub mod deployment;
pub mod doctor;
mod event_sources;
pub mod failure;
pub mod figures;
pub mod import;
pub mod klaviyo;
pub mod platform;
mod private;
pub mod redrive;
pub mod replay;
pub mod shop;
pub mod stack;
pub mod transfer;
pub mod verify;
pub mod web;

pub use platform::Platform;

/// Sends logs to standard error, at the level of `RUST_LOG`.
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
