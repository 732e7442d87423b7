//! Re-arming: an account whose due day came without anything happening gets its next one, and one for which a changed program
//! makes something due earlier gets that.

use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{Reader, bytes, name, number, packed};
use crate::keys::Key;
use crate::writes::{Write, Written};
use crate::{Store, StoreError, indexes, keys};

const READ: &str = "reading accounts";
const REARM: &str = "re-arming an account";

impl Store {
    /// The accounts of some members, strongly consistent; without those who have none.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn accounts(
        &self,
        program: &ProgramId,
        members: &[MemberId],
    ) -> Result<Vec<(MemberId, Account)>, StoreError> {
        let wanted: Vec<Key> = members.iter().map(|member| keys::account(program, member)).collect();
        let found = self.get_many(READ, &self.tables.members, &wanted, true).await?;
        let accounts = found.iter().map(|item| {
            let reader = Reader::new(READ, item);
            let owner = keys::parse_member_partition(reader.text(name::PK)?);
            let (_, member) = owner.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
            Ok((member, reader.body()?))
        });
        accounts.collect()
    }

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
