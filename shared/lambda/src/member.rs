//! Whom a path or a token means.

use tessera_domain::ids::MemberId;
use tessera_domain::member::{MemberPath, MemberRef};
use tessera_store::ActiveProgram;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::services::Services;

impl Services {
    /// The member that a path names, for a caller who may reach them; `None` when nobody has that name. A member's
    /// token reaches that member alone, by every name: also by those of members who were merged into it.
    ///
    /// The member may be the source of a merge: whoever opens it, or commits for it, follows its alias.
    ///
    /// # Errors
    /// 400 when it cannot be a name, 403 when a member's token names someone else.
    pub async fn member_for(
        &self,
        program: &ActiveProgram,
        caller: &Caller,
        path: &str,
    ) -> Result<Option<MemberId>, Problem> {
        let named = self.member_named(program, path).await?;
        let Some(id) = &caller.member else { return Ok(named) };
        // The path may name the member by a card, an e-mail or a phone: compare members, not names. A name that reaches
        // nobody can only be the token's own.
        let is_own = match &named {
            _ if id.as_str() == path => true,
            Some(named) => match self.own_member(program, caller).await? {
                Some(own) => self.store.is_one_member(&program.id, named, &own).await?,
                None => false,
            },
            None => false,
        };
        if is_own {
            return Ok(named);
        }
        Err(Problem::forbidden("a member's token reaches that member alone"))
    }

    /// The member that a path names, as it is now: never the source of a merge. `None` when nobody has that name.
    ///
    /// # Errors
    /// 400 when it cannot be a name.
    pub async fn member_at(&self, program: &ActiveProgram, path: &str) -> Result<Option<MemberId>, Problem> {
        match self.member_named(program, path).await? {
            Some(member) => Ok(Some(self.store.current_member(&program.id, &member).await?)),
            None => Ok(None),
        }
    }

    /// As [`Services::member_at`], but the member may be the source of a merge: for routes that open it, which follows its alias
    /// at no cost.
    ///
    /// # Errors
    /// 400 when it cannot be a name.
    pub async fn member_named(&self, program: &ActiveProgram, path: &str) -> Result<Option<MemberId>, Problem> {
        let named = MemberPath::parse(path).map_err(|error| Problem::malformed_at("", error.to_string()))?;
        match named {
            MemberPath::Inner(member) => Ok(Some(member)),
            MemberPath::Ref(reference) => self.look_up(program, &reference).await,
        }
    }

    /// The person whose points a member token shows: its own member, else the contact whom its verified claims name.
    ///
    /// # Errors
    /// 503 when it cannot be looked up.
    pub async fn own_or_claimed(&self, program: &ActiveProgram, caller: &Caller) -> Result<Option<MemberId>, Problem> {
        let Some(id) = &caller.member else { return Ok(None) };
        let reference = MemberRef { id: Some(id.clone()), ..caller.claims.clone() };
        self.look_up(program, &reference).await
    }

    /// The member whose token it is; `None` for a key, and for someone not known yet.
    ///
    /// # Errors
    /// 503 when it cannot be looked up.
    pub async fn own_member(&self, program: &ActiveProgram, caller: &Caller) -> Result<Option<MemberId>, Problem> {
        let Some(id) = &caller.member else { return Ok(None) };
        let reference = MemberRef { id: Some(id.clone()), ..MemberRef::default() };
        self.look_up(program, &reference).await
    }

    async fn look_up(&self, program: &ActiveProgram, reference: &MemberRef) -> Result<Option<MemberId>, Problem> {
        let key = &program.head.identity_key;
        let known = self.store.resolve(&program.id, key, reference, false).await?;
        if known.member.is_some() {
            return Ok(known.member);
        }
        // Whoever enrolled a moment ago is seen only by a consistent read.
        Ok(self.store.resolve(&program.id, key, reference, true).await?.member)
    }
}
