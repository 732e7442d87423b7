//! Exclusion of members from the program.

use serde_json::json;
use tessera_domain::audit::AuditChange;
use tessera_domain::decide::{Exclusion, ExclusionBody, decide_exclusion, read_exclusion};
use tessera_domain::program::Asked;
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{Audit, Commit, CommitError, EntryKey, OpenedMember, Party};

use crate::list::known;

/// The route of exclusions.
pub(crate) const ROUTES: &[Route] =
    &[Route::put("/v1/members/{member}/exclusion", Access::Scope(Scope::Support), handler!(put))
        .named("excludeMember", "Members", "Excludes a member, or ends the exclusion")
        .details(
            "An excluded member earns and redeems nothing, and keeps points and coupons. Ledger and audit record who did it and why.",
        )
        .audited("member.exclude")
        .takes::<ExclusionBody>(ExclusionBody::example)
        .gives::<MemberView>(200, "The member.")];

/// `PUT /v1/members/{member}/exclusion`: the same again changes nothing.
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let exclusion: Exclusion = read_exclusion(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let member = known(services, &program, request).await?;
    let member = services.store.current_member(&program.id, &member).await?;

    let (now, config) = (services.clock.now(), &program.compiled);
    let key = EntryKey::adjustment(request.natural_key().started_at, &request.natural_key().key);
    let profile = config.asks_profile(Asked::Tier);
    let commit = Commit::for_one(&program.id, config, Party { profile, ..Party::new(&member, &key) });
    let changed = AuditChange::new("excluded", Some(json!(!exclusion.excluded)), Some(json!(exclusion.excluded)));
    let audit = request.audit(format!("members/{member}"))?.changing([changed]);
    let audit = Audit { reason: Some(exclusion.reason.clone()), ..audit };
    let committed = services.store.commit_audited(&commit, Some(&audit), |[seen]| {
        let context = seen.context(config, now);
        decide_exclusion(&context, seen.account, &exclusion, &caller.actor).map(|decision| [decision]).ok_or(())
    });
    match committed.await {
        // Refused: the member stands so already.
        Ok(_) | Err(CommitError::Refused(())) => {}
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    let opened = services.store.open_member(&program.id, &member).await?;
    let OpenedMember { member, profile, account } = opened.ok_or_else(Problem::unknown_member)?;
    Ok(http::json(200, &MemberView::new(config, &member, &profile, &account, now)))
}
