//! Referrals: attribution of friends to advocates, their evaluation, and the message that asks for one.
//!
//! An attribution writes the friend's referrals. An evaluation reads everything known of the friend, judges it, and brings
//! statuses and rewards in line. It may run any number of times, at any time.

mod attribute;
mod evaluate;
mod history;
mod message;
mod suspect;

pub use attribute::{Attributed, NamedCode, ReferralContext, ValidCode};
pub use evaluate::friend_update;
pub use message::{ReferralMessage, referral_group};

use tessera_domain::account::{Account, Status};
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::program::{AdvocateKind, CompiledReferral};
use tessera_store::{ActiveProgram, StoreError};

use crate::http::ApiRequest;
use crate::services::Services;

/// Why a code was not taken. The names are the slugs of the problem documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferralFault {
    /// The program has no referrals now.
    #[error("the program takes no referrals")]
    NoReferrals,
    /// Nobody has the code.
    #[error("there is no such code")]
    UnknownCode,
    /// The code is valid later.
    #[error("the code is not valid yet")]
    NotStarted,
    /// The code was valid before.
    #[error("the code has expired")]
    Expired,
    /// The advocate is excluded, not enrolled, or of another tier.
    #[error("the owner of the code may not recommend the program")]
    AdvocateNotEligible,
    /// The friend has named too many codes.
    #[error("the friend has named as many codes as one can")]
    TooManyCodes,
}

impl ReferralFault {
    /// The slug of the problem document.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::NoReferrals => "no_referrals",
            Self::UnknownCode => "unknown_code",
            Self::NotStarted => "code_not_started",
            Self::Expired => "code_expired",
            Self::AdvocateNotEligible => "advocate_not_eligible",
            Self::TooManyCodes => "limit_reached",
        }
    }
}

/// Why an attribution did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AttributionError {
    /// The code cannot be taken; nothing changed.
    #[error(transparent)]
    Fault(#[from] ReferralFault),
    /// The store failed. Doing it again completes it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// True if a person may recommend a program.
pub fn may_recommend(referral: &CompiledReferral, account: &Account) -> bool {
    let is_known = match (referral.program.advocates.who, account.status) {
        (_, Status::Excluded) | (AdvocateKind::Members, Status::Visitor | Status::Pending) => false,
        (_, Status::Member) | (AdvocateKind::Anyone, Status::Visitor | Status::Pending) => true,
    };
    let tiers = referral.program.advocates.tiers.as_ref();
    is_known && tiers.is_none_or(|tiers| account.tier.current().is_some_and(|tier| tiers.contains(tier)))
}

/// The link of a code, on the stack that a request was sent to.
pub fn referral_url(request: &ApiRequest, program: &ProgramId, code: &str) -> String {
    referral_link(&request.origin(), program, code)
}

/// The link of a code, on the stack that is reached at an origin.
pub fn referral_link(origin: &str, program: &ProgramId, code: &str) -> String {
    // Both consist of letters, digits, `-` and `_`.
    format!("{origin}/r/{program}/{code}")
}

impl Services {
    /// The member's referral code, generated now if it is missing; `None` for a member who may not recommend the program.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn referral_code_of(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        account: &Account,
    ) -> Result<Option<String>, StoreError> {
        let Some(referral) = program.compiled.referral.as_ref().filter(|referral| referral.program.enabled) else {
            return Ok(None);
        };
        if !may_recommend(referral, account) {
            return Ok(None);
        }
        let pattern = referral.program.code.pattern();
        self.store.assign_referral_code(&program.id, member, &pattern, self.clock.now()).await
    }
}
