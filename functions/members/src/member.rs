//! One member.

use tessera_domain::ids::MemberId;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{ActiveProgram, OpenedMember};

use crate::READ;

/// The routes of members.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/members/{member}", READ, handler!(get))
    .named("getMember", "Members", "Reads a member")
    .localized()
    .gives::<MemberView>(200, "The member.")];

/// `GET /v1/members/{member}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let member = named(services, &program, request).await?;
    let found = services.store.open_member(&program.id, &member).await?;
    let OpenedMember { member, mut profile, account } = found.ok_or_else(Problem::unknown_member)?;
    if profile.referral_code.is_none() {
        // A member who enrolled before the program had referrals gets the code now.
        profile.referral_code = services.referral_code_of(&program, &member, &account).await?;
    }
    let language = request.language(&program, Some(&profile));
    let now = services.clock.now();
    let view = MemberView::in_language(&program.compiled, &member, &profile, &account, now, language);
    Ok(http::json(200, &view))
}

/// The member that the path names, which may be the source of a merge: whoever reads its items follows its alias, and finds out
/// whether one of our own ids exists.
pub(crate) async fn named(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
) -> Result<MemberId, Problem> {
    services.member_named(program, request.path("member")?).await?.ok_or_else(Problem::unknown_member)
}
