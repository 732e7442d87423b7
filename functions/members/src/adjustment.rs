//! Changes by hand: awards, deductions, a set balance, a reward, a place outside the ladder.

use tessera_domain::decide::{AdjustmentBody, AdjustmentFault, decide_adjustment, read_adjustment};
use tessera_domain::program::Asked;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{Audit, Commit, CommitError, Committed, EntryKey, OpenedMember, Party};

/// The routes of adjustments.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/members/{member}/adjustments", Access::Scope(Scope::Support), handler!(post))
        .named("adjustMember", "Members", "Changes points, rewards or VIP by hand")
        .audited("member.adjust")
        .takes::<AdjustmentBody>(AdjustmentBody::example)
        .gives::<MemberView>(201, "The member after the adjustment.")];

/// `POST /v1/members/{member}/adjustments`: responds with the member after the adjustment.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let adjustment = read_adjustment(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_at(&program, request.path("member")?).await?.ok_or_else(Problem::unknown_member)?;
    // Our own ids are not looked up before: the adjustment must not create an account.
    services.store.get_profile(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;

    let (now, config) = (services.clock.now(), &program.compiled);
    let key = EntryKey::adjustment(request.natural_key().started_at, &request.natural_key().key);
    let profile = config.asks_profile(Asked::Tier);
    let commit = Commit::for_one(&program.id, config, Party { profile, ..Party::new(&member, &key) });
    let audit = Audit { reason: Some(adjustment.reason.clone()), ..request.audit(format!("members/{member}"))? };
    let committed = services.store.commit_audited(&commit, Some(&audit), |[seen]| {
        let context = seen.context(config, now);
        decide_adjustment(&context, seen.account, &adjustment, &caller.actor).map(|decision| [decision])
    });
    match committed.await {
        Ok([Committed::Now(_) | Committed::Already(_)]) => {}
        Err(CommitError::Refused(fault)) => return Err(refused(&fault)),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    let opened = services.store.open_member(&program.id, &member).await?;
    let OpenedMember { member, profile, account } = opened.ok_or_else(Problem::unknown_member)?;
    Ok(http::json(201, &MemberView::new(config, &member, &profile, &account, now)))
}

fn refused(fault: &AdjustmentFault) -> Problem {
    let detail = fault.to_string();
    match fault {
        AdjustmentFault::StaleVersion(_) => Problem::conflict("stale_version", detail),
        AdjustmentFault::InsufficientPoints(_) => Problem::not_allowed("insufficient_points", detail),
        AdjustmentFault::UnknownReward(_) => Problem::not_allowed("unknown_reward", detail),
        AdjustmentFault::OutOfStock => Problem::not_allowed("out_of_stock", detail),
        AdjustmentFault::UnknownTier(_) => Problem::not_allowed("unknown_tier", detail),
    }
}
