//! Versions of a program and drafts of new ones: what changed and who did it, return to an earlier version, publishing by a
//! second person or at a time.
//!
//! A function of its own, because `program-admin` has as many routes as a function may have.

mod common;
mod draft;
mod version;
mod view;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Codes)];

const ADMIN: Access = Access::Scope(Scope::Admin);

/// Its routes.
pub const ROUTES: Routes = &[draft::ROUTES, version::ROUTES];
