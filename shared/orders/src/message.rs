//! Messages of `inbound.fifo`: what is left to do about a delivery of a shop.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::ids::ProgramId;
use tessera_lambda::sender::OutgoingMessage;
use tessera_shops::ShopOrder;
use tessera_shops::klaviyo::EmailEvent;
use tessera_store::TargetId;
use uuid::Uuid;

/// The version of the format that is written.
const VERSION: u32 = 1;
/// Work whose text is longer is compressed, in bytes.
const PACKED_ABOVE: usize = 100_000;
/// The longest text of compressed work, in bytes: more than an order of any size that is received.
const MOST_UNPACKED: u64 = 32 << 20;
/// The longest message, in bytes. SQS takes 1 MiB.
const MOST_BYTES: usize = 1_000_000;

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
    /// Large work, compressed: a message and an item of a table have a largest size.
    Packed {
        /// Its JSON, deflated, in base64.
        packed: String,
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
    /// What is compressed cannot be read.
    #[error("compressed work of a shop cannot be read: {0}")]
    Packed(String),
}

impl InboundWork {
    /// Its text, compressed when it is long.
    pub fn text(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.len() <= PACKED_ABOVE {
            return text;
        }
        serde_json::to_string(&Self::Packed { packed: pack(&text) }).unwrap_or(text)
    }

    /// Reads what [`InboundWork::text`] returned.
    ///
    /// # Errors
    /// When its type is unknown.
    pub fn parse(text: &str) -> Result<Self, InboundError> {
        serde_json::from_str::<Self>(text)?.unpacked()
    }

    fn unpacked(self) -> Result<Self, InboundError> {
        match self {
            Self::Packed { packed } => Ok(serde_json::from_str(&unpack(&packed).map_err(InboundError::Packed)?)?),
            other => Ok(other),
        }
    }

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
            Self::Packed { packed } => hash(&[packed]),
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
            Self::Packed { .. } => "packed",
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
        if message.version != VERSION {
            return Err(InboundError::Version(message.version));
        }
        Ok(Self { work: message.work.unpacked()?, ..message })
    }

    /// The message for the FIFO queue; `None` when it is too large for any.
    pub fn fitting(&self) -> Option<OutgoingMessage> {
        Some(self.outgoing()).filter(|message| message.body.len() <= MOST_BYTES)
    }

    /// The message for the FIFO queue. Its group is the order. No two messages are taken for one: the second news about an order, a
    /// customer or a connection often reads like the first, and handling a repetition changes nothing.
    pub fn outgoing(&self) -> OutgoingMessage {
        let mut body = serde_json::to_string(self).unwrap_or_default();
        if body.len() > PACKED_ABOVE {
            let packed = pack(&serde_json::to_string(&self.work).unwrap_or_default());
            let packed = Self { work: InboundWork::Packed { packed }, ..self.clone() };
            body = serde_json::to_string(&packed).unwrap_or(body);
        }
        let group = hash(&[self.program.as_str(), self.connection.as_str(), &self.work.subject()]);
        OutgoingMessage::fifo(body, group, Uuid::now_v7().to_string())
    }
}

fn pack(text: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    URL_SAFE_NO_PAD.encode(packed.unwrap_or_default())
}

fn unpack(packed: &str) -> Result<String, String> {
    let bytes = URL_SAFE_NO_PAD.decode(packed).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = DeflateDecoder::new(bytes.as_slice()).take(MOST_UNPACKED).read_to_string(&mut text);
    read.map(|_| text).map_err(|error| error.to_string())
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
    fn large_work_is_compressed_in_messages_and_deliveries() {
        let mut large = order("shopify:1");
        large.receipt["lines"] = (0..1_000)
            .map(|line| json!({ "id": line.to_string(), "product": format!("{line} ").repeat(80), "amount": "1.00" }))
            .collect();
        let work = InboundWork::Order { order: Box::new(large) };
        let sent = message(work.clone());
        let outgoing = sent.outgoing();
        assert!(outgoing.body.len() < PACKED_ABOVE, "{}", outgoing.body.len());
        assert_eq!(InboundMessage::parse(&outgoing.body).unwrap(), sent);
        let small = message(InboundWork::Order { order: Box::new(order("shopify:1")) });
        assert_eq!(outgoing.fifo.unwrap().group, small.outgoing().fifo.unwrap().group);
        let text = work.text();
        assert!(text.len() < PACKED_ABOVE && text.contains("packed"));
        assert_eq!(InboundWork::parse(&text).unwrap(), work);
        for broken in [r#"{"type":"packed","packed":"!"}"#, r#"{"type":"packed","packed":"AAAA"}"#] {
            assert!(matches!(InboundWork::parse(broken), Err(InboundError::Packed(_))), "{broken}");
        }
    }

    #[test]
    fn what_no_compression_helps_fits_into_no_message() {
        let bytes = (0..40_000_u32).flat_map(|n| Sha256::digest(n.to_be_bytes()));
        let body = URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>());
        let topic = String::new();
        assert!(message(InboundWork::Read { topic: topic.clone(), body }).fitting().is_none());
        assert!(message(InboundWork::Read { topic, body: "{}".to_owned() }).fitting().is_some());
    }

    #[test]
    fn an_order_is_one_group() {
        let group =
            |id: &str| message(InboundWork::Order { order: Box::new(order(id)) }).outgoing().fifo.unwrap().group;
        assert_eq!(group("shopify:1"), group("shopify:1"));
        assert_ne!(group("shopify:1"), group("shopify:2"));
        assert!(group("shopify:1").len() <= 128);
    }

    #[test]
    fn the_second_news_about_an_order_is_a_message_of_its_own() {
        // Square names the order alone, open and completed alike.
        let news = message(InboundWork::OrderNumber { number: "D".to_owned() });
        let [first, second] = [news.outgoing().fifo.unwrap(), news.outgoing().fifo.unwrap()];
        assert_eq!(first.group, second.group);
        assert_ne!(first.deduplication, second.deduplication);
    }
}
