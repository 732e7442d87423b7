//! Members as shops see them: lists, profile and points, ledger, receipts, coupons, explanations, notes; adjustments and
//! exclusions by hand.

mod adjustment;
mod card;
mod entries;
mod exclusion;
mod export;
mod interaction;
mod list;
mod member;
mod merge;
mod moving;
mod notes;
mod receipt;
mod search;
mod unmerge;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Referrals)];

const READ: Access = Access::Scope(Scope::MembersRead);
const READ_OWN: Access = Access::ScopeOrMember(Scope::MembersRead);

/// Its routes.
pub const ROUTES: Routes = &[
    search::ROUTES,
    member::ROUTES,
    card::ROUTES,
    entries::ROUTES,
    list::ROUTES,
    receipt::ROUTES,
    moving::ROUTES,
    interaction::ROUTES,
    adjustment::ROUTES,
    merge::ROUTES,
    unmerge::ROUTES,
    exclusion::ROUTES,
    export::ROUTES,
    notes::ROUTES,
];
