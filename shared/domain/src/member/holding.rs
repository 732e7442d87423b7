//! How a member holds an identifier: as a key, or as contact data.

use serde::{Deserialize, Serialize};

use super::{Identifier, IdentifierKind};

/// The most cards of one member, keys and contact data together.
pub const MAX_CARDS: usize = 10;
/// The most earlier ids of one member that stay aliases.
pub const MAX_FORMER_IDS: usize = 10;
/// The most further referral codes that lead to one member.
pub const MAX_FORMER_CODES: usize = 20;

/// How a member holds an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holding {
    /// Verified: a key.
    #[serde(rename = "v")]
    Verified,
    /// The first identifier of a contact without an id: a key, although unverified.
    #[serde(rename = "f")]
    First,
    /// Stored, but never used for a look-up.
    #[serde(rename = "c")]
    ContactData,
}

impl Holding {
    /// True if a look-up by the identifier leads to the member.
    pub const fn is_key(self) -> bool {
        matches!(self, Self::Verified | Self::First)
    }
}

/// An identifier, and how its member holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldIdentifier {
    /// Which one.
    #[serde(rename = "i")]
    pub identifier: Identifier,
    /// How.
    #[serde(rename = "h")]
    pub holding: Holding,
}

/// The member would have too many identifiers of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// More cards than [`MAX_CARDS`].
    #[error("a member has at most {MAX_CARDS} cards")]
    Cards,
    /// More earlier ids than [`MAX_FORMER_IDS`].
    #[error("an id can be changed at most {MAX_FORMER_IDS} times")]
    Ids,
    /// More further referral codes than [`MAX_FORMER_CODES`].
    #[error("a member has at most {MAX_FORMER_CODES} referral codes besides the present one")]
    Codes,
}

/// Holds a verified identifier. A new e-mail address or phone number replaces the old one; a card is added.
pub(super) fn verify(held: &mut Vec<HeldIdentifier>, identifier: &Identifier) -> Result<(), TooMany> {
    if let Some(same) = held.iter_mut().find(|held| held.identifier == *identifier) {
        same.holding = Holding::Verified;
        return Ok(());
    }
    if identifier.kind == IdentifierKind::Card {
        let is_card = |held: &&HeldIdentifier| held.identifier.kind == IdentifierKind::Card;
        // A verified identifier replaces contact data.
        if held.iter().filter(is_card).count() >= MAX_CARDS {
            let unproven = held.iter().position(|held| is_card(&held) && !held.holding.is_key());
            held.remove(unproven.ok_or(TooMany::Cards)?);
        }
    } else {
        held.retain(|held| held.identifier.kind != identifier.kind);
    }
    held.push(HeldIdentifier { identifier: identifier.clone(), holding: Holding::Verified });
    Ok(())
}

/// Stores an unverified identifier if the member has none of its kind. Returns whether it was stored.
pub(super) fn fill(held: &mut Vec<HeldIdentifier>, identifier: &Identifier) -> bool {
    if held.iter().any(|held| held.identifier.kind == identifier.kind) {
        return false;
    }
    held.push(HeldIdentifier { identifier: identifier.clone(), holding: Holding::ContactData });
    true
}

/// Stores an unverified identifier in place of other unverified ones. It is dropped if there is a verified one.
pub(super) fn replace(held: &mut Vec<HeldIdentifier>, identifier: &Identifier) -> Result<(), TooMany> {
    if held.iter().any(|held| held.identifier == *identifier) {
        return Ok(());
    }
    if identifier.kind == IdentifierKind::Card {
        if held.iter().filter(|held| held.identifier.kind == IdentifierKind::Card).count() >= MAX_CARDS {
            return Err(TooMany::Cards);
        }
    } else {
        let has_proven =
            |held: &HeldIdentifier| held.identifier.kind == identifier.kind && held.holding == Holding::Verified;
        if held.iter().any(has_proven) {
            return Ok(());
        }
        held.retain(|held| held.identifier.kind != identifier.kind);
    }
    held.push(HeldIdentifier { identifier: identifier.clone(), holding: Holding::ContactData });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(number: usize) -> Identifier {
        Identifier { kind: IdentifierKind::Card, value: format!("A-{number}") }
    }

    fn email(value: &str) -> Identifier {
        Identifier { kind: IdentifierKind::Email, value: value.to_owned() }
    }

    #[test]
    fn a_member_has_ten_cards_and_one_address() {
        let mut held = Vec::new();
        for number in 0..MAX_CARDS {
            verify(&mut held, &card(number)).unwrap();
            verify(&mut held, &card(number)).unwrap();
        }
        assert_eq!(verify(&mut held, &card(99)), Err(TooMany::Cards));
        assert_eq!(replace(&mut held, &card(99)), Err(TooMany::Cards));
        held[3].holding = Holding::ContactData;
        verify(&mut held, &card(99)).unwrap();
        assert_eq!(held.len(), MAX_CARDS);
        verify(&mut held, &email("a@x.it")).unwrap();
        verify(&mut held, &email("b@x.it")).unwrap();
        let addresses: Vec<&str> = held[MAX_CARDS..].iter().map(|held| held.identifier.value.as_str()).collect();
        assert_eq!(addresses, ["b@x.it"]);
    }

    #[test]
    fn what_is_unproven_never_replaces_what_is_proven() {
        let mut held = Vec::new();
        assert!(fill(&mut held, &email("a@x.it")) && !fill(&mut held, &email("b@x.it")));
        replace(&mut held, &email("c@x.it")).unwrap();
        assert_eq!(held[0].identifier.value, "c@x.it");
        verify(&mut held, &email("d@x.it")).unwrap();
        assert!(!fill(&mut held, &email("e@x.it")));
        replace(&mut held, &email("e@x.it")).unwrap();
        assert_eq!((held.len(), held[0].identifier.value.as_str()), (1, "d@x.it"));
    }
}
