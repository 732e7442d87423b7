//! The message that asks for the evaluation of a friend's referrals.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{MemberId, ProgramId};

use crate::config::Queue;
use crate::message::MessageError;
use crate::sender::OutgoingMessage;
use crate::services::Services;

/// The version of the format that is written.
const VERSION: u32 = 1;

/// A friend whose referrals are to be evaluated, after a code was attributed that the friend named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralMessage {
    #[serde(rename = "type")]
    kind: MessageKind,
    /// The version of the format.
    pub version: u32,
    /// The tenant.
    pub program: ProgramId,
    /// The friend.
    pub friend: MemberId,
    /// The code that the friend named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The click on the advocate's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click: Option<String>,
    /// When the friend named the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// The type of the message, the only one of its queue so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MessageKind {
    Referral,
}

impl ReferralMessage {
    /// A message without a code.
    pub const fn new(program: ProgramId, friend: MemberId) -> Self {
        Self { kind: MessageKind::Referral, version: VERSION, program, friend, code: None, click: None, at: None }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the type or version is unknown.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }

    /// The text that is sent.
    pub fn to_text(&self) -> String {
        // Texts and numbers alone: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The FIFO group of an advocate. A code that nobody is known for stands for its advocate.
pub fn referral_group(program: &ProgramId, advocate: &str) -> String {
    hex::encode(Sha256::digest(format!("{program}#{advocate}").as_bytes()))
}

impl Services {
    /// Asks for the evaluation of a friend. `cause` is the same whenever the request is repeated, so that SQS takes it once.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn ask_referral(&self, message: &ReferralMessage, cause: &str) -> Result<(), String> {
        let of = message.code.as_deref().and_then(FoldedCode::parse);
        let of = of.map_or_else(|| message.friend.to_string(), |code| code.to_string());
        let group = referral_group(&message.program, &of);
        let text = message.to_text();
        let deduplication = hex::encode(Sha256::digest(format!("{cause}#{text}").as_bytes()));
        let outgoing = OutgoingMessage::fifo(text, group, deduplication);
        self.send(Queue::Referrals, &[outgoing]).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_sent_and_a_later_one_is_refused() {
        let mut message = ReferralMessage::new(ProgramId::new("prg_1").unwrap(), MemberId::new("m_1").unwrap());
        message.code = Some("ADA".to_owned());
        message.at = Some("2026-03-01T09:00:00Z".parse().unwrap());
        assert_eq!(ReferralMessage::parse(&message.to_text()).unwrap(), message);
        let later = message.to_text().replace("\"version\":1", "\"version\":2");
        assert!(matches!(ReferralMessage::parse(&later), Err(MessageError::Version(2))));
        assert!(matches!(ReferralMessage::parse("{\"type\":\"wish\"}"), Err(MessageError::Unknown(_))));
    }
}
