//! Messages of the queue of notifications: one event, or the events of one entry, for one target.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::event::Event;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::pack::unpack;
use tessera_store::TargetId;

use crate::sender::OutgoingMessage;

/// The version of the format that is written.
const VERSION: u32 = 1;

/// Events for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The version of the format.
    pub version: u32,
    /// The tenant.
    pub program: ProgramId,
    /// Where they go.
    pub target: TargetId,
    /// The member that they are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// What they are.
    #[serde(flatten)]
    pub content: NotificationContent,
}

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NotificationContent {
    /// The events of an entry.
    Entry {
        /// Its key in the member's partition.
        key: String,
        /// The packed entry in base64; absent when it is to be read from the table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// Only one of its events, as a test.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<Replay>,
    },
    /// An event that no entry has.
    Event {
        /// The event.
        event: Box<Event>,
        /// When it was made: with its id, what its delivery is known by.
        made_at: Timestamp,
        /// Whether it is a test.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        test: bool,
    },
    /// A delivery whose time has come.
    Delivery {
        /// The delivery.
        delivery: String,
        /// When it fell due: if it has another time by now, another worker has tried it.
        due: Timestamp,
    },
}

/// One event of an entry, sent again as a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The event's id.
    pub event: String,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// The text is not a message of a known type.
    #[error("not a notification: {0}")]
    Unknown(#[from] serde_json::Error),
    /// The message has a later version.
    #[error("a notification of version {0}, which is not known here")]
    Version(u32),
    /// The entry that it carries cannot be read.
    #[error("a notification whose entry cannot be read")]
    Entry,
}

impl Notification {
    /// A message.
    pub const fn new(
        program: ProgramId,
        target: TargetId,
        member: Option<MemberId>,
        content: NotificationContent,
    ) -> Self {
        Self { version: VERSION, program, target, member, content }
    }

    /// The content for an entry with its packed bytes.
    pub fn entry(key: &str, packed: &[u8]) -> NotificationContent {
        NotificationContent::Entry { key: key.to_owned(), body: Some(STANDARD.encode(packed)), replay: None }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the type or version is unknown: the message goes to the dead-letter queue rather than being half understood.
    pub fn parse(text: &str) -> Result<Self, NotificationError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(NotificationError::Version(message.version)) }
    }

    /// The message for the FIFO queue. `natural`: what SQS drops a repetition by, for five minutes.
    ///
    /// Its group is the member and the target: what a target is sent about a member keeps its order, and a target that fails
    /// holds nobody else up.
    pub fn outgoing(&self, natural: &str) -> OutgoingMessage {
        let member = self.member.as_ref().map_or("", MemberId::as_str);
        let group = hash(&[self.program.as_str(), member, self.target.as_str()]);
        let deduplication = hash(&[self.target.as_str(), natural]);
        // Texts and numbers alone: it cannot fail.
        OutgoingMessage::fifo(serde_json::to_string(self).unwrap_or_default(), group, deduplication)
    }
}

impl NotificationContent {
    /// The entry that the message carries, if it does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn carried_entry(&self) -> Result<Option<Entry>, NotificationError> {
        let Self::Entry { body: Some(body), .. } = self else { return Ok(None) };
        let packed = STANDARD.decode(body).map_err(|_| NotificationError::Entry)?;
        unpack(&packed).map(Some).map_err(|_| NotificationError::Entry)
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

    fn message(member: &str, target: &str, content: NotificationContent) -> Notification {
        let target = TargetId::parse(target).unwrap();
        Notification::new(ProgramId::new("prg_1").unwrap(), target, MemberId::new(member).ok(), content)
    }

    fn contents() -> Vec<NotificationContent> {
        let event = Event {
            id: "E~0".to_owned(),
            kind: "tessera.entry.earn".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            data: json!({ "member": "c-1" }),
        };
        vec![
            Notification::entry("e#1", b"packed"),
            NotificationContent::Entry {
                key: "e#1".to_owned(),
                body: None,
                replay: Some(Replay { event: "E~0".to_owned(), at: Timestamp::UNIX_EPOCH }),
            },
            NotificationContent::Event { event: Box::new(event), made_at: Timestamp::UNIX_EPOCH, test: true },
            NotificationContent::Delivery { delivery: "dlv_1".to_owned(), due: Timestamp::UNIX_EPOCH },
        ]
    }

    #[test]
    fn a_message_of_every_type_is_read_as_it_was_sent_and_another_refused() {
        for content in contents() {
            let sent = message("m_1", "klaviyo", content);
            let text = sent.outgoing("1").body;
            assert_eq!(Notification::parse(&text).unwrap(), sent);
            let later = text.replace("\"version\":1", "\"version\":2");
            assert!(matches!(Notification::parse(&later), Err(NotificationError::Version(2))));
        }
        assert!(matches!(Notification::parse("{\"type\":\"wish\"}"), Err(NotificationError::Unknown(_))));
    }

    #[test]
    fn members_and_targets_have_groups_of_their_own() {
        let content = contents().remove(0);
        let keys = |member, target, natural| message(member, target, content.clone()).outgoing(natural).fifo.unwrap();
        let one = keys("m_1", "klaviyo", "a");
        assert_eq!(one.group, keys("m_1", "klaviyo", "b").group);
        assert_ne!(one.deduplication, keys("m_1", "klaviyo", "b").deduplication);
        assert_ne!(one.group, keys("m_2", "klaviyo", "a").group);
        assert_ne!(one.group, keys("m_1", "whe_1", "a").group);
        assert_ne!(one.deduplication, keys("m_1", "whe_1", "a").deduplication);
        assert!(one.group.len() <= 128 && one.deduplication.len() <= 128);
    }
}
