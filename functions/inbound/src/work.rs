//! What a message asks for, and how it ends.

use jiff::Timestamp;
use tessera_lambda::{Queue, Services};
use tessera_orders::{
    FollowError, Followed, Follower, Handled, InboundMessage, InboundWork, NamedRefunds, Received, ShopConnection,
    ShopCredentials, count, next_attempt, record,
};
use tessera_shops::Vendor;
use tessera_store::{ActiveProgram, Delivery, DeliveryContent, DeliveryStatus, HealthChange, StoreError, TargetId};

use crate::attempt::{AttemptFailure, ShopContext};
use crate::fetch::FetchError;
use crate::{Vendors, WorkError, privacy, shopify, square, woocommerce};

/// The marker of how far WooCommerce was polled; ids of orders have another form.
pub(crate) const POLL_MARKER: &str = "poll";

/// Does what a message asks for, and stores how it ended.
pub(crate) async fn run(services: &Services, vendors: &Vendors, message: InboundMessage) -> Result<(), WorkError> {
    let InboundMessage { program: program_id, connection: id, work, .. } = message;
    let (work, before) = match work {
        InboundWork::Delivery { delivery, due } => {
            let found = services.store.delivery(&program_id, &id, &delivery).await?;
            // Another worker has tried it, or a person has.
            let Some(found) = found.filter(|found| found.due == Some(due)) else { return Ok(()) };
            let DeliveryContent::Inline(text) = &found.content else { return Ok(()) };
            let work = InboundWork::parse(text)?;
            (work, Some(found))
        }
        work => (work, None),
    };
    let unavailable = |problem: tessera_lambda::Problem| WorkError::Unavailable(problem.detail().to_owned());
    let program = services.program(&program_id).await.map_err(unavailable)?;
    if let InboundWork::Emails { events } = &work {
        // Klaviyo is no shop. What it delivered before it was disabled stands.
        let follower = Follower { services, program: &program, connection: &id, orders_since: None };
        let skipped = Box::pin(follower.emails(events)).await?;
        if skipped > 0 {
            count(services, &program_id, &id, &HealthChange { skipped, ..HealthChange::default() }).await;
        }
        return Ok(());
    }
    let outcome = match ShopConnection::enabled(services, &program_id, &id).await? {
        Some(connection) => Box::pin(attempt(services, vendors, &program, &connection, &work)).await,
        // A person's request stands, whatever became of the connection meanwhile.
        None if privacy::is_request(&work) => privacy::handle(services, &program, &id, &work).await,
        None => Err(AttemptFailure::Unusable("the connection is disabled".to_owned())),
    };
    let received = match outcome {
        Ok(received) => received,
        Err(failure) => {
            let is_once = matches!(work, InboundWork::Poll { .. } | InboundWork::Test { .. });
            if let (true, AttemptFailure::Again(error)) = (is_once, &failure) {
                // The next poll begins where this one did; a test is for a person who waits.
                let change = HealthChange { error: Some(error.reason.clone()), ..HealthChange::default() };
                count(services, &program_id, &id, &change).await;
                return Ok(());
            }
            ended(services, before.as_ref(), failure, work)?
        }
    };
    Box::pin(record(services, &program_id, &id, &received, before.as_ref())).await?;
    Ok(())
}

/// How a failure is recorded.
fn ended(
    services: &Services,
    before: Option<&Delivery>,
    failure: AttemptFailure,
    work: InboundWork,
) -> Result<Received, WorkError> {
    let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
    match failure {
        AttemptFailure::Store(error) => match FollowError::from(error).unusable() {
            Ok(reason) => Ok(Received::Unusable { reason, work: Box::new(work) }),
            Err(error) => Err(error.into()),
        },
        AttemptFailure::Unusable(reason) => Ok(Received::Unusable { reason, work: Box::new(work) }),
        AttemptFailure::Again(FetchError { reason, asked }) => {
            let due = next_attempt(services.clock.now(), &work.subject(), attempts, asked);
            let work = Box::new(work);
            Ok(match due {
                Some(due) => Received::Failed { reason, due, work, attempts },
                None => Received::Unusable { reason, work },
            })
        }
    }
}

async fn attempt(
    services: &Services,
    vendors: &Vendors,
    program: &ActiveProgram,
    connection: &ShopConnection,
    work: &InboundWork,
) -> Result<Received, AttemptFailure> {
    let orders_since = Some(connection.orders_since);
    let follower = Follower { services, program, connection: &connection.id, orders_since };
    let currency = program.compiled.program.currency;
    let client = vendors.client().map_err(|error| FetchError::new(error.to_string()))?;
    let shop = ShopContext { connection, client, currency, now: services.clock.now() };
    let mut next = work.clone();
    loop {
        next = match next {
            InboundWork::Read { topic, body } => {
                let delivered = connection.read(&topic, body.as_bytes(), currency);
                let delivered = delivered.map_err(|error| AttemptFailure::Unusable(error.to_string()))?;
                match Box::pin(follower.handle(delivered, connection.settings.vendor)).await? {
                    Handled::Stored => return Ok(Received::Stored),
                    Handled::Skipped(reason) => return Ok(Received::Skipped(reason)),
                    Handled::Unusable(reason) => return Err(AttemptFailure::Unusable(reason)),
                    Handled::Later(work) => work,
                }
            }
            InboundWork::Order { order } => {
                return Ok(received(Box::pin(follower.follow(&order, NamedRefunds::Delivered)).await?));
            }
            InboundWork::OrderWithoutRefunds { order, number, is_taxed } => {
                let credentials = credentials(services, program, &connection.id).await?;
                let refunds = woocommerce::follow_refunds(&shop, &follower, &credentials, &order, &number, is_taxed);
                return Ok(received(Box::pin(refunds).await?));
            }
            InboundWork::OrderNumber { number } => {
                let credentials = credentials(services, program, &connection.id).await?;
                return Ok(received(Box::pin(square::follow(&shop, &follower, &credentials, &number)).await?));
            }
            work @ (InboundWork::CustomerData { .. }
            | InboundWork::CustomerErasure { .. }
            | InboundWork::ShopErasure { .. }) => {
                return privacy::handle(services, program, &connection.id, &work).await;
            }
            InboundWork::Test { .. } => {
                let credentials = credentials(services, program, &connection.id).await?;
                test(&shop, &credentials).await?;
                return Ok(Received::Stored);
            }
            InboundWork::Poll { since, until, page } => {
                return Box::pin(poll(services, &shop, &follower, since, until, page)).await;
            }
            InboundWork::Emails { .. } => return Err(AttemptFailure::Unusable("no shop sends e-mails".to_owned())),
            InboundWork::Delivery { .. } => return Err(AttemptFailure::Unusable("a retry of a retry".to_owned())),
            InboundWork::Packed { .. } => return Err(AttemptFailure::Unusable("packed twice".to_owned())),
        }
    }
}

const fn received(followed: Followed) -> Received {
    match followed {
        Followed::Done => Received::Stored,
        Followed::TooOld => Received::Skipped(Followed::TOO_OLD),
    }
}

/// The current credentials of a connection.
async fn credentials(
    services: &Services,
    program: &ActiveProgram,
    id: &TargetId,
) -> Result<ShopCredentials, AttemptFailure> {
    let key = services.secrets().await.map_err(|problem| FetchError::new(problem.detail()))?;
    let secrets = services.store.target_secrets(&program.id, id, &key).await?;
    let credentials = secrets.and_then(|secrets| serde_json::from_str(&secrets.current).ok());
    credentials.ok_or_else(|| FetchError::new("the connection has no credentials").into())
}

/// Tries the credentials of a connection.
async fn test(shop: &ShopContext<'_>, credentials: &ShopCredentials) -> Result<(), AttemptFailure> {
    match shop.connection.settings.vendor {
        Vendor::Shopify => shopify::test(shop, credentials).await,
        Vendor::Square => square::test(shop, credentials).await,
        Vendor::Woocommerce => match woocommerce::disabled_webhooks(shop, credentials).await? {
            Some(reason) => Err(FetchError::new(reason).into()),
            None => Ok(()),
        },
        // It has no API that could be asked.
        Vendor::Generic => Ok(()),
    }
}

/// Fetches a page of changed orders, and asks for the next one.
async fn poll(
    services: &Services,
    shop: &ShopContext<'_>,
    follower: &Follower<'_>,
    since: Timestamp,
    until: Timestamp,
    page: u32,
) -> Result<Received, AttemptFailure> {
    let (program, id) = (&follower.program.id, &shop.connection.id);
    let credentials = credentials(services, follower.program, id).await?;
    if page == 1 {
        match woocommerce::disabled_webhooks(shop, &credentials).await {
            Ok(Some(reason)) => warn(services, follower, reason).await?,
            Ok(None) => {}
            // A key may be allowed to read orders and no webhooks.
            Err(AttemptFailure::Again(error)) => {
                let reason = format!("the webhooks cannot be read: {}", error.reason);
                let change = HealthChange { error: Some(reason), ..HealthChange::default() };
                count(services, program, id, &change).await;
            }
            Err(other) => return Err(other),
        }
    }
    let mut polled = Box::pin(woocommerce::poll(shop, follower, &credentials, since, page)).await?;
    let mut messages = Vec::with_capacity(polled.later.len());
    for work in polled.later {
        let message = InboundMessage::new(program.clone(), id.clone(), work);
        match message.fitting() {
            Some(message) => messages.push(message),
            None => polled.unusable.push((message.work, "the order is too large".to_owned())),
        }
    }
    let sent = services.send(Queue::Inbound, &messages).await;
    sent.map_err(|error| FetchError::new(error.to_string()))?;
    for (work, reason) in polled.unusable {
        let received = Received::Unusable { reason, work: Box::new(work) };
        record(services, program, id, &received, None).await?;
    }
    if polled.has_more {
        let next = InboundWork::Poll { since, until, page: page.saturating_add(1) };
        let message = InboundMessage::new(program.clone(), id.clone(), next).outgoing();
        let sent = services.send(Queue::Inbound, &[message]).await;
        sent.map_err(|error| FetchError::new(error.to_string()))?;
    } else {
        services.store.follow_order_until(program, id, POLL_MARKER, until).await?;
    }
    let change = HealthChange { delivered: polled.handled, skipped: polled.skipped, ..HealthChange::default() };
    if change != HealthChange::default() {
        count(services, program, id, &change).await;
    }
    Ok(Received::Counted)
}

/// Shows, once a day, that no webhook delivers orders.
async fn warn(services: &Services, follower: &Follower<'_>, reason: &str) -> Result<(), StoreError> {
    let now = services.clock.now();
    let day = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(86_400)).unwrap_or(now);
    // Tried again, it polls once more.
    let again = serde_json::to_string(&InboundWork::Poll { since: day, until: now, page: 1 }).unwrap_or_default();
    let warning = Delivery {
        id: Delivery::id_of(reason, day),
        event: "webhook".to_owned(),
        kind: "webhook".to_owned(),
        member: None,
        status: DeliveryStatus::Failed,
        made_at: day,
        tried_at: day,
        attempts: 1,
        response: Some(reason.to_owned()),
        due: None,
        is_test: false,
        content: DeliveryContent::Inline(again),
    };
    let (program, id) = (&follower.program.id, follower.connection);
    if services.store.put_delivery(program, id, &warning, None).await? {
        let change = HealthChange { error: Some(reason.to_owned()), dead: 1, ..HealthChange::default() };
        count(services, program, id, &change).await;
    }
    Ok(())
}
