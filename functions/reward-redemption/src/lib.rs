//! HTTP: redemptions of rewards, and their coupons.

mod body;
mod coupon;
mod moving;
mod redemption;

use tessera_lambda::{Access, Routes, Scope, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

const REDEEM: Access = Access::Scope(Scope::RewardsRedeem);
const REDEEM_OWN: Access = Access::ScopeOrMember(Scope::RewardsRedeem);

/// Its routes.
pub const ROUTES: Routes = &[redemption::ROUTES, coupon::ROUTES, moving::ROUTES];
