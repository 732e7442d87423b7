//! `tessera replay`: sends the orders of a CSV file to the API as receipts and refunds.

mod columns;
mod orders;
mod send;

pub use columns::Columns;
pub use orders::{Orders, ReadOptions, ReplayRequest, read_orders};
pub use send::{SendOptions, Summary, send};
