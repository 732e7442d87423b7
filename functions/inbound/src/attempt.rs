//! What an attempt to do some work needs of its shop, and why it fails.

use jiff::Timestamp;
use tessera_domain::money::Currency;
use tessera_orders::{FollowError, ShopConnection};
use tessera_outbound::Client;
use tessera_store::StoreError;

use crate::fetch::FetchError;

/// What requests to a shop need.
pub(crate) struct ShopContext<'a> {
    pub connection: &'a ShopConnection,
    pub client: &'a Client,
    pub currency: Currency,
    pub now: Timestamp,
}

/// Why work did not end.
#[derive(Debug)]
pub(crate) enum AttemptFailure {
    /// Another attempt may succeed.
    Again(FetchError),
    /// No attempt will succeed as the settings are.
    Unusable(String),
    /// The store failed: the message comes again.
    Store(StoreError),
}

impl From<FetchError> for AttemptFailure {
    fn from(error: FetchError) -> Self {
        Self::Again(error)
    }
}

impl From<StoreError> for AttemptFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<FollowError> for AttemptFailure {
    fn from(error: FollowError) -> Self {
        match error.unusable() {
            Ok(reason) => Self::Unusable(reason),
            Err(error) => Self::Store(error),
        }
    }
}
