//! What came of many members under both programs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::side::Side;

/// What came of many members under both programs. Tallies add up in any order to the same.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Members with a receipt.
    pub(crate) members: u64,
    /// Receipts.
    pub(crate) receipts: u64,
    /// Refunds.
    pub(crate) refunds: u64,
    /// Of them, those of more than what remained.
    pub(crate) rejected: u64,
    /// Refunds without their receipt: not replayed.
    pub(crate) orphans: u64,
    /// What was spent, less what was returned, in minor units of the program's currency.
    pub(crate) spent: i128,
    /// The same by month of purchase, with the number of receipts.
    pub(crate) months: BTreeMap<i32, Purchases>,
    /// The first receipt and the last fact.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// Under the present rules.
    pub(crate) present: Side,
    /// Under the draft.
    pub(crate) draft: Side,
    /// Members who end with more points under the draft, and with fewer.
    pub(crate) more: u64,
    pub(crate) fewer: u64,
}

/// What was bought in a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Purchases {
    pub receipts: u64,
    pub spent: i128,
}

impl Tally {
    /// Receipts that were replayed.
    pub const fn receipts(&self) -> u64 {
        self.receipts
    }

    /// Refunds that were replayed.
    pub const fn refunds(&self) -> u64 {
        self.refunds
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        self.members += other.members;
        self.receipts += other.receipts;
        self.refunds += other.refunds;
        self.rejected += other.rejected;
        self.orphans += other.orphans;
        self.spent += other.spent;
        for (month, theirs) in &other.months {
            let mine = self.months.entry(*month).or_default();
            mine.receipts += theirs.receipts;
            mine.spent += theirs.spent;
        }
        if let Some((first, last)) = other.span {
            self.extend(first, last);
        }
        self.present.merge(&other.present);
        self.draft.merge(&other.draft);
        self.more += other.more;
        self.fewer += other.fewer;
    }

    /// Notes when something happened.
    pub(crate) fn extend(&mut self, first: Timestamp, last: Timestamp) {
        self.span = Some(self.span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
    }
}
