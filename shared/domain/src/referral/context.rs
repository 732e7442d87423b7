//! Signs by which two people are taken for one: mailboxes, phones, means of payment, addresses, devices.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::ReferralReason;

/// A kind of sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextKind {
    /// The mailbox behind an e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A means of payment.
    Payment,
    /// A postal address.
    Address,
    /// A device.
    Device,
}

impl ContextKind {
    /// Its name in keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Payment => "payment",
            Self::Address => "address",
            Self::Device => "device",
        }
    }

    /// The reason against a friend who shares the sign with the advocate.
    pub const fn reason(self) -> ReferralReason {
        match self {
            Self::Email => ReferralReason::SameEmail,
            Self::Phone => ReferralReason::SamePhone,
            Self::Payment => ReferralReason::SamePayment,
            Self::Address => ReferralReason::SameAddress,
            Self::Device => ReferralReason::SameDevice,
        }
    }

    /// True if two friends who share the sign are one person. People of one household share an address.
    pub const fn is_personal(self) -> bool {
        !matches!(self, Self::Address)
    }

    /// The text that is compared: spelling does not matter.
    pub fn normalize(self, text: &str) -> String {
        match self {
            Self::Email => same_mailbox(text),
            Self::Phone => text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
            Self::Address => text.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect(),
            Self::Payment | Self::Device => text.trim().to_owned(),
        }
    }
}

/// A sign of a friend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FriendSign {
    /// What it is.
    #[serde(rename = "k")]
    pub kind: ContextKind,
    /// The keyed hash of its text.
    #[serde(rename = "h")]
    pub hash: String,
}

/// The mailbox behind an e-mail address: `A.b+x@gmail.com` is `ab@gmail.com`.
///
/// What follows `+` is an alias at nearly every provider; dots mean nothing at Google alone.
pub fn same_mailbox(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let local = local.split('+').next().unwrap_or_default();
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_of_a_mailbox_are_one() {
        for alias in ["A.b+x@gmail.com", "ab@gmail.com", " AB@GoogleMail.com"] {
            assert_eq!(same_mailbox(alias), "ab@gmail.com", "{alias}");
        }
        assert_eq!(same_mailbox("a.b+news@example.com"), "a.b@example.com");
        assert_ne!(same_mailbox("a.b@example.com"), same_mailbox("ab@example.com"));
    }

    #[test]
    fn the_spelling_of_an_address_does_not_matter() {
        let one = ContextKind::Address.normalize("Via Roma 1, 20121 Milano");
        assert_eq!(one, ContextKind::Address.normalize("VIA ROMA, 1 – 20121  milano"));
    }
}
