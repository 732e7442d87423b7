//! What AWS does now and then, at every call of every function: afterwards every invariant is whole, and every member has
//! what they would have without it.

mod every_call;
mod journeys;
mod seeds;
mod sender;
mod state;
mod table;
