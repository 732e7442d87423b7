//! `POST /v1/webhooks/klaviyo/{program}`: opened and clicked e-mails become interactions of the members they were sent to.
//!
//! Klaviyo waits five seconds for the response, and a thousand events need thousands of calls: one event is stored at once, more
//! wait in `inbound.fifo`.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Queue, Services};
use tessera_orders::{Follower, InboundMessage, InboundWork, count};
use tessera_shops::klaviyo::{
    EmailEvent, MOST_EVENTS, SIGNATURE, TIMESTAMP, WEBHOOK_ID, events, verify, verify_shared,
};
use tessera_shops::{Payload, PayloadError, SignatureError};
use tessera_store::{HealthChange, KlaviyoSettings, StoreError, TargetId, TargetKind};

use crate::verify::{begin, refuse, unknown_connection};

/// The events of a message: a delivery is at most one batch of messages.
const PER_MESSAGE: usize = MOST_EVENTS / 10;
/// The largest event, in bytes: `PER_MESSAGE` of them fit into a message. Texts are cut, but ids are not.
const MOST_EVENT_BYTES: usize = 8 * 1024;

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
    let found = Payload::parse(request.body()).and_then(|payload| events(&payload, request.header(WEBHOOK_ID)));
    let mut usable = Vec::new();
    let mut skipped = 0;
    for event in found.unwrap_or_else(|error| vec![Err(error)]) {
        match event.and_then(|event| with_bounds(event, services.clock.now())) {
            Ok(event) => usable.push(event),
            Err(error) => {
                tracing::warn!(%program, reason = error.0, "an event of Klaviyo cannot be used");
                skipped += 1;
            }
        }
    }
    let id = TargetId::klaviyo();
    if let [_] = usable.as_slice() {
        let program = services.program(&program).await?;
        let follower = Follower { services, program: &program, connection: &id, orders_since: None };
        skipped += Box::pin(follower.emails(&usable)).await?;
    } else {
        let parts = usable.chunks(PER_MESSAGE).map(|events| {
            let work = InboundWork::Emails { events: events.to_vec() };
            InboundMessage::new(program.clone(), id.clone(), work).outgoing()
        });
        services.send(Queue::Inbound, &parts.collect::<Vec<_>>()).await?;
    }
    if skipped > 0 {
        count(services, &program, &id, &HealthChange { skipped, ..HealthChange::default() }).await;
    }
    Ok(http::empty(200))
}

/// The event with a time; an event that is too large for a message is refused. `now`: the time of one that has none.
fn with_bounds(event: EmailEvent, now: Timestamp) -> Result<EmailEvent, PayloadError> {
    let event = EmailEvent { at: Some(event.at.unwrap_or(now)), ..event };
    let size = serde_json::to_vec(&event).map_or(usize::MAX, |text| text.len());
    if size > MOST_EVENT_BYTES {
        return Err(PayloadError(format!("an event of {size} bytes, more than {MOST_EVENT_BYTES}")));
    }
    Ok(event)
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
