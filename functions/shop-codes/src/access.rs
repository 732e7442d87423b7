//! What a shop's protocol is given and what it returns.

use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_lambda::Services;
use tessera_orders::{ShopConnection, ShopCredentials};
use tessera_outbound::Client;
use tessera_store::ShopCode;

/// What requests to a shop are made with.
#[derive(Clone, Copy)]
pub(crate) struct ShopAccess<'a> {
    pub services: &'a Services,
    pub program: &'a ProgramId,
    pub connection: &'a ShopConnection,
    pub credentials: &'a ShopCredentials,
    pub client: &'a Client,
}

/// What became of a batch of codes.
#[derive(Debug, Default)]
pub(crate) struct BatchOutcome {
    /// The codes that the shop reported as created.
    pub created: Vec<(CouponCode, ShopCode)>,
    /// The codes that it did not create, and why.
    pub refused: Vec<(CouponCode, String)>,
}
