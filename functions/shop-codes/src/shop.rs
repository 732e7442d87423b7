//! What a shop is asked for, whatever its protocol.

use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_domain::program::Provider;
use tessera_lambda::Services;
use tessera_orders::{ShopConnection, ShopCredentials};
use tessera_shops::Vendor;
use tessera_store::{CodeBatch, ShopCode, ShopPool};

use crate::ShopClients;
use crate::access::{BatchOutcome, ShopAccess};
use crate::http::ShopFailure;
use crate::shopify::{self, Shopify};
use crate::woocommerce::{self, Woocommerce};

/// A shop that creates codes.
pub(crate) enum Shop<'a> {
    Shopify(Shopify<'a>),
    Woocommerce(Woocommerce<'a>),
}

/// How a shop took a batch of codes in.
pub(crate) enum SentBatch {
    /// It creates them later, as this job.
    Job(String),
    /// It is done.
    Done(BatchOutcome),
}

/// The current credentials of a connection.
pub(crate) async fn credentials(
    services: &Services,
    program: &ProgramId,
    connection: &ShopConnection,
) -> Result<ShopCredentials, ShopFailure> {
    let key = services.secrets().await.map_err(|problem| ShopFailure::again(problem.detail()))?;
    let secrets = services.store.target_secrets(program, &connection.id, &key).await?;
    let credentials = secrets.and_then(|secrets| serde_json::from_str(&secrets.current).ok());
    credentials.ok_or_else(|| ShopFailure::again("the connection has no credentials"))
}

impl<'a> Shop<'a> {
    /// The shop of a connection.
    ///
    /// # Errors
    /// When its settings or credentials are not complete.
    pub fn new(
        services: &'a Services,
        clients: &'a ShopClients,
        program: &'a ProgramId,
        connection: &'a ShopConnection,
        credentials: &'a ShopCredentials,
    ) -> Result<Self, ShopFailure> {
        let client = clients.client().map_err(|error| ShopFailure::again(error.to_string()))?;
        let access = ShopAccess { services, program, connection, credentials, client };
        match connection.settings.vendor {
            Vendor::Shopify => Ok(Self::Shopify(Shopify::new(access, &clients.tokens)?)),
            Vendor::Woocommerce => Ok(Self::Woocommerce(Woocommerce::new(access)?)),
            Vendor::Square | Vendor::Generic => Err(ShopFailure::Refused("this shop creates no codes".to_owned())),
        }
    }

    /// The most codes of a request.
    pub const fn most_codes(&self) -> usize {
        match self {
            Self::Shopify(_) => shopify::MOST_CODES,
            Self::Woocommerce(_) => woocommerce::MOST_CODES,
        }
    }

    /// Creates the discount that a pool's codes give; returns the shop's id of it. `None`: the first code is taken by another
    /// discount. `is_repeated`: an earlier request may have created it.
    pub async fn create_discount(
        &self,
        pool: &ShopPool,
        first: &CouponCode,
        is_repeated: bool,
    ) -> Result<Option<String>, ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.create_discount(pool, first, is_repeated).await,
            // Each code is a discount of its own.
            Self::Woocommerce(_) => Ok(Some(String::new())),
        }
    }

    /// Sends a batch of codes.
    pub async fn send(&self, pool: &ShopPool, discount: &str, batch: &CodeBatch) -> Result<SentBatch, ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.add_codes(discount, batch).await.map(SentBatch::Job),
            Self::Woocommerce(shop) => shop.create(pool, batch).await.map(SentBatch::Done),
        }
    }

    /// Waits for the job of a batch.
    pub async fn outcome(&self, discount: &str, batch: &CodeBatch, job: &str) -> Result<BatchOutcome, ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.outcome(discount, batch, job).await,
            Self::Woocommerce(_) => Err(ShopFailure::Refused("WooCommerce creates codes without jobs".to_owned())),
        }
    }

    /// True while the shop has a discount. A merchant may have deleted it.
    pub async fn has_discount(&self, discount: &str) -> Result<bool, ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.has_discount(discount).await,
            // Each code is a discount of its own.
            Self::Woocommerce(_) => Ok(true),
        }
    }

    /// True where each code is a discount of its own.
    pub const fn codes_are_discounts(&self) -> bool {
        match self {
            Self::Shopify(_) => false,
            Self::Woocommerce(_) => true,
        }
    }

    /// The shop's id of the discount that a pool created with this first code; `None` when there is none.
    pub async fn find_discount(&self, pool: &ShopPool, first: &CouponCode) -> Result<Option<String>, ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.find_discount(pool, first).await,
            Self::Woocommerce(_) => Ok(Some(String::new())),
        }
    }

    /// Deletes codes of one discount, and returns when they are dead. Codes that are gone already are no error.
    pub async fn delete(&self, discount: &str, codes: &[(CouponCode, ShopCode)]) -> Result<(), ShopFailure> {
        match self {
            Self::Shopify(shop) => shop.delete(discount, codes).await,
            Self::Woocommerce(shop) => shop.delete(codes).await,
        }
    }
}

/// The connection's vendor as the source of a reward's codes.
pub(crate) const fn provider_of(vendor: Vendor) -> Option<Provider> {
    match vendor {
        Vendor::Shopify => Some(Provider::Shopify),
        Vendor::Woocommerce => Some(Provider::Woocommerce),
        Vendor::Square | Vendor::Generic => None,
    }
}
