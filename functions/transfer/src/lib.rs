//! Moving in and out. Imports are requested, uploaded, started and undone here; `member-import` works on their rows. A whole
//! program is exported, and restored into an empty one.

mod body;
mod errors;
mod export;
mod import;
mod part;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Imports), Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[import::ROUTES, part::ROUTES, errors::ROUTES, export::ROUTES];

/// What all of its routes need.
const ADMIN: Access = Access::Scope(Scope::Admin);
