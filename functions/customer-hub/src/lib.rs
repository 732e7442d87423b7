//! What the storefront shows: its files, pages without script, the hub, and what a basket would earn. Nothing here writes to a member.

mod files;
mod hub;
mod page;
mod preflight;
mod preview;

use tessera_lambda::{Routes, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[files::ROUTES, page::ROUTES, hub::ROUTES, preview::ROUTES, preflight::ROUTES];
