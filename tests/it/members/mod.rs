//! Members as support works with them: lists and searches, notes, exclusion, erasure.

mod erasure;
mod export;
mod lists;
mod support;
