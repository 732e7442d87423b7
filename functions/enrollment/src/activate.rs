//! Activation: a contact that is known already enrols.

use tessera_domain::account::Status;
use tessera_domain::input::{self, Fault};
use tessera_domain::view::MemberView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};

use crate::account::{AccountCommit, EnrollmentContext, Notes, TRIES, refuse_excluded};

/// The routes of activation.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/members/{member}/activate", Access::Scope(Scope::MembersWrite), handler!(post))
        .named("activateMember", "Members", "Enrols a contact")
        .localized()
        .gives::<MemberView>(201, "Enrolled now.")
        .gives::<MemberView>(200, "Enrolled already; nothing changed.")];

/// `POST /v1/members/{member}/activate`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    read_nothing(&request.optional_json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_at(&program, request.path("member")?).await?.ok_or_else(Problem::unknown_member)?;
    let natural = request.natural_key();
    for _ in 0..TRIES {
        let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
        let context = EnrollmentContext { services, program: &program, member: &opened.member };
        refuse_excluded(opened.account.status)?;
        let done = if opened.account.status == Status::Member {
            AccountCommit::Unchanged
        } else {
            context
                .rewrite(|profile| {
                    profile.enrolled(natural.started_at);
                    Ok(())
                })
                .await?;
            context.enrol(natural).await?
        };
        let status = match done {
            // Somebody merged the member into another one meanwhile, whose profile counts now.
            AccountCommit::Merged => continue,
            AccountCommit::Changed => 201,
            AccountCommit::Unchanged => 200,
        };
        context.assign_code().await?;
        return context.respond(request, status, Notes::default()).await;
    }
    Err(Problem::unavailable())
}

/// Reads a body that has nothing to say.
fn read_nothing(body: &serde_json::Value) -> Result<(), Vec<Fault>> {
    input::read(body, |node| {
        node.object()?.finish();
        Some(())
    })
}
