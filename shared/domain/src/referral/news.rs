//! What a change of a friend's referrals announces.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FriendReferrals, Referral, ReferralStatus};
use crate::ids::ReferralId;

/// What the last change of a friend's referrals announces.
///
/// It is stored with them, so that the stream of the table shows what a change did: two changes between which a reader looks
/// away are two records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralNews {
    /// When the change was made.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// What happened, in order.
    #[serde(rename = "w")]
    pub what: Vec<(ReferralId, ReferralStep)>,
}

/// A step of a referral that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferralStep {
    /// It has this status now.
    Status(ReferralStatus),
    /// The friend counts: the number of the advocate's friends who do.
    Progress(u32),
    /// The friend has not converted and is to be reminded.
    Reminder,
}

impl FriendReferrals {
    /// Notes what these referrals announce, compared with those before.
    #[must_use]
    pub fn announcing(mut self, before: &Self, at: Timestamp) -> Self {
        let steps = self.referrals.iter().flat_map(|one| {
            let known = before.referrals.iter().find(|other| other.id == one.id);
            steps(one, known).map(|step| (one.id.clone(), step))
        });
        let what: Vec<_> = steps.collect();
        self.news = (!what.is_empty()).then_some(ReferralNews { at, what });
        self
    }
}

fn steps(one: &Referral, known: Option<&Referral>) -> impl Iterator<Item = ReferralStep> + use<> {
    let is_new_status = known.is_none_or(|known| known.status != one.status);
    let now_counts = one.counted && !known.is_some_and(|known| known.counted);
    let now_reminded = one.reminded && !known.is_some_and(|known| known.reminded);
    [
        is_new_status.then_some(ReferralStep::Status(one.status)),
        one.friends.filter(|_| now_counts).map(ReferralStep::Progress),
        now_reminded.then_some(ReferralStep::Reminder),
    ]
    .into_iter()
    .flatten()
}
