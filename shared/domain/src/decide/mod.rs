//! Decisions: what a fact does to a member's account. Pure: everything needed comes in as an argument.

mod adjustment;
mod calendar;
mod coupon;
mod draft;
mod due;
mod effects;
mod enrollment;
mod explain;
mod fire;
mod interaction;
mod limits;
mod measure;
mod multiply;
mod occasion;
mod profile;
mod receipt;
mod recount;
mod referral;
mod refund;
mod rejection;
mod settlement;
mod supply;

pub use adjustment::{Adjustment, AdjustmentBody, AdjustmentFault, Change, decide_adjustment, read_adjustment};
pub use calendar::{decide_birthday, decide_due};
pub use coupon::{
    Redemption, RedemptionFault, decide_cancel, decide_cancel_by_member, decide_commit, decide_redemption, may_redeem,
};
pub use enrollment::{decide_enrollment, decide_invitation};
pub use explain::{RuleExplanation, explain_receipt};
pub use interaction::{InteractionContext, decide_interaction};
pub use profile::decide_profile;
pub use receipt::{ReceiptContext, decide_receipt};
pub use referral::decide_referral;
pub use refund::{RefundContext, decide_refund};
pub use rejection::decide_rejection;
pub use settlement::{Returned, decide_settlement, is_unsettled};
pub use supply::{MOST_COUPONS, Supply};

pub use crate::coupon::Seed;

use jiff::Timestamp;

use crate::account::Account;
use crate::coupon::{Coupon, CouponStatus};
use crate::ids::{MemberId, RewardId};
use crate::ledger::Entry;
use crate::member::Profile;
use crate::program::CompiledProgram;

/// What a decision is made with, besides the account and the fact.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The program in force.
    pub program: &'a CompiledProgram,
    /// Whose account it is.
    pub member: &'a MemberId,
    /// All that is personal about them, for rules that ask for it; `None` when it was not looked up, because no rule
    /// that this fact can meet does, or when there is none.
    pub profile: Option<&'a Profile>,
    /// The time of the decision.
    pub now: Timestamp,
    /// Where coupon codes take their randomness from.
    pub seed: Seed,
    /// What the decision may give away.
    pub supply: &'a Supply,
}

/// What a fact does: all of it is written in one transaction, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The account after it, its version already raised.
    pub account: Account,
    /// The entries of what had fallen due before the fact, oldest first: lapses, falls of tier, and what they led to.
    pub due: Vec<Entry>,
    /// The entry of the ledger.
    pub entry: Entry,
    /// The entries of the changes of tier that followed, in their order: what the rules for them did.
    pub tier_changes: Vec<Entry>,
    /// True when the fact takes the mark of what counts only once ([`Interaction::once`]).
    ///
    /// [`Interaction::once`]: crate::fact::Interaction::once
    pub marks: bool,
    /// Coupons that are issued, whose codes must be new.
    pub issued: Vec<Coupon>,
    /// Coupons that change: each as it was, and as it becomes.
    pub changed: Vec<(Coupon, Coupon)>,
    /// One for each unit that is taken from the stock of a reward that has one.
    pub stock: Vec<RewardId>,
}

impl Decision {
    /// All entries, in the order of their sequence.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.due.iter().chain([&self.entry]).chain(&self.tier_changes)
    }

    /// The coupons that it issues or cancels: with a smaller [`Supply`] it would do so with fewer.
    pub fn deferrable_coupons(&self) -> usize {
        let cancelled = self.changed.iter().filter(|(_, after)| after.status == CouponStatus::Cancelled);
        self.issued.len() + cancelled.count()
    }
}
