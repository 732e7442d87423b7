//! What can go wrong, and with what.

use std::fmt;

/// On which side of a call something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The call was not executed.
    Before,
    /// The call was executed; its answer is lost.
    After,
}

/// What goes wrong with a call of a function, or with a delivery to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No answer in time; the call was not executed.
    Timeout,
    /// Refused for being one too many; not executed.
    Throttled,
    /// The service failed; not executed.
    Unavailable,
    /// Another transaction holds the item; not executed.
    Conflict,
    /// The call was executed, but its answer never arrived.
    LostReply,
    /// The function's code panics.
    Panic(When),
    /// The function's process ends, with all that it has in hand.
    Kill(When),
    /// The whole stack stands still: from now on no call of anyone is answered.
    Halt(When),
    /// The delivery comes twice.
    Duplicate,
    /// The delivery comes in another order, where no order is promised.
    Reorder,
}

/// The name by which a delivery to a function is counted, beside the operations that it calls.
pub const DELIVERY: &str = "delivery";

/// What can happen to any call.
const ANY: [Fault; 10] = [
    Fault::Timeout,
    Fault::Throttled,
    Fault::Unavailable,
    Fault::LostReply,
    Fault::Panic(When::Before),
    Fault::Panic(When::After),
    Fault::Kill(When::Before),
    Fault::Kill(When::After),
    Fault::Halt(When::Before),
    Fault::Halt(When::After),
];

impl Fault {
    /// What can go wrong with an operation.
    pub fn of(operation: &str) -> Vec<Self> {
        match operation {
            DELIVERY => vec![Self::Duplicate, Self::Reorder],
            "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" => {
                ANY.into_iter().chain([Self::Conflict]).collect()
            }
            _ => ANY.to_vec(),
        }
    }

    /// On which side of the call it happens.
    pub(in crate::stack) const fn side(self) -> When {
        match self {
            Self::LostReply => When::After,
            Self::Panic(side) | Self::Kill(side) | Self::Halt(side) => side,
            _ => When::Before,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |when| if when == When::Before { "before" } else { "after" };
        match *self {
            Self::Timeout => f.write_str("timeout"),
            Self::Throttled => f.write_str("throttle"),
            Self::Unavailable => f.write_str("unavailable"),
            Self::Conflict => f.write_str("conflict"),
            Self::LostReply => f.write_str("lost reply"),
            Self::Panic(when) => write!(f, "panic {}", side(when)),
            Self::Kill(when) => write!(f, "kill {}", side(when)),
            Self::Halt(when) => write!(f, "halt {}", side(when)),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Reorder => f.write_str("reorder"),
        }
    }
}
