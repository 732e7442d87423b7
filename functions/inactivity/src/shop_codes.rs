//! Codes that shops created: asks for the deletion of those of expired coupons, and for a look at every pool.

use jiff::{SignedDuration, Timestamp};
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork};
use tessera_store::{ActiveProgram, DUE_SHARDS, StoreError};

/// The name in the job's marker.
const NAME: &str = "shop-codes";
/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;
/// How far the search for expired coupons reaches back before the last one: the program's time zone may have changed.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Asks for what is to be done about the codes of every program that is connected to a shop, until the deadline is near. A
/// program that fails does not keep the others from being served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn ask(services: &Services, deadline: &Deadline) -> Result<(), String> {
    let (mut expired, mut failed) = (0, 0);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            if deadline.is_near() {
                break;
            }
            match ask_of(services, program, deadline).await {
                Ok(codes) => expired += codes,
                Err(error) => {
                    tracing::error!(%program, error, "the shops' codes of a program were not looked at");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || deadline.is_near() {
            break;
        }
    }
    tracing::info!(expired, failed, "the shops' codes of programs were asked for");
    if failed > 0 { Err(format!("the shops' codes of {failed} programs were not looked at")) } else { Ok(()) }
}

async fn ask_of(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<usize, String> {
    let text = |error: StoreError| error.to_string();
    // Each run asks anew, also within the time in which the queue drops what is repeated.
    let run = tessera_store::seed().map_err(text)?;
    if !services.ask_codes(program, &format!("run {:?}", run.0)).await? {
        return Ok(0);
    }
    let Some(active) = services.programs.get(program).await.map_err(text)? else { return Ok(0) };
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let marker = services.store.job_marker(program, NAME).await.map_err(text)?;
    let next = marker.as_ref().map_or(today, |marker| marker.day.plus_days(1));
    if next > today {
        return Ok(0);
    }
    let (from, to) = (next.start(&active.compiled.zone), today.start(&active.compiled.zone));
    let from = from.checked_sub(OVERLAP).unwrap_or(from);
    let Some(asked) = delete_expired(services, &active, (from, to), deadline).await? else { return Ok(0) };
    // When another run has moved the marker, both asked for the same deletions.
    services.store.move_job_marker(program, NAME, marker.as_ref(), today, None).await.map_err(text)?;
    Ok(asked)
}

/// Asks for the deletion of the codes of coupons that expired between two moments; `None` when the deadline came first.
/// Repeating it asks again, which deletes nothing a second time.
async fn delete_expired(
    services: &Services,
    active: &ActiveProgram,
    (from, to): (Timestamp, Timestamp),
    deadline: &Deadline,
) -> Result<Option<usize>, String> {
    let mut asked = 0;
    for shard in 0..DUE_SHARDS {
        let mut cursor = None;
        loop {
            if deadline.is_near() {
                return Ok(None);
            }
            let page = services.store.shop_coupons_expired(&active.id, from, to, shard, cursor).await;
            let page = page.map_err(|error| error.to_string())?;
            let codes: Vec<_> = page.coupons.into_iter().map(|coupon| coupon.code).collect();
            if !codes.is_empty() {
                asked += codes.len();
                let message = CodesMessage::new(active.id.clone(), CodesWork::Delete { codes, at: to });
                services.send_codes(&[message.outgoing("expired")]).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(Some(asked))
}
