//! What goes over the queue of facts.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::ids::{InteractionId, MemberId, ProgramId, ReceiptId, RefundId};
use tessera_domain::time::Day;
use tessera_store::FactImage;

/// The version of the format that is written.
const VERSION: u32 = 1;
/// A packed fact larger than this is read from the table instead of being carried.
const MOST_CARRIED: usize = 150 * 1024;

/// A fact of a member that is to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactMessage {
    /// The version of the format.
    pub version: u32,
    /// The tenant.
    pub program: ProgramId,
    /// Whose it is.
    pub member: MemberId,
    /// What it is.
    #[serde(flatten)]
    pub fact: Fact,
}

/// The fact of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// A receipt.
    Receipt {
        /// Its identifier.
        receipt: ReceiptId,
        /// The packed receipt, in base64; absent when it is to be read from the table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// A refund.
    Refund {
        /// The receipt.
        receipt: ReceiptId,
        /// Its identifier.
        refund: RefundId,
    },
    /// An interaction.
    Interaction {
        /// Its identifier.
        interaction: InteractionId,
        /// The packed interaction, in base64; absent when it is to be read from the table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// A local day on which rules for the member's birthday may come due.
    Birthday {
        /// The day, counted from 1 January 1970.
        day: Day,
    },
    /// A local day by which something may have come due: a lapse, the review of a tier.
    Due {
        /// The day, counted from 1 January 1970.
        day: Day,
    },
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is no such message.
    #[error("not a message of facts: {0}")]
    Unknown(#[from] serde_json::Error),
    /// It is of a later version.
    #[error("a message of version {0}, which is not known here")]
    Version(u32),
    /// Its body is not base64.
    #[error("a message whose body is not base64")]
    Body,
}

impl FactMessage {
    /// What is to be decided of a stored fact: itself, and after a receipt the refunds that had waited for it.
    pub fn all_of(image: FactImage) -> Vec<Self> {
        match image {
            FactImage::Refund { program, member, receipt, refund, .. } => {
                vec![Self::refund(program, member, receipt, refund)]
            }
            FactImage::Interaction { program, member, interaction, packed, .. } => {
                vec![Self::interaction(program, member, interaction, &packed)]
            }
            FactImage::Receipt { program, member, receipt, packed, early, .. } => {
                let first = Self::receipt(program.clone(), member.clone(), receipt.clone(), &packed);
                let waited = early
                    .into_iter()
                    .map(|refund| Self::refund(program.clone(), member.clone(), receipt.clone(), refund));
                std::iter::once(first).chain(waited).collect()
            }
        }
    }

    /// A message about a receipt.
    pub fn receipt(program: ProgramId, member: MemberId, receipt: ReceiptId, packed: &[u8]) -> Self {
        Self { version: VERSION, program, member, fact: Fact::Receipt { receipt, body: carried(packed) } }
    }

    /// A message about an interaction.
    pub fn interaction(program: ProgramId, member: MemberId, interaction: InteractionId, packed: &[u8]) -> Self {
        Self { version: VERSION, program, member, fact: Fact::Interaction { interaction, body: carried(packed) } }
    }

    /// A message about a birthday, or what else came due on a day.
    pub const fn of_day(program: ProgramId, member: MemberId, fact: Fact) -> Self {
        Self { version: VERSION, program, member, fact }
    }

    /// A message about a refund.
    pub const fn refund(program: ProgramId, member: MemberId, receipt: ReceiptId, refund: RefundId) -> Self {
        Self { version: VERSION, program, member, fact: Fact::Refund { receipt, refund } }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When it is not one that is known here: better loudly in the dead-letter queue than half understood.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }

    /// As it is sent.
    pub fn to_text(&self) -> String {
        // Texts and numbers alone: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The FIFO group: a member's facts go one after another.
    pub fn group(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.program.as_str(), self.member.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// A packed fact as a message carries it; `None` when it is too long for that.
fn carried(packed: &[u8]) -> Option<String> {
    (packed.len() <= MOST_CARRIED).then(|| STANDARD.encode(packed))
}

impl Fact {
    /// The packed receipt or interaction, where the message carries it.
    ///
    /// # Errors
    /// When it is not base64.
    pub fn packed(&self) -> Result<Option<Vec<u8>>, MessageError> {
        match self {
            Self::Receipt { body: Some(body), .. } | Self::Interaction { body: Some(body), .. } => {
                STANDARD.decode(body).map(Some).map_err(|_| MessageError::Body)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_sent_and_a_later_one_refused() {
        let id = |text: &str| ReceiptId::new(text).unwrap();
        let (program, member) = (ProgramId::new("prg_1").unwrap(), MemberId::new("m_1").unwrap());
        let message = FactMessage::receipt(program.clone(), member.clone(), id("r"), b"packed");
        let read = FactMessage::parse(&message.to_text()).unwrap();
        assert_eq!(read, message);
        assert_eq!(read.fact.packed().unwrap().unwrap(), b"packed");
        assert_eq!(
            FactMessage::receipt(program.clone(), member.clone(), id("r"), &vec![0; 200_000]).fact.packed().unwrap(),
            None
        );
        let later = message.to_text().replace("\"version\":1", "\"version\":2");
        assert!(matches!(FactMessage::parse(&later), Err(MessageError::Version(2))));
        assert!(matches!(FactMessage::parse("{\"type\":\"wish\"}"), Err(MessageError::Unknown(_))));
        let opened = InteractionId::new("i").unwrap();
        let opened = FactMessage::interaction(program.clone(), member.clone(), opened, b"packed");
        let read = FactMessage::parse(&opened.to_text()).unwrap();
        assert_eq!((read.fact.packed().unwrap().unwrap(), &read), (b"packed".to_vec(), &opened));
        let day = Day::from_date(jiff::civil::date(2026, 3, 10));
        for fact in [Fact::Birthday { day }, Fact::Due { day }] {
            let message = FactMessage::of_day(program.clone(), member.clone(), fact);
            assert_eq!(FactMessage::parse(&message.to_text()).unwrap(), message);
            assert_eq!(message.group(), opened.group());
        }
        let refund = FactMessage::refund(program, member, id("r"), RefundId::new("f").unwrap());
        assert_eq!(refund.group(), message.group());
        assert_eq!(refund.group().len(), 43);
    }
}
