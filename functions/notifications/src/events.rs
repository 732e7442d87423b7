//! From a message to its events, and from these to deliveries.

use jiff::Timestamp;
use serde_json::json;
use tessera_domain::event::{Event, events_of_entry};
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::view::Explainer;
use tessera_lambda::connection::BACKFILL;
use tessera_lambda::notification::{Notification, NotificationContent, Replay};
use tessera_store::{
    ActiveProgram, Delivery, DeliveryContent, DeliveryStatus, EntryKey, OpenedMember, Target, entry_id,
};

use crate::{NotifyError, Run};

/// Whom a message is about, and where it goes.
pub(crate) struct Addressed<'a> {
    pub program: &'a ActiveProgram,
    pub target: &'a Target,
    /// The member as stored in the message.
    pub member: Option<&'a MemberId>,
    /// The member now; `None` after an erasure, and for events about nobody.
    pub opened: Option<OpenedMember>,
}

impl Addressed<'_> {
    /// The member's name for receivers: the shop's id, else ours.
    pub fn name(&self) -> String {
        let id = self.opened.as_ref().and_then(|opened| opened.profile.id.as_ref()).map(ToString::to_string);
        id.or_else(|| self.opened.as_ref().map(|opened| opened.member.to_string()))
            .or_else(|| self.member.map(ToString::to_string))
            .unwrap_or_default()
    }
}

/// An event with the delivery that it will be.
pub(crate) struct Outgoing {
    pub event: Event,
    pub delivery: Delivery,
    /// The delivery as it is stored, on a further attempt.
    pub before: Option<Delivery>,
}

impl Run<'_> {
    /// Handles a message.
    pub(crate) async fn notify(&self, message: Notification) -> Result<(), NotifyError> {
        let Notification { program, target: target_id, member, content, .. } = message;
        let targets = self.services.targets.for_message(&self.services.store, &program, &target_id).await?;
        let Some(target) = targets.iter().find(|target| target.id == target_id) else {
            // It was deleted.
            return Ok(());
        };
        let known = self.services.programs.get(&program).await?;
        let known = known.ok_or_else(|| NotifyError::NoProgram(program.clone()))?;
        let opened = match &member {
            Some(member) => self.services.store.open_member(&program, member).await?,
            None => None,
        };
        let to = Addressed { program: &known, target, member: member.as_ref(), opened };
        let outgoing = match content {
            NotificationContent::Delivery { delivery, due } if delivery == BACKFILL => {
                let found = self.services.store.delivery(&program, &target_id, BACKFILL).await?;
                return match found.filter(|found| found.due == Some(due)) {
                    Some(before) => Box::pin(self.backfill(&to, before)).await,
                    // Another worker has gone further.
                    None => Ok(()),
                };
            }
            NotificationContent::Delivery { delivery, due } => {
                let Some(outgoing) = self.again(&to, &delivery, due).await? else { return Ok(()) };
                vec![outgoing]
            }
            // A target that was disabled gets what is new when it is enabled again.
            _ if !target.is_enabled => return Ok(()),
            NotificationContent::Event { event, made_at, test } => {
                let event = named(*event, &to);
                let text = serde_json::to_string(&event).map_err(|_| NotifyError::Event)?;
                vec![first(event, made_at, test, member.as_ref(), DeliveryContent::Inline(text))]
            }
            ref content @ NotificationContent::Entry { ref key, ref replay, .. } => {
                let key = EntryKey::from_text(key.clone()).ok_or(NotifyError::Event)?;
                let member = to.member.ok_or(NotifyError::Event)?;
                let entry = match content.carried_entry()? {
                    Some(entry) => Some(entry),
                    None => self.services.store.get_entry(&program, member, &key).await?,
                };
                let Some(entry) = entry else { return Ok(()) };
                of_entry(&to, member, &key, &entry, replay.as_ref())
            }
        };
        self.send_all(&to, outgoing).await
    }

    /// The delivery whose time has come; `None` when another worker has tried it.
    async fn again(&self, to: &Addressed<'_>, id: &str, due: Timestamp) -> Result<Option<Outgoing>, NotifyError> {
        let store = &self.services.store;
        let Some(before) = store.delivery(&to.program.id, &to.target.id, id).await? else { return Ok(None) };
        if before.status != DeliveryStatus::Pending || before.due != Some(due) {
            return Ok(None);
        }
        let event = match &before.content {
            DeliveryContent::Inline(text) => {
                Some(named(serde_json::from_str(text).map_err(|_| NotifyError::Event)?, to))
            }
            DeliveryContent::Entry { member, key } => {
                let key = EntryKey::from_text(key.clone()).ok_or(NotifyError::Event)?;
                let entry = store.get_entry(&to.program.id, member, &key).await?;
                entry.and_then(|entry| {
                    let events = events(to, member, &key, &entry);
                    events.into_iter().find(|event| event.id == before.event)
                })
            }
        };
        // An event that can no longer be made is gone with its entry.
        let Some(event) = event else {
            store.forget_delivery(&to.program.id, &to.target.id, &before).await?;
            return Ok(None);
        };
        Ok(Some(Outgoing { event, delivery: before.clone(), before: Some(before) }))
    }
}

/// The event with the member's name for receivers.
fn named(mut event: Event, to: &Addressed<'_>) -> Event {
    if to.opened.is_some() && event.data.get("member").is_some() {
        event.data["member"] = json!(to.name());
    }
    event
}

fn events(to: &Addressed<'_>, member: &MemberId, key: &EntryKey, entry: &Entry) -> Vec<Event> {
    let compiled = &to.program.compiled;
    let explainer = Explainer::new(compiled, &compiled.program.locale);
    events_of_entry(&entry_id(member, key), &to.name(), entry, &explainer)
}

/// The deliveries of an entry's events that the target wants.
fn of_entry(
    to: &Addressed<'_>,
    member: &MemberId,
    key: &EntryKey,
    entry: &Entry,
    replay: Option<&Replay>,
) -> Vec<Outgoing> {
    let wanted = events(to, member, key, entry).into_iter().filter(|event| match replay {
        Some(replay) => event.id == replay.event,
        None => to.target.wants(&event.kind),
    });
    let made_at = replay.map_or(entry.decided_at, |replay| replay.at);
    let content = || DeliveryContent::Entry { member: member.clone(), key: key.as_str().to_owned() };
    wanted.map(|event| first(event, made_at, replay.is_some(), Some(member), content())).collect()
}

/// A delivery that was never tried.
pub(crate) fn first(
    event: Event,
    made_at: Timestamp,
    is_test: bool,
    member: Option<&MemberId>,
    content: DeliveryContent,
) -> Outgoing {
    // A replay is listed beside the delivery that it repeats, even at the same moment.
    let known_by = if is_test { format!("test {}", event.id) } else { event.id.clone() };
    let delivery = Delivery {
        id: Delivery::id_of(&known_by, made_at),
        event: event.id.clone(),
        kind: event.kind.clone(),
        member: member.cloned(),
        status: DeliveryStatus::Pending,
        made_at,
        tried_at: made_at,
        attempts: 0,
        response: None,
        due: None,
        is_test,
        content,
    };
    Outgoing { event, delivery, before: None }
}

/// The key of a target among all programs'.
pub(crate) fn key_of(program: &ProgramId, target: &Target) -> crate::TargetKey {
    (program.clone(), target.id.clone())
}
