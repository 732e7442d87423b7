//! Pages of other sites reach nothing of a developer's local stack.
