//! Scope comes first: a refused request stores nothing and reveals nothing.
