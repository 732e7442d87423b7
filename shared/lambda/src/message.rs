//! Messages of the queues.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_store::FactImage;

use crate::sender::OutgoingMessage;

/// The version of the format that is written.
const VERSION: u32 = 1;
/// The version of a message about a receipt that was moved: code that does not know moves must not decide on it.
const MOVED_VERSION: u32 = 2;
/// A packed fact larger than this is read from the table instead of being carried.
const MOST_CARRIED: usize = 150 * 1024;

/// A fact of a member that is to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactMessage {
    /// The version of the format.
    pub version: u32,
    /// The tenant.
    pub program: ProgramId,
    /// The member.
    pub member: MemberId,
    /// The fact: `type` and natural key.
    #[serde(flatten)]
    pub fact: FactId,
    /// The packed content in base64; absent when it is to be read from the table, or when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// How often the receipt was moved to another member.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moves: u32,
    /// The version of the program that decides an interaction anew, after an unmerge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<u32>,
}

/// An anonymous receipt, of which nothing is decided until it is claimed: only the coupons that it uses are to be settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnonymousMessage {
    /// The version of the format.
    pub version: u32,
    #[serde(rename = "type")]
    kind: AnonymousKind,
    /// The tenant.
    pub program: ProgramId,
    /// The receipt.
    pub receipt: ReceiptId,
}

/// What tells the message from those of members' facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnonymousKind {
    AnonymousReceipt,
}

/// A message of the queue of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactsMessage {
    /// A fact of a member.
    Fact(FactMessage),
    /// A receipt of nobody.
    Anonymous(AnonymousMessage),
}

impl FactsMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// As [`FactMessage::parse`].
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let unknown = match FactMessage::parse(text) {
            Ok(message) => return Ok(Self::Fact(message)),
            Err(error) => error,
        };
        match serde_json::from_str::<AnonymousMessage>(text) {
            Ok(message) if message.version == VERSION => Ok(Self::Anonymous(message)),
            Ok(message) => Err(MessageError::Version(message.version)),
            Err(_) => Err(unknown),
        }
    }
}

impl AnonymousMessage {
    /// A message about a receipt.
    pub const fn new(program: ProgramId, receipt: ReceiptId) -> Self {
        Self { version: VERSION, kind: AnonymousKind::AnonymousReceipt, program, receipt }
    }

    /// The message for the queue. `cause` is the same whenever the stream repeats the record, so that SQS takes it once.
    pub fn outgoing(&self, cause: &str) -> OutgoingMessage {
        // Texts and numbers alone: it cannot fail.
        let body = serde_json::to_string(self).unwrap_or_default();
        OutgoingMessage::fifo(
            body,
            group_of(&[self.program.as_str(), "receipt", self.receipt.as_str()]),
            cause.to_owned(),
        )
    }
}

/// The FIFO group that some parts name.
fn group_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The text is not a message of a known type.
    #[error("not a message of facts: {0}")]
    Unknown(#[from] serde_json::Error),
    /// The message has a later version.
    #[error("a message of version {0}, which is not known here")]
    Version(u32),
    /// The body is not base64.
    #[error("a message whose body is not base64")]
    Body,
}

impl FactMessage {
    /// The messages of a stored fact: the fact itself, then the facts that waited for it.
    pub fn all_of(image: &FactImage) -> Vec<Self> {
        let message = |fact: &FactId| {
            let packed = Some(&*image.packed).filter(|_| *fact == image.fact);
            let new = Self::new(image.program.clone(), image.member.clone(), fact.clone(), packed);
            Self { decided_by: image.decided_by, ..new }
        };
        if image.moves > 0 {
            // Its refunds are decided with it.
            let moved = Self::new(image.program.clone(), image.member.clone(), image.fact.clone(), None);
            return vec![Self { version: MOVED_VERSION, moves: image.moves, ..moved }];
        }
        image.facts().map(message).collect()
    }

    /// A message about a fact. `packed` is its content, where it is at hand.
    pub fn new(program: ProgramId, member: MemberId, fact: FactId, packed: Option<&[u8]>) -> Self {
        // A fact with a parent is decided from all that is stored with the parent, so that its content is not carried.
        let carried = packed.filter(|packed| fact.parent().is_none() && packed.len() <= MOST_CARRIED);
        let body = carried.map(|packed| STANDARD.encode(packed));
        Self { version: VERSION, program, member, fact, body, moves: 0, decided_by: None }
    }

    /// The packed content, if the message carries it.
    ///
    /// # Errors
    /// When it is not base64.
    pub fn packed(&self) -> Result<Option<Vec<u8>>, MessageError> {
        self.body.as_ref().map(|body| STANDARD.decode(body).map_err(|_| MessageError::Body)).transpose()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the type or version is unknown: the message goes to the dead-letter queue rather than being half understood.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_str(text)?;
        let is_known = matches!((message.version, message.moves), (VERSION, 0) | (MOVED_VERSION, 1..));
        if is_known { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }

    /// The text that is sent.
    pub fn to_text(&self) -> String {
        // Texts and numbers alone: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The FIFO group: the facts of a member are decided one after another.
    pub fn group(&self) -> String {
        group_of(&[self.program.as_str(), self.member.as_str()])
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(moves: &u32) -> bool {
    *moves == 0
}

#[cfg(test)]
mod tests {
    use tessera_domain::fact::FactKind;

    use super::*;

    /// A fact of this kind. Its natural key consists of dates, which are valid identifiers too.
    fn example(kind: FactKind) -> FactId {
        let part = || "2026-03-10".to_owned();
        let keys = [vec![part()], vec![part(), part()]];
        keys.iter().find_map(|key| FactId::from_natural_key(kind, key)).unwrap()
    }

    fn message(kind: FactKind, packed: &[u8]) -> FactMessage {
        let (program, member) = (ProgramId::new("prg_1").unwrap(), MemberId::new("m_1").unwrap());
        FactMessage::new(program, member, example(kind), Some(packed))
    }

    #[test]
    fn a_message_of_every_kind_is_read_as_it_was_sent() {
        for kind in FactKind::ALL {
            let sent = message(*kind, b"packed");
            let read = FactMessage::parse(&sent.to_text()).unwrap();
            assert_eq!(read, sent);
            assert_eq!(read.packed().unwrap(), kind.parent().is_none().then(|| b"packed".to_vec()), "{kind:?}");
            assert_eq!(read.group(), message(FactKind::Receipt, b"").group());
            assert_eq!(read.group().len(), 43);
            assert_eq!(message(*kind, &vec![0; 200_000]).packed().unwrap(), None);
        }
    }

    #[test]
    fn a_message_about_an_anonymous_receipt_is_told_from_those_of_members() {
        let sent = AnonymousMessage::new(ProgramId::new("prg_1").unwrap(), ReceiptId::new("r-1").unwrap());
        let outgoing = sent.outgoing("e1");
        assert_eq!(FactsMessage::parse(&outgoing.body).unwrap(), FactsMessage::Anonymous(sent));
        let of_member = message(FactKind::Receipt, b"packed");
        assert_ne!(outgoing.fifo.unwrap().group, of_member.group());
        assert_eq!(FactsMessage::parse(&of_member.to_text()).unwrap(), FactsMessage::Fact(of_member));
        let later = outgoing.body.replace("\"version\":1", "\"version\":2");
        assert!(matches!(FactsMessage::parse(&later), Err(MessageError::Version(2))));
        for unknown in ["{}", "{\"type\":\"wish\"}"] {
            assert!(matches!(FactsMessage::parse(unknown), Err(MessageError::Unknown(_))));
        }
    }

    #[test]
    fn a_later_or_an_unknown_message_is_refused() {
        let text = message(FactKind::Receipt, b"packed").to_text();
        for version in [2, 3] {
            let later = text.replace("\"version\":1", &format!("\"version\":{version}"));
            assert!(matches!(FactMessage::parse(&later), Err(MessageError::Version(v)) if v == version));
        }
        assert!(matches!(FactMessage::parse("{\"type\":\"wish\"}"), Err(MessageError::Unknown(_))));
        let unknown = text.replace("\"receipt\"", "\"wish\"");
        assert!(matches!(FactMessage::parse(&unknown), Err(MessageError::Unknown(_))));
    }
}
