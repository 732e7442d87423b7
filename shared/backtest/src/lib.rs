//! What draft rules would have cost: the receipts and refunds that there were, through the same decisions, once under
//! the present rules and once under the draft.
//!
//! A [`Plan`] is the two programs; a [`History`] one member's facts in the order of time; a [`Tally`] what came of many
//! members, which adds up in any order; a [`Report`] what people read. [`run`] uses every core, and [`Spill`] brings facts
//! that come in any order together by member without holding them all in memory.

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
pub use plan::{Period, Plan};
pub use report::{
    Bin, CouponLine, Distribution, Facts, MonthLine, PointsLine, Report, ReportDifference, RuleLine, SideReport,
    TierLine,
};
pub use run::run;
pub use spill::{Partitions, Spill, SpillError};
pub use tally::Tally;
