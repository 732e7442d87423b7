//! Comparison of a friend with an advocate: signs by which they are taken for one person, and suspicious networks.
//!
//! What is known of a friend is noted before a referral is written, so that a request that dies in between loses nothing: all
//! notes may be repeated.

use jiff::tz::TimeZone;
use tessera_domain::ids::MemberId;
use tessera_domain::member::{IdentifierKind, Profile};
use tessera_domain::program::ReferralChecks;
use tessera_domain::referral::{ContextKind, FriendSign, Referral, ReferralReason, ReferralSign};
use tessera_domain::time::Day;
use tessera_store::{ActiveProgram, OpenedMember, ReferralClick, StoreError, StoredFriend};

use super::{NamedCode, ReferralContext};
use crate::services::Services;
use crate::source::Source;

/// The referrals of one network on a day above which the next one is suspicious.
const MANY_OF_NETWORK: usize = 5;
/// The referrals of one advocate on a day above which the next one is suspicious.
const MANY_OF_ADVOCATE: usize = 10;

/// A friend and an advocate who are compared.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub program: &'a ActiveProgram,
    pub advocate: &'a OpenedMember,
    pub friend: &'a OpenedMember,
}

/// What speaks against a referral.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    pub refused: Option<ReferralReason>,
    pub evidence: Vec<ReferralSign>,
    /// The signs of the friend.
    pub signs: Vec<FriendSign>,
    /// The networks and advocates for whom the referral does not count yet.
    uncounted: Vec<(&'static str, String)>,
}

/// What a suspicious sign adds to the score of a referral.
pub(super) const fn weight(checks: ReferralChecks, sign: ReferralSign) -> u32 {
    match sign {
        ReferralSign::SameIp => checks.same_ip,
        ReferralSign::IpVelocity => checks.ip_velocity,
        ReferralSign::AdvocateVelocity => checks.advocate_velocity,
    }
}

impl Services {
    /// Looks at a code that was named. `known`: the referral, if the friend named a code of the advocate before.
    pub(super) async fn suspect(
        &self,
        pair: Pair<'_>,
        named: &NamedCode,
        click: Option<&ReferralClick>,
        known: Option<&Referral>,
    ) -> Result<Suspicion, StoreError> {
        let Pair { program, advocate, friend } = pair;
        let texts = signs_of(&friend.profile, Some(&named.context));
        let mut suspicion = Suspicion { signs: self.hashed(program, &texts).await?, ..Suspicion::default() };
        let network = match (&named.context.ip, click) {
            (Some(ip), _) => {
                let source = Source::reported(ip);
                Some(self.store.hash_sign(&program.head.identity_key, "network", source.as_str()).await?)
            }
            (None, Some(click)) => Some(click.network.clone()),
            (None, None) => None,
        };
        if advocate.member == friend.member {
            // Two who became one may be separated again: whoever evaluates the referral sees what they are.
            suspicion.refused = known.is_none().then_some(ReferralReason::SelfReferral);
        } else {
            suspicion.refused = self.compare(pair, &texts, &suspicion.signs, known).await?;
            if suspicion.refused.is_none() && known.is_none() && self.is_loop(pair).await? {
                suspicion.refused = Some(ReferralReason::Loop);
            }
            if let Some(network) = &network
                && self.store.shares_from(&program.id, &advocate.owners(), network).await?
            {
                suspicion.evidence.push(ReferralSign::SameIp);
            }
        }
        let day = day_of(known, named, &program.compiled.zone);
        let natural = natural(&friend.member, &advocate.member);
        if let Some(network) = network {
            let velocity = self.store.velocity(&program.id, ("network", &network), day, &natural).await?;
            if velocity.others >= MANY_OF_NETWORK && !(known.is_some() && velocity.is_counted) {
                suspicion.evidence.push(ReferralSign::IpVelocity);
            }
            if !velocity.is_counted {
                suspicion.uncounted.push(("network", network));
            }
        }
        if known.is_none() {
            let of = advocate.member.to_string();
            let velocity = self.store.velocity(&program.id, ("advocate", &of), day, &natural).await?;
            if velocity.others >= MANY_OF_ADVOCATE {
                suspicion.evidence.push(ReferralSign::AdvocateVelocity);
            }
            if !velocity.is_counted {
                suspicion.uncounted.push(("advocate", of));
            }
        }
        Ok(suspicion)
    }

    /// Notes what is known of the friend, for the checks of later referrals. `before`: what was noted before.
    pub(super) async fn note(
        &self,
        pair: Pair<'_>,
        before: &StoredFriend,
        suspicion: &Suspicion,
        day: Day,
    ) -> Result<(), StoreError> {
        let (store, program, now) = (&self.store, &pair.program.id, self.clock.now());
        let fresh = fresh(&suspicion.signs, std::slice::from_ref(before));
        store.note_signs(program, &before.member, &fresh).await?;
        let natural = natural(&pair.friend.member, &pair.advocate.member);
        for (kind, of) in &suspicion.uncounted {
            store.count_velocity(program, (kind, of), day, &natural, now).await?;
        }
        Ok(())
    }

    /// Why a friend is taken for the advocate, or for another friend of the advocate. `texts` and `signs`: what is known of
    /// the friend, as text and hashed.
    pub(super) async fn compare(
        &self,
        Pair { program, advocate, friend }: Pair<'_>,
        texts: &[(ContextKind, String)],
        signs: &[FriendSign],
        known: Option<&Referral>,
    ) -> Result<Option<ReferralReason>, StoreError> {
        let of_advocate = signs_of(&advocate.profile, None);
        if let Some((kind, _)) = texts.iter().find(|sign| of_advocate.contains(sign)) {
            return Ok(Some(kind.reason()));
        }
        let owners = advocate.owners();
        let mut others = Vec::new();
        for (kind, members) in self.store.who_shares(&program.id, signs, &owners).await? {
            for member in members {
                others.push((kind, self.store.current_member(&program.id, &member).await?));
            }
        }
        if let Some((kind, _)) = others.iter().find(|(_, other)| *other == advocate.member) {
            return Ok(Some(kind.reason()));
        }
        for (_, other) in others.iter().filter(|(kind, other)| kind.is_personal() && *other != friend.member) {
            let of_other = self.store.owners(&program.id, other).await?;
            let brought = self.store.friend_referrals(&program.id, &of_other).await?;
            let mut brought = brought.iter().flat_map(|friend| &friend.known.referrals);
            if brought.any(|one| owners.contains(&one.advocate) && precedes(one, known)) {
                return Ok(Some(ReferralReason::DuplicateFriend));
            }
        }
        Ok(None)
    }

    /// The keyed hashes of signs.
    pub(super) async fn hashed(
        &self,
        program: &ActiveProgram,
        texts: &[(ContextKind, String)],
    ) -> Result<Vec<FriendSign>, StoreError> {
        let mut signs = Vec::new();
        for (kind, text) in texts {
            let hash = self.store.hash_sign(&program.head.identity_key, kind.name(), text).await?;
            signs.push(FriendSign { kind: *kind, hash });
        }
        Ok(signs)
    }

    /// True if the friend brought the advocate.
    async fn is_loop(&self, Pair { program, advocate, friend }: Pair<'_>) -> Result<bool, StoreError> {
        let brought = self.store.friend_referrals(&program.id, &advocate.owners()).await?;
        let owners = friend.owners();
        Ok(brought.iter().flat_map(|friend| &friend.known.referrals).any(|one| owners.contains(&one.advocate)))
    }
}

/// True if another friend's referral makes this one a duplicate. Of two that are known, the earlier one counts, unless the
/// later one is rewarded already.
fn precedes(other: &Referral, known: Option<&Referral>) -> bool {
    let is_earlier = |known: &Referral| (other.first_at, &other.id) < (known.first_at, &known.id);
    known.is_none_or(|known| other.counted || (other.refused.is_none() && is_earlier(known)))
}

/// The day for which a referral counts: that on which it became known.
pub(super) fn day_of(known: Option<&Referral>, named: &NamedCode, zone: &TimeZone) -> Day {
    Day::of(known.map_or(named.at, |known| known.first_at), zone)
}

/// The name of a referral among those of a network or an advocate.
fn natural(friend: &MemberId, advocate: &MemberId) -> String {
    format!("{friend}#{advocate}")
}

/// The signs that a friend's items do not have yet.
pub(super) fn fresh(signs: &[FriendSign], stored: &[StoredFriend]) -> Vec<FriendSign> {
    let is_known = |sign: &&FriendSign| stored.iter().any(|stored| stored.known.signs.contains(sign));
    signs.iter().filter(|sign| !is_known(sign)).cloned().collect()
}

/// The signs of a person, as they are compared.
pub(super) fn signs_of(profile: &Profile, context: Option<&ReferralContext>) -> Vec<(ContextKind, String)> {
    let of_profile = profile.identifiers.iter().filter_map(|held| {
        let kind = match held.identifier.kind {
            IdentifierKind::Email => ContextKind::Email,
            IdentifierKind::Phone => ContextKind::Phone,
            IdentifierKind::Card => return None,
        };
        Some((kind, kind.normalize(held.identifier.value.as_str())))
    });
    let of_context = context.into_iter().flat_map(|context| {
        let texts = [
            (ContextKind::Payment, &context.payment),
            (ContextKind::Address, &context.address),
            (ContextKind::Device, &context.device),
        ];
        texts.into_iter().filter_map(|(kind, text)| Some((kind, kind.normalize(text.as_ref()?))))
    });
    of_profile.chain(of_context).filter(|(_, text)| !text.is_empty()).collect()
}
