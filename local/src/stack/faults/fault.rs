//! The kinds of faults and the operations that each applies to.

use std::fmt;

/// Whether a fault happens before or after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallSide {
    /// Before: the call was not executed.
    Before,
    /// After: the call was executed, and its response is lost.
    After,
}

/// A fault of a function's call, or of a delivery to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InjectedFault {
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
    Panic(CallSide),
    /// The function's process is killed with its batch.
    Kill(CallSide),
    /// The whole stack halts: no further call gets a response.
    Halt(CallSide),
    /// The call waits until the plan is cleared, and then goes on as if nothing had been: what happens meanwhile happens between two
    /// calls of the function. No plan has it by itself.
    Hold(CallSide),
    /// The delivery is duplicated.
    Duplicate,
    /// The delivery is reordered, where no order is guaranteed.
    Reorder,
}

/// The name under which deliveries to a function are counted, beside its operations.
pub const DELIVERY: &str = "delivery";

/// The faults of any call.
const ANY: [InjectedFault; 10] = [
    InjectedFault::Timeout,
    InjectedFault::Throttled,
    InjectedFault::Unavailable,
    InjectedFault::LostReply,
    InjectedFault::Panic(CallSide::Before),
    InjectedFault::Panic(CallSide::After),
    InjectedFault::Kill(CallSide::Before),
    InjectedFault::Kill(CallSide::After),
    InjectedFault::Halt(CallSide::Before),
    InjectedFault::Halt(CallSide::After),
];

impl InjectedFault {
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
    pub(in crate::stack) const fn side(self) -> CallSide {
        match self {
            Self::LostReply => CallSide::After,
            Self::Panic(side) | Self::Kill(side) | Self::Halt(side) | Self::Hold(side) => side,
            _ => CallSide::Before,
        }
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |when| if when == CallSide::Before { "before" } else { "after" };
        match *self {
            Self::Timeout => f.write_str("timeout"),
            Self::Throttled => f.write_str("throttle"),
            Self::Unavailable => f.write_str("unavailable"),
            Self::Conflict => f.write_str("conflict"),
            Self::LostReply => f.write_str("lost reply"),
            Self::Panic(when) => write!(f, "panic {}", side(when)),
            Self::Kill(when) => write!(f, "kill {}", side(when)),
            Self::Halt(when) => write!(f, "halt {}", side(when)),
            Self::Hold(when) => write!(f, "hold {}", side(when)),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Reorder => f.write_str("reorder"),
        }
    }
}
