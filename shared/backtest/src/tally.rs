//! The results of many members under both programs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::side::Side;

/// The results of many members under both programs. Tallies can be merged in any order.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Members with a receipt.
    pub(crate) members: u64,
    /// Receipts.
    pub(crate) receipts: u64,
    /// Refunds.
    pub(crate) refunds: u64,
    /// Refunds rejected because they exceed the rest of the receipt.
    pub(crate) rejected: u64,
    /// Refunds without their receipt, which are not replayed.
    pub(crate) orphans: u64,
    /// The spend less returns, in minor units of the program's currency.
    pub(crate) spent: i128,
    /// The spend less returns by month of purchase, with the number of receipts.
    pub(crate) months: BTreeMap<i32, Purchases>,
    /// The times of the first receipt and the last fact.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// The results under the current rules.
    pub(crate) present: Side,
    /// The results under the draft.
    pub(crate) draft: Side,
    /// Members with more points under the draft, and with fewer.
    pub(crate) more: u64,
    pub(crate) fewer: u64,
}

/// The purchases of a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Purchases {
    pub receipts: u64,
    pub spent: i128,
}

impl Tally {
    /// The number of replayed receipts.
    pub const fn receipts(&self) -> u64 {
        self.receipts
    }

    /// The number of replayed refunds.
    pub const fn refunds(&self) -> u64 {
        self.refunds
    }

    /// Merges another tally.
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

    /// Extends the covered time.
    pub(crate) fn extend(&mut self, first: Timestamp, last: Timestamp) {
        self.span = Some(self.span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
    }
}
