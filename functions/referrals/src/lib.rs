//! HTTP: referrals, their codes and shares, and the review of suspicious ones.

mod code;
mod list;
mod referral;
mod review;
mod share;
mod view;

use tessera_lambda::{Routes, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[referral::ROUTES, list::ROUTES, review::ROUTES, code::ROUTES, share::ROUTES];
