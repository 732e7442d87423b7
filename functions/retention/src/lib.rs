//! Job: erases visitors who have been idle for longer than the program keeps them (`members.visitor_days`).
//!
//! It reads the list of visitors from the longest idle on, so that a run costs what there is to erase. It needs no marker: who
//! is erased has left the list.

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::account::Status;
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::erasure::ErasureError;
use tessera_lambda::job::{Deadline, Invocation};
use tessera_lambda::{Queue, Services, Variable};
use tessera_store::{ActiveProgram, OpenedMember};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::QueueUrl(Queue::Notifications)];

/// The actor of these erasures, as the ledger names it.
const ACTOR: &str = "retention";
/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;
/// Visitors that are read at once.
const VISITORS_PER_PAGE: u32 = 100;
/// The statuses of people who have not enrolled.
const NOT_ENROLLED: [Status; 2] = [Status::Visitor, Status::Pending];

/// Serves every program, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed; the next run completes them.
pub async fn handle(services: &Services, invocation: Invocation) -> Result<Value, String> {
    let (mut erased, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            match serve(services, program, &invocation.deadline).await {
                Ok(visitors) => erased += visitors,
                Err(error) => {
                    tracing::error!(%program, %error, "idle visitors were not erased");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || invocation.deadline.is_near() {
            break;
        }
    }
    tracing::info!(erased, failed, "idle visitors were erased");
    if failed > 0 {
        Err(format!("the visitors of {failed} programs were not erased"))
    } else {
        Ok(json!({ "erased": erased }))
    }
}

/// Erases the idle visitors of a program; returns how many.
async fn serve(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, ErasureError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(0) };
    let Some(days) = active.compiled.program.members.visitor_days else { return Ok(0) };
    let mut erased = 0;
    for status in NOT_ENROLLED {
        let since = Day::of(services.clock.now(), &active.compiled.zone).minus_days(days);
        let mut cursor = None;
        loop {
            let store = &services.store;
            let page = store.idle_members(program, status, since, VISITORS_PER_PAGE, cursor).await?;
            for visitor in store.view_members(program, &page.members).await?.into_iter().flatten() {
                if deadline.is_near() {
                    return Ok(erased);
                }
                if is_idle(&active, &visitor, since) && services.erase(&active, &visitor.member, ACTOR, None).await? {
                    erased += 1;
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(erased)
}

/// True for somebody who is not enrolled and did nothing since a day. The list knows only the week.
fn is_idle(program: &ActiveProgram, visitor: &OpenedMember, since: Day) -> bool {
    let OpenedMember { profile, account, .. } = visitor;
    let seen: Timestamp = account.last_activity.unwrap_or(profile.created_at);
    NOT_ENROLLED.contains(&account.status) && Day::of(seen, &program.compiled.zone) < since
}
