//! What the storefront shows: its files, the hub, and what a basket would earn. Nothing here writes to a member.

mod files;
mod hub;
mod preflight;
mod preview;

use tessera_lambda::{Routes, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[files::ROUTES, hub::ROUTES, preview::ROUTES, preflight::ROUTES];
