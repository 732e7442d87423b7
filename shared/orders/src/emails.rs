//! Stores opened and clicked e-mails, as interactions of the members they were sent to.

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tessera_domain::ids::{CustomerId, MemberId};
use tessera_domain::member::{Identifier, IdentifierKind, MemberPath, Profile};
use tessera_shops::ShopFact;
use tessera_shops::klaviyo::EmailEvent;
use tessera_store::StoreError;

use crate::follow::Follower;

/// Events that are stored at once.
const AT_ONCE: usize = 16;

impl Follower<'_> {
    /// Stores the interactions of events and returns how many of the events are of no use.
    ///
    /// # Errors
    /// When DynamoDB fails. Events that were stored are known then, and may be stored again.
    pub async fn emails(&self, events: &[EmailEvent]) -> Result<u64, StoreError> {
        let attempts: Vec<_> = events.iter().map(|event| Box::pin(self.email(event))).collect();
        let stored = stream::iter(attempts).buffer_unordered(AT_ONCE);
        let stored: Vec<Result<Result<(), String>, StoreError>> = stored.collect().await;
        let mut skipped = 0;
        for outcome in stored {
            if let Err(reason) = outcome? {
                tracing::warn!(program = %self.program.id, reason, "an event of Klaviyo cannot be used");
                skipped += 1;
            }
        }
        Ok(skipped)
    }

    /// Stores the interaction of an event. The inner error is why it cannot be used.
    async fn email(&self, event: &EmailEvent) -> Result<Result<(), String>, StoreError> {
        let Some(member) = self.member_of(event).await? else {
            return Ok(Err("the event is about nobody who is known".to_owned()));
        };
        let body = match event.interaction(&member, self.services.clock.now()) {
            Ok(body) => body,
            Err(error) => return Ok(Err(error.0)),
        };
        match Box::pin(self.put(&ShopFact::Interaction(body))).await {
            // The same event with another time, which a flow does not send along, was stored before.
            Ok(_) => Ok(Ok(())),
            Err(error) => error.unusable().map(Err),
        }
    }

    /// The reference of the member whom an event is about; `None` for somebody who is not known.
    ///
    /// Mail goes to many who never bought: an open makes nobody a visitor.
    async fn member_of(&self, event: &EmailEvent) -> Result<Option<Value>, StoreError> {
        let ids = [&event.external_id, &event.envelope_id].into_iter().flatten().cloned();
        let email = event.email.iter().map(|email| format!("email:{email}"));
        let phone = event.phone.iter().map(|phone| format!("phone:{phone}"));
        for path in ids.chain(email).chain(phone) {
            let Ok(named) = MemberPath::parse(&path) else { continue };
            if let Some(reference) = self.known(named).await? {
                return Ok(Some(reference));
            }
        }
        Ok(None)
    }

    async fn known(&self, named: MemberPath) -> Result<Option<Value>, StoreError> {
        let (store, program) = (&self.services.store, self.program);
        let member: Option<MemberId> = match named {
            MemberPath::Inner(member) => Some(member),
            MemberPath::Ref(reference) => {
                store.resolve(&program.id, &program.head.identity_key, &reference, false).await?.member
            }
        };
        let Some(member) = member else { return Ok(None) };
        let opened = store.view_member(&program.id, &member).await?;
        Ok(opened.and_then(|opened| reference_to(&opened.profile)))
    }
}

/// How a body names the member: by the shop's id, or else by the key of a contact.
fn reference_to(profile: &Profile) -> Option<Value> {
    if let Some(id) = &profile.id {
        return Some(json!({ "id": CustomerId::as_str(id) }));
    }
    let key = profile.identifiers.iter().find(|held| held.holding.is_key())?;
    let Identifier { kind, value } = &key.identifier;
    Some(match kind {
        IdentifierKind::Card => json!({ "card": value }),
        IdentifierKind::Email => json!({ "email": value }),
        IdentifierKind::Phone => json!({ "phone": value }),
    })
}
