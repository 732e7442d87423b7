//! HTTP: the connections to shops. Their settings and credentials, their health, and what they delivered in vain.

mod codes;
mod connection;
mod failures;
mod mapping;
mod read;
mod schema;
mod test;

use tessera_lambda::{Access, Queue, Routes, Scope, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] =
    &[Variable::QueueUrl(Queue::Inbound), Variable::QueueUrl(Queue::Codes), Variable::SecretsKeyParameter];

const ADMIN: Access = Access::Scope(Scope::Admin);

/// Its routes.
pub const ROUTES: Routes = &[connection::ROUTES, failures::ROUTES, test::ROUTES];
