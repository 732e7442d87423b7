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
    /// The friends who are new, those who are refused at once excepted.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub started: i64,
    /// The friends who have qualified now, less those who have no longer.
    #[serde(rename = "q", default, skip_serializing_if = "is_zero")]
    pub qualified: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
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
        let mut news = ReferralNews { at, what: Vec::new(), started: 0, qualified: 0 };
        for one in &self.referrals {
            let known = before.referrals.iter().find(|other| other.id == one.id);
            news.what.extend(steps(one, known).map(|step| (one.id.clone(), step)));
            news.started += i64::from(known.is_none() && one.status != ReferralStatus::Rejected);
            news.qualified += i64::from(one.has_qualified()) - i64::from(known.is_some_and(Referral::has_qualified));
        }
        self.news = Some(news).filter(|news| !news.what.is_empty());
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
