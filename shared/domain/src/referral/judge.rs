//! The standing of a friend's referrals, computed from everything known.

use jiff::Timestamp;

use super::{Referral, ReferralReason, ReferralStatus, StandingConversion};
use crate::ids::ReceiptId;
use crate::program::{CompiledProgram, CompiledReferral, Conversion, ConversionReceipt};
use crate::time::Day;

/// An order of the friend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The receipt.
    pub receipt: ReceiptId,
    /// When.
    pub at: Timestamp,
    /// True when nothing of it is left.
    pub is_returned: bool,
    /// The amount that counted when it was new; `None` if it does not count for the conversion.
    pub sold: Option<i64>,
    /// The amount that counts after its refunds.
    pub left: Option<i64>,
}

/// What is known of a friend.
#[derive(Debug, Clone, Copy)]
pub struct Conversions<'a> {
    /// When the friend enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// The orders, by time: all up to the first that is not wholly returned, and all within the attribution days.
    pub orders: &'a [Order],
    /// When the interaction was reported that converts a friend, by time.
    pub events: &'a [Timestamp],
}

/// Where a referral stands by what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Its status.
    pub status: ReferralStatus,
    /// Why it is rejected or reversed.
    pub reason: Option<ReferralReason>,
    /// The conversion that stands.
    pub conversion: Option<StandingConversion>,
}

impl Judgement {
    const fn rejected(reason: ReferralReason) -> Self {
        Self { status: ReferralStatus::Rejected, reason: Some(reason), conversion: None }
    }

    const fn plain(status: ReferralStatus) -> Self {
        Self { status, reason: None, conversion: None }
    }
}

/// What became of the friend.
enum ConversionOutcome {
    /// Nothing yet.
    None,
    /// The referral at this place brought the conversion.
    Converted(usize, Timestamp),
    /// The order of the referral at this place is below the amount.
    Below(usize, Timestamp),
}

/// Judges all referrals of a friend at a time, in their order.
///
/// The result depends on the arguments alone: not on what was judged before, nor on the order of arrival.
pub fn judge(
    referrals: &[Referral],
    known: &Conversions<'_>,
    program: &CompiledProgram,
    referral: &CompiledReferral,
    now: Timestamp,
) -> Vec<Judgement> {
    let judge = Judge { referrals, known, program, referral, now };
    let outcome = judge.outcome();
    (0..referrals.len()).map(|place| judge.one(place, &outcome)).collect()
}

struct Judge<'a> {
    referrals: &'a [Referral],
    known: &'a Conversions<'a>,
    program: &'a CompiledProgram,
    referral: &'a CompiledReferral,
    now: Timestamp,
}

impl Judge<'_> {
    /// The order that is asked for.
    fn receipt(&self) -> Option<&ConversionReceipt> {
        match &self.referral.program.conversion {
            Conversion::Receipt(receipt) => Some(receipt),
            Conversion::Interaction(_) => None,
        }
    }

    /// The orders that are not wholly returned.
    fn standing(&self) -> impl Iterator<Item = &Order> {
        self.known.orders.iter().filter(|order| !order.is_returned)
    }

    /// Why a referral cannot count, whatever the friend does.
    fn fault(&self, one: &Referral) -> Option<ReferralReason> {
        if let Some(review) = &one.review {
            if !review.approved {
                return Some(ReferralReason::Review);
            }
        } else if one.refused.is_some() {
            return one.refused;
        }
        if self.known.enrolled_at.is_some_and(|enrolled| enrolled < one.since()) {
            return Some(ReferralReason::WasMember);
        }
        let first_only = self.receipt().is_some_and(|receipt| receipt.first_only);
        if first_only && self.standing().any(|order| order.at < one.since()) {
            return Some(ReferralReason::BoughtBefore);
        }
        None
    }

    /// The place of the referral whose code was named last before a time, among those that can count for it.
    fn winner(&self, at: Timestamp) -> Option<usize> {
        let days = self.referral.program.attribution_days;
        let day = Day::of(at, &self.program.zone);
        let candidates = self.referrals.iter().enumerate().filter(|(_, one)| {
            one.since() <= at && day <= one.until(days, &self.program.zone) && self.fault(one).is_none()
        });
        let named = |one: &Referral| if one.at <= at { one.at } else { one.since() };
        candidates.max_by(|(_, a), (_, b)| (named(a), &a.code).cmp(&(named(b), &b.code))).map(|(place, _)| place)
    }

    fn outcome(&self) -> ConversionOutcome {
        let Some(receipt) = self.receipt() else {
            let converted = self.known.events.iter().find_map(|at| Some((self.winner(*at)?, *at)));
            return converted.map_or(ConversionOutcome::None, |(place, at)| ConversionOutcome::Converted(place, at));
        };
        let reaches = |order: &Order| reached(receipt, order.left);
        if receipt.first_only {
            let Some(first) = self.standing().next() else { return ConversionOutcome::None };
            return match self.winner(first.at) {
                None => ConversionOutcome::None,
                Some(place) if reaches(first) => ConversionOutcome::Converted(place, first.at),
                Some(place) => ConversionOutcome::Below(place, first.at),
            };
        }
        let converted = self.standing().filter(|order| reaches(order));
        let mut converted = converted.filter_map(|order| Some((self.winner(order.at)?, order.at)));
        converted.next().map_or(ConversionOutcome::None, |(place, at)| ConversionOutcome::Converted(place, at))
    }

    /// True when an order reached the amount for a referral before it was returned.
    fn was_undone(&self, place: usize) -> bool {
        let Some(receipt) = self.receipt() else { return false };
        let undone =
            |order: &&Order| reached(receipt, order.sold) && (order.is_returned || !reached(receipt, order.left));
        let mut undone = self.known.orders.iter().filter(undone);
        undone.any(|order| self.winner(order.at) == Some(place))
    }

    fn one(&self, place: usize, outcome: &ConversionOutcome) -> Judgement {
        let one = &self.referrals[place];
        if let Some(fault) = self.fault(one) {
            return Judgement::rejected(fault);
        }
        let is_flagged = one.review.is_none() && one.score >= self.referral.program.review_at_score;
        let of_other = |at: Timestamp| {
            let day = Day::of(at, &self.program.zone);
            one.since() <= at && day <= one.until(self.referral.program.attribution_days, &self.program.zone)
        };
        match *outcome {
            _ if is_flagged => Judgement::plain(ReferralStatus::Flagged),
            ConversionOutcome::Converted(winner, at) if winner == place => {
                let due = Day::of(at, &self.program.zone).plus_days(self.referral.program.hold_days);
                let is_due = due <= Day::of(self.now, &self.program.zone);
                let status = if is_due { ReferralStatus::Rewarded } else { ReferralStatus::Qualified };
                Judgement { status, reason: None, conversion: Some(StandingConversion { at, due }) }
            }
            ConversionOutcome::Converted(_, at) | ConversionOutcome::Below(_, at)
                if of_other(at) && !is_winner(outcome, place) =>
            {
                Judgement::rejected(ReferralReason::OtherCode)
            }
            _ if self.was_undone(place) => Judgement {
                status: ReferralStatus::Reversed,
                reason: Some(ReferralReason::OrderReturned),
                conversion: None,
            },
            ConversionOutcome::Below(winner, _) if winner == place => {
                Judgement::rejected(ReferralReason::FirstOrderBelow)
            }
            ConversionOutcome::None | ConversionOutcome::Converted(..) | ConversionOutcome::Below(..) => {
                Judgement::plain(ReferralStatus::Pending)
            }
        }
    }
}

fn is_winner(outcome: &ConversionOutcome, place: usize) -> bool {
    matches!(outcome, ConversionOutcome::Converted(winner, _) | ConversionOutcome::Below(winner, _) if *winner == place)
}

/// True if an amount reaches what an order must reach.
fn reached(receipt: &ConversionReceipt, amount: Option<i64>) -> bool {
    amount.is_some_and(|amount| receipt.amount.is_none_or(|needed| needed.is_reached(amount)))
}
