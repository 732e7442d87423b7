//! The keys of entries.

use jiff::Timestamp;
use tessera_domain::ids::{InteractionId, ReceiptId, RefundId};
use tessera_domain::time::Day;

use crate::keys;

/// The key of an entry within its member: made from the fact alone, so that a fact has exactly one entry. Entries sort by
/// the time of their fact; a refund's key extends its receipt's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(String);

impl EntryKey {
    /// A receipt's decision. `at` is when the receipt occurred.
    pub fn receipt(at: Timestamp, receipt: &ReceiptId) -> Self {
        Self(keys::receipt_entry(at, receipt))
    }

    /// A refund of a receipt. `receipt_at` is when the *receipt* occurred.
    pub fn refund(receipt_at: Timestamp, receipt: &ReceiptId, refund: &RefundId) -> Self {
        Self(keys::refund_entry(receipt_at, receipt, refund))
    }

    /// A redemption, or another change of a coupon that moves points. `natural` is what repeats of the same call share:
    /// the idempotency key, or code and action; `at` the time of the call's first attempt.
    pub fn coupon(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, 'C', natural))
    }

    /// An adjustment; as [`EntryKey::coupon`].
    pub fn adjustment(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, 'A', natural))
    }

    /// Enrolment; as [`EntryKey::coupon`]. The account's status lets it happen once; the key tells which request did it.
    pub fn enrollment(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, 'N', natural))
    }

    /// An interaction's decision. `at` is when it occurred.
    pub fn interaction(at: Timestamp, interaction: &InteractionId) -> Self {
        Self(keys::other_entry(at, 'I', interaction.as_str()))
    }

    /// What a change of the profile led to; as [`EntryKey::coupon`].
    pub fn profile(at: Timestamp, natural: &str) -> Self {
        Self(keys::other_entry(at, 'P', natural))
    }

    /// What a birthday led to on a local day: once for each day.
    pub fn birthday(day: Day) -> Self {
        Self(keys::day_entry(day, 'B'))
    }

    /// What had come due on a local day: once for each day.
    pub fn due(day: Day) -> Self {
        Self(keys::day_entry(day, 'D'))
    }

    /// An event that a later decision caught up with, at its own time. `sequence` is its entry's, unique within the member.
    pub(crate) fn event(at: Timestamp, sequence: u64) -> Self {
        Self(keys::other_entry(at, 'E', &sequence.to_string()))
    }

    /// A step of a refund before its last, from 0.
    pub(crate) fn step(&self, step: u32) -> Self {
        Self(keys::step_entry(&self.0, step))
    }

    /// What the rules for the `place`-th change of tier that came with this entry did, from 1.
    pub(crate) fn tier_change(&self, place: usize) -> Self {
        Self(keys::tier_change_entry(&self.0, place))
    }

    /// The key as text: what identifies the entry among the member's, and where a list continues.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that was given out as text; `None` for a text that no entry has as key.
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
    use super::*;

    #[test]
    fn a_receipts_key_is_told_from_its_refunds() {
        let receipt = ReceiptId::new("R#1").unwrap();
        let at = Timestamp::UNIX_EPOCH;
        assert!(EntryKey::receipt(at, &receipt).is_receipt());
        assert!(!EntryKey::refund(at, &receipt, &RefundId::new("R").unwrap()).is_receipt());
        assert!(!EntryKey::coupon(at, "R").is_receipt());
        assert!(!EntryKey::enrollment(at, "R").is_receipt());
        assert!(!EntryKey::receipt(at, &receipt).tier_change(1).is_receipt());
        assert!(!EntryKey::interaction(at, &InteractionId::new("R").unwrap()).is_receipt());
    }

    #[test]
    fn only_texts_of_entries_are_keys() {
        let key = EntryKey::adjustment(Timestamp::UNIX_EPOCH, "x");
        assert_eq!(EntryKey::from_text(key.as_str()), Some(key));
        assert_eq!(EntryKey::from_text("account"), None);
    }
}
