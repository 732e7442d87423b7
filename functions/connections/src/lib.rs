//! Where events go: types of events, webhook endpoints, connections.
//!
//! Nothing is sent from here. Tests and replays take the same queue as every other event.

mod address;
mod delivery;
mod endpoint;
mod event;
mod klaviyo;
mod send;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Notifications), Variable::SecretsKeyParameter];

const ADMIN: Access = Access::Scope(Scope::Admin);

/// Its routes.
pub const ROUTES: Routes = &[
    event::ROUTES,
    endpoint::ROUTES,
    delivery::ROUTES,
    klaviyo::ROUTES,
    klaviyo::DEAD_LETTER_ROUTES,
    klaviyo::BACKFILL_ROUTES,
];
