//! Coupons by the passing of days: those that have expired are stored as expired, which announces it, and owners are warned of
//! those that expire soon, by notices.
//!
//! A day is served once, in pages. The marker moves after each, so that a day of any length is continued and never restarted.

use std::sync::Arc;

use tessera_domain::coupon::Coupon;
use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork};
use tessera_store::{ActiveProgram, DUE_SHARDS, IndexCursor, JobMarker, JobPosition, StoreError};

use crate::programs::serve_all;

/// The name in the job's marker.
const NAME: &str = "coupon-warnings";
/// The most days that are caught up.
const MOST_MISSED_DAYS: i32 = 30;

/// A page of one of a day's walks through the index.
struct Page {
    /// The coupons that were found.
    coupons: u32,
    /// Where the shard goes on.
    next: Option<IndexCursor>,
}

/// Serves every program's days that have begun since its marker, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed; the next run resumes at their markers.
pub(crate) async fn serve(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "coupons that expire", |program| async move {
        serve_program(services, &program, deadline).await
    })
    .await
}

async fn serve_program(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, String> {
    let text = |error: StoreError| error.to_string();
    let Some(active) = services.programs.get(program).await.map_err(text)? else { return Ok(0) };
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let marker = services.store.job_marker(program, NAME).await.map_err(text)?;
    let mut run = Run { services, active, deadline, marker, served: 0 };
    while let Some((day, from)) = next_day(run.marker.as_ref(), today) {
        if !run.serve_day(day, from).await? {
            break;
        }
    }
    Ok(run.served)
}

/// The day that was interrupted, with where it goes on; else the day after the marker's, or today at first. `None` when all were
/// served.
fn next_day(marker: Option<&JobMarker>, today: Day) -> Option<(Day, JobPosition)> {
    let beginning = JobPosition { shard: 0, cursor: None };
    let Some(marker) = marker else { return Some((today, beginning)) };
    if let Some(position) = marker.position.clone().filter(|_| marker.day <= today) {
        return Some((marker.day, position));
    }
    let next = marker.day.plus_days(1);
    let oldest = today.minus_days(MOST_MISSED_DAYS.unsigned_abs());
    (next <= today && next > marker.day).then(|| (next.max(oldest), beginning))
}

/// The work on one program.
struct Run<'a> {
    services: &'a Services,
    active: Arc<ActiveProgram>,
    deadline: &'a Deadline,
    /// The marker that was read or moved last.
    marker: Option<JobMarker>,
    served: u32,
}

impl Run<'_> {
    /// Serves a day from a position on. False when the deadline is near, or another run serves the program.
    ///
    /// The shards of a position count through the walks: first the coupons that have expired, then those of each warning.
    async fn serve_day(&mut self, day: Day, from: JobPosition) -> Result<bool, String> {
        let text = |error: StoreError| error.to_string();
        let warnings = self.active.compiled.program.coupons.warn_days.clone();
        let (mut at, mut first) = (from, 0);
        for walk in std::iter::once(None).chain(warnings.into_iter().map(Some)) {
            while at.shard < first + DUE_SHARDS {
                if self.deadline.is_near() {
                    self.move_marker(day, Some(at)).await?;
                    return Ok(false);
                }
                let shard = at.shard.saturating_sub(first);
                let page = match walk {
                    None => self.expire(day, shard, at.cursor.take()).await?,
                    Some(days) => self.warn(day, days, shard, at.cursor.take()).await.map_err(text)?,
                };
                self.served += page.coupons;
                at = match page.next {
                    Some(cursor) => JobPosition { cursor: Some(cursor), ..at },
                    None => JobPosition { shard: at.shard + 1, cursor: None },
                };
                if page.coupons > 0 && !self.move_marker(day, Some(at.clone())).await? {
                    return Ok(false);
                }
            }
            first += DUE_SHARDS;
        }
        self.move_marker(day, None).await
    }

    /// Stores a page of the coupons that have expired by the beginning of a day as expired: one conditional write for each.
    /// The codes that shops created are to be deleted there; that is asked for first, because who is stored as expired is found
    /// no more.
    async fn expire(&self, day: Day, shard: u32, cursor: Option<IndexCursor>) -> Result<Page, String> {
        let text = |error: StoreError| error.to_string();
        let (store, id) = (&self.services.store, &self.active.id);
        let until = day.start(&self.active.compiled.zone);
        let page = store.coupons_ended(id, until, shard, cursor).await.map_err(text)?;
        let created = page.coupons.iter().filter(|ended| ended.coupon.provider.is_some());
        let codes: Vec<CouponCode> = created.map(|ended| ended.coupon.code.clone()).collect();
        if !codes.is_empty() {
            let message = CodesMessage::new(id.clone(), CodesWork::Delete { codes, at: until });
            self.services.send_codes(&[message.outgoing("expired")]).await?;
        }
        let mut expired = 0;
        for ended in &page.coupons {
            // One that changed meanwhile was used, or is met again on the next day.
            expired += u32::from(store.expire_coupon(id, ended).await.map_err(text)?);
        }
        Ok(Page { coupons: expired, next: page.next })
    }

    /// Gives a page of a day's warnings, for the coupons whose last day is some days later. Repeating it gives the same
    /// notices, which are the same items.
    async fn warn(&self, day: Day, days: u32, shard: u32, cursor: Option<IndexCursor>) -> Result<Page, StoreError> {
        let (store, id, zone) = (&self.services.store, &self.active.id, &self.active.compiled.zone);
        let last = day.plus_days(days);
        let page = store.coupons_expiring(id, last.plus_days(1).start(zone), shard, cursor).await?;
        let mut coupons = 0;
        for Coupon { member, code, reward, .. } in page.coupons.into_iter().map(|stored| stored.coupon) {
            let content = NoticeContent::CouponExpiring { member, code, reward, on: last };
            store.give_notice(id, &Notice { at: day.start(zone), content }).await?;
            coupons += 1;
        }
        Ok(Page { coupons, next: page.next })
    }

    /// Moves the marker; false when another run has moved it.
    async fn move_marker(&mut self, day: Day, position: Option<JobPosition>) -> Result<bool, String> {
        let store = &self.services.store;
        let moved = store.move_job_marker(&self.active.id, NAME, self.marker.as_ref(), day, position).await;
        self.marker = moved.map_err(|error| error.to_string())?;
        Ok(self.marker.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_goes_on_where_it_was_interrupted_and_missed_days_follow() {
        let day = |text: &str| Day::from_date(text.parse().unwrap());
        let beginning = || JobPosition { shard: 0, cursor: None };
        let today = day("2026-03-10");
        let next = |marker: JobMarker| next_day(Some(&marker), today);
        assert_eq!(next_day(None, today), Some((today, beginning())));
        let interrupted = JobPosition { shard: 3, cursor: None };
        let marker = JobMarker::new(day("2026-03-08"), Some(interrupted.clone()));
        assert_eq!(next(marker), Some((day("2026-03-08"), interrupted.clone())));
        assert_eq!(next(JobMarker::new(day("2026-03-08"), None)), Some((day("2026-03-09"), beginning())));
        assert_eq!(next(JobMarker::new(day("2025-03-08"), None)), Some((day("2026-02-08"), beginning())));
        assert_eq!(next(JobMarker::new(today, None)), None);
        // A clock that was set back leaves nothing to do.
        assert_eq!(next(JobMarker::new(day("2026-03-11"), Some(interrupted))), None);
    }
}
