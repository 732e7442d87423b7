//! Decisions: the effect of a fact or command on a member's account. Pure: all inputs are arguments.

mod adjustment;
mod audit;
mod budget;
mod calendar;
mod codes;
mod coupon;
mod departure;
mod draft;
mod due;
mod effects;
mod enrollment;
mod entry_size;
mod erasure;
mod exclusion;
mod explain;
mod fire;
mod holds;
mod import;
mod interaction;
mod limits;
mod measure;
mod merge;
mod moving;
mod multiply;
mod next;
mod occasion;
mod profile;
mod receipt;
mod recount;
mod referral;
mod refund;
mod rejection;
mod settlement;
mod supply;
mod tier_rules;
mod unmerge;

pub use adjustment::{Adjustment, AdjustmentBody, AdjustmentFault, PointsChange, decide_adjustment, read_adjustment};
pub use budget::BudgetDraws;
pub use calendar::{decide_birthday, decide_due};
pub use coupon::{
    CommitFault, Redemption, RedemptionFault, decide_cancel, decide_cancel_by_member, decide_commit,
    decide_deleted_cancel, decide_redemption, may_redeem,
};
pub use departure::{DepartureContext, decide_departure, decide_departure_of_undone};
pub use enrollment::{decide_enrollment, decide_invitation};
pub use erasure::decide_erasure;
pub use exclusion::{Exclusion, ExclusionBody, decide_exclusion, read_exclusion};
pub use explain::{Buyer, RuleExplanation, explain_receipt};
pub use import::{
    ImportFault, Imported, ImportedBalance, ImportedRow, NotUndone, decide_import, decide_import_undo, find_reward,
    find_tier,
};
pub use interaction::{InteractionContext, decide_interaction, decide_interaction_by};
pub use merge::{MergeFault, decide_merge};
pub use moving::{CouponMove, CouponMoveFault, decide_coupon_move};
pub use next::{CountedUnit, NextStep, next_steps};
pub use profile::decide_profile;
pub use receipt::{ReceiptContext, decide_arrival, decide_receipt, used_on};
pub use referral::{
    AdvocateChange, CouponMissing, FriendChange, ReferralChange, decide_referral, decide_referral_rules,
    milestone_coupons, referral_gifts,
};
pub use refund::{RefundContext, decide_refund};
pub use rejection::decide_rejection;
pub use settlement::{Returned, decide_settlement, is_unsettled};
pub use supply::{MOST_COUPONS, Supply};
pub use unmerge::{
    EntrySince, KeptFriend, KeptMerge, MOST_REPLAYED, SinceMerge, UNMERGE_WITHIN, UnmergeFault, decide_unmerge,
};

pub use crate::coupon::Seed;

use jiff::Timestamp;

use crate::account::{Account, Due};
use crate::coupon::{Coupon, CouponStatus, PoolId};
use crate::fact::Fact;
use crate::ids::{MemberId, RewardId};
use crate::ledger::Entry;
use crate::member::Profile;
use crate::program::CompiledProgram;
use crate::time::Day;

/// The inputs of a decision besides the account and the fact.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The program in force.
    pub program: &'a CompiledProgram,
    /// The member.
    pub member: &'a MemberId,
    /// The member's profile; `None` if there is none, or if no rule that this fact can match needs it.
    pub profile: Option<&'a Profile>,
    /// The time of the decision.
    pub now: Timestamp,
    /// The randomness of coupon codes.
    pub seed: Seed,
    /// The coupons and units of stock that the decision may give away.
    pub supply: &'a Supply,
}

/// A fact and what was looked up for it.
#[derive(Debug, Clone, Copy)]
pub struct FactContext<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// The program's coupons that a receipt names, as they are.
    pub coupons: &'a [Coupon],
    /// True if the fact's once-only key ([`Fact::once`]) was used before.
    pub counted_before: bool,
}

/// A fact changes nothing: it has no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NothingDecided {
    /// When something may fall due next. If it differs from the account's, the account is re-armed.
    pub due: Option<Due>,
    /// The day up to which warnings were given.
    pub warned: Option<Day>,
}

/// Decides on a fact.
///
/// A refund is decided from its receipt's decision, by [`decide_refund`]; here it changes nothing.
///
/// # Errors
/// [`NothingDecided`] when the fact changes nothing.
pub fn decide_fact(
    context: &Context<'_>,
    account: &Account,
    fact: FactContext<'_>,
) -> Result<Decision, NothingDecided> {
    let nothing = NothingDecided { due: account.due, warned: account.warned };
    let FactContext { fact, coupons, counted_before } = fact;
    match fact {
        Fact::Receipt(receipt) => Ok(decide_receipt(context, account, &ReceiptContext { receipt, coupons })),
        Fact::Refund { .. } => Err(nothing),
        Fact::Interaction(interaction) => {
            Ok(decide_interaction(context, account, &InteractionContext { interaction, counted_before }))
        }
        Fact::Birthday(day) => decide_birthday(context, account, *day).ok_or(nothing),
        Fact::Due(_) => decide_due(context, account),
    }
}

/// The effect of a fact: written in one transaction, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The account afterwards, with its new version.
    pub account: Account,
    /// The entries of what fell due before the fact, oldest first: lapses, falls of tier, and their consequences.
    pub due: Vec<Entry>,
    /// The fact's own entry.
    pub entry: Entry,
    /// The entries of the rules for changes of tier that followed, in their order.
    pub tier_changes: Vec<Entry>,
    /// True if the fact uses up its once-only key ([`Interaction::once`]).
    ///
    /// [`Interaction::once`]: crate::fact::Interaction::once
    pub marks: bool,
    /// Issued coupons; their codes must be new.
    pub issued: Vec<Coupon>,
    /// Changed coupons, each before and after.
    pub changed: Vec<(Coupon, Coupon)>,
    /// The reward of each unit that is taken from a stock.
    pub stock: Vec<RewardId>,
    /// The pool of each code that is drawn. A pool that the supply does not know has to be looked at first.
    pub drawn: Vec<PoolId>,
    /// The points that it draws from budgets.
    pub budgets: BudgetDraws,
}

impl Decision {
    /// All entries, in the order of their sequence.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.due.iter().chain([&self.entry]).chain(&self.tier_changes)
    }

    /// The number of coupons that it issues or cancels, which a smaller [`Supply`] would lower.
    pub fn deferrable_coupons(&self) -> usize {
        let cancelled = self.changed.iter().filter(|(_, after)| after.status == CouponStatus::Cancelled);
        self.issued.len() + cancelled.count()
    }
}
