//! Warnings before coupons expire, as notices.

use tessera_domain::coupon::Coupon;
use tessera_domain::ids::ProgramId;
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_store::{ActiveProgram, DUE_SHARDS, JobMarker, StoreError};

use crate::programs::serve_all;

/// The name in the job's marker.
const NAME: &str = "coupon-warnings";
/// The most days that are caught up.
const MOST_MISSED_DAYS: i32 = 30;

/// Gives the warnings of every program's days that have begun since its marker, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn warn(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "coupons that expire", |program| async move {
        warn_of(services, &program, deadline).await.map_err(|error| error.to_string())
    })
    .await
}

async fn warn_of(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, StoreError> {
    let Some(active) = services.programs.get(program).await? else { return Ok(0) };
    if active.compiled.program.coupons.warn_days.is_empty() {
        return Ok(0);
    }
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let mut marker = services.store.job_marker(program, NAME).await?;
    let mut warned = 0;
    while let Some(day) = next_day(marker.as_ref(), today) {
        if deadline.is_near() {
            break;
        }
        warned += warn_on(services, &active, day).await?;
        match services.store.move_job_marker(program, NAME, marker.as_ref(), day, None).await? {
            Some(moved) => marker = Some(moved),
            // Another run serves the program.
            None => break,
        }
    }
    Ok(warned)
}

/// The day after the marker's, or today at first; `None` when all were served.
fn next_day(marker: Option<&JobMarker>, today: Day) -> Option<Day> {
    let next = marker.map_or(today, |marker| marker.day.plus_days(1));
    let oldest = today.minus_days(MOST_MISSED_DAYS.unsigned_abs());
    (next <= today).then(|| next.max(oldest))
}

/// Gives the warnings of one day. Repeating it gives the same notices, which are the same items.
async fn warn_on(services: &Services, active: &ActiveProgram, day: Day) -> Result<u32, StoreError> {
    let zone = &active.compiled.zone;
    let mut warned = 0;
    for days in &active.compiled.program.coupons.warn_days {
        let last = day.plus_days(*days);
        let end = last.plus_days(1).start(zone);
        for shard in 0..DUE_SHARDS {
            let mut cursor = None;
            loop {
                let page = services.store.coupons_expiring(&active.id, end, shard, cursor).await?;
                for Coupon { member, code, reward, .. } in page.coupons {
                    let content = NoticeContent::CouponExpiring { member, code, reward, on: last };
                    let notice = Notice { at: day.start(zone), content };
                    services.store.give_notice(&active.id, &notice).await?;
                    warned += 1;
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
    }
    Ok(warned)
}
