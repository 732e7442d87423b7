//! Adapters of shops: they verify signatures, and map payloads to receipts, refunds and interactions. Pure.
//!
//! Each vendor has a folder with what its protocol requires. All of them produce the bodies of Tessera's API, so that
//! the same reader checks every fact.
//!
//! - [`ShopFact`] is a fact to be stored.
//! - [`ShopOrder`] is an order as its shop shows it now. [`next_facts`] compares it with what is stored.

pub mod generic;
pub mod klaviyo;
mod order;
mod payload;
mod settings;
pub mod shopify;
mod signature;
pub mod square;
mod terms;
pub mod woocommerce;

pub use order::{
    RefundedLine, ShopOrder, ShopRefund, SoldReceipt, deleted_refunds, early_refund, next_facts, refund_facts,
};
pub use payload::{Payload, PayloadError};
pub use settings::{CodeSettings, GenericSettings, ShopSettings, Vendor};
pub use signature::{SignatureError, verify_base64, verify_hex, verify_standard};
pub use terms::{AmountBasis, Terms};

use serde_json::Value;
use tessera_domain::money::Currency;

/// A fact that a shop reports, as the body of the API's own route.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopFact {
    /// A receipt.
    Receipt(Value),
    /// A refund.
    Refund {
        /// The id of its receipt.
        receipt: String,
        /// The refund.
        body: Value,
    },
    /// An interaction.
    Interaction(Value),
}

/// What a delivery of a shop says.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivered {
    /// A fact, to be stored as it is.
    Fact(ShopFact),
    /// An order that was paid: new, it is a receipt; known, it is compared with what is stored.
    Paid(Box<ShopOrder>),
    /// An order that is to be compared with what is stored.
    Order(Box<ShopOrder>),
    /// An order whose refunds are to be fetched first.
    OrderWithoutRefunds {
        /// The order.
        order: Box<ShopOrder>,
        /// Its number.
        number: String,
        /// Whether its prices include tax.
        is_taxed: bool,
    },
    /// The number of an order that is to be fetched.
    OrderNumber(String),
    /// A refund of an order, without the order.
    Refund {
        /// The id of the order's receipt.
        receipt: String,
        /// The refund.
        refund: ShopRefund,
        /// The currency of its amounts.
        currency: Currency,
    },
    /// A request about personal data.
    Privacy(PrivacyRequest),
    /// It is of no use, for this reason: a test order, say.
    Nothing(&'static str),
}

/// A request about personal data that a shop hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivacyRequest {
    /// A customer asks for the data held on them.
    CustomerData {
        /// The customer's id.
        customer: String,
        /// The shop's own name of the request, if it has one.
        request: Option<String>,
    },
    /// The data of a customer are to be erased.
    CustomerErasure {
        /// The customer's id.
        customer: String,
    },
    /// The shop has left.
    ShopErasure,
}
