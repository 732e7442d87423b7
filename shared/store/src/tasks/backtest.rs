//! The request of a backtest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{TaskKind, TaskRequest};

/// The draft rules of a backtest and the receipts that they are tried on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestRequest {
    /// The version of the program that the draft is compared with.
    #[serde(rename = "g")]
    pub version: u32,
    /// The first moment of the period; `None`: from the first receipt.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end of the period, exclusive; `None`: until the request.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// When the backtest was requested.
    #[serde(rename = "t")]
    pub requested_at: Timestamp,
    /// The program with the draft rules: a packed [`StoredProgram`](tessera_domain::program::StoredProgram).
    #[serde(rename = "r", with = "serde_bytes")]
    pub draft: Vec<u8>,
}

impl TaskRequest for BacktestRequest {
    const KIND: TaskKind = TaskKind::Backtest;

    fn requested_at(&self) -> Timestamp {
        self.requested_at
    }
}
