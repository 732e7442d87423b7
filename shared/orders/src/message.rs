//! Messages of `inbound.fifo`: what is left to do about a delivery of a shop.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::ids::ProgramId;
use tessera_lambda::sender::OutgoingMessage;
use tessera_shops::ShopOrder;
use tessera_shops::klaviyo::EmailEvent;
use tessera_store::TargetId;

/// The version of the format that is written.
const VERSION: u32 = 1;

/// What is left to do about a delivery of a shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// The version of the format.
    pub version: u32,
    /// The program.
    pub program: ProgramId,
    /// The connection that it came from.
    pub connection: TargetId,
    /// What is to be done.
    #[serde(flatten)]
    pub work: InboundWork,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InboundWork {
    /// A delivery is to be read again, because it could not be used.
    Read {
        /// Its topic; empty for a vendor without topics.
        topic: String,
        /// Its body.
        body: String,
    },
    /// An order is to be compared with what is stored.
    Order {
        /// The order.
        order: Box<ShopOrder>,
    },
    /// The refunds of an order are to be fetched, and the order compared.
    OrderWithoutRefunds {
        /// The order.
        order: Box<ShopOrder>,
        /// Its number.
        number: String,
        /// Whether its prices include tax.
        is_taxed: bool,
    },
    /// An order is to be fetched.
    OrderNumber {
        /// Its number.
        number: String,
    },
    /// Opened and clicked e-mails are to be stored.
    Emails {
        /// What was opened and clicked.
        events: Vec<EmailEvent>,
    },
    /// A customer asks for their data. The merchant gets a notice that names the export.
    CustomerData {
        /// The customer's id.
        customer: String,
        /// The shop's own name of the request, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    /// The data of a customer is to be erased.
    CustomerErasure {
        /// The customer's id.
        customer: String,
    },
    /// The shop has left: the connection ends, and its credentials are deleted.
    ShopErasure {
        /// When the shop said so; absent in messages of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The credentials of the connection are to be tried.
    Test {
        /// When it was asked for.
        at: Timestamp,
    },
    /// The orders that were changed since a moment are to be fetched.
    Poll {
        /// The moment.
        since: Timestamp,
        /// The moment of the poll.
        until: Timestamp,
        /// The page, from 1.
        page: u32,
    },
    /// What is stored as a delivery is to be tried again.
    Delivery {
        /// The delivery.
        delivery: String,
        /// When it fell due: if it has another time by now, another worker has tried it.
        due: Timestamp,
    },
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// The text is not a message of a known type.
    #[error("not a message of a shop: {0}")]
    Unknown(#[from] serde_json::Error),
    /// The message has a later version.
    #[error("a message of a shop in version {0}, which is not known here")]
    Version(u32),
}

impl InboundWork {
    /// What it is about: messages about one order are handled one after another.
    pub fn subject(&self) -> String {
        let of_order =
            |order: &ShopOrder| order.receipt.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
        match self {
            Self::Read { body, .. } => hash(&[body]),
            Self::Order { order } | Self::OrderWithoutRefunds { order, .. } => of_order(order),
            Self::OrderNumber { number } => number.clone(),
            Self::CustomerData { customer, .. } | Self::CustomerErasure { customer } => format!("customer {customer}"),
            Self::Emails { events } => {
                // Parts of a delivery are handled at once.
                let first = events.iter().find_map(|event| event.id.clone());
                first.unwrap_or_else(|| self.name().to_owned())
            }
            Self::ShopErasure { .. } | Self::Test { .. } | Self::Poll { .. } => self.name().to_owned(),
            Self::Delivery { delivery, .. } => delivery.clone(),
        }
    }

    /// Its name, for lists of failures.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "delivery",
            Self::Order { .. } | Self::OrderWithoutRefunds { .. } | Self::OrderNumber { .. } => "order",
            Self::Emails { .. } => "emails",
            Self::CustomerData { .. } => "customers/data_request",
            Self::CustomerErasure { .. } => "customers/redact",
            Self::ShopErasure { .. } => "shop/redact",
            Self::Test { .. } => "test",
            Self::Poll { .. } => "poll",
            Self::Delivery { .. } => "retry",
        }
    }
}

impl InboundMessage {
    /// A message.
    pub const fn new(program: ProgramId, connection: TargetId, work: InboundWork) -> Self {
        Self { version: VERSION, program, connection, work }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When its type or version is unknown.
    pub fn parse(text: &str) -> Result<Self, InboundError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(InboundError::Version(message.version)) }
    }

    /// The message for the FIFO queue. Its group is the order.
    pub fn outgoing(&self) -> OutgoingMessage {
        let body = serde_json::to_string(self).unwrap_or_default();
        let group = hash(&[self.program.as_str(), self.connection.as_str(), &self.work.subject()]);
        let deduplication = hash(&[&body]);
        OutgoingMessage::fifo(body, group, deduplication)
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(id: &str) -> ShopOrder {
        let receipt = json!({ "id": id });
        let (updated_at, refunds) = (Timestamp::UNIX_EPOCH, Vec::new());
        ShopOrder { receipt, is_paid: true, updated_at, cancelled_at: None, refunds }
    }

    fn emails() -> Vec<EmailEvent> {
        let body = json!({ "topic": "event:klaviyo.clicked_email", "external_id": "c-1", "properties": { "$message": "m-1" } });
        let read = tessera_shops::klaviyo::events(&body, None).unwrap();
        read.into_iter().map(Result::unwrap).collect()
    }

    fn message(work: InboundWork) -> InboundMessage {
        InboundMessage::new(ProgramId::new("prg_1").unwrap(), TargetId::parse("shopify").unwrap(), work)
    }

    #[test]
    fn a_message_of_every_type_is_read_as_it_was_sent_and_another_refused() {
        let at = Timestamp::UNIX_EPOCH;
        for work in [
            InboundWork::Read { topic: "orders/paid".to_owned(), body: "{}".to_owned() },
            InboundWork::Order { order: Box::new(order("shopify:1")) },
            InboundWork::OrderWithoutRefunds {
                order: Box::new(order("shopify:1")),
                number: "1".to_owned(),
                is_taxed: true,
            },
            InboundWork::OrderNumber { number: "1".to_owned() },
            InboundWork::Emails { events: emails() },
            InboundWork::CustomerData { customer: "7".to_owned(), request: Some("9".to_owned()) },
            InboundWork::CustomerErasure { customer: "7".to_owned() },
            InboundWork::ShopErasure { at: Some(at) },
            InboundWork::Test { at },
            InboundWork::Poll { since: at, until: at, page: 1 },
            InboundWork::Delivery { delivery: "dlv_1".to_owned(), due: at },
        ] {
            let sent = message(work);
            let text = sent.outgoing().body;
            assert_eq!(InboundMessage::parse(&text).unwrap(), sent);
            let later = text.replace("\"version\":1", "\"version\":2");
            assert!(matches!(InboundMessage::parse(&later), Err(InboundError::Version(2))));
        }
        assert!(matches!(InboundMessage::parse("{\"type\":\"wish\"}"), Err(InboundError::Unknown(_))));
    }

    #[test]
    fn a_message_of_a_shop_that_left_is_read_without_its_time() {
        let text = r#"{"version":1,"program":"prg_1","connection":"shopify","type":"shop_erasure"}"#;
        assert_eq!(InboundMessage::parse(text).unwrap(), message(InboundWork::ShopErasure { at: None }));
    }

    #[test]
    fn an_order_is_one_group() {
        let group =
            |id: &str| message(InboundWork::Order { order: Box::new(order(id)) }).outgoing().fifo.unwrap().group;
        assert_eq!(group("shopify:1"), group("shopify:1"));
        assert_ne!(group("shopify:1"), group("shopify:2"));
        assert!(group("shopify:1").len() <= 128);
    }
}
