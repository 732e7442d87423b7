//! Requests about personal data that a shop hands on. Each may be repeated, in whole or in part: the second time changes nothing.

use jiff::Timestamp;
use tessera_domain::ids::{CustomerId, MemberId};
use tessera_domain::member::MemberRef;
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_lambda::Services;
use tessera_lambda::erasure::ErasureError;
use tessera_orders::{InboundWork, Received, ShopConnection};
use tessera_store::{ActiveProgram, StoreError, Target, TargetId};

use crate::attempt::AttemptFailure;
use crate::fetch::FetchError;

/// Why a connection is disabled whose shop has left.
const LEFT: &str = "the shop has left: its data are to be erased (shop/redact)";

/// True for a request about personal data.
pub(crate) const fn is_request(work: &InboundWork) -> bool {
    match work {
        InboundWork::CustomerData { .. } | InboundWork::CustomerErasure { .. } | InboundWork::ShopErasure { .. } => {
            true
        }
        InboundWork::Read { .. }
        | InboundWork::Order { .. }
        | InboundWork::OrderWithoutRefunds { .. }
        | InboundWork::OrderNumber { .. }
        | InboundWork::Emails { .. }
        | InboundWork::Test { .. }
        | InboundWork::Poll { .. }
        | InboundWork::Packed { .. }
        | InboundWork::Delivery { .. } => false,
    }
}

/// Does what a request asks for.
pub(crate) async fn handle(
    services: &Services,
    program: &ActiveProgram,
    connection: &TargetId,
    work: &InboundWork,
) -> Result<Received, AttemptFailure> {
    match work {
        InboundWork::CustomerData { customer, request } => {
            let request = request.as_deref().unwrap_or(customer);
            announce(services, program, connection, customer, request).await
        }
        InboundWork::CustomerErasure { customer } => {
            let Some(member) = member_of(services, program, customer).await? else { return Ok(nobody()) };
            let erased = Box::pin(services.erase(program, &member, connection.as_str(), None)).await;
            erased.map_err(|error| match error {
                ErasureError::Store(error) => AttemptFailure::Store(error),
                ErasureError::Send(_) => FetchError::new(error.to_string()).into(),
            })?;
            Ok(Received::Stored)
        }
        InboundWork::ShopErasure { at } => {
            let at = at.unwrap_or_else(|| services.clock.now());
            Ok(end_connection(services, program, connection, at).await?)
        }
        other => Err(AttemptFailure::Unusable(format!("a {} is no request about personal data", other.name()))),
    }
}

/// The outcome of a request about somebody who is not known, or no longer.
const fn nobody() -> Received {
    Received::Skipped("a request about a customer who is not known")
}

/// The member whose id in the shop this is. Never by e-mail address or phone: those could be somebody else's by now.
async fn member_of(
    services: &Services,
    program: &ActiveProgram,
    customer: &str,
) -> Result<Option<MemberId>, AttemptFailure> {
    let Ok(id) = CustomerId::new(customer) else { return Ok(None) };
    // As a path, an id such as `email:…` would name somebody else.
    let (key, reference) = (&program.head.identity_key, MemberRef::of_id(id));
    Ok(services.store.resolve(&program.id, key, &reference, true).await?.member)
}

/// Tells the merchant that a customer asks for their data, and where it is. Once for each request of the shop.
async fn announce(
    services: &Services,
    program: &ActiveProgram,
    connection: &TargetId,
    customer: &str,
    request: &str,
) -> Result<Received, AttemptFailure> {
    let Some(member) = member_of(services, program, customer).await? else { return Ok(nobody()) };
    // The time of the first delivery is noted before the notice is given, so that a repetition gives the same one.
    let mark = format!("customers/data_request/{request}");
    let now = services.clock.now();
    let first = if let Some(first) = services.store.order_followed_until(&program.id, connection, &mark).await? {
        first
    } else {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        services.store.follow_order_until(&program.id, connection, &mark, now).await?;
        now
    };
    let (connection, request) = (connection.to_string(), request.to_owned());
    let content = NoticeContent::DataRequest { member, connection, request };
    services.store.give_notice(&program.id, &Notice { at: first, content }).await?;
    Ok(Received::Stored)
}

/// Ends the connection of a shop that has left. Until it is disabled, a repetition does what is left; afterwards only its pools are.
/// The program stays: only an admin may erase it.
async fn end_connection(
    services: &Services,
    program: &ActiveProgram,
    connection: &TargetId,
    at: Timestamp,
) -> Result<Received, StoreError> {
    let store = &services.store;
    let target = store.target(&program.id, connection).await?;
    let is_open = target.as_ref().and_then(ShopConnection::of).is_some_and(|connection| connection.is_enabled);
    if !is_open {
        if target.and_then(|target| target.disabled_because).as_deref() == Some(LEFT) {
            // The attempt that ended it may have been interrupted here.
            store.delete_shop_pools(&program.id, connection).await?;
        }
        return Ok(Received::Skipped("a connection that has ended already"));
    }
    let content = NoticeContent::ShopLeft { connection: connection.to_string() };
    store.give_notice(&program.id, &Notice { at, content }).await?;
    store.delete_target_secrets(&program.id, connection).await?;
    let ended = store.change_target(&program.id, connection, None, |target| match target {
        Some(target) => Ok(Target { is_enabled: false, disabled_because: Some(LEFT.to_owned()), ..target }),
        None => Err(()),
    });
    // Without a connection there is nothing to end.
    let _ = ended.await?;
    services.targets.forget(&program.id);
    // After it is disabled: nothing fills them again.
    store.delete_shop_pools(&program.id, connection).await?;
    tracing::warn!(program = %program.id, %connection, "the shop has left: the connection was disabled");
    Ok(Received::Stored)
}
