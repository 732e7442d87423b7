//! Job: the one worker for everything that falls due by the passing of time.
//!
//! It makes these passes, by where a kind (`DueKind`) is indexed:
//! - Accounts: members for whom a lapse, a tier review or another kind may be due go to the queue of facts, where they are
//!   decided.
//! - Reservations: lapsed ones are stored as lapsed, and free their unit of stock. Their points come back with the account.
//! - Referrals: friends whose hold ends, or who are to be reminded, go to the queue of referrals.
//! - Coupons: those that have expired are stored as expired, and those that expire soon are warned of.
//! - Drafts of programs: those whose time has come are published.
//! - Codes that shops created: pools that have run low are to be filled.
//! - Changed programs: members for whom something falls due earlier under the new version are armed for it.
//!
//! A kind that is indexed on items of its own gets a pass of its own here.

mod arming;
mod coupons;
mod drafts;
mod programs;
mod referrals;
mod reservations;
mod shop_codes;

use serde_json::{Value, json};
use tessera_domain::fact::FactId;
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::job::{Invocation, Job, MissedDays, run_job};
use tessera_lambda::{Queue, Services, Variable};
use tessera_store::{ActiveProgram, DUE_SHARDS, FoundMembers, JobPosition, StoreError};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] =
    &[Variable::QueueUrl(Queue::Facts), Variable::QueueUrl(Queue::Referrals), Variable::QueueUrl(Queue::Codes)];

/// Makes all passes.
///
/// # Errors
/// When a program could not be served; the next run resumes there.
pub async fn handle(services: &Services, invocation: Invocation) -> Result<Value, String> {
    let deadline = &invocation.deadline;
    let published = drafts::publish_due(services, deadline).await;
    // First what a day of many coupons must not keep from members.
    let report = run_job(services, &DueAccounts, deadline).await;
    let asked = referrals::ask_due(services, deadline).await;
    let freed = reservations::free_lapsed(services, deadline).await;
    let coupons = coupons::serve(services, deadline).await;
    let codes = shop_codes::ask(services, deadline).await;
    let armed = arming::arm(services, deadline).await;
    let report = report?;
    published.and(asked).and(freed).and(coupons).and(codes).and(armed).map(|()| json!(report))
}

/// The pass over accounts.
struct DueAccounts;

impl Job for DueAccounts {
    const NAME: &'static str = "inactivity";
    const MISSED_DAYS: MissedDays = MissedDays::OnlyLast;

    /// All shards of the index. A program in which nothing falls due has no member in it.
    fn shards(&self, _program: &ActiveProgram, _day: Day) -> Vec<u32> {
        (0..DUE_SHARDS).collect()
    }

    async fn members(
        &self,
        services: &Services,
        program: &ProgramId,
        day: Day,
        JobPosition { shard, cursor }: JobPosition,
    ) -> Result<FoundMembers, StoreError> {
        services.store.members_due(program, day, shard, cursor).await
    }

    fn fact(&self, day: Day) -> FactId {
        FactId::Due { day }
    }
}
