//! The keys of entries.

use jiff::Timestamp;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ReceiptId, RefundId};

use crate::keys;

// The letters of entries that no fact caused; those of facts are `FactKind`'s.
const COUPON: char = 'C';
const ADJUSTMENT: char = 'A';
const ENROLLMENT: char = 'N';
const PROFILE: char = 'P';
const MERGE: char = 'M';
const EVENT: char = 'E';
const REFERRAL: char = 'L';
const UNMERGE: char = 'U';
const ERASURE: char = 'X';
const IMPORT: char = 'O';
// The letters of what extends the key of a receipt that was moved: its decision for the new member, and its departure.
const ARRIVAL: char = 'V';
const DEPARTURE: char = 'W';

/// The key of an entry within its member. It derives from the fact alone, so a fact has exactly one entry.
///
/// Entries sort by the time of their fact. The key of a refund extends the key of its receipt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(String);

impl EntryKey {
    /// The decision on a fact. `at` is when the fact happened; for a fact with a parent, when the *parent* happened.
    pub fn fact(at: Timestamp, fact: &FactId) -> Self {
        Self(keys::fact_entry(at, fact))
    }

    /// The decision on a receipt. `at` is when the receipt occurred.
    pub fn receipt(at: Timestamp, receipt: &ReceiptId) -> Self {
        Self::fact(at, &FactId::Receipt { receipt: receipt.clone() })
    }

    /// The decision on a refund. `receipt_at` is when the *receipt* occurred.
    pub fn refund(receipt_at: Timestamp, receipt: &ReceiptId, refund: &RefundId) -> Self {
        Self::fact(receipt_at, &FactId::Refund { receipt: receipt.clone(), refund: refund.clone() })
    }

    /// The decision on a fact whose receipt was moved `moves` times; on any other, [`EntryKey::fact`], and `at` is as there.
    pub fn moved(at: Timestamp, fact: &FactId, moves: u32) -> Self {
        let Self(unmoved) = Self::fact(at, fact);
        let Some(receipt) = fact.receipt().filter(|_| moves > 0) else { return Self(unmoved) };
        let Self(first) = Self::receipt(at, receipt);
        let own = unmoved.strip_prefix(first.as_str()).unwrap_or_default();
        Self(format!("{first}{ARRIVAL}#{moves}#{own}"))
    }

    /// The decision on a receipt that was moved `moves` times. `at` is when the receipt occurred.
    pub fn moved_receipt(at: Timestamp, receipt: &ReceiptId, moves: u32) -> Self {
        Self::moved(at, &FactId::Receipt { receipt: receipt.clone() }, moves)
    }

    /// The decision on a refund of a receipt that was moved `moves` times. `at` is when the *receipt* occurred.
    pub fn moved_refund(at: Timestamp, receipt: &ReceiptId, moves: u32, refund: &RefundId) -> Self {
        Self::moved(at, &FactId::Refund { receipt: receipt.clone(), refund: refund.clone() }, moves)
    }

    /// The end of a receipt's decision by its move, counted from 1.
    pub fn departure(at: Timestamp, receipt: &ReceiptId, moves: u32) -> Self {
        Self(format!("{}{DEPARTURE}#{moves}#", Self::receipt(at, receipt).0))
    }

    /// A redemption, or another change of a coupon that moves points.
    ///
    /// `natural` is what repetitions of a request have in common: the idempotency key, or code and action. `at` is the time
    /// of the first attempt.
    pub fn coupon(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, COUPON, natural))
    }

    /// An adjustment; as [`EntryKey::coupon`].
    pub fn adjustment(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, ADJUSTMENT, natural))
    }

    /// Enrolment; as [`EntryKey::coupon`]. The account's status lets it happen once; the key names the request.
    pub fn enrollment(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, ENROLLMENT, natural))
    }

    /// A change of the profile; as [`EntryKey::coupon`].
    pub fn profile(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, PROFILE, natural))
    }

    /// A merge with another member. The two have different keys, because the target's list shows the entries of both.
    pub fn merge(at: Timestamp, other: &MemberId) -> Self {
        Self(keys::other_entry(at, MERGE, other.as_str()))
    }

    /// A merge that may be repeated after its end. `version`: of the source's account before it.
    pub fn merge_again(at: Timestamp, other: &MemberId, version: u64) -> Self {
        Self(keys::other_entry(at, MERGE, &format!("{other}#{version}")))
    }

    /// The end of a merge with another member. `natural`: what the request is known by.
    pub fn unmerge(at: Timestamp, other: &MemberId, natural: &str) -> Self {
        Self(keys::other_entry(at, UNMERGE, &format!("{other}#{natural}")))
    }

    /// A change of a referral. `natural` names the referral and the version of the friend's referrals.
    pub fn referral(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, REFERRAL, natural))
    }

    /// The erasure of a member: its one entry at that moment.
    pub fn erasure(at: Timestamp) -> Self {
        Self(keys::other_entry(at, ERASURE, "erasure"))
    }

    /// A row of an import, or its undoing. `created_at` is the import's.
    pub fn import(created_at: Timestamp, import: &str, row: u64, undone: bool) -> Self {
        let undone = if undone { "/undone" } else { "" };
        Self(keys::other_entry(created_at, IMPORT, &format!("{import}/{row}{undone}")))
    }

    /// An event that fell due before the decision that noticed it, at its own time. `sequence`: its entry's, unique within
    /// the member.
    pub(crate) fn event(at: Timestamp, sequence: u64) -> Self {
        Self(keys::other_entry(at, EVENT, &sequence.to_string()))
    }

    /// A step of a refund before the last one, counted from 0.
    pub(crate) fn step(&self, step: u32) -> Self {
        Self(keys::step_entry(&self.0, step))
    }

    /// The rules for the `place`-th change of tier after this entry, counted from 1.
    pub(crate) fn tier_change(&self, place: usize) -> Self {
        Self(keys::tier_change_entry(&self.0, place))
    }

    /// The key as text: identifies the entry within its member, and serves as a cursor.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a key from its text; `None` for a text that is no entry's key.
    pub fn from_text(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        text.starts_with(keys::ENTRIES).then_some(Self(text))
    }

    /// Of an entry about a receipt or its refunds: how often the receipt was moved before. A departure ends the time before
    /// it. `None` for an entry about something else.
    pub fn moves(&self) -> Option<u32> {
        let parts = self.receipt_parts()?;
        match parts.as_slice() {
            [letter, moves, ..] if *letter == ARRIVAL.to_string() => moves.parse().ok(),
            [letter, moves, ..] if *letter == DEPARTURE.to_string() => moves.parse::<u32>().ok()?.checked_sub(1),
            _ => Some(0),
        }
    }

    /// True for the decision on a receipt, also one that was moved to the member; not those on its refunds.
    pub(crate) fn is_receipt(&self) -> bool {
        match self.receipt_parts().as_deref() {
            Some([""]) => true,
            Some([letter, _, ""]) => *letter == ARRIVAL.to_string(),
            _ => false,
        }
    }

    /// The key of the first decision on the receipt that the entry is about.
    pub(crate) fn receipt_key(&self) -> Option<&str> {
        self.receipt_parts()?;
        let end = self.0.match_indices('#').nth(3)?.0;
        self.0.get(..=end)
    }

    /// The key of the departure that ends this decision on a receipt.
    pub(crate) fn departure_of(&self) -> Option<Self> {
        let moves = self.moves().filter(|_| self.is_receipt())?;
        Some(Self(format!("{}{DEPARTURE}#{}#", self.receipt_key()?, moves + 1)))
    }

    /// The parts of the key behind a receipt's id; `None` for an entry about something else.
    fn receipt_parts(&self) -> Option<Vec<&str>> {
        let mut parts = self.0.split('#').skip(2);
        (parts.next() == Some("R")).then_some(())?;
        parts.next()?;
        Some(parts.collect())
    }
}

#[cfg(test)]
mod tests {
    use tessera_domain::fact::FactKind;

    use super::*;

    #[test]
    fn no_letter_has_two_meanings() {
        let letters = [
            COUPON, ADJUSTMENT, ENROLLMENT, PROFILE, MERGE, EVENT, REFERRAL, UNMERGE, ERASURE, IMPORT, ARRIVAL,
            DEPARTURE,
        ];
        assert!(FactKind::ALL.iter().all(|kind| !letters.contains(&kind.letter())));
    }

    #[test]
    fn a_receipts_key_differs_from_its_refunds() {
        let receipt = ReceiptId::new("R#1").unwrap();
        let at = Timestamp::UNIX_EPOCH;
        assert!(EntryKey::receipt(at, &receipt).is_receipt());
        assert!(!EntryKey::refund(at, &receipt, &RefundId::new("R").unwrap()).is_receipt());
        assert!(!EntryKey::coupon(at, "R").is_receipt());
        assert!(!EntryKey::enrollment(at, "R").is_receipt());
        assert!(!EntryKey::receipt(at, &receipt).tier_change(1).is_receipt());
        let interaction = FactId::from_natural_key(FactKind::Interaction, &["R".to_owned()]).unwrap();
        assert!(!EntryKey::fact(at, &interaction).is_receipt());
    }

    #[test]
    fn keys_say_how_often_a_receipt_was_moved() {
        let (at, receipt, refund) =
            (Timestamp::UNIX_EPOCH, ReceiptId::new("R#1").unwrap(), RefundId::new("V").unwrap());
        for moves in [0, 1, 12] {
            let decision = EntryKey::moved_receipt(at, &receipt, moves);
            assert!(decision.is_receipt());
            assert_eq!(decision.moves(), Some(moves));
            let of_refund = EntryKey::moved_refund(at, &receipt, moves, &refund);
            assert!(!of_refund.is_receipt());
            assert_eq!(of_refund.moves(), Some(moves));
            assert_eq!(of_refund.step(0).moves(), Some(moves));
            let departure = EntryKey::departure(at, &receipt, moves + 1);
            assert_eq!((departure.moves(), departure.is_receipt()), (Some(moves), false));
            assert_eq!(decision.departure_of(), Some(departure));
        }
        assert_eq!(EntryKey::moved_receipt(at, &receipt, 0), EntryKey::receipt(at, &receipt));
        assert_eq!(EntryKey::coupon(at, "x").moves(), None);
    }

    #[test]
    fn only_texts_of_entries_are_keys() {
        let key = EntryKey::adjustment(Timestamp::UNIX_EPOCH, "x");
        assert_eq!(EntryKey::from_text(key.as_str()), Some(key));
        assert_eq!(EntryKey::from_text("account"), None);
    }
}
