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

    /// True for a receipt's own decision, not those of its refunds.
    pub(crate) fn is_receipt(&self) -> bool {
        let mut parts = self.0.split('#').skip(2);
        parts.next() == Some("R") && parts.next().is_some() && parts.next() == Some("") && parts.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use tessera_domain::fact::FactKind;

    use super::*;

    #[test]
    fn no_letter_has_two_meanings() {
        let letters = [COUPON, ADJUSTMENT, ENROLLMENT, PROFILE, MERGE, EVENT, REFERRAL, UNMERGE, ERASURE, IMPORT];
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
    fn only_texts_of_entries_are_keys() {
        let key = EntryKey::adjustment(Timestamp::UNIX_EPOCH, "x");
        assert_eq!(EntryKey::from_text(key.as_str()), Some(key));
        assert_eq!(EntryKey::from_text("account"), None);
    }
}
