//! Changes of a profile.

use tessera_domain::ids::CustomerId;
use tessera_domain::member::{MemberRef, Profile, ProfilePatchBody, read_patch};
use tessera_domain::view::MemberView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::IdentityError;

use crate::account::{EnrollmentContext, Notes, TRIES, check_birth_date};

/// The routes that change profiles.
pub(crate) const ROUTES: &[Route] =
    &[Route::patch("/v1/members/{member}", Access::Scope(Scope::MembersWrite), handler!(patch))
        .named("patchMember", "Members", "Changes a profile")
        .localized()
        .takes::<ProfilePatchBody>(ProfilePatchBody::example)
        .gives::<MemberView>(200, "The member.")
        .fails(422)];

/// `PATCH /v1/members/{member}`
async fn patch(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let patch = read_patch(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let mut member =
        services.member_at(&program, request.path("member")?).await?.ok_or_else(Problem::unknown_member)?;
    check_birth_date(services, &program, &patch)?;
    let reference = caller.verified(&program, patch.reference())?;

    let change = |profile: &mut Profile| -> Result<(), Problem> {
        let had_key = profile.has_key();
        patch.apply_unproven(&reference, profile).map_err(IdentityError::from)?;
        patch.clone().apply(profile).map_err(Problem::malformed)?;
        if had_key && !profile.has_key() {
            let detail = "the member would have no identifier left that leads to it; verify the new one";
            return Err(Problem::not_allowed("no_identifier", detail));
        }
        Ok(())
    };
    for _ in 0..TRIES {
        let context = EnrollmentContext { services, program: &program, member: &member };
        foresee(&context, &reference, change).await?;
        // What is proven comes first: whether the rest leaves the member a key depends on it.
        let notes = if reference.is_empty() { Notes::default() } else { context.verify(&reference).await? };
        context.rewrite(change).await?;
        context.react(request.natural_key()).await?;
        let opened = context.read().await?;
        if opened.member == member {
            return Ok(context.respond_with(request, 200, &opened, notes));
        }
        // Somebody merged the member into another one meanwhile, whose profile counts now.
        member = opened.member;
    }
    Err(Problem::unavailable())
}

/// Tries a change on a copy of the profile: one that is refused must not have verified anything.
async fn foresee(
    context: &EnrollmentContext<'_>,
    reference: &MemberRef,
    change: impl Fn(&mut Profile) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let EnrollmentContext { services, program, member } = *context;
    let found = services.store.get_profile(&program.id, member).await?.ok_or_else(Problem::unknown_member)?;
    let mut profile = found.clone();
    for identifier in reference.identifiers().filter(|identifier| reference.is_verified(identifier.kind)) {
        profile.verify(&identifier).map_err(IdentityError::from)?;
    }
    change(&mut profile)?;
    let is_own = |id: &CustomerId| found.id.as_ref() == Some(id) || found.former_ids.contains(id);
    let Some(id) = profile.id.filter(|id| !is_own(id)) else { return Ok(()) };
    let key = &program.head.identity_key;
    // Also the id of a member who was merged into this one stays that member's: an end of the merge gives it back.
    if services.store.resolve(&program.id, key, &MemberRef::of_id(id), true).await?.member.is_some() {
        return Err(IdentityError::Taken { identifier: "id" }.into());
    }
    Ok(())
}
