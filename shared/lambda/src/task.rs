//! The message that asks a worker to run a task.

use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;
use tessera_store::TaskKind;

use crate::message::MessageError;

/// The version of the format that is written.
const VERSION: u32 = 1;

/// Asks the worker of a kind of task to run one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMessage {
    /// The version of the format.
    pub version: u32,
    /// The kind of task.
    #[serde(rename = "type")]
    pub kind: TaskKind,
    /// The program.
    pub program: ProgramId,
    /// The identifier of the task, unique within program and kind.
    pub task: String,
}

impl TaskMessage {
    /// Creates a message of the current version.
    pub const fn new(kind: TaskKind, program: ProgramId, task: String) -> Self {
        Self { version: VERSION, kind, program, task }
    }

    /// Parses a message.
    ///
    /// # Errors
    /// When it is not JSON of this shape, or of another version.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }

    /// Serializes the message.
    pub fn to_text(&self) -> String {
        // Serializing strings and numbers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_round_trips_and_anything_unknown_is_refused() {
        let message = TaskMessage::new(TaskKind::Backtest, ProgramId::new("prg_1").unwrap(), "bt_1".to_owned());
        let text = message.to_text();
        assert_eq!(text, r#"{"version":1,"type":"backtest","program":"prg_1","task":"bt_1"}"#);
        assert_eq!(TaskMessage::parse(&text).unwrap(), message);
        let later = text.replace("\"version\":1", "\"version\":2");
        assert!(matches!(TaskMessage::parse(&later), Err(MessageError::Version(2))));
        for unknown in [text.replace("backtest", "unknown"), text.replace("\"task\"", "\"more\":1,\"task\"")] {
            assert!(matches!(TaskMessage::parse(&unknown), Err(MessageError::Unknown(_))), "{unknown}");
        }
    }
}
