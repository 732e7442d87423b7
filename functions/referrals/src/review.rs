//! The review of a referral by a person.

use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ReferralId;
use tessera_domain::input;
use tessera_domain::referral::{ReferralStatus, Review};
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{Audit, FriendUpdate};

use crate::referral::{find, respond, unknown_referral};
use crate::view::ReferralRecord;

const SUPPORT: Access = Access::Scope(Scope::Support);
/// How often a review is tried when the referral changes meanwhile.
const TRIES: u32 = 8;

/// The routes of reviews.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/referrals/{id}/approve", SUPPORT, handler!(post, true))
        .named("approveReferral", "Referrals", "Lets a suspicious referral count")
        .audited("referral.approve")
        .takes::<ReviewBody>(ReviewBody::example)
        .gives::<ReferralRecord>(200, "The referral.")
        .fails(404)
        .fails(409),
    Route::post("/v1/referrals/{id}/reject", SUPPORT, handler!(post, false))
        .named("rejectReferral", "Referrals", "Rejects a referral")
        .audited("referral.reject")
        .details("What it gave is taken back.")
        .takes::<ReviewBody>(ReviewBody::example)
        .gives::<ReferralRecord>(200, "The referral.")
        .fails(404)
        .fails(409),
];

/// Why a referral is approved or rejected.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReferralReview), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `post` reads")]
pub(crate) struct ReviewBody {
    /// Why.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

impl ReviewBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "reason": "two sisters in one household" })
    }
}

async fn post(services: &Services, request: &ApiRequest, approved: bool) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let reason = input::read(&request.json()?, |node| {
        let object = node.object()?;
        let reason = object.required("reason", |node| {
            node.text(500).filter(|text| !text.trim().is_empty()).or_else(|| node.refuse("must say why"))
        });
        object.finish();
        reason
    });
    let reason = reason.map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let id = ReferralId::new(request.path("id")?).map_err(|_| unknown_referral())?;
    let friend = services.store.friend_of(&program.id, &id).await?.ok_or_else(unknown_referral)?;
    let at = services.clock.now();
    let audit = Audit { reason: Some(reason.clone()), ..request.audit(format!("referrals/{id}"))? };
    let audit = audit.changing([AuditChange::added("review/approved", json!(approved))]);
    for _ in 0..TRIES {
        let (before, one) = find(services, &program, &friend, &id).await?.ok_or_else(unknown_referral)?;
        let is_repeated = one.review.as_ref().is_some_and(|review| review.approved == approved);
        let is_open = match one.status {
            ReferralStatus::Flagged => true,
            ReferralStatus::Pending | ReferralStatus::Qualified | ReferralStatus::Rewarded => !approved,
            ReferralStatus::Rejected | ReferralStatus::Reversed => false,
        };
        if !is_repeated && !is_open {
            let detail = "the referral is settled already, or nothing is to be approved";
            return Err(Problem::conflict("referral_state", detail).with("status", json!(one.status)));
        }
        if !is_repeated {
            let mut after = before.known.clone();
            for other in after.referrals.iter_mut().filter(|other| other.id == id) {
                let (actor, reason) = (caller.actor.clone(), reason.clone());
                other.review = Some(Review { approved, actor, reason, at });
            }
            // The evaluation that follows sets the status and what is due.
            let update = FriendUpdate { after, due: None, at };
            if !services.store.review_friend(&program.id, &before, &update, &audit).await? {
                continue;
            }
        }
        services.evaluate_friend(&program, &friend).await?;
        return respond(services, &program, request, 200, &friend, &id).await;
    }
    Err(Problem::unavailable())
}
