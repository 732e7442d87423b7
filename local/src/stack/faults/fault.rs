//! The kinds of faults and the operations that each applies to.

use std::fmt;

/// Whether a fault happens before or after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Before: the call was not executed.
    Before,
    /// After: the call was executed, and its response is lost.
    After,
}

/// A fault of a function's call, or of a delivery to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No response in time; the call was not executed.
    Timeout,
    /// Refused by throttling; not executed.
    Throttled,
    /// The service failed; not executed.
    Unavailable,
    /// Another transaction holds the item; not executed.
    Conflict,
    /// The call was executed, and its response is lost.
    LostReply,
    /// The function's code panics.
    Panic(When),
    /// The function's process is killed with its batch.
    Kill(When),
    /// The whole stack halts: no further call gets a response.
    Halt(When),
    /// The delivery is duplicated.
    Duplicate,
    /// The delivery is reordered, where no order is guaranteed.
    Reorder,
}

/// The name under which deliveries to a function are counted, beside its operations.
pub const DELIVERY: &str = "delivery";

/// The faults of any call.
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
    /// The faults of an operation.
    pub fn of(operation: &str) -> Vec<Self> {
        match operation {
            DELIVERY => vec![Self::Duplicate, Self::Reorder],
            "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" => {
                ANY.into_iter().chain([Self::Conflict]).collect()
            }
            _ => ANY.to_vec(),
        }
    }

    /// Whether it happens before or after the call.
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
