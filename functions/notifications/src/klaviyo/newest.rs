//! What ends with the newest properties where two requests about a member have no order.
//!
//! Requests about a member are sent one after another, and each brings what is true then. Two are not in that order: those about a
//! member who was merged into another one, and the jobs of a backfill, which Klaviyo processes when it likes. An update of the
//! profile follows them.

use jiff::{SignedDuration, Timestamp};
use tessera_domain::event::update_of_profile;
use tessera_domain::ids::MemberId;
use tessera_lambda::Queue;
use tessera_lambda::connection::BACKFILL;
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_store::{Delivery, DeliveryContent, DeliveryStatus};

use crate::events::{Addressed, Outgoing, first, key_of};
use crate::{NotifyError, Run, lock};

/// How often an update asks whether the backfill is over that it waits for.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

impl Run<'_> {
    /// Sees to it that nothing older stays after a profile was sent.
    pub(crate) async fn bring_newest(&self, to: &Addressed<'_>, sent: &Delivery) -> Result<(), NotifyError> {
        let Some(opened) = to.opened.as_ref().filter(|_| !sent.is_test) else { return Ok(()) };
        if to.member.is_some_and(|named| *named != opened.member) {
            self.send_update(to, &opened.member, sent).await?;
        }
        match self.backfill_since(to).await? {
            Some(since) => self.update_after_backfill(to, &opened.member, since).await,
            None => Ok(()),
        }
    }

    /// Until when an update waits, because a backfill may still bring something older.
    pub(crate) async fn waits_for_backfill(
        &self,
        to: &Addressed<'_>,
        outgoing: &Outgoing,
    ) -> Result<Option<Timestamp>, NotifyError> {
        let waits = outgoing.delivery.kind == BACKFILL && self.backfill_since(to).await?.is_some();
        Ok(if waits { Some(self.again_at()) } else { None })
    }

    /// Sends an update in the order of the member whom the one of the message was merged into.
    async fn send_update(&self, to: &Addressed<'_>, member: &MemberId, sent: &Delivery) -> Result<(), NotifyError> {
        let now = self.now();
        let update = update_of_profile(format!("{}:{member}", sent.event), member.as_str(), now);
        let content = NotificationContent::Event { event: Box::new(update), made_at: now, test: false };
        let message = Notification::new(to.program.id.clone(), to.target.id.clone(), Some(member.clone()), content);
        let natural = format!("{} {} {member}", sent.id, sent.attempts);
        let sent = self.services.send(Queue::Notifications, &[message.outgoing(&natural)]).await;
        sent.map_err(|error| NotifyError::Unavailable(error.to_string()))
    }

    /// When the backfill began that is under way. Read after the messages of the batch were received: a backfill that read a
    /// member before a change was stored before the message about that change.
    async fn backfill_since(&self, to: &Addressed<'_>) -> Result<Option<Timestamp>, NotifyError> {
        let key = key_of(&to.program.id, to.target);
        if let Some(known) = lock(&self.backfills).get(&key) {
            return Ok(*known);
        }
        let found = self.services.store.delivery(&to.program.id, &to.target.id, BACKFILL).await?;
        let running = found.filter(|found| found.status == DeliveryStatus::Pending);
        let since = running.map(|running| running.made_at);
        lock(&self.backfills).insert(key, since);
        Ok(since)
    }

    /// Stores an update of a member that waits for the end of the backfill: one, however many events the member has meanwhile.
    async fn update_after_backfill(
        &self,
        to: &Addressed<'_>,
        member: &MemberId,
        since: Timestamp,
    ) -> Result<(), NotifyError> {
        let update = update_of_profile(format!("{BACKFILL}:{member}:after"), member.as_str(), since);
        let text = serde_json::to_string(&update).map_err(|_| NotifyError::Event)?;
        let waiting = first(update, since, false, Some(member), DeliveryContent::Inline(text)).delivery;
        // Of this kind, it does not count as an event that waits.
        let waiting = Delivery { kind: BACKFILL.to_owned(), due: Some(self.again_at()), ..waiting };
        self.services.store.put_delivery(&to.program.id, &to.target.id, &waiting, None).await?;
        Ok(())
    }

    /// In whole milliseconds, as times are stored.
    fn again_at(&self) -> Timestamp {
        let at = self.now().saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
    }
}
