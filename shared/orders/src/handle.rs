//! What is done about a delivery at once, and what waits in the queue.

use tessera_shops::{Delivered, PrivacyRequest, ShopFact, Vendor};
use tessera_store::{PutFact, StoreError};

use crate::follow::{FollowError, Follower};
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

impl Follower<'_> {
    /// Stores what a delivery says, as far as that is one write.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn handle(&self, delivered: Delivered, vendor: Vendor) -> Result<Handled, StoreError> {
        let stored = match delivered {
            Delivered::Nothing(reason) => return Ok(Handled::Skipped(reason)),
            Delivered::Order(order) => return Ok(Handled::Later(InboundWork::Order { order })),
            Delivered::OrderWithoutRefunds { order, number, is_taxed } => {
                return Ok(Handled::Later(InboundWork::OrderWithoutRefunds { order, number, is_taxed }));
            }
            Delivered::OrderNumber(number) => return Ok(Handled::Later(InboundWork::OrderNumber { number })),
            Delivered::Privacy(request) => return Ok(privacy(&request)),
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
                    PutFact::Same | PutFact::Different => Handled::Later(InboundWork::Order { order }),
                })
            }
        };
        match stored {
            Ok(handled) => Ok(handled),
            Err(FollowError::Unusable(reason)) => Ok(Handled::Unusable(reason)),
            Err(FollowError::Store(error)) => Err(error),
        }
    }
}

/// A request about personal data is for a person: it stays in the list of failures until somebody has acted.
fn privacy(request: &PrivacyRequest) -> Handled {
    match request {
        PrivacyRequest::CustomerData { customer } => {
            Handled::Unusable(format!("customer {customer} asks for the data held on them: export member {customer}"))
        }
        PrivacyRequest::CustomerErasure { customer } => {
            Handled::Unusable(format!("the data of customer {customer} are to be erased: erase member {customer}"))
        }
        PrivacyRequest::ShopErasure => Handled::Later(InboundWork::ShopErasure),
    }
}
