//! A program document cannot make deciding slow, wrong or impossible.
