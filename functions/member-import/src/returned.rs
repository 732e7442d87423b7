//! Rows that were undone, and orders whose return is not decided yet.

use tessera_domain::ids::MemberId;
use tessera_import::RowFault;
use tessera_store::EntryKey;

/// How a row was undone.
pub(crate) enum UndoneRow {
    /// It is, as far as it can be; the reasons say what cannot.
    Known(Result<(), Vec<RowFault>>),
    /// Its order was returned. The decision on that says what cannot be undone.
    Returned(ReturnedOrder),
}

/// An order whose return was stored.
pub(crate) struct ReturnedOrder {
    /// Its member.
    pub member: MemberId,
    /// The key of the decision on the return.
    pub key: EntryKey,
}
