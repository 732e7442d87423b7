//! Undoing a merge: the two are different people after all.

use serde::Serialize;
use tessera_domain::decide::{Context, KeptMerge, Supply, UnmergeFault, decide_unmerge};
use tessera_domain::ids::MemberId;
use tessera_domain::input;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Commit, CommitError, EntryKey, OpenedMember, Party, PartyAccount};

use crate::merge::{DRY_RUN, ask_referrals, is_dry_run, named};

/// The route of unmerges.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/members/{source}/unmerge", Access::Scope(Scope::Support), handler!(post))
        .named("unmergeMember", "Members", "Undoes the merge of a member")
        .audited("member.unmerge")
        .details("Within 30 days, and while nothing was booked for the two since. Both have again what they had.")
        .query(DRY_RUN)
        .gives::<UnmergeView>(200, "Both members as they are now, or would be.")];

/// Two members who were one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UnmergedMembers))]
struct UnmergeView {
    /// The member who was part of the other one.
    source: MemberView,
    /// The other one.
    target: MemberView,
}

/// `POST /v1/members/{source}/unmerge`. A merge that was undone before stays undone.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let dry_run = is_dry_run(request)?;
    let nothing = input::read(&request.optional_json()?, |node| {
        node.object()?.finish();
        Some(())
    });
    nothing.map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let store = &services.store;
    let source = named(services, &program, request.path("source")?).await?;
    let kept = store.kept_merge(&program.id, &source).await?.ok_or_else(|| refused(UnmergeFault::NotMerged))?;
    if store.current_member(&program.id, &source).await? != source {
        if dry_run {
            return preview(services, &program, &source, &kept, &caller.actor).await;
        }
        unmerge(services, request, &program, &source, &kept).await?;
    }
    // The first attempt may have died before it asked for the referrals.
    for member in [&source, &kept.into] {
        ask_referrals(services, &program, member).await?;
    }
    let source = alone(services, &program, &source).await?;
    Ok(respond(services, &program, &source, &alone(services, &program, &kept.into).await?))
}

async fn unmerge(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    source: &MemberId,
    kept: &KeptMerge,
) -> Result<(), Problem> {
    let (now, config, natural) = (services.clock.now(), &program.compiled, request.natural_key());
    let actor = &request.caller()?.actor;
    let keys = [&kept.into, source].map(|other| EntryKey::unmerge(natural.started_at, other, &natural.key));
    let party = |member, key| Party { profile: true, account: PartyAccount::Own, ..Party::new(member, key) };
    let parties = [party(source, &keys[0]), party(&kept.into, &keys[1])];
    let commit = Commit { program: &program.id, config, parties };
    let audit = request.audit(format!("members/{source}"))?;
    let committed = services.store.commit_audited(&commit, Some(&audit), |[to, from]| {
        let (to_context, from_context) = (to.context(config, now), from.context(config, now));
        decide_unmerge((&to_context, to.account), (&from_context, from.account), kept, actor)
    });
    match committed.await {
        Ok(_) => Ok(()),
        Err(CommitError::Refused(fault)) => Err(refused(fault)),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// Both members as they would be.
async fn preview(
    services: &Services,
    program: &ActiveProgram,
    source: &MemberId,
    kept: &KeptMerge,
    actor: &str,
) -> Result<Response, Problem> {
    let [source, target] = [alone(services, program, source).await?, alone(services, program, &kept.into).await?];
    let (now, supply, seed) = (services.clock.now(), Supply::default(), tessera_store::seed()?);
    let config = &*program.compiled;
    let to =
        Context { program: config, member: &source.member, profile: Some(&source.profile), now, seed, supply: &supply };
    let from =
        Context { program: config, member: &target.member, profile: Some(&target.profile), now, seed, supply: &supply };
    let decided = decide_unmerge((&to, &source.account), (&from, &target.account), kept, actor);
    let [to, from] = decided.map_err(refused)?.map(|decision| decision.account);
    let source = OpenedMember { account: to, ..source };
    Ok(respond(services, program, &source, &OpenedMember { account: from, ..target }))
}

/// A member, without following aliases.
async fn alone(services: &Services, program: &ActiveProgram, member: &MemberId) -> Result<OpenedMember, Problem> {
    let store = &services.store;
    let profile = store.get_profile(&program.id, member).await?.ok_or_else(Problem::unknown_member)?;
    let account = store.get_account(&program.id, member).await?.unwrap_or_default();
    Ok(OpenedMember { member: member.clone(), profile, account })
}

fn respond(services: &Services, program: &ActiveProgram, source: &OpenedMember, target: &OpenedMember) -> Response {
    let now = services.clock.now();
    let [source, target] = [source, target]
        .map(|opened| MemberView::new(&program.compiled, &opened.member, &opened.profile, &opened.account, now));
    http::json(200, &UnmergeView { source, target })
}

fn refused(fault: UnmergeFault) -> Problem {
    Problem::not_allowed("unmerge_unavailable", fault.to_string())
}
