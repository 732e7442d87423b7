//! The view of a referral.

use jiff::Timestamp;
use serde::Serialize;
use tessera_domain::referral::{Referral, ReferralReason, ReferralStatus};

/// A referral, as every endpoint returns it. It says nothing of who the friend is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Referral))]
pub(crate) struct ReferralRecord {
    /// Its identifier.
    id: String,
    /// Where it stands.
    status: ReferralStatus,
    /// The code.
    code: String,
    /// When the code was named for the first time.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
    /// When the friend converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    qualified_at: Option<Timestamp>,
    /// The local day on which the rewards are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    rewards_on: Option<String>,
    /// Why it is rejected or reversed; for support alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReferralReason>,
    /// The score of suspicious signs; for support alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    /// What speaks against it; for support alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<&'static str>>,
    /// The friend's internal id; for support alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    friend: Option<String>,
    /// The advocate's internal id; for support alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    advocate: Option<String>,
}

impl ReferralRecord {
    /// The view of a referral. `friend`: for support, who is to judge it.
    pub fn new(one: &Referral, friend: Option<&str>) -> Self {
        Self {
            id: one.id.to_string(),
            status: one.status,
            code: one.code.clone(),
            created_at: one.first_at,
            qualified_at: one.conversion.map(|conversion| conversion.at),
            rewards_on: one.conversion.map(|conversion| conversion.due.to_string()),
            reason: friend.and(one.reason),
            score: friend.map(|_| one.score),
            evidence: friend.map(|_| one.evidence_names()),
            friend: friend.map(ToOwned::to_owned),
            advocate: friend.map(|_| one.advocate.to_string()),
        }
    }
}
