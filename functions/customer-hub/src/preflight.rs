//! Preflight requests, for the browser routes of every function.

use tessera_lambda::{Route, handler, http};

/// The routes of preflight requests.
pub(crate) const ROUTES: &[Route] = &[Route::options("/v1/{path+}", handler!(http::preflight))];
