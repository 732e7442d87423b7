//! Stores what shops and Klaviyo deliver. `hooks` and `inbound` share it; `shop-codes` uses its connections.
//!
//! - [`ShopConnection`] is a connection with its settings, [`ShopCredentials`] are its secrets.
//! - [`InboundMessage`] is what waits in `inbound.fifo`.
//! - [`Follower`] stores the facts of deliveries, and makes what is stored agree with an order.
//! - [`record`] stores what became of a delivery.

mod connection;
mod emails;
mod follow;
mod handle;
mod message;
mod read;
mod record;
mod retry;

pub use connection::{ShopConnection, ShopCredentials};
pub use follow::{FollowError, Followed, Follower, NamedRefunds};
pub use handle::Handled;
pub use message::{InboundError, InboundMessage, InboundWork};
pub use record::{Received, count, record, report};
pub use retry::next_attempt;
