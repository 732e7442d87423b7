//! What a sender may state as verified.

use std::collections::BTreeSet;

use tessera_domain::member::{IdentifierKind, MemberRef};
use tessera_store::ActiveProgram;

use crate::caller::{Caller, Scope};
use crate::problem::Problem;

impl Caller {
    /// The reference with the kinds that count as verified: those that it lists, else the program's default.
    ///
    /// # Errors
    /// 403 when it lists a kind that the API key may not verify.
    pub fn verified(&self, program: &ActiveProgram, reference: MemberRef) -> Result<MemberRef, Problem> {
        let default = &program.compiled.program.identity.verified;
        let verified = match &reference.verified {
            None => default.iter().copied().filter(|kind| self.may_verify(*kind)).collect::<BTreeSet<_>>(),
            Some(listed) => {
                if let Some(kind) = listed.iter().find(|kind| !self.may_verify(**kind)) {
                    let detail = format!("this API key may not verify the identifier {}", kind.name());
                    return Err(Problem::new(403, "verification_not_allowed", detail));
                }
                listed.clone()
            }
        };
        Ok(MemberRef { verified: Some(verified), ..reference })
    }

    /// Checks that the API key may let another key, or a connection, verify these kinds: none beyond its own bound.
    ///
    /// # Errors
    /// 403 for a kind that it may not verify itself.
    pub fn check_verifies(&self, kinds: &[IdentifierKind]) -> Result<(), Problem> {
        let Some(bound) = &self.verifies else { return Ok(()) };
        let Some(beyond) = kinds.iter().find(|kind| !bound.contains(kind)) else { return Ok(()) };
        let detail = format!("this API key may not verify the identifier {0}, nor let others verify it", beyond.name());
        Err(Problem::new(403, "verification_not_allowed", detail))
    }

    /// A card in hand can be checked by any sender; a mailbox or a phone only by one that may change members.
    fn may_verify(&self, kind: IdentifierKind) -> bool {
        let has_scope = kind == IdentifierKind::Card || self.has(Scope::MembersWrite);
        has_scope && self.verifies.as_ref().is_none_or(|verifies| verifies.contains(&kind))
    }
}
