//! What remains of a receipt after its refunds (`semantics.md`, Refunds, fine print).

use rust_decimal::Decimal;

use super::receipt::{Receipt, whole_items};
use super::refund::{Refund, RefundAmount, RefundLine};
use crate::ids::LineId;
use crate::money::{proportion, spread};

/// Why a refund cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundFault {
    /// There is no such line.
    #[error("the receipt has no line {0}")]
    UnknownLine(LineId),
    /// It came first, with more decimals than the receipt's currency has.
    #[error("the receipt's currency has fewer decimals")]
    Currency,
    /// More money than is left.
    #[error("more than what remains of the receipt")]
    MoreThanRemains,
    /// More items than are left.
    #[error("more items than remain of line {0}")]
    MoreItemsThanRemain(LineId),
}

/// What remains of each line: the receipt's lines in their order, or one part for a receipt without lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    parts: Vec<BasketPart>,
    /// True when a receipt without lines on which nothing was paid is back: no amount says so.
    is_free_back: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct BasketPart {
    id: Option<LineId>,
    /// The line's own amount and its amount net of discount, as sold.
    gross: i64,
    net: i64,
    /// What is left of both.
    gross_left: i64,
    net_left: i64,
    quantity: Decimal,
    quantity_left: Decimal,
}

impl Remaining {
    /// All of a receipt.
    pub fn whole(receipt: &Receipt) -> Self {
        let nets = receipt.net_amounts();
        let part = |id, gross, net, quantity| BasketPart {
            id,
            gross,
            net,
            gross_left: gross,
            net_left: net,
            quantity,
            quantity_left: quantity,
        };
        let parts = if receipt.lines.is_empty() {
            vec![part(None, receipt.total, receipt.total, Decimal::ZERO)]
        } else {
            let lines = receipt.lines.iter().zip(nets);
            lines.map(|(line, net)| part(Some(line.id.clone()), line.amount, net, line.quantity)).collect()
        };
        Self { parts, is_free_back: false }
    }

    /// What remains of a receipt after refunds that were accepted, in the order in which they were.
    pub fn after<'a>(receipt: &Receipt, refunds: impl IntoIterator<Item = &'a Refund>) -> Self {
        refunds.into_iter().fold(Self::whole(receipt), |remaining, refund| {
            // An accepted refund fits; one that does not was never counted.
            remaining.less(refund).unwrap_or(remaining)
        })
    }

    /// What remains after one more refund.
    ///
    /// # Errors
    /// When the refund is of something that is not there any more; nothing is changed.
    pub fn less(&self, refund: &Refund) -> Result<Self, RefundFault> {
        if refund.is_raw {
            return Err(RefundFault::Currency);
        }
        let mut left = self.clone();
        match &refund.amount {
            RefundAmount::Net(amount) => left.take_net(*amount)?,
            RefundAmount::Lines(lines) => lines.iter().try_for_each(|line| left.take_line(line))?,
        }
        Ok(left)
    }

    fn take_net(&mut self, amount: i64) -> Result<(), RefundFault> {
        if amount > self.net_total() {
            return Err(RefundFault::MoreThanRemains);
        }
        self.is_free_back |= self.parts.iter().all(|part| part.id.is_none() && part.net == 0);
        let weights: Vec<i64> = self.parts.iter().map(|part| part.net_left).collect();
        for (part, share) in self.parts.iter_mut().zip(spread(amount, &weights)) {
            if share > 0 {
                part.net_left -= share;
                part.gross_left = proportion(part.gross, part.net_left, part.net);
                part.close_when_empty();
            }
        }
        Ok(())
    }

    fn take_line(&mut self, refund: &RefundLine) -> Result<(), RefundFault> {
        let unknown = || RefundFault::UnknownLine(refund.line.clone());
        let part = self.parts.iter_mut().find(|part| part.id.as_ref() == Some(&refund.line)).ok_or_else(unknown)?;
        if refund.amount > part.gross_left {
            return Err(RefundFault::MoreThanRemains);
        }
        if let Some(quantity) = refund.quantity {
            if quantity > part.quantity_left {
                return Err(RefundFault::MoreItemsThanRemain(refund.line.clone()));
            }
            part.quantity_left -= quantity;
        }
        part.gross_left -= refund.amount;
        // What is left is rounded, not what went back: repeated refunds never drift.
        part.net_left = part.net_left.min(part.net - proportion(part.net, part.gross - part.gross_left, part.gross));
        if refund.amount > 0 {
            part.close_when_empty();
        }
        Ok(())
    }

    /// The return of all that remains.
    pub(crate) fn everything(&self) -> RefundAmount {
        let line = |part: &BasketPart| {
            let (quantity, amount) = (Some(part.quantity_left), part.gross_left);
            part.id.clone().map(|line| RefundLine { line, quantity, amount })
        };
        let lines: Vec<RefundLine> = self.parts.iter().filter_map(line).collect();
        // A receipt without lines has one part, without an id.
        if lines.is_empty() { RefundAmount::Net(self.net_total()) } else { RefundAmount::Lines(lines) }
    }

    /// The money that remains, net.
    pub fn net_total(&self) -> i64 {
        self.parts.iter().map(|part| part.net_left).sum()
    }

    /// The lines' own amounts that remain, before the discount on the order.
    pub fn gross_total(&self) -> i64 {
        self.parts.iter().map(|part| part.gross_left).sum()
    }

    /// What remains of a line's amount, net, by its place.
    pub fn net(&self, place: usize) -> i64 {
        self.parts.get(place).map_or(0, |part| part.net_left)
    }

    /// The items that remain of a line, by its place.
    pub fn items(&self, place: usize) -> i64 {
        self.parts.get(place).map_or(0, |part| whole_items(part.quantity_left))
    }

    /// True when a line, by its place, is back altogether.
    pub fn is_back(&self, place: usize) -> bool {
        self.parts.get(place).is_some_and(BasketPart::is_back)
    }

    /// True when all the money is back, or, where nothing was paid, all the items; without items, when it was returned.
    pub fn is_empty(&self) -> bool {
        if self.is_free_back {
            true
        } else if self.parts.iter().any(|part| part.net > 0) {
            self.parts.iter().all(|part| part.net_left == 0)
        } else {
            self.parts.iter().all(BasketPart::is_back)
        }
    }
}

impl BasketPart {
    /// Without a quantity, no item is back until the whole amount is; then all are.
    fn close_when_empty(&mut self) {
        if self.gross_left == 0 && self.net_left == 0 {
            self.quantity_left = Decimal::ZERO;
        }
    }

    fn is_back(&self) -> bool {
        self.gross_left == 0 && self.quantity_left.is_zero() && self.id.is_some()
    }
}
