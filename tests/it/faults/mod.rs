//! Faults at every AWS call of every function. Afterwards all invariants hold, and every member has what they would have
//! without the fault.

mod every_call;
pub mod journeys;
pub mod plans;
mod seeds;
pub mod sender;
pub mod state;
mod table;
