//! `POST /v1/webhooks/klaviyo/{program}`: opened and clicked e-mails become interactions of the members they were sent to.

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::ids::{CustomerId, MemberId, ProgramId};
use tessera_domain::member::{Identifier, IdentifierKind, MemberPath, Profile};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Services};
use tessera_orders::{Follower, count};
use tessera_shops::klaviyo::{EmailEvent, SIGNATURE, TIMESTAMP, WEBHOOK_ID, events, verify, verify_shared};
use tessera_shops::{Payload, ShopFact, SignatureError};
use tessera_store::{ActiveProgram, HealthChange, KlaviyoSettings, StoreError, TargetId, TargetKind};

use crate::verify::{begin, refuse, unknown_connection};

/// Events of a delivery that are stored at once.
const AT_ONCE: usize = 16;

/// The part of the credentials that verifies deliveries.
#[derive(serde::Deserialize)]
struct Credentials {
    #[serde(default)]
    webhook_secret: Option<String>,
}

/// `POST /v1/webhooks/klaviyo/{program}`
pub(crate) async fn receive(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let look_up = begin(services, request)?;
    let program = ProgramId::new(request.path("program")?).map_err(|_| unknown_connection())?;
    let Some(settings) = enabled(services, &program).await? else {
        return Err(look_up.missed(unknown_connection()).await);
    };
    if let Err(error) = check(services, request, &program, &settings).await? {
        return Err(look_up.missed(refuse(error)).await);
    }
    let program = services.program(&program).await?;
    let found = Payload::parse(request.body()).and_then(|payload| events(&payload, request.header(WEBHOOK_ID)));
    let found = found.unwrap_or_else(|error| vec![Err(error)]);
    let id = TargetId::klaviyo();
    let follower = Follower { services, program: &program, connection: &id };
    let follower = &follower;
    let stored = stream::iter(found).map(|event| async move {
        match event {
            Ok(event) => Box::pin(store(follower, &event)).await,
            Err(error) => Ok(Err(error.0)),
        }
    });
    let stored: Vec<Result<Result<(), String>, StoreError>> = stored.buffer_unordered(AT_ONCE).collect().await;
    let mut skipped = 0;
    for outcome in stored {
        // When one event was not stored, Klaviyo sends all of them again; those that were stored are known then.
        if let Err(reason) = outcome? {
            tracing::warn!(program = %program.id, reason, "an event of Klaviyo cannot be used");
            skipped += 1;
        }
    }
    if skipped > 0 {
        count(services, &program.id, &id, &HealthChange { skipped, ..HealthChange::default() }).await;
    }
    Ok(http::empty(200))
}

/// The settings of the connection, while it is enabled.
async fn enabled(services: &Services, program: &ProgramId) -> Result<Option<KlaviyoSettings>, StoreError> {
    let targets = services.targets.get(&services.store, program).await?;
    let target = targets.iter().find(|target| target.id == TargetId::klaviyo() && target.is_enabled);
    Ok(target.and_then(|target| match &target.kind {
        TargetKind::Klaviyo(settings) => Some(settings.clone()),
        TargetKind::Webhook(_) | TargetKind::Shop(_) => None,
    }))
}

/// Checks who sent the delivery: Klaviyo by its signature, a flow by the secret in its header.
async fn check(
    services: &Services,
    request: &ApiRequest,
    program: &ProgramId,
    settings: &KlaviyoSettings,
) -> Result<Result<(), SignatureError>, Problem> {
    // Without any secret, only the form can be wrong.
    if signed(request, settings, &[], services.clock.now()) == Err(SignatureError::Malformed)
        || request.body().is_empty()
    {
        return Ok(Err(SignatureError::Malformed));
    }
    let (key, now) = (services.secrets().await?, services.clock.now());
    let Some(secrets) = services.store.target_secrets(program, &TargetId::klaviyo(), &key).await? else {
        return Ok(Err(SignatureError::Wrong));
    };
    // A replaced secret still verifies for a day.
    let credentials =
        secrets.valid_at(now).into_iter().filter_map(|json| serde_json::from_str::<Credentials>(json).ok());
    let secrets: Vec<String> = credentials.filter_map(|credentials| credentials.webhook_secret).collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    Ok(signed(request, settings, &secrets, now))
}

fn signed(
    request: &ApiRequest,
    settings: &KlaviyoSettings,
    secrets: &[&str],
    now: Timestamp,
) -> Result<(), SignatureError> {
    if let Some(signature) = request.header(SIGNATURE) {
        let timestamp = request.header(TIMESTAMP).ok_or(SignatureError::Malformed)?;
        return verify(secrets, request.body(), timestamp, signature, now);
    }
    let given = settings.flow_header.as_deref().and_then(|header| request.header(header));
    verify_shared(secrets, given.ok_or(SignatureError::Malformed)?)
}

/// Stores the interaction of an event. The inner error is why it cannot be used.
async fn store(follower: &Follower<'_>, event: &EmailEvent) -> Result<Result<(), String>, StoreError> {
    let Some(member) = member_of(follower.services, follower.program, event).await? else {
        return Ok(Err("the event is about nobody who is known".to_owned()));
    };
    let body = match event.interaction(&member, follower.services.clock.now()) {
        Ok(body) => body,
        Err(error) => return Ok(Err(error.0)),
    };
    match Box::pin(follower.put(&ShopFact::Interaction(body))).await {
        // The same event with another time, which a flow does not send along, was stored before.
        Ok(_) => Ok(Ok(())),
        Err(error) => error.unusable().map(Err),
    }
}

/// The reference of the member whom an event is about; `None` for somebody who is not known.
///
/// Mail goes to many who never bought: an open makes nobody a visitor.
async fn member_of(
    services: &Services,
    program: &ActiveProgram,
    event: &EmailEvent,
) -> Result<Option<Value>, StoreError> {
    let ids = [&event.external_id, &event.envelope_id].into_iter().flatten().cloned();
    let email = event.email.iter().map(|email| format!("email:{email}"));
    let phone = event.phone.iter().map(|phone| format!("phone:{phone}"));
    for path in ids.chain(email).chain(phone) {
        let Ok(named) = MemberPath::parse(&path) else { continue };
        if let Some(reference) = known(services, program, named).await? {
            return Ok(Some(reference));
        }
    }
    Ok(None)
}

async fn known(services: &Services, program: &ActiveProgram, named: MemberPath) -> Result<Option<Value>, StoreError> {
    let member: Option<MemberId> = match named {
        MemberPath::Inner(member) => Some(member),
        MemberPath::Ref(reference) => {
            let key = &program.head.identity_key;
            services.store.resolve(&program.id, key, &reference, false).await?.member
        }
    };
    let Some(member) = member else { return Ok(None) };
    let opened = services.store.view_member(&program.id, &member).await?;
    Ok(opened.and_then(|opened| reference_to(&opened.profile)))
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
