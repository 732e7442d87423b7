//! Opening a member: a member whose account became part of another's is that other member.
//!
//! A merge leaves an alias behind, and names the target in the source's account. Whoever reads the account follows it at
//! no further cost while there is nothing to follow; whoever needs no account reads the alias.

use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::member::Profile;

use crate::items::{Reader, name};
use crate::keys;
use crate::{Store, StoreError};

const OPEN: &str = "opening a member";
const FOLLOW: &str = "following an alias";

/// How many aliases lead from one to the next at most.
pub(crate) const MAX_ALIASES: usize = 16;

/// A member, with everything that is theirs alone.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenedMember {
    /// Who it is now.
    pub member: MemberId,
    /// The profile.
    pub profile: Profile,
    /// The account; a blank visitor's when nothing was ever committed.
    pub account: Account,
}

impl OpenedMember {
    /// The member, and those whose accounts it took over: all who own its entries and coupons.
    pub fn owners(&self) -> Vec<MemberId> {
        owners(&self.member, &self.account)
    }
}

/// A member, and those whose accounts it took over.
pub(crate) fn owners(member: &MemberId, account: &Account) -> Vec<MemberId> {
    std::iter::once(member).chain(&account.sources).cloned().collect()
}

impl Store {
    /// Opens a member, following aliases: profile and account in one call, strongly consistent; `None` when there is no
    /// such member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_member(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<Option<OpenedMember>, StoreError> {
        self.open(program, member, false).await
    }

    /// Opens a member to show it: as [`Store::open_member`], but the profile may be a moment old, for half a read unit less.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn view_member(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<Option<OpenedMember>, StoreError> {
        self.open(program, member, true).await
    }

    async fn open(
        &self,
        program: &ProgramId,
        member: &MemberId,
        is_view: bool,
    ) -> Result<Option<OpenedMember>, StoreError> {
        let mut member = member.clone();
        for _ in 0..MAX_ALIASES {
            let found = if is_view {
                self.get_member_for_view(program, &member).await?
            } else {
                self.get_member(program, &member).await?
            };
            let Some((profile, account)) = found else { return Ok(None) };
            match &account.merged_into {
                Some(target) => member = target.clone(),
                None => return Ok(Some(OpenedMember { member, profile, account })),
            }
        }
        Err(endless())
    }

    /// Opens an account alone, following aliases, strongly consistent. A member without an account has a blank visitor's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_account(
        &self,
        program: &ProgramId,
        member: &MemberId,
    ) -> Result<(MemberId, Account), StoreError> {
        let mut member = member.clone();
        for _ in 0..MAX_ALIASES {
            let account = self.get_account(program, &member).await?.unwrap_or_default();
            match &account.merged_into {
                Some(target) => member = target.clone(),
                None => return Ok((member, account)),
            }
        }
        Err(endless())
    }

    /// The member that a member is part of now, or itself; strongly consistent, one read unit for each alias.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn current_member(&self, program: &ProgramId, member: &MemberId) -> Result<MemberId, StoreError> {
        let mut member = member.clone();
        for _ in 0..MAX_ALIASES {
            match self.get(FOLLOW, &self.tables.members, &keys::alias(program, &member), true).await? {
                Some(alias) => member = Reader::new(FOLLOW, &alias).parsed(name::MEMBER)?,
                None => return Ok(member),
            }
        }
        Err(endless())
    }

    /// True when two members are one by now. Costs no read for equal ones.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn is_one_member(
        &self,
        program: &ProgramId,
        one: &MemberId,
        other: &MemberId,
    ) -> Result<bool, StoreError> {
        Ok(one == other || self.current_member(program, one).await? == self.current_member(program, other).await?)
    }

    /// All who own the entries and coupons of a member: the member as it is now, and those whose accounts it took over.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn owners(&self, program: &ProgramId, member: &MemberId) -> Result<Vec<MemberId>, StoreError> {
        let (member, account) = self.open_account(program, member).await?;
        Ok(owners(&member, &account))
    }
}

/// Aliases that lead in a circle: only a damaged store has them.
pub(crate) const fn endless() -> StoreError {
    StoreError::Item { operation: OPEN, attribute: "merged_into" }
}
