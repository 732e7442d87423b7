//! The backfill: every member's profile, by Klaviyo's bulk jobs.
//!
//! Progress is stored after each job. A step that is interrupted is done again: an import of a profile may be repeated.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tessera_domain::event::update_of_profile;
use tessera_domain::ids::MemberId;
use tessera_lambda::Queue;
use tessera_lambda::connection::{BACKFILL, Backfill};
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_store::{Delivery, DeliveryContent, DeliveryStatus, MemberList, OpenedMember, TargetKind};

use super::{JOB_READS, JOBS, ProfileOnce, Sender};
use crate::events::{Addressed, first};
use crate::outcome::AttemptOutcome;
use crate::retry::next_attempt;
use crate::{NotifyError, Run};

/// The profiles of a job. Klaviyo takes 10,000 and 5 MB; with the longest names a merchant may choose, these have 4 MB.
const PROFILES_PER_JOB: u32 = 250;
/// The members whose profiles are read at once.
const AT_ONCE: usize = 16;
/// How long a step goes on. The function may run for two minutes, and a request for 15 seconds.
const STEP: Duration = Duration::from_mins(1);
/// The wait between two looks at jobs that have not ended.
const POLL: SignedDuration = SignedDuration::from_secs(15);
/// The most pages of a job's errors that are read.
const MOST_PAGES: usize = 100;

/// How a step went.
enum BackfillProgress {
    /// It goes on at once.
    Further,
    /// It goes on at this moment; why, if something went wrong.
    Wait(Timestamp, Option<String>),
    /// Every job has ended.
    Ended,
    /// It is given up, for this reason.
    Over(String),
}

impl Run<'_> {
    /// Takes a backfill further: as many jobs as fit into a step, and then a look at those that have not ended.
    pub(crate) async fn backfill(&self, to: &Addressed<'_>, mut before: Delivery) -> Result<(), NotifyError> {
        let mut backfill = Backfill::of(&before).ok_or(NotifyError::Event)?;
        let (TargetKind::Klaviyo(settings), secrets) = (&to.target.kind, self.secrets(to).await?) else {
            return Err(NotifyError::Event);
        };
        let client = self.notifier.client().map_err(|error| NotifyError::Unavailable(error.to_string()))?;
        let sender = secrets.as_ref().map(|secrets| Sender { run: self, to, settings, secrets, client });
        let started = Instant::now();
        loop {
            let progress = match &sender {
                _ if !to.target.is_enabled => BackfillProgress::Over("the target is disabled".to_owned()),
                None => BackfillProgress::Over("the connection has no credentials".to_owned()),
                Some(sender) if backfill.is_read => sender.look_at_jobs(&mut backfill).await?,
                Some(sender) => sender.start_job(&mut backfill).await?,
            };
            let now = self.now();
            let (due, reason) = match &progress {
                BackfillProgress::Further => (Some(now), None),
                BackfillProgress::Wait(until, reason) => (Some(*until), reason.clone()),
                BackfillProgress::Ended => (None, None),
                BackfillProgress::Over(reason) => (None, Some(reason.clone())),
            };
            let mut after = Delivery { response: reason, ..backfill.delivery(Some(&before), now, due) };
            if let BackfillProgress::Over(_) = progress {
                after.status = DeliveryStatus::Failed;
            }
            if !self.services.store.put_delivery(&to.program.id, &to.target.id, &after, Some(&before)).await? {
                // Another worker goes on.
                return Ok(());
            }
            before = after;
            if !matches!(progress, BackfillProgress::Further) {
                tracing::info!(
                    program = %to.program.id, profiles = backfill.profiles, jobs = backfill.jobs.len(), reason = before.response,
                    "a step of a backfill ended"
                );
                return Ok(());
            }
            if started.elapsed() > STEP {
                return self.next_step(to, &before).await;
            }
        }
    }

    /// Asks for the next step. `redeliveries` would do so too, within a minute.
    async fn next_step(&self, to: &Addressed<'_>, backfill: &Delivery) -> Result<(), NotifyError> {
        let Some(due) = backfill.due else { return Ok(()) };
        let content = NotificationContent::Delivery { delivery: backfill.id.clone(), due };
        let message = Notification::new(to.program.id.clone(), to.target.id.clone(), None, content);
        let natural = format!("{BACKFILL} {} {}", due.as_millisecond(), backfill.attempts);
        let sent = self.services.send(Queue::Notifications, &[message.outgoing(&natural)]).await;
        sent.map_err(|error| NotifyError::Unavailable(error.to_string()))
    }
}

impl Sender<'_> {
    /// Sends the profiles of the next members as one job.
    async fn start_job(&self, backfill: &mut Backfill) -> Result<BackfillProgress, NotifyError> {
        let (store, program) = (&self.run.services.store, &self.to.program.id);
        let cursor = backfill.cursor.as_deref();
        let page = store.list_members(program, &MemberList::All, PROFILES_PER_JOB, cursor).await?;
        let opened = store.view_members(program, &page.items).await?;
        // Whoever is part of another member now is sent as that one.
        let members = page
            .items
            .iter()
            .zip(opened)
            .filter_map(|(listed, opened)| opened.filter(|opened| opened.member == *listed));
        let members: Vec<OpenedMember> = members.collect();
        let mut profiles: Vec<Value> = Vec::with_capacity(members.len());
        for some in members.chunks(AT_ONCE) {
            let reads: Vec<_> = some.iter().map(|opened| self.profile_of(opened)).collect();
            profiles.extend(try_join_all(reads).await?);
        }
        if !profiles.is_empty() {
            let sent = profiles.len() as u64;
            let (outcome, response) = self.send_job(profiles).await?;
            match outcome {
                AttemptOutcome::Accepted(_) => match response.pointer("/data/id").and_then(Value::as_str) {
                    Some(job) => backfill.jobs.push(job.to_owned()),
                    None => return Ok(self.failed(backfill, "the job that was started has no id", None)),
                },
                // One bad profile spoils a job. Tried again, each goes alone.
                AttemptOutcome::Refused(reason) | AttemptOutcome::Gone(reason) => {
                    for member in &members {
                        self.refuse(backfill, &member.member, &reason).await?;
                    }
                }
                AttemptOutcome::Failed { reason, asked } => return Ok(self.failed(backfill, &reason, asked)),
                AttemptOutcome::TimedOut(reason) => return Ok(self.failed(backfill, &reason, None)),
                AttemptOutcome::Deferred(until) => return Ok(BackfillProgress::Wait(until, None)),
                AttemptOutcome::Skipped => {}
            }
            backfill.profiles += sent;
        }
        backfill.failures = 0;
        backfill.is_read = page.next.is_none();
        backfill.cursor = page.next;
        Ok(BackfillProgress::Further)
    }

    async fn profile_of(&self, opened: &OpenedMember) -> Result<Value, NotifyError> {
        ProfileOnce::default().of_member(self, opened).await
    }

    async fn send_job(&self, profiles: Vec<Value>) -> Result<(AttemptOutcome, Value), NotifyError> {
        let profiles = profiles.into_iter().map(|attributes| json!({ "type": "profile", "attributes": attributes }));
        let attributes = json!({ "profiles": { "data": profiles.collect::<Vec<_>>() } });
        let body = json!({ "data": { "type": "profile-bulk-import-job", "attributes": attributes } });
        self.exchange(Method::POST, "/api/profile-bulk-import-jobs", JOBS, Some(&body)).await
    }

    /// Looks which jobs have ended, and lists the profiles that they refused.
    async fn look_at_jobs(&self, backfill: &mut Backfill) -> Result<BackfillProgress, NotifyError> {
        for job in backfill.jobs.clone() {
            let path = format!("/api/profile-bulk-import-jobs/{job}");
            let (outcome, response) = self.exchange(Method::GET, &path, JOB_READS, None).await?;
            let has_ended = match outcome {
                AttemptOutcome::Accepted(_) => {
                    let status = response.pointer("/data/attributes/status").and_then(Value::as_str);
                    matches!(status, Some("complete" | "cancelled"))
                }
                // Klaviyo forgets jobs.
                AttemptOutcome::Refused(_) | AttemptOutcome::Gone(_) => true,
                AttemptOutcome::Failed { reason, asked } => return Ok(self.failed(backfill, &reason, asked)),
                AttemptOutcome::TimedOut(reason) => return Ok(self.failed(backfill, &reason, None)),
                AttemptOutcome::Deferred(until) => return Ok(BackfillProgress::Wait(until, None)),
                AttemptOutcome::Skipped => false,
            };
            if has_ended {
                if let Some(wait) = self.list_errors(backfill, &path).await? {
                    return Ok(wait);
                }
                backfill.jobs.retain(|open| *open != job);
                backfill.failures = 0;
                return Ok(BackfillProgress::Further);
            }
        }
        if backfill.jobs.is_empty() {
            return Ok(BackfillProgress::Ended);
        }
        let until = self.run.now().saturating_add(POLL).unwrap_or(Timestamp::MAX);
        Ok(BackfillProgress::Wait(until, None))
    }

    /// Lists the profiles that a job refused as dead letters; returns what to wait for when they cannot be read now.
    async fn list_errors(&self, backfill: &mut Backfill, job: &str) -> Result<Option<BackfillProgress>, NotifyError> {
        let mut refused: Vec<(MemberId, String)> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let more = cursor.map(|cursor| format!("&page%5Bcursor%5D={cursor}")).unwrap_or_default();
            let path = format!("{job}/import-errors?page%5Bsize%5D=100{more}");
            let (outcome, response) = self.exchange(Method::GET, &path, JOB_READS, None).await?;
            match outcome {
                AttemptOutcome::Accepted(_) => {}
                AttemptOutcome::Refused(_) | AttemptOutcome::Gone(_) | AttemptOutcome::Skipped => break,
                AttemptOutcome::Failed { reason, asked } => return Ok(Some(self.failed(backfill, &reason, asked))),
                AttemptOutcome::TimedOut(reason) => return Ok(Some(self.failed(backfill, &reason, None))),
                AttemptOutcome::Deferred(until) => return Ok(Some(BackfillProgress::Wait(until, None))),
            }
            for error in response["data"].as_array().into_iter().flatten() {
                refused.extend(self.refused_profile(error).await?);
            }
            cursor = response.pointer("/links/next").and_then(Value::as_str).and_then(next_cursor);
            if cursor.is_none() {
                break;
            }
        }
        for (member, reason) in refused {
            self.refuse(backfill, &member, &reason).await?;
        }
        Ok(None)
    }

    /// The member whose profile an error is about, and why it was refused.
    async fn refused_profile(&self, error: &Value) -> Result<Option<(MemberId, String)>, NotifyError> {
        let attributes = &error["attributes"];
        let sent = &attributes["original_payload"];
        let named = ["/external_id", "/attributes/external_id", "/data/attributes/external_id"];
        let named = named.into_iter().find_map(|pointer| sent.pointer(pointer)).and_then(Value::as_str);
        let detail = [&attributes["detail"], &attributes["title"]].into_iter().find_map(Value::as_str);
        let reason = detail.unwrap_or("refused without a reason").chars().take(300).collect();
        let services = self.run.services;
        let found = match named {
            Some(named) => services.member_at(self.to.program, named).await,
            None => Ok(None),
        };
        // A name that cannot be one is of nobody.
        let member = found.or_else(|problem| match problem.status() {
            500.. => Err(NotifyError::Unavailable(problem.detail().to_owned())),
            _ => Ok(None),
        })?;
        if member.is_none() {
            tracing::warn!(program = %self.to.program.id, reason, "a profile of a backfill was refused, and is not known");
        }
        Ok(member.map(|member| (member, reason)))
    }

    /// Makes the profile of a member a dead letter. Tried again, it is sent alone, as it is then.
    async fn refuse(&self, backfill: &mut Backfill, member: &MemberId, reason: &str) -> Result<(), NotifyError> {
        backfill.refused += 1;
        let at = backfill.started_at;
        let event = update_of_profile(format!("{BACKFILL}:{member}"), member.as_str(), at);
        let text = serde_json::to_string(&event).map_err(|_| NotifyError::Event)?;
        let refused = first(event, at, false, Some(member), DeliveryContent::Inline(text)).delivery;
        // Times are stored in milliseconds.
        let now = Timestamp::from_millisecond(self.run.now().as_millisecond()).unwrap_or(at);
        let made_at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let (status, response) = (DeliveryStatus::Failed, Some(reason.to_owned()));
        let refused = Delivery { status, response, attempts: 1, made_at, tried_at: now, ..refused };
        let (store, program) = (&self.run.services.store, &self.to.program.id);
        // A step that is repeated finds it there.
        store.put_delivery(program, &self.to.target.id, &refused, None).await?;
        Ok(())
    }

    /// What follows a failure that may pass.
    fn failed(&self, backfill: &mut Backfill, reason: &str, asked: Option<SignedDuration>) -> BackfillProgress {
        backfill.failures = backfill.failures.saturating_add(1);
        if let Some(until) = next_attempt(self.run.now(), BACKFILL, backfill.failures, asked) {
            BackfillProgress::Wait(until, Some(reason.to_owned()))
        } else {
            // A redrive has all attempts before it.
            backfill.failures = 0;
            BackfillProgress::Over(reason.to_owned())
        }
    }
}

/// The cursor of the next page. The link itself is not followed: it could lead anywhere.
fn next_cursor(link: &str) -> Option<String> {
    let query = link.split_once('?')?.1;
    let given = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        matches!(name, "page[cursor]" | "page%5Bcursor%5D" | "page%5bcursor%5d").then_some(value)
    })?;
    let is_plain = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%=".contains(&byte));
    (is_plain && !given.is_empty()).then(|| given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_a_link_is_taken_and_not_its_host() {
        let link =
            "https://elsewhere.example/api/jobs/1/import-errors?page%5Bsize%5D=100&page%5Bcursor%5D=bmV4dDo6aWQ%3D";
        assert_eq!(next_cursor(link).as_deref(), Some("bmV4dDo6aWQ%3D"));
        assert_eq!(next_cursor("https://a.example/x?page[cursor]=abc&b=1").as_deref(), Some("abc"));
        for none in ["https://a.example/x", "https://a.example/x?page[size]=1", "?page[cursor]=", "?page[cursor]=a b"] {
            assert_eq!(next_cursor(none), None, "{none}");
        }
    }
}
