//! What happened, so that an entry was written.

use serde::{Deserialize, Serialize};

use crate::fact::FactId;
use crate::ids::{CouponCode, MemberId, ReceiptId, RefundId, RewardId};
use crate::time::Day;

/// What caused an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A fact: a receipt, a refund, an interaction, a birthday, or a day on which something fell due.
    #[serde(rename = "f", with = "crate::fact::compact")]
    Fact(FactId),
    /// Enrolment.
    Enrollment,
    /// A change of lists or attributes that rules ask for.
    Profile,
    /// A lapse: the local day on which the member had not bought for long enough.
    Inactivity(Day),
    /// The end of the wait of a receipt's points: their event did not come in time, or had come before (`hold.until`).
    Hold(ReceiptId),
    /// A fall of the tier at the local midnight that begins this day.
    TierReview(Day),
    /// The rules for a change of tier. The entry before this one, with this cause, changed it.
    TierChange(Box<Cause>),
    /// A change of a coupon: redemption, commit, cancellation.
    Coupon {
        /// The coupon.
        code: CouponCode,
        /// Its reward.
        reward: RewardId,
        /// What was done with it.
        action: CouponAction,
    },
    /// A change by a person.
    Adjustment {
        /// The name of the API key.
        actor: String,
        /// The reason that the person gave.
        reason: String,
    },
    /// A referral that was rewarded (rulings 24 and 25). One entry each for the advocate and the friend.
    Referral(String),
    /// A row of an import: an opening balance, a tier or a coupon.
    Import {
        /// The import.
        import: String,
        /// The row of its file, from 1. A row is imported once, and undone at most once.
        row: u64,
        /// True for the counter-entry that undoes the row.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undone: bool,
    },
    /// A merge: the source's account became part of the target's (ruling 23). One entry each for the two members.
    Merge {
        /// The member whose account is empty now.
        source: MemberId,
        /// The member who has everything now.
        target: MemberId,
        /// The name of the API key; `None` when a contact joined whoever verified its identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<String>,
    },
    /// The reversal of a merge (ruling 23). One entry each for the two members.
    Unmerge {
        /// The other member.
        other: MemberId,
        /// The name of the API key.
        actor: String,
    },
    /// The removal of the member's personal data, with the balance.
    Erase {
        /// The name of the API key.
        actor: String,
    },
    /// The move of a receipt or a coupon to another member (ruling 22). One entry each for the two members.
    Move {
        /// What was moved.
        moved: Moved,
        /// The other member.
        other: MemberId,
        /// The name of the API key.
        actor: String,
        /// The reason that the person gave.
        reason: String,
        /// True for the entry of the member who has it now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        arrives: bool,
    },
}

/// What a move takes to another member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// A receipt: fully reversed at the source, decided anew at the target.
    Receipt(ReceiptId),
    /// A coupon: its cost is restored at the source and redeemed at the target.
    Coupon(CouponCode),
}

/// What was done with a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponAction {
    /// Bought with points.
    Redeem,
    /// Points were set aside for it.
    Reserve,
    /// A reservation was carried out.
    Commit,
    /// It was cancelled and its points were returned.
    Cancel,
    /// Its points were settled with its owner after its use: taken again, or restored because the order was returned.
    Settle,
}

impl From<FactId> for Cause {
    fn from(fact: FactId) -> Self {
        Self::Fact(fact)
    }
}

impl Cause {
    /// The receipt and the refund, if a refund was decided.
    pub const fn refund(&self) -> Option<(&ReceiptId, &RefundId)> {
        if let Self::Fact(FactId::Refund { receipt, refund }) = self { Some((receipt, refund)) } else { None }
    }

    /// The receipt that was decided, if one was: when it was reported, or when it was moved to the member.
    pub const fn receipt(&self) -> Option<&ReceiptId> {
        match self {
            Self::Fact(FactId::Receipt { receipt })
            | Self::Move { moved: Moved::Receipt(receipt), arrives: true, .. } => Some(receipt),
            _ => None,
        }
    }

    /// The receipt that was moved to somebody else, if one was.
    pub const fn departed(&self) -> Option<&ReceiptId> {
        match self {
            Self::Move { moved: Moved::Receipt(receipt), arrives: false, .. } => Some(receipt),
            _ => None,
        }
    }

    /// The fact that was decided, if it was one.
    pub const fn fact(&self) -> Option<&FactId> {
        match self {
            Self::Fact(fact) => Some(fact),
            Self::Enrollment
            | Self::Profile
            | Self::Inactivity(_)
            | Self::Hold(_)
            | Self::TierReview(_)
            | Self::TierChange(_)
            | Self::Coupon { .. }
            | Self::Adjustment { .. }
            | Self::Referral(_)
            | Self::Import { .. }
            | Self::Merge { .. }
            | Self::Unmerge { .. }
            | Self::Erase { .. }
            | Self::Move { .. } => None,
        }
    }
}
