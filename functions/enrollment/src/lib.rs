//! Members: they become known, enrol, and change what is personal about them.

mod account;
mod activate;
mod body;
mod enroll;
mod patch;

use tessera_lambda::{Queue, Routes, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Referrals)];

/// Its routes.
pub const ROUTES: Routes = &[enroll::ROUTES, patch::ROUTES, activate::ROUTES];
