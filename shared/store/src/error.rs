//! What can go wrong between us and DynamoDB.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tessera_domain::fact::FactError;
use tessera_domain::pack::PackError;

/// A call that failed after the SDK's own retries, or an item that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, or refused.
    #[error("{operation} failed: {code}")]
    Call {
        /// What was being done.
        operation: &'static str,
        /// DynamoDB's name for the failure, or what kind of failure it was.
        code: String,
        /// The failure.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Stored bytes could not be read, or a value could not be written.
    #[error("{operation} met bytes that it cannot read")]
    Packed {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: PackError,
    },
    /// An item without an attribute that it must have, or with another type of it.
    #[error("{operation} met an item whose attribute {attribute} is missing or of another type")]
    Item {
        /// What was being done.
        operation: &'static str,
        /// The attribute.
        attribute: &'static str,
    },
    /// A fact whose content could not be read, or that has none.
    #[error("{operation} met a fact that it cannot read")]
    Fact {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: FactError,
    },
    /// An item of a kind that this version does not know. It is not skipped: a newer version may have written it.
    #[error("{operation} met an item of an unknown kind: {key}")]
    UnknownKind {
        /// What was being done.
        operation: &'static str,
        /// Its key.
        key: String,
    },
    /// A stored document that cannot be read, or that does not match its checksum.
    #[error("{operation} met a stored document that cannot be used: {reason}")]
    Document {
        /// What was being done.
        operation: &'static str,
        /// Why.
        reason: String,
    },
    /// So many others wrote the same item that it was given up.
    #[error("{operation} gave up after {tries} tries, others kept being faster or the table was throttled")]
    Contended {
        /// What was being done.
        operation: &'static str,
        /// How often it was tried.
        tries: u32,
    },
    /// More than DynamoDB takes in one item or one transaction.
    #[error("{operation}: {what} is more than DynamoDB takes at once")]
    TooLarge {
        /// What was being done.
        operation: &'static str,
        /// What was too large.
        what: String,
    },
    /// A decision whose account, entry or transaction would be larger than DynamoDB takes.
    #[error("{operation}: {what} is more than a member's account can hold")]
    AccountFull {
        /// What was being done.
        operation: &'static str,
        /// What was too large.
        what: String,
    },
    /// Two parties of one decision turned out to be the same member.
    #[error("{operation}: two parties are one member")]
    OneMember {
        /// What was being done.
        operation: &'static str,
    },
    /// A party of a decision was erased.
    #[error("{operation}: the member was erased")]
    Erased {
        /// What was being done.
        operation: &'static str,
    },
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random(#[source] getrandom::Error),
    /// A secret could not be encrypted, or not be decrypted with the key that was given.
    #[error("{operation}: the secret does not open with this key")]
    Secret {
        /// What was being done.
        operation: &'static str,
    },
}

impl StoreError {
    pub(crate) fn call<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = match &error {
            SdkError::TimeoutError(_) => "timeout".to_owned(),
            SdkError::DispatchFailure(_) => "no connection".to_owned(),
            SdkError::ResponseError(_) => "unreadable answer".to_owned(),
            SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
            _ => error.code().unwrap_or("unknown").to_owned(),
        };
        Self::Call { operation, code, source: Box::new(error) }
    }

    pub(crate) fn packed(operation: &'static str) -> impl Fn(PackError) -> Self {
        move |source| Self::Packed { operation, source }
    }

    /// True when the same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call { code, .. } => !matches!(
                code.as_str(),
                "ValidationException"
                    | "ResourceNotFoundException"
                    | "AccessDeniedException"
                    | "UnrecognizedClientException"
                    | "the request could not be built"
            ),
            Self::Contended { .. } | Self::Random(_) => true,
            Self::Packed { .. }
            | Self::Item { .. }
            | Self::Fact { .. }
            | Self::UnknownKind { .. }
            | Self::Document { .. }
            | Self::TooLarge { .. }
            | Self::OneMember { .. }
            | Self::Erased { .. }
            | Self::AccountFull { .. }
            | Self::Secret { .. } => false,
        }
    }
}
