//! Backtests: replays stored receipts and refunds under the current rules and under a draft, and reports what the draft
//! would have cost.
//!
//! A [`Plan`] holds the two programs, a [`History`] one member's facts in chronological order, a [`Tally`] the results of many
//! members, a [`Report`] the figures for people. [`run`] uses all cores. [`Spill`] groups unordered facts by member without
//! holding them all in memory.

mod flows;
mod histogram;
mod history;
mod html;
mod join;
mod plan;
mod replay;
mod report;
mod run;
mod side;
mod spill;
mod table;
mod tally;
mod words;

pub use histogram::Histogram;
pub use history::History;
pub use join::Join;
pub use plan::{BacktestPeriod, Plan};
pub use report::{
    Bin, CouponLine, Distribution, Facts, MonthLine, PointsLine, Report, ReportDifference, RuleLine, SideReport,
    TierLine,
};
pub use run::run;
pub use spill::{Partitions, Spill, SpillError};
pub use tally::Tally;
