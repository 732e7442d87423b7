//! Enrolment: someone becomes known, or a member.

use jiff::Timestamp;
use tessera_domain::account::{Account, Status};
use tessera_domain::ids::MemberId;
use tessera_domain::member::{EnrollmentBody, EnrollmentInput, MemberRef, Profile, Standing, read_enrollment};
use tessera_domain::view::MemberView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Identified, OpenedMember, ProfileNews};

use crate::account::{AccountCommit, EnrollmentContext, Notes, TRIES, check_birth_date, refuse_excluded};
use crate::body::read_own_enrollment;

/// The routes of enrolment.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/members", Access::ScopeOrMember(Scope::MembersWrite), handler!(post))
        .named("enrol", "Members", "Enrols a member")
        .details("A visitor who enrols keeps the points.")
        .localized()
        .takes::<EnrollmentBody>(EnrollmentBody::example)
        .gives::<MemberView>(201, "Enrolled now, or a new contact.")
        .gives::<MemberView>(200, "Known already in that status; nothing changed.")];

/// `POST /v1/members`: by the shop for anyone, by a member's token for that member.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let input = match &caller.member {
        Some(own) => read_own_enrollment(request.optional_json()?, own),
        None => read_enrollment(&request.json()?),
    };
    let input = input.map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    check_birth_date(services, &program, &input.details)?;
    let reference = match &caller.member {
        Some(own) => MemberRef { id: Some(own.clone()), ..caller.claims.clone() },
        None => caller.verified(&program, input.reference.clone())?,
    };
    check(services, &program, &input, &reference).await?;
    services.programs.mark_in_use(&program).await?;

    let (now, news) = (services.clock.now(), ProfileNews::All);
    let who = services.store.find_or_create_with(&program, &reference, now, news, &|_| {}).await?;
    let (member, status) = enrol(services, request, &program, &input, &who).await?;
    let context = EnrollmentContext { services, program: &program, member: &member };
    let natural = request.natural_key();
    if let Some(code) = &input.referral_code {
        context.ask_referral(code, input.click.as_deref(), natural.started_at).await?;
    }
    context.assign_code().await?;
    let claimable = if caller.member.is_some() { Vec::new() } else { who.claimable };
    context.respond(request, status, Notes { claimable, conflict: who.conflict }).await
}

/// Writes what an enrolment says of a member, and enrols the member. Returns who it is then, and the status of the response.
///
/// The id may be that of a member who was merged into another one, a moment ago even: the profile of the other one counts.
async fn enrol(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    input: &EnrollmentInput,
    who: &Identified,
) -> Result<(MemberId, u16), Problem> {
    let natural = request.natural_key();
    for _ in 0..TRIES {
        let opened = services.store.open_member(&program.id, &who.member).await?.ok_or_else(Problem::unknown_member)?;
        let OpenedMember { member, account, .. } = &opened;
        let context = EnrollmentContext { services, program, member };
        if input.standing == Standing::Member {
            refuse_excluded(account.status)?;
        }
        let done = match (input.standing, account.status) {
            (_, Status::Member | Status::Excluded) => AccountCommit::Unchanged,
            (Standing::Member, Status::Visitor | Status::Pending) => {
                context.rewrite(|profile| take(input, profile, Some(natural.started_at))).await?;
                context.enrol(natural).await?
            }
            (Standing::Pending, Status::Visitor | Status::Pending) => {
                context.rewrite(|profile| take(input, profile, None)).await?;
                context.invite(natural.started_at, &request.caller()?.actor).await?
            }
            (Standing::Visitor, Status::Visitor | Status::Pending) => {
                context.rewrite(|profile| take(input, profile, None)).await?;
                context.stays().await?
            }
        };
        let is_new = match (done, input.standing, account.status) {
            (AccountCommit::Merged, ..) => continue,
            (_, _, Status::Member | Status::Excluded) => false,
            (done, Standing::Member, _) => done == AccountCommit::Changed,
            (_, Standing::Visitor | Standing::Pending, _) => who.created,
        };
        return Ok((opened.member, if is_new { 201 } else { 200 }));
    }
    Err(Problem::unavailable())
}

/// Checks an enrolment before anything is written: one that is refused neither creates nor changes anybody.
async fn check(
    services: &Services,
    program: &ActiveProgram,
    input: &EnrollmentInput,
    reference: &MemberRef,
) -> Result<(), Problem> {
    let known = services.store.resolve(&program.id, &program.head.identity_key, reference, true).await?;
    let opened = match &known.member {
        Some(member) => services.store.open_member(&program.id, member).await?,
        None => None,
    };
    let now = services.clock.now();
    let (mut profile, account) = match opened {
        Some(opened) => (opened.profile, opened.account),
        None => (Profile::new(reference, now), Account::default()),
    };
    if input.standing == Standing::Member {
        refuse_excluded(account.status)?;
    }
    match account.status {
        Status::Member | Status::Excluded => Ok(()),
        Status::Visitor | Status::Pending => take(input, &mut profile, None),
    }
}

/// Writes what an enrolment says into a profile.
fn take(input: &EnrollmentInput, profile: &mut Profile, enrolled_at: Option<Timestamp>) -> Result<(), Problem> {
    input.details.clone().apply(profile).map_err(Problem::malformed)?;
    if let Some(code) = &input.referral_code {
        profile.referred_with = Some(code.clone());
    }
    if let Some(click) = &input.click {
        profile.click = Some(click.clone());
    }
    if let Some(at) = enrolled_at {
        profile.enrolled(at);
    }
    Ok(())
}
