//! `tessera replay`: orders of a CSV file become receipts and refunds, sent through the ordinary API.

mod columns;
mod orders;
mod send;

pub use columns::Columns;
pub use orders::{Operation, Orders, ReadOptions, read_orders};
pub use send::{SendOptions, Summary, send};
