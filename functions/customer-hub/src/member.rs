//! One member.

use tessera_domain::ids::MemberId;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::ActiveProgram;

use crate::language;

/// `GET /v1/members/{member}`
pub(crate) async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let member = named(services, &program, request).await?;
    let found = services.store.get_member(&program.id, &member).await?;
    let (profile, account) = found.ok_or_else(unknown)?;
    let language = language(request, &program, Some(&profile));
    let now = services.clock.now();
    let view = MemberView::in_language(&program.compiled, &member, &profile, &account, now, language);
    Ok(http::json(200, &view))
}

/// The member that the path names. That one of our own ids exists is for the reader of its items to find out.
pub(crate) async fn named(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
) -> Result<MemberId, Problem> {
    services.member_at(program, request.path("member")?).await?.ok_or_else(unknown)
}

pub(crate) fn unknown() -> Problem {
    Problem::no_match("there is no such member")
}
