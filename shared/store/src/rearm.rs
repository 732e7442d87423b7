//! Re-arming: an account whose due day came without anything happening gets its next one.

use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{bytes, name, number, packed};
use crate::writes::{Write, Written};
use crate::{Store, StoreError, indexes, keys};

const REARM: &str = "re-arming an account";

impl Store {
    /// Stores the next due day of an account that was read a moment ago: one conditional write, no entry.
    ///
    /// The account's version stays: it counts decisions. A decision that was loaded before and is committed afterwards
    /// restores the old day, and the next run finds the member again. Returns false when a decision changed the account
    /// meanwhile; that decision has armed it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn rearm(&self, program: &ProgramId, member: &MemberId, account: &Account) -> Result<bool, StoreError> {
        let update = match account.due {
            Some(_) => "SET b = :account, dp = :dp, dd = :dd",
            None => "SET b = :account REMOVE dp, dd",
        };
        let write = Write::update(&self.tables.members, &keys::account(program, member), update)
            .when("v = :version")
            .value(":version", number(account.version))
            .value(":account", bytes(packed(REARM, account)?));
        let indexed = indexes::due(program, member, account).into_iter();
        let write = indexed.fold(write, |write, (attribute, value)| {
            write.value(if attribute == name::DUE_IN { ":dp" } else { ":dd" }, value)
        });
        Ok(self.write(REARM, &write).await? == Written::Done)
    }
}
