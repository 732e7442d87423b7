//! One type for each kind of identifier, so that a member can never be passed where a reward is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest identifier a merchant may choose, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_ID_BYTES`].
    #[error("must be at most {MAX_ID_BYTES} bytes long")]
    TooLong,
    /// A control character or white space at an end.
    #[error("must not contain control characters, nor begin or end with white space")]
    Character,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong);
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(IdError::Character);
    }
    Ok(())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as identifier.
            ///
            /// # Errors
            /// When it is empty, too long or has characters that no identifier has.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text).map(|()| Self(text.into()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids! {
    /// A loyalty program (`prg_…`): the tenant; everything belongs to exactly one.
    ProgramId,
    /// A member, as we know them (`m_…`): the only identifier that ledgers, facts, queues and logs carry.
    MemberId,
    /// A member, as the merchant's own systems know them.
    CustomerId,
    /// A receipt, as the shop numbered it.
    ReceiptId,
    /// A refund, as the shop numbered it; unique within its receipt.
    RefundId,
    /// An interaction, as the shop numbered it.
    InteractionId,
    /// A line of a receipt.
    LineId,
    /// An earning rule.
    RuleId,
    /// A reward of the catalogue.
    RewardId,
    /// A tier of the ladder, or outside it.
    TierId,
    /// The code of a coupon, as printed on it.
    CouponCode,
}
