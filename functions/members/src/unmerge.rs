//! Undoing a merge: the two are different people after all.

use serde::Serialize;
use tessera_domain::decide::{Context, KeptMerge, Supply, UnmergeFault, decide_unmerge};
use tessera_domain::ids::MemberId;
use tessera_domain::input;
use tessera_domain::view::MemberView;
use tessera_evaluation::{EvaluationError, MergeReplay, complete_unmerge, foresee_unmerge, read_since};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::referrals::friend_update;
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{
    ActiveProgram, AnewFact, Commit, CommitError, EntryKey, FriendUpdate, OpenedMember, Party, PartyAccount,
    StoredFriend, UndoneMerge, UndoneSince,
};

use crate::merge::{DRY_RUN, ask_referrals, is_dry_run, named};

/// How often what came since is read again while more comes.
const TRIES: u32 = 5;

/// The route of unmerges.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/members/{source}/unmerge", Access::Scope(Scope::Support), handler!(post))
        .named("unmergeMember", "Members", "Undoes the merge of a member")
        .audited("member.unmerge")
        .details(
            "Within 30 days, and while neither has spent or reserved points since. Both have again what they had; receipts, \
             refunds and interactions since are decided anew, by the version of the program that decided them, for the member \
             whose identifier they named. Adjustments stay with the target.",
        )
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
    if store.current_member(&program.id, &source).await? == source {
        // The first attempt may have died before all was decided anew.
        if !dry_run && let Ok(replay) = read(services, &program, &source, &kept).await? {
            complete(services, &program, &replay.facts).await?;
        }
    } else if dry_run {
        return preview(services, &program, &source, &kept, &caller.actor).await;
    } else {
        Box::pin(unmerge(services, request, &program, &source, &kept)).await?;
    }
    if !dry_run {
        for member in [&source, &kept.into] {
            ask_referrals(services, &program, member).await?;
        }
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
    let (config, natural) = (&program.compiled, request.natural_key());
    let actor = &*request.caller()?.actor;
    let keys = [&kept.into, source].map(|other| EntryKey::unmerge(natural.started_at, other, &natural.key));
    let audit = request.audit(format!("members/{source}"))?;
    for _ in 0..TRIES {
        let replay = read(services, program, source, kept).await?.map_err(refused)?;
        let friends = friends(services, program, kept).await?;
        let coupons = replay.since.coupons();
        let party = |member, key| Party { profile: true, account: PartyAccount::Own, ..Party::new(member, key) };
        let parties = [party(source, &keys[0]), Party { coupons: &coupons, ..party(&kept.into, &keys[1]) }];
        let commit = Commit { program: &program.id, config, parties };
        let now = services.clock.now();
        let since = UndoneSince { at: kept.at, version: kept.version };
        let undone = UndoneMerge { target: &kept.into, since, actor, now };
        let facts = (&*replay.facts, undone);
        let committed = services.store.commit_unmerge(&commit, &audit, facts, &friends, |[to, from]| {
            let (to_context, from_context) = (to.context(config, now), from.context(config, now));
            let (source, target) = ((&to_context, to.account), (&from_context, from.account));
            decide_unmerge(source, target, (kept, &replay.since), from.coupons, actor)
        });
        match committed.await {
            Ok(Some(_)) => return complete(services, program, &replay.facts).await,
            // Something came after it was read: it is handed on as well.
            Ok(None) | Err(CommitError::Refused(UnmergeFault::Changed)) => {}
            Err(CommitError::Refused(fault)) => return Err(refused(fault)),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable())
}

/// The referrals between the two as they were before the merge reversed them, where they are different now.
async fn friends(
    services: &Services,
    program: &ActiveProgram,
    kept: &KeptMerge,
) -> Result<Vec<(StoredFriend, FriendUpdate)>, Problem> {
    let mut restored = Vec::new();
    for before in &kept.friends {
        let owner = std::slice::from_ref(&before.member);
        let Some(stored) = services.store.friend_referrals(&program.id, owner).await?.into_iter().next() else {
            continue;
        };
        let mut after = stored.known.clone();
        for one in &mut after.referrals {
            if let Some(known) = before.known.referrals.iter().find(|known| known.id == one.id) {
                one.clone_from(known);
            }
        }
        if after != stored.known {
            let update = friend_update(program, after, services.clock.now());
            restored.push((stored, update));
        }
    }
    Ok(restored)
}

/// Both members as they would be.
async fn preview(
    services: &Services,
    program: &ActiveProgram,
    source: &MemberId,
    kept: &KeptMerge,
    actor: &str,
) -> Result<Response, Problem> {
    let replay = read(services, program, source, kept).await?.map_err(refused)?;
    let [source, target] = [alone(services, program, source).await?, alone(services, program, &kept.into).await?];
    let (now, supply, seed) = (services.clock.now(), Supply::default(), tessera_store::seed()?);
    let config = &*program.compiled;
    let to =
        Context { program: config, member: &source.member, profile: Some(&source.profile), now, seed, supply: &supply };
    let from =
        Context { program: config, member: &target.member, profile: Some(&target.profile), now, seed, supply: &supply };
    let decided = decide_unmerge((&to, &source.account), (&from, &target.account), (kept, &replay.since), &[], actor);
    let [to, from] = decided.map_err(refused)?.map(|decision| decision.account);
    let both = [OpenedMember { account: to, ..source }, OpenedMember { account: from, ..target }];
    let [source, target] =
        Box::pin(foresee_unmerge(services, program, both, (kept, &replay))).await.map_err(|error| failed(&error))?;
    Ok(respond(services, program, &source, &target))
}

async fn read(
    services: &Services,
    program: &ActiveProgram,
    source: &MemberId,
    kept: &KeptMerge,
) -> Result<Result<MergeReplay, UnmergeFault>, Problem> {
    Box::pin(read_since(services, program, source, kept)).await.map_err(|error| failed(&error))
}

async fn complete(services: &Services, program: &ActiveProgram, facts: &[AnewFact]) -> Result<(), Problem> {
    Box::pin(complete_unmerge(services, program, facts)).await.map_err(|error| failed(&error))
}

/// A step that the stream, or a repetition of the request, completes.
fn failed(error: &EvaluationError) -> Problem {
    tracing::warn!(%error, "the end of a merge was not completed");
    Problem::unavailable()
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
