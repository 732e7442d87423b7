//! Referrals: a friend came by an advocate's code.
//!
//! Everything known of one friend's referrals is one value, [`FriendReferrals`]. What each of them is worth follows from the
//! friend's orders and the time alone ([`judge`]), so that it does not depend on the order in which these became known.

mod context;
mod judge;
mod news;

pub use context::{ContextKind, FriendSign, same_mailbox};
pub use judge::{Conversions, Judgement, Order, judge};
pub use news::{ReferralNews, ReferralStep};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::Gift;
use crate::ids::{MemberId, ReferralId};
use crate::program::CodePolicy;
use crate::time::Day;
use jiff::tz::TimeZone;

/// The most codes of different advocates that one friend may have named.
pub const MAX_REFERRALS: usize = 10;
/// The most signs of one friend that are compared before a reward.
const MAX_SIGNS: usize = 20;

/// The referrals of one friend, in the order in which they became known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FriendReferrals {
    /// One for each advocate whose code the friend named.
    #[serde(rename = "r", default)]
    pub referrals: Vec<Referral>,
    /// What the last change announces.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub news: Option<ReferralNews>,
    /// What is known of the friend, for the checks before a reward.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<FriendSign>,
}

impl FriendReferrals {
    /// Adds signs of the friend. Of too many, the latest stay.
    pub fn add_signs(&mut self, signs: &[FriendSign]) {
        for sign in signs {
            if !self.signs.contains(sign) {
                self.signs.push(sign.clone());
            }
        }
        let excess = self.signs.len().saturating_sub(MAX_SIGNS);
        self.signs.drain(..excess);
    }
}

/// A friend who named an advocate's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// Its identifier.
    #[serde(rename = "i")]
    pub id: ReferralId,
    /// The code, as it was issued.
    #[serde(rename = "c")]
    pub code: String,
    /// The advocate.
    #[serde(rename = "a")]
    pub advocate: MemberId,
    /// When the code was named for the first time.
    #[serde(rename = "f", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub first_at: Timestamp,
    /// When the code was named for the last time.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The first click on the advocate's link, where one was handed over.
    #[serde(
        rename = "k",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub clicked_at: Option<Timestamp>,
    /// Where it stands.
    #[serde(rename = "s")]
    pub status: ReferralStatus,
    /// Why it is rejected or reversed.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReferralReason>,
    /// The score of suspicious signs.
    #[serde(rename = "p", default)]
    pub score: u32,
    /// The suspicious signs.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<ReferralSign>,
    /// Why the advocate and the friend are taken for one person, or the friend for another friend.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ReferralReason>,
    /// What a person decided.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// The conversion, and the day on which the hold is over.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<StandingConversion>,
    /// The version of the program by which the first conversion was judged; later ones never change the judgement.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<u32>,
    /// True while the friend counts for the advocate's milestones.
    #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The number of the advocate's friends who counted when this one did, this one included.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub friends: Option<u32>,
    /// True once the friend got the program's reward for this referral.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    pub friend_rewarded: bool,
    /// What the friend got, and has to give back when the referral is undone.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub friend_gifts: Vec<Gift>,
    /// What rules gave the advocate. What milestones gave is remembered in the advocate's account.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    pub advocate_gifts: Vec<Gift>,
    /// True once the friend was reminded.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub reminded: bool,
}

/// A conversion that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingConversion {
    /// When.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The local day on which the rewards are due.
    #[serde(rename = "d")]
    pub due: Day,
}

/// What a person decided on a referral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Whether it was approved.
    #[serde(rename = "o")]
    pub approved: bool,
    /// The name of the API key.
    #[serde(rename = "w")]
    pub actor: String,
    /// The reason that the person gave.
    #[serde(rename = "r")]
    pub reason: String,
    /// When.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

/// Where a referral stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReferralStatus {
    /// The friend has not converted.
    Pending,
    /// The friend has converted; the rewards wait for the end of the hold.
    Qualified,
    /// The rewards are given.
    Rewarded,
    /// A person has to look at it.
    Flagged,
    /// It does not count.
    Rejected,
    /// The order that converted the friend was returned.
    Reversed,
}

impl ReferralStatus {
    /// Every status, with its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("pending", Self::Pending),
        ("qualified", Self::Qualified),
        ("rewarded", Self::Rewarded),
        ("flagged", Self::Flagged),
        ("rejected", Self::Rejected),
        ("reversed", Self::Reversed),
    ];
}

/// Why a referral is rejected or reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReferralReason {
    /// The friend is the advocate.
    SelfReferral,
    /// The friend has the advocate's e-mail address.
    SameEmail,
    /// The friend has the advocate's phone number.
    SamePhone,
    /// The friend pays as the advocate does.
    SamePayment,
    /// The friend lives at the advocate's address.
    SameAddress,
    /// The friend uses the advocate's device.
    SameDevice,
    /// The advocate brought this person before, under another name.
    DuplicateFriend,
    /// The friend brought the advocate.
    Loop,
    /// The friend was a member before.
    WasMember,
    /// The friend had bought before.
    BoughtBefore,
    /// The friend's first order is below the amount.
    FirstOrderBelow,
    /// Another code counts for the friend's order.
    OtherCode,
    /// The order was returned.
    OrderReturned,
    /// A person rejected it.
    Review,
}

impl ReferralReason {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfReferral => "self_referral",
            Self::SameEmail => "same_email",
            Self::SamePhone => "same_phone",
            Self::SamePayment => "same_payment",
            Self::SameAddress => "same_address",
            Self::SameDevice => "same_device",
            Self::DuplicateFriend => "duplicate_friend",
            Self::Loop => "loop",
            Self::WasMember => "was_member",
            Self::BoughtBefore => "bought_before",
            Self::FirstOrderBelow => "first_order_below",
            Self::OtherCode => "other_code",
            Self::OrderReturned => "order_returned",
            Self::Review => "review",
        }
    }
}

/// A suspicious sign, which adds to the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferralSign {
    /// The friend comes from a network that the advocate uses.
    SameIp,
    /// Many referrals come from one network.
    IpVelocity,
    /// One advocate has many referrals in a short time.
    AdvocateVelocity,
}

impl ReferralSign {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameIp => "same_ip",
            Self::IpVelocity => "ip_velocity",
            Self::AdvocateVelocity => "advocate_velocity",
        }
    }
}

impl ReferralReason {
    /// True if the friend is no other person than the advocate, or a person rejected the referral: what it gave is void.
    pub const fn is_void(self) -> bool {
        match self {
            Self::SelfReferral
            | Self::SameEmail
            | Self::SamePhone
            | Self::SamePayment
            | Self::SameAddress
            | Self::SameDevice
            | Self::DuplicateFriend
            | Self::Loop
            | Self::Review => true,
            Self::WasMember | Self::BoughtBefore | Self::FirstOrderBelow | Self::OtherCode | Self::OrderReturned => {
                false
            }
        }
    }
}

impl Referral {
    /// A code that was named just now.
    pub const fn new(id: ReferralId, code: String, advocate: MemberId, at: Timestamp) -> Self {
        Self {
            id,
            code,
            advocate,
            first_at: at,
            at,
            clicked_at: None,
            status: ReferralStatus::Pending,
            reason: None,
            score: 0,
            evidence: Vec::new(),
            refused: None,
            review: None,
            conversion: None,
            judged_by: None,
            counted: false,
            friends: None,
            friend_rewarded: false,
            friend_gifts: Vec::new(),
            advocate_gifts: Vec::new(),
            reminded: false,
        }
    }

    /// Notes that the code was named again, at a time before or after those known.
    pub fn name_again(&mut self, at: Timestamp, clicked_at: Option<Timestamp>) {
        self.first_at = self.first_at.min(at);
        self.at = self.at.max(at);
        self.clicked_at = [self.clicked_at, clicked_at].into_iter().flatten().min();
    }

    /// Adds suspicious signs; a referral that is rewarded or reviewed stays as it was judged. `weight`: what a sign adds to
    /// the score.
    pub fn suspect(&mut self, signs: &[ReferralSign], weight: impl Fn(ReferralSign) -> u32) {
        if self.counted || self.review.is_some() {
            return;
        }
        for sign in signs {
            if !self.evidence.contains(sign) {
                self.evidence.push(*sign);
                self.score = self.score.saturating_add(weight(*sign));
            }
        }
    }

    /// The earliest sign of the referral: the first click, or when the code was named.
    pub fn since(&self) -> Timestamp {
        self.clicked_at.map_or(self.first_at, |clicked| clicked.min(self.first_at))
    }

    /// True while the conversion stands, whether or not the hold is over.
    pub const fn has_qualified(&self) -> bool {
        matches!(self.status, ReferralStatus::Qualified | ReferralStatus::Rewarded)
    }

    /// The last local day on which the friend can convert.
    pub fn until(&self, attribution_days: u32, zone: &TimeZone) -> Day {
        Day::of(self.at, zone).plus_days(attribution_days)
    }

    /// The names of everything that speaks against it.
    pub fn evidence_names(&self) -> Vec<&'static str> {
        let signs = self.evidence.iter().map(|sign| sign.name());
        signs.chain(self.reason.map(ReferralReason::name)).collect()
    }
}

impl CodePolicy {
    /// The first and the last local day on which a code is valid that was issued at a time.
    pub fn validity(&self, issued_at: Timestamp, zone: &TimeZone) -> (Day, Option<Day>) {
        let first = Day::of(issued_at, zone).plus_days(self.starts_after_days);
        (first, self.valid_days.map(|days| first.plus_days(days)))
    }
}
