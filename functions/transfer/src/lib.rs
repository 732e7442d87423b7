//! Moving in: imports are requested, uploaded, started and undone here; `member-import` works on their rows.

mod body;
mod errors;
mod import;
mod part;

use tessera_lambda::{Access, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::ImportsQueueUrl, Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[import::ROUTES, part::ROUTES, errors::ROUTES];

/// What all of its routes need.
const ADMIN: Access = Access::Scope(Scope::Admin);
