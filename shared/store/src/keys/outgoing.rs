//! The keys of what events are sent to.

use jiff::Timestamp;
use tessera_domain::coupon::PoolId;
use tessera_domain::ids::ProgramId;

use super::{Key, escape, unescape};

/// What all targets' sort keys begin with.
pub(crate) const TARGETS: &str = "target#";
/// What the sort keys of all deliveries that wait for their time begin with.
pub(crate) const DUE_DELIVERIES: &str = "due#";
/// What the sort keys of a target's deliveries begin with.
pub(crate) const DELIVERIES: &str = "d#";

/// The partition of a program's targets, and of what is to be sent to them again. Policies name its last part.
pub(crate) fn targets(program: &ProgramId) -> String {
    format!("{}#x", escape(program.as_str()))
}

/// The partition of what belongs to one target.
pub(crate) fn of_target(program: &ProgramId, target: &str) -> String {
    format!("{}#x#{}", escape(program.as_str()), escape(target))
}

/// A target.
pub(crate) fn target(program: &ProgramId, target: &str) -> Key {
    Key::new(targets(program), format!("{TARGETS}{}", escape(target)))
}

/// The encrypted secrets of a target, in the table of credentials.
pub(crate) fn target_secrets(program: &ProgramId, target: &str) -> Key {
    Key::new(of_target(program, target), "secrets")
}

/// The counters of a target.
pub(crate) fn target_health(program: &ProgramId, target: &str) -> Key {
    Key::new(of_target(program, target), "health")
}

/// A token bucket of a target: `bucket` is a fixed name without separators.
pub(crate) fn bucket(program: &ProgramId, target: &str, bucket: &str) -> Key {
    Key::new(of_target(program, target), format!("bucket#{bucket}"))
}

/// How far an order of a shop was followed.
pub(crate) fn followed_order(program: &ProgramId, connection: &str, order: &str) -> Key {
    Key::new(of_target(program, connection), format!("o#{}", escape(order)))
}

/// What the sort keys of all pools of codes that a shop creates begin with, in the partition of its connection.
pub(crate) const SHOP_POOLS: &str = "codes#";

/// The pool of codes that a shop creates for a discount.
pub(crate) fn shop_pool(program: &ProgramId, connection: &str, pool: &PoolId) -> Key {
    let discount = escape(pool.discount.as_deref().unwrap_or_default());
    Key::new(of_target(program, connection), format!("{SHOP_POOLS}{}#{discount}", escape(pool.reward.as_str())))
}

/// What the sort keys of the batches of codes begin with that a shop created for a discount, in the partition of its connection.
pub(crate) fn shop_batches(pool: &PoolId) -> String {
    let discount = escape(pool.discount.as_deref().unwrap_or_default());
    format!("made#{}#{discount}#", escape(pool.reward.as_str()))
}

/// A batch of codes that a shop created. `first`: a code that no other batch has; `attempt`: how often the batch was sent.
pub(crate) fn shop_batch(program: &ProgramId, connection: &str, pool: &PoolId, first: &str, attempt: u32) -> Key {
    let batch = format!("{}{}#{attempt}", shop_batches(pool), escape(first));
    Key::new(of_target(program, connection), batch)
}

/// The encrypted access token of a connection, in the table of credentials.
pub(crate) fn shop_token(program: &ProgramId, connection: &str) -> Key {
    Key::new(of_target(program, connection), "token")
}

/// The right to refresh the access token of a connection.
pub(crate) fn shop_token_lease(program: &ProgramId, connection: &str) -> Key {
    Key::new(of_target(program, connection), "token-lease")
}

/// A delivery to a target.
pub(crate) fn delivery(program: &ProgramId, target: &str, id: &str) -> Key {
    Key::new(of_target(program, target), format!("{DELIVERIES}{}", escape(id)))
}

/// The record of when a delivery is to be tried again.
pub(crate) fn due_delivery(program: &ProgramId, due: Timestamp, target: &str, id: &str) -> Key {
    let due = due.as_millisecond();
    Key::new(targets(program), format!("{DUE_DELIVERIES}{due:013}#{}#{}", escape(target), escape(id)))
}

/// The moment, target and delivery of a sort key that [`due_delivery`] made.
pub(crate) fn parse_due_delivery(sk: &str) -> Option<(Timestamp, String, String)> {
    let mut parts = sk.strip_prefix(DUE_DELIVERIES)?.split('#');
    let (due, target, id) = (parts.next()?, parts.next()?, parts.next()?);
    let due = Timestamp::from_millisecond(due.parse().ok()?).ok()?;
    parts.next().is_none().then(|| (due, unescape(target), unescape(id)))
}
