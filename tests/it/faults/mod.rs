//! What AWS does now and then, at every call of every function: afterwards every invariant is whole, and every member has
//! what they would have without it.

mod every_call;
pub mod journeys;
mod seeds;
pub mod sender;
pub mod state;
mod table;
