//! Merging: two members turn out to be one person.

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::decide::{Context, MergeFault, Supply, decide_merge};
use tessera_domain::ids::MemberId;
use tessera_domain::input;
use tessera_domain::member::Profile;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::referrals::ReferralMessage;
use tessera_lambda::{Access, Parameter, Problem, Route, Scope, Services, ValueKind, handler};
use tessera_store::{ActiveProgram, Between, Commit, CommitError, EntryKey, OpenedMember, Party, StoreError};

pub(crate) const DRY_RUN: Parameter =
    Parameter { values: ValueKind::Boolean, ..Parameter::text("dry_run", "Only return what the member would have.") };

/// The route of merges.
pub(crate) const ROUTES: &[Route] = &[Route::post(
    "/v1/members/{source}/merge",
    Access::Scope(Scope::Support),
    handler!(post),
)
.named("mergeMember", "Members", "Makes a member part of another one")
.audited("member.merge")
.details(
    "Points, counters and the tier move in one transaction; coupons, entries and referrals are read through the other \
             member from then on. Nothing fires. A referral between the two is reversed.",
)
.query(DRY_RUN)
.takes::<MergeBody>(MergeBody::example)
.gives::<MergeView>(200, "The member who has everything now, or would have it.")];

/// The member who is to have everything.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Merge), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `post` reads")]
pub(crate) struct MergeBody {
    /// The member, named as in a path.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 512))]
    into: String,
}

impl MergeBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "into": "c-43" })
    }
}

/// The member who has everything, and what speaks against it.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MergedMember))]
pub(crate) struct MergeView {
    /// The member.
    #[serde(flatten)]
    member: MemberView,
    /// `shared_contact_data_only`: the two share an address or a number that is not proven for both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    warnings: Vec<&'static str>,
}

/// `POST /v1/members/{source}/merge`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let dry_run = is_dry_run(request)?;
    let into = input::read(&request.json()?, |node| {
        let object = node.object()?;
        let into = object.required("into", |node| node.filled(512));
        object.finish();
        into
    });
    let into = into.map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let source = named(services, &program, request.path("source")?).await?;
    let target = services.member_at(&program, &into).await?.ok_or_else(Problem::unknown_member)?;
    let target = services.store.open_member(&program.id, &target).await?.ok_or_else(Problem::unknown_member)?;
    let current = services.store.current_member(&program.id, &source).await?;
    if source == target.member {
        return Err(Problem::not_allowed("same_member", "the two are one member already"));
    }
    if current != source {
        if current != target.member {
            return Err(Problem::not_allowed("merged_elsewhere", "the member is part of another one already"));
        }
        // The first attempt may have died before it asked for the referrals.
        ask_referrals(services, &program, &target.member).await?;
        return Ok(respond(services, &program, &target, Vec::new()));
    }
    let opened = services.store.open_member(&program.id, &source).await?.ok_or_else(Problem::unknown_member)?;
    let warnings = warnings(&opened.profile, &target.profile);
    if dry_run {
        let merged = preview(services, &program, &opened, &target, &caller.actor)?;
        return Ok(respond(services, &program, &merged, warnings));
    }
    merge(services, request, &program, [&opened, &target]).await?;
    ask_referrals(services, &program, &target.member).await?;
    let merged = services.store.open_member(&program.id, &target.member).await?.ok_or_else(Problem::unknown_member)?;
    Ok(respond(services, &program, &merged, warnings))
}

/// Whether the request only asks what would happen.
pub(crate) fn is_dry_run(request: &ApiRequest) -> Result<bool, Problem> {
    match request.query("dry_run") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed_at("", "dry_run must be true or false")),
    }
}

/// The member that a path names, before any alias is followed.
pub(crate) async fn named(services: &Services, program: &ActiveProgram, path: &str) -> Result<MemberId, Problem> {
    let member = services.member_named(program, path).await?.ok_or_else(Problem::unknown_member)?;
    services.store.get_profile(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    Ok(member)
}

async fn merge(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    both: [&OpenedMember; 2],
) -> Result<(), Problem> {
    let [source, target] = both.map(|opened| &opened.member);
    let between = match &program.compiled.referral {
        Some(_) => services.store.referrals_between(&program.id, both).await?,
        None => Between::default(),
    };
    let (now, config, actor) = (services.clock.now(), &program.compiled, &*request.caller()?.actor);
    let merged_into = AuditChange::added("merged_into", json!(target));
    let audit = request.audit(format!("members/{source}"))?.changing([merged_into]);
    // Merged again, perhaps within the same millisecond, it is another merge.
    let version = both[0].account.version;
    let keys = [target, source].map(|other| EntryKey::merge_again(now, other, version));
    let parties = [(source, &keys[0]), (target, &keys[1])];
    let parties = parties.map(|(member, key)| Party { profile: true, ..Party::new(member, key) });
    let commit = Commit { program: &program.id, config, parties };
    let committed = services.store.commit_merge(&commit, &audit, now, &between, |[from, into]| {
        if (from.member, into.member) != (source, target) {
            return Err(MergeFault::MergedMeanwhile);
        }
        let (from_context, into_context) = (from.context(config, now), into.context(config, now));
        decide_merge((&from_context, from.account), (&into_context, into.account), Some(actor))
    });
    match committed.await {
        // Another request may have merged the two at this moment.
        Ok(_) | Err(CommitError::Store(StoreError::OneMember { .. })) => Ok(()),
        Err(CommitError::Refused(fault)) => Err(refused(fault)),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// The target as it would be.
fn preview(
    services: &Services,
    program: &ActiveProgram,
    source: &OpenedMember,
    target: &OpenedMember,
    actor: &str,
) -> Result<OpenedMember, Problem> {
    let (now, supply, seed) = (services.clock.now(), Supply::default(), tessera_store::seed()?);
    let program = &*program.compiled;
    let from = Context { program, member: &source.member, profile: Some(&source.profile), now, seed, supply: &supply };
    let into = Context { program, member: &target.member, profile: Some(&target.profile), now, seed, supply: &supply };
    let decided = decide_merge((&from, &source.account), (&into, &target.account), Some(actor));
    let [_, merged] = decided.map_err(refused)?;
    Ok(OpenedMember { account: merged.account, ..target.clone() })
}

fn refused(fault: MergeFault) -> Problem {
    let slug = match fault {
        MergeFault::MemberExcluded => "member_excluded",
        MergeFault::OpenReservations => "open_reservations",
        MergeFault::TooManySources => "limit_reached",
        MergeFault::MergedMeanwhile => "merged_elsewhere",
    };
    Problem::not_allowed(slug, fault.to_string())
}

/// Warns if the two share an identifier: it cannot be proven for both of them.
fn warnings(source: &Profile, target: &Profile) -> Vec<&'static str> {
    let is_shared = source
        .identifiers
        .iter()
        .any(|held| target.identifiers.iter().any(|other| other.identifier == held.identifier));
    if is_shared { vec!["shared_contact_data_only"] } else { Vec::new() }
}

/// Asks for the evaluation of the referrals of the one member: one between the two is reversed.
pub(crate) async fn ask_referrals(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
) -> Result<(), Problem> {
    if program.compiled.referral.is_none() {
        return Ok(());
    }
    let message = ReferralMessage::new(program.id.clone(), member.clone());
    let cause = format!("merge {}", services.clock.now().as_millisecond());
    services.ask_referral(&message, &cause).await.map_err(|error| Problem::internal(&error))
}

fn respond(
    services: &Services,
    program: &ActiveProgram,
    opened: &OpenedMember,
    warnings: Vec<&'static str>,
) -> Response {
    let OpenedMember { member, profile, account } = opened;
    let member = MemberView::new(&program.compiled, member, profile, account, services.clock.now());
    http::json(200, &MergeView { member, warnings })
}
