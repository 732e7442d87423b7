//! What is done about a delivery at once, and what waits in the queue.

use jiff::Timestamp;
use tessera_shops::{Delivered, PrivacyRequest, ShopFact, ShopOrder, Vendor};
use tessera_store::{PutFact, StoreError};

use crate::follow::Follower;
use crate::message::InboundWork;

/// How a delivery was handled.
#[derive(Debug, Clone, PartialEq)]
pub enum Handled {
    /// It is stored, or was stored before.
    Stored,
    /// It is of no use, for this reason.
    Skipped(&'static str),
    /// It can never be stored as it is, for this reason.
    Unusable(String),
    /// The rest is for the queue.
    Later(InboundWork),
}

/// What is left to do about an order; unusable when it can never be stored.
fn later(order: Box<ShopOrder>, work: impl FnOnce(Box<ShopOrder>) -> InboundWork) -> Handled {
    match order.storable() {
        Ok(order) => Handled::Later(work(order)),
        Err(reason) => Handled::Unusable(reason),
    }
}

impl Follower<'_> {
    /// Stores what a delivery says, as far as that is one write.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn handle(&self, delivered: Delivered, vendor: Vendor) -> Result<Handled, StoreError> {
        let stored = match delivered {
            Delivered::Nothing(reason) => return Ok(Handled::Skipped(reason)),
            Delivered::Order(order) => return Ok(later(order, |order| InboundWork::Order { order })),
            Delivered::OrderWithoutRefunds { order, number, is_taxed } => {
                return Ok(later(order, |order| InboundWork::OrderWithoutRefunds { order, number, is_taxed }));
            }
            // Shopify says when an order is paid; WooCommerce only that it has changed.
            Delivered::Paid(order) if vendor != Vendor::Shopify && self.is_too_old(&order) => {
                return Ok(later(order, |order| InboundWork::Order { order }));
            }
            Delivered::OrderNumber(number) => return Ok(Handled::Later(InboundWork::OrderNumber { number })),
            Delivered::Privacy(request) => return Ok(Handled::Later(self.privacy(request))),
            Delivered::Fact(fact) => Box::pin(self.put(&fact)).await.map(|put| match put {
                PutFact::Stored | PutFact::Waiting | PutFact::Same => Handled::Stored,
                PutFact::Different => Handled::Unusable("the id was sent before with other content".to_owned()),
            }),
            Delivered::Refund { receipt, refund, currency } => {
                Box::pin(self.refund(&receipt, &refund, currency)).await.map(|()| Handled::Stored)
            }
            Delivered::Paid(order) => {
                let fact = ShopFact::Receipt(order.receipt.clone());
                let put = Box::pin(self.put(&fact)).await;
                put.map(|put| match put {
                    PutFact::Stored | PutFact::Waiting => Handled::Stored,
                    // Shopify sends `orders/updated` for every change, so the first payment is no news.
                    PutFact::Same if vendor == Vendor::Shopify => Handled::Stored,
                    PutFact::Same | PutFact::Different => later(order, |order| InboundWork::Order { order }),
                })
            }
        };
        match stored {
            Ok(handled) => Ok(handled),
            Err(error) => match error.unusable() {
                Ok(reason) => Ok(Handled::Unusable(reason)),
                Err(error) => Err(error),
            },
        }
    }

    /// What is to be done about a request about personal data. The worker does it: an erasure has many steps.
    fn privacy(&self, request: PrivacyRequest) -> InboundWork {
        match request {
            PrivacyRequest::CustomerData { customer, request } => InboundWork::CustomerData { customer, request },
            PrivacyRequest::CustomerErasure { customer } => InboundWork::CustomerErasure { customer },
            PrivacyRequest::ShopErasure => {
                // Notices are stored in milliseconds.
                let now = self.services.clock.now();
                InboundWork::ShopErasure { at: Timestamp::from_millisecond(now.as_millisecond()).ok() }
            }
        }
    }
}
