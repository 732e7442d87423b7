//! Reports: the figures of a program, its liability, and the notices about it.

mod liability;
mod notices;
mod overview;
mod period;

use tessera_lambda::{Access, Routes, Scope, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

const READ: Access = Access::Scope(Scope::ReportsRead);

/// Its routes.
pub const ROUTES: Routes = &[overview::ROUTES, liability::ROUTES, notices::ROUTES];
