//! Messages of `codes.fifo`: what is to be done about the codes that shops create.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_domain::ids::{CouponCode, ProgramId, RewardId};
use tessera_domain::program::Provider;
use tessera_store::{Target, TargetId};

use crate::config::Queue;
use crate::message::MessageError;
use crate::sender::OutgoingMessage;
use crate::services::Services;

/// The version of the format that is written.
const VERSION: u32 = 1;

/// What is to be done about the codes that a shop creates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodesMessage {
    /// The version of the format.
    pub version: u32,
    /// The tenant.
    pub program: ProgramId,
    /// What is to be done.
    #[serde(flatten)]
    pub work: CodesWork,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CodesWork {
    /// The program's rewards are to be compared with what the shops were asked for.
    Program {
        /// True to ask again for what a shop has refused, or what waits to be tried again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// The pools of a reward are to be filled, or its discounts deactivated.
    Reward {
        /// The connection to the shop.
        connection: TargetId,
        /// The reward.
        reward: RewardId,
        /// As for the program.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// The codes of coupons that expired, were cancelled, or were used elsewhere are to be deleted in their shop.
    Delete {
        /// The codes.
        codes: Vec<CouponCode>,
        /// When that was asked for.
        at: Timestamp,
    },
    /// An order has used these codes, which no coupon of the program has: those that are ready leave their pools.
    Spent {
        /// The codes.
        codes: Vec<CouponCode>,
    },
    /// What is stored as a delivery is to be tried again.
    Delivery {
        /// The connection to the shop.
        connection: TargetId,
        /// The delivery.
        delivery: String,
        /// When it fell due: if it has another time by now, another worker has tried it.
        due: Timestamp,
    },
}

impl CodesWork {
    /// What deliveries of such work are called: they wait for another queue than those of orders.
    pub const KIND: &'static str = "codes";

    /// What is done one after another.
    fn subject(&self) -> String {
        match self {
            Self::Program { .. } => "program".to_owned(),
            Self::Reward { connection, reward, .. } => format!("reward#{connection}#{reward}"),
            Self::Delete { codes, .. } => {
                format!("delete#{}", codes.first().map(CouponCode::as_str).unwrap_or_default())
            }
            Self::Spent { codes } => format!("spent#{}", codes.first().map(CouponCode::as_str).unwrap_or_default()),
            Self::Delivery { connection, delivery, .. } => format!("delivery#{connection}#{delivery}"),
        }
    }
}

impl CodesMessage {
    /// A message.
    pub const fn new(program: ProgramId, work: CodesWork) -> Self {
        Self { version: VERSION, program, work }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When its type or version is unknown.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_str(text)?;
        if message.version == VERSION { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }

    /// The message for the FIFO queue. `cause` is the same whenever the request is repeated, so that SQS takes it once.
    pub fn outgoing(&self, cause: &str) -> OutgoingMessage {
        // Texts and numbers alone: it cannot fail.
        let body = serde_json::to_string(self).unwrap_or_default();
        let group = hash(&format!("{}#{}", self.program, self.work.subject()));
        let deduplication = hash(&format!("{cause}#{body}"));
        OutgoingMessage::fifo(body, group, deduplication)
    }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// True for a connection through which a shop can create codes.
fn creates_codes(id: &TargetId) -> bool {
    Provider::NAMES.iter().any(|(name, _)| id.as_str() == *name)
}

/// The connection through which a shop creates codes.
pub fn connection_of(provider: Provider) -> Option<TargetId> {
    TargetId::parse(provider.name())
}

impl Services {
    /// Asks for the shops' codes of a program to be looked at, if a shop is connected that can create some. `cause` is the same
    /// whenever the request is repeated. False without such a shop.
    ///
    /// # Errors
    /// When DynamoDB or the queue cannot be reached.
    pub async fn ask_codes(&self, program: &ProgramId, cause: &str) -> Result<bool, String> {
        if !self.has_codes_shop(program).await? {
            return Ok(false);
        }
        let message = CodesMessage::new(program.clone(), CodesWork::Program { again: false }).outgoing(cause);
        self.send_codes(&[message]).await?;
        Ok(true)
    }

    /// True if a shop is connected that can create codes.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn has_codes_shop(&self, program: &ProgramId) -> Result<bool, String> {
        let targets = self.targets.get(&self.store, program).await.map_err(|error| error.to_string())?;
        Ok(targets.iter().any(|target| target.is_enabled && creates_codes(&target.id)))
    }

    /// As [`Services::ask_codes`], for a connection that was just changed: asks also for what its shop has refused.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn ask_codes_of_connection(
        &self,
        target: &Target,
        program: &ProgramId,
        cause: &str,
    ) -> Result<(), String> {
        if !creates_codes(&target.id) {
            return Ok(());
        }
        let message = CodesMessage::new(program.clone(), CodesWork::Program { again: true }).outgoing(cause);
        self.send_codes(&[message]).await
    }

    /// As [`Services::ask_codes`], for a version that was just published. A failure is only logged: the job that looks at every
    /// program asks again.
    pub async fn ask_codes_of_version(&self, program: &ProgramId, version: u32) {
        // The shop may have been connected a moment ago.
        self.targets.forget(program);
        if let Err(error) = self.ask_codes(program, &format!("version {version}")).await {
            tracing::error!(%program, error, "the shops' codes of a program were not asked for");
        }
    }

    /// Asks for codes of which the program has no coupon, and which an order has used, to leave the pools of shops' codes. `cause` is
    /// the same whenever the request is repeated. Without a connected shop that creates codes, nothing is asked for.
    ///
    /// # Errors
    /// When DynamoDB or the queue cannot be reached.
    pub async fn ask_spent(&self, program: &ProgramId, codes: Vec<CouponCode>, cause: &str) -> Result<(), String> {
        if codes.is_empty() || !self.has_codes_shop(program).await? {
            return Ok(());
        }
        self.send_codes(&[CodesMessage::new(program.clone(), CodesWork::Spent { codes }).outgoing(cause)]).await
    }

    /// Sends messages about codes that shops create.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn send_codes(&self, messages: &[OutgoingMessage]) -> Result<(), String> {
        self.send(Queue::Codes, messages).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> ProgramId {
        ProgramId::new("prg_1").unwrap()
    }

    #[test]
    fn a_message_of_every_type_is_read_as_it_was_sent_and_another_refused() {
        let (connection, at) = (connection_of(Provider::Shopify).unwrap(), Timestamp::UNIX_EPOCH);
        for work in [
            CodesWork::Program { again: true },
            CodesWork::Reward {
                connection: connection.clone(),
                reward: RewardId::new("five-off").unwrap(),
                again: false,
            },
            CodesWork::Delete { codes: vec![CouponCode::new("7K2M9QXT").unwrap()], at },
            CodesWork::Delivery { connection, delivery: "dlv_1".to_owned(), due: at },
        ] {
            let sent = CodesMessage::new(program(), work);
            let text = sent.outgoing("1").body;
            assert_eq!(CodesMessage::parse(&text).unwrap(), sent);
            let later = text.replace("\"version\":1", "\"version\":2");
            assert!(matches!(CodesMessage::parse(&later), Err(MessageError::Version(2))));
        }
        assert!(matches!(CodesMessage::parse("{\"type\":\"wish\"}"), Err(MessageError::Unknown(_))));
    }

    #[test]
    fn a_reward_is_one_group_and_a_repeated_cause_one_message() {
        let keys = |reward: &str, cause: &str| {
            let reward = RewardId::new(reward).unwrap();
            let connection = connection_of(Provider::Shopify).unwrap();
            let work = CodesWork::Reward { connection, reward, again: false };
            CodesMessage::new(program(), work).outgoing(cause).fifo.unwrap()
        };
        assert_eq!(keys("a", "1"), keys("a", "1"));
        assert_eq!(keys("a", "1").group, keys("a", "2").group);
        assert_ne!(keys("a", "1").deduplication, keys("a", "2").deduplication);
        assert_ne!(keys("a", "1").group, keys("b", "1").group);
    }
}
