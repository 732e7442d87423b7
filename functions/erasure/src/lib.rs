//! Erasure on request: what names a person is deleted, and the ledger stays whole.

use tessera_domain::audit::AuditChange;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Content, Problem, Queue, Route, Routes, Scope, Services, Variable, handler};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Notifications)];

/// Its routes.
pub const ROUTES: Routes = &[&[Route::delete("/v1/members/{member}", Access::Scope(Scope::Support), handler!(delete))
    .named("eraseMember", "Members", "Erases a member")
    .details(
        "Personal data is deleted, the balance is removed, coupons are cancelled, and id and identifiers are free again: the \
         person may enrol anew. The ledger stays whole, and later refunds are rejected as `erased`. A repeated request completes \
         one that failed.",
    )
    .audited("member.erase")
    .responds(204, "The member is erased.", Content::Nothing)]];

/// `DELETE /v1/members/{member}`
async fn delete(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let member = services.member_at(&program, request.path("member")?).await?.ok_or_else(Problem::unknown_member)?;
    let audit = request.audit(format!("members/{member}"))?.changing([AuditChange::without_values("profile")]);
    if services.erase(&program, &member, &caller.actor, Some(&audit)).await? {
        Ok(http::empty(204))
    } else {
        Err(Problem::unknown_member())
    }
}
