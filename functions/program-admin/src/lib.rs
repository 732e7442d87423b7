//! Administration: the program as one document and its parts, backtests, trying rules out, and the API description.

mod backtest;
mod change;
mod codes;
mod description;
mod examine;
mod part;
mod parts;
mod program;
mod referral;
mod template;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] =
    &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Backtests), Variable::QueueUrl(Queue::Codes)];

const ADMIN: Access = Access::Scope(Scope::Admin);

/// Its routes.
pub const ROUTES: Routes = &[
    description::ROUTES,
    program::ROUTES,
    parts::RULES,
    backtest::ROUTES,
    template::ROUTES,
    parts::REWARDS,
    codes::ROUTES,
    parts::TIERS,
    referral::ROUTES,
    examine::ROUTES,
];
