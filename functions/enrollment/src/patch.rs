//! Changes of a profile.

use tessera_domain::member::read_patch;
use tessera_lambda::http::{Call, Response};
use tessera_lambda::{Problem, Services};

use crate::account::{Desk, unknown};

/// `PATCH /v1/members/{member}`
pub(crate) async fn patch(services: &Services, call: &Call) -> Result<Response, Problem> {
    let caller = call.caller()?;
    let patch = read_patch(&call.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_at(&program, call.path("member")?).await?.ok_or_else(unknown)?;
    let desk = Desk { services, program: &program, member: &member };
    desk.rewrite(|profile| {
        let was_named = !profile.reference().is_empty();
        patch.clone().apply(profile).map_err(Problem::malformed)?;
        if was_named && profile.reference().is_empty() {
            return Err(Problem::not_allowed("no_identifier", "the member would have no identifier left"));
        }
        Ok(())
    })
    .await?;
    desk.react(call.natural()).await?;
    desk.answer(call, 200, false).await
}
