//! Credentials: API keys and the storefront secret; and the audit of what was done with them.
//!
//! A function of its own, so that no other HTTP function needs the right to write credentials.

mod audit;
mod key;
mod secret;

use tessera_lambda::{Routes, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[key::ROUTES, secret::ROUTES, audit::ROUTES];
