//! Members as shops see them: profile and points, ledger, receipts, coupons, explanations, adjustments by hand.

mod adjustment;
mod card;
mod entries;
mod interaction;
mod list;
mod member;
mod merge;
mod receipt;
mod unmerge;

use tessera_lambda::{Access, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::ReferralsQueueUrl];

const READ: Access = Access::Scope(Scope::MembersRead);
const READ_OWN: Access = Access::ScopeOrMember(Scope::MembersRead);

/// Its routes.
pub const ROUTES: Routes = &[
    member::ROUTES,
    card::ROUTES,
    entries::ROUTES,
    list::ROUTES,
    receipt::ROUTES,
    interaction::ROUTES,
    adjustment::ROUTES,
    merge::ROUTES,
    unmerge::ROUTES,
];
