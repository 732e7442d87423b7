//! The rules of identity: decides from the guards whom a reference names and what it may change.

use std::collections::BTreeSet;

use tessera_domain::ids::MemberId;
use tessera_domain::member::{Identifier, IdentifierKind, MemberRef};

use super::guards::{GuardLookUp, Owner, SentIdentifier};

/// The member whom a reference names, and what the reference changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The member; `None` when a new one is to be created.
    pub member: Option<MemberId>,
    /// True when the member is a contact without an id, who gets the id of the reference.
    pub adopts: bool,
    /// Identifiers that become keys of the member.
    pub verify: Vec<Identifier>,
    /// Unverified identifiers that become contact data of the member where it has none of the kind.
    pub fill: Vec<Identifier>,
    /// Contacts without an id whose identifiers the request verifies: they join the member, with their points.
    pub joins: Vec<MemberId>,
    /// Identifiers of contacts without an id, other than the member, whose points wait.
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers that stay with another member, who has an id.
    pub conflict: Vec<IdentifierKind>,
}

impl Verdict {
    /// Decides whom a reference names. `waiting`: contacts that cannot join now.
    pub fn of(reference: &MemberRef, look_up: &GuardLookUp, waiting: &BTreeSet<MemberId>) -> Self {
        let is_key = |sent: &&SentIdentifier| sent.owner.is_some();
        let waits = |sent: &&SentIdentifier| sent.verified && sent.owner.as_ref().is_some_and(|owner| !owner.has_id);
        let owner = |sent: &SentIdentifier| sent.owner.as_ref().map(|owner| owner.member.clone());
        let is_named = look_up.given.is_some() || reference.id.is_some();
        let known = look_up.given.clone().or_else(|| look_up.id_owner.clone());
        let (member, adopts) = match known {
            Some(member) => (Some(member), false),
            None if is_named => {
                let contact = look_up.sent.iter().find(waits).and_then(owner);
                let adopts = contact.is_some();
                (contact, adopts)
            }
            None => (look_up.sent.iter().find(is_key).and_then(owner), false),
        };
        let is_members = |owner: &Owner| Some(&owner.member) == member.as_ref();
        // A mere mention of an identifier changes nothing of the person behind it.
        let may_change =
            is_named || look_up.sent.iter().any(|sent| sent.verified && sent.owner.as_ref().is_some_and(is_members));

        let mut verdict = Self { member: member.clone(), adopts, ..Self::default() };
        for SentIdentifier { identifier, verified, owner } in &look_up.sent {
            let kind = identifier.kind;
            match (owner, *verified) {
                (Some(owner), true) if is_members(owner) && owner.verified => {}
                (Some(owner), true) if is_members(owner) => verdict.verify.push(identifier.clone()),
                (Some(owner), true) if owner.has_id => verdict.conflict.push(kind),
                (Some(owner), true) if may_change && !waiting.contains(&owner.member) => {
                    if !verdict.joins.contains(&owner.member) {
                        verdict.joins.push(owner.member.clone());
                    }
                }
                (Some(_), true) => verdict.claimable.push(kind),
                (None, true) => verdict.verify.push(identifier.clone()),
                (Some(owner), false) if is_members(owner) => {}
                (owner, false) => {
                    if owner.as_ref().is_some_and(|owner| !owner.has_id) {
                        verdict.claimable.push(kind);
                    }
                    verdict.fill.push(identifier.clone());
                }
            }
        }
        if !may_change {
            verdict.verify.clear();
            verdict.fill.clear();
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str) -> MemberId {
        MemberId::new(id).unwrap()
    }

    fn key_of(id: &str, verified: bool, has_id: bool) -> Owner {
        Owner { member: member(id), verified, has_id }
    }

    /// What is sent of a card and an e-mail address, each with its owner.
    fn judge(
        id: Option<(&str, Option<&str>)>,
        card: Option<Owner>,
        email: Option<Owner>,
        verified: &[IdentifierKind],
    ) -> Verdict {
        let reference = MemberRef {
            id: id.map(|(id, _)| id.parse().unwrap()),
            card: "A-1".parse().ok(),
            email: "ada@x.it".parse().ok(),
            verified: Some(verified.iter().copied().collect()),
            ..MemberRef::default()
        };
        let owners = [card, email];
        let sent = reference.identifiers().zip(owners).map(|(identifier, owner)| SentIdentifier {
            verified: reference.is_verified(identifier.kind),
            identifier,
            owner,
        });
        let id_owner = id.and_then(|(_, owner)| owner).map(member);
        let look_up = GuardLookUp { id_owner, sent: sent.collect(), ..GuardLookUp::default() };
        Verdict::of(&reference, &look_up, &BTreeSet::new())
    }

    #[test]
    fn the_id_decides_whoever_holds_the_identifiers() {
        use IdentifierKind::{Card, Email};
        for verified in [&[][..], &[Email], &[Card, Email]] {
            let verdict = judge(Some(("c-2", Some("m_2"))), None, Some(key_of("m_1", true, true)), verified);
            assert_eq!(verdict.member, Some(member("m_2")));
            assert!(verdict.claimable.is_empty());
            let conflict: &[IdentifierKind] = if verified.contains(&Email) { &[Email] } else { &[] };
            assert_eq!(verdict.conflict, conflict);
        }
        let new = judge(
            Some(("c-2", None)),
            Some(key_of("m_1", true, true)),
            Some(key_of("m_1", true, true)),
            &[Card, Email],
        );
        assert_eq!((new.member, new.conflict), (None, vec![Card, Email]));
    }

    #[test]
    fn only_what_is_proven_leads_an_unknown_id_to_a_contact() {
        use IdentifierKind::Email;
        let contact = || Some(key_of("m_9", false, false));
        let unproven = judge(Some(("c-1", None)), None, contact(), &[]);
        assert_eq!((unproven.member, unproven.claimable), (None, vec![Email]));
        let proven = judge(Some(("c-1", None)), None, contact(), &[Email]);
        assert_eq!((proven.member, proven.adopts, proven.claimable), (Some(member("m_9")), true, vec![]));
        let known = judge(Some(("c-1", Some("m_1"))), None, contact(), &[Email]);
        assert_eq!((known.member, known.joins, known.claimable), (Some(member("m_1")), vec![member("m_9")], vec![]));
    }

    #[test]
    fn a_mention_changes_nothing() {
        use IdentifierKind::{Card, Email};
        let mentioned = judge(None, None, Some(key_of("m_1", true, true)), &[Card]);
        assert_eq!(mentioned, Verdict { member: Some(member("m_1")), ..Verdict::default() });
        let proven = judge(None, None, Some(key_of("m_1", true, true)), &[Card, Email]);
        assert_eq!(proven.verify.len(), 1);
        let joining = judge(None, Some(key_of("m_1", true, true)), Some(key_of("m_9", false, false)), &[Card, Email]);
        assert_eq!((joining.member, joining.joins), (Some(member("m_1")), vec![member("m_9")]));
        let only_mentioned = judge(None, Some(key_of("m_1", true, true)), Some(key_of("m_9", false, false)), &[Email]);
        assert_eq!((only_mentioned.joins, only_mentioned.claimable), (vec![], vec![Email]));
        let first_key = judge(None, Some(key_of("m_1", true, true)), Some(key_of("m_9", false, false)), &[Card]);
        assert_eq!((first_key.member, first_key.claimable), (Some(member("m_1")), vec![Email]));
    }
}
