//! Erasure of a person: the balance is removed, coupons are cancelled, targets hear of it, and what names the person is deleted.
//!
//! The steps are in an order in which each may be interrupted: until the last one, every name of the member leads to it, and a
//! repeated request does what is left. From the first step on, every fact about the member is rejected.

use serde_json::json;
use tessera_domain::coupon::CouponStatus;
use tessera_domain::decide::decide_erasure;
use tessera_domain::event::{Event, events_of_entry};
use tessera_domain::ids::MemberId;
use tessera_domain::ledger::Entry;
use tessera_domain::view::Explainer;
use tessera_store::{
    ActiveProgram, Audit, Commit, CommitError, CouponError, EntryKey, OpenedMember, Party, StoreError, TargetKind,
    entry_id,
};

use crate::Services;
use crate::config::Queue;
use crate::notification::{Notification, NotificationContent};
use crate::problem::Problem;
use crate::sender::{OutgoingMessage, SendError};

/// The type of the event that targets receive.
pub const ERASED: &str = "tessera.entry.erase";

/// Why an erasure was not completed. Erasing again completes it.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The targets were not notified.
    #[error("targets were not notified: {0}")]
    Send(#[from] SendError),
}

/// 503: the erasure is repeated to complete it.
impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => error.into(),
            ErasureError::Send(error) => error.into(),
        }
    }
}

impl Services {
    /// Erases a member. `actor`: who asked for it; `audit`: what the audit records of it. Returns false when there is no such member; true also for one that was
    /// erased before.
    ///
    /// # Errors
    /// When a step failed; erasing again completes it.
    pub async fn erase(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        actor: &str,
        audit: Option<&Audit>,
    ) -> Result<bool, ErasureError> {
        let Some(opened) = self.store.open_member(&program.id, member).await? else {
            let account = self.store.get_account(&program.id, member).await?;
            return Ok(account.is_some_and(|account| account.erased_at.is_some()));
        };
        let OpenedMember { member, profile, .. } = opened;
        self.end_account(program, &member, actor, audit).await?;
        let (_, account) = self.store.open_account(&program.id, &member).await?;
        // Somebody may have merged the member meanwhile: the request finds the other one when it is repeated.
        let Some(erased_at) = account.erased_at else {
            return Err(StoreError::Contended { operation: "erasing a member", tries: 1 }.into());
        };
        let owners: Vec<MemberId> = std::iter::once(&member).chain(&account.sources).cloned().collect();
        self.cancel_coupons(program, &owners).await?;
        let key = EntryKey::erasure(erased_at);
        if let Some(entry) = self.store.get_entry(&program.id, &member, &key).await? {
            let name = profile.id.as_ref().map_or_else(|| member.to_string(), ToString::to_string);
            self.notify_of_erasure(program, &member, &key, &entry, &name).await?;
        }
        self.store.forget_person(&program.id, &program.head.identity_key, &owners).await?;
        Ok(true)
    }

    /// Removes the balance, once.
    async fn end_account(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        actor: &str,
        audit: Option<&Audit>,
    ) -> Result<(), StoreError> {
        let (now, config) = (self.clock.now(), &program.compiled);
        let key = EntryKey::erasure(now);
        let commit = Commit::for_one(&program.id, config, Party { even_erased: true, ..Party::new(member, &key) });
        let committed = self.store.commit_audited(&commit, audit, |[seen]| {
            decide_erasure(&seen.context(config, now), seen.account, actor).map(|decision| [decision]).ok_or(())
        });
        match committed.await {
            // Refused: an earlier request did it.
            Ok(_) | Err(CommitError::Refused(())) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Cancels every coupon that could still be used.
    async fn cancel_coupons(&self, program: &ActiveProgram, owners: &[MemberId]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut cursor = None;
        loop {
            let page = self.store.coupons(&program.id, owners, 100, cursor.as_deref()).await?;
            let open = page.items.iter().filter(|coupon| {
                matches!(coupon.status, CouponStatus::Reserved | CouponStatus::Available | CouponStatus::Applied)
            });
            for coupon in open {
                let change = self.store.change_coupon(&program.id, &coupon.code, |coupon| {
                    // A coupon may have been moved to somebody else meanwhile.
                    let is_own = owners.contains(&coupon.member);
                    Ok::<_, std::convert::Infallible>(if is_own {
                        coupon.cancelled_by_erasure(now)
                    } else {
                        coupon.clone()
                    })
                });
                match change.await {
                    Ok(_) | Err(CouponError::Unknown) => {}
                    Err(CouponError::Refused(never)) => match never {},
                    Err(CouponError::Store(error)) => return Err(error),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Sends the events of an erasure to the targets that want them. The member's name travels with them: when they are sent,
    /// nobody knows it any more.
    async fn notify_of_erasure(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        key: &EntryKey,
        entry: &Entry,
        name: &str,
    ) -> Result<(), ErasureError> {
        let targets = self.targets.get(&self.store, &program.id).await?;
        let explainer = Explainer::new(&program.compiled, &program.compiled.program.locale);
        let events = events_of_entry(&entry_id(member, key), name, entry, &explainer);
        let mut messages: Vec<OutgoingMessage> = Vec::new();
        for target in targets.iter().filter(|target| target.is_enabled) {
            let wanted = events.iter().filter(|event| match target.kind {
                TargetKind::Webhook(_) => target.wants(&event.kind),
                // Every vendor has to delete the person, whichever types of events it receives.
                TargetKind::Klaviyo(_) => event.kind == ERASED,
                // Shops send events, and receive none.
                TargetKind::Shop(_) => false,
            });
            for event in wanted {
                let mut event: Event = event.clone();
                event.data["member"] = json!(name);
                let (natural, made_at) = (event.id.clone(), event.at);
                let content = NotificationContent::Event { event: Box::new(event), made_at, test: false };
                let message = Notification::new(program.id.clone(), target.id.clone(), Some(member.clone()), content);
                messages.push(message.outgoing(&natural));
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        Ok(self.send(Queue::Notifications, &messages).await?)
    }
}
