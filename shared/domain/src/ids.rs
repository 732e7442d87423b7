//! One type for each kind of identifier, so that a member cannot be passed where a reward is expected.

mod folded;

pub use folded::FoldedCode;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The longest identifier a merchant may choose, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// The reason why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("must be at most {MAX_ID_BYTES} bytes long")]
    TooLong,
    /// The text has a control or invisible character, or white space at an end.
    #[error("must not contain control or invisible characters, nor begin or end with white space")]
    Character,
}

/// True for invisible characters: control, bidirectional, zero-width and filler characters.
///
/// Identifiers that differ only in these would look the same.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text in Unicode's composed form (NFC), in which identifiers are compared.
fn composed(text: String) -> String {
    if is_nfc(&text) { text } else { text.nfc().collect() }
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong);
    }
    if text.trim() != text || text.chars().any(is_invisible) {
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
            /// Makes an identifier from a text, in Unicode's composed form.
            ///
            /// # Errors
            /// When it is empty, too long or has invisible characters.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = composed(text.into());
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
    /// A loyalty program (`prg_…`), which is the tenant.
    ProgramId,
    /// The internal identifier of a member (`m_…`), the only one in ledgers, facts, queues and logs.
    MemberId,
    /// The identifier of a member in the merchant's systems.
    CustomerId,
    /// A receipt, by the shop's number.
    ReceiptId,
    /// A refund, by the shop's number; unique within its receipt.
    RefundId,
    /// An interaction, by the shop's number.
    InteractionId,
    /// A line of a receipt.
    LineId,
    /// An earning rule.
    RuleId,
    /// A reward of the catalogue.
    RewardId,
    /// A tier, on the ladder or outside it.
    TierId,
    /// The code of a coupon, as it is printed.
    CouponCode,
    /// A referral (`ref_…`).
    ReferralId,
}

impl RefundId {
    /// The id of a refund that only one decision knows of. No shop's refund has it.
    pub(crate) fn unnamed() -> Self {
        Self(Arc::from(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_look_the_same_are_the_same() {
        assert_eq!(CustomerId::new("Ame\u{301}lie").unwrap(), CustomerId::new("Am\u{e9}lie").unwrap());
    }

    #[test]
    fn ids_have_no_character_that_nobody_sees() {
        for hidden in
            ['\0', '\n', '\u{7f}', '\u{ad}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}']
        {
            assert_eq!(CustomerId::new(format!("c-{hidden}1")), Err(IdError::Character), "{hidden:?}");
            assert_eq!(ReceiptId::new(format!("r-{hidden}1")), Err(IdError::Character), "{hidden:?}");
        }
        for shown in ["c 1", "Ζωή", "顧客-7", "عميل", "c-1☀"] {
            assert!(CustomerId::new(shown).is_ok(), "{shown}");
        }
    }
}
