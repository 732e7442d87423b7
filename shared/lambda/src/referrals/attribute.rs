//! Attribution: a friend named an advocate's code.

use jiff::Timestamp;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{FriendChange, ReferralChange, decide_referral};
use tessera_domain::ids::{MemberId, ReferralId};
use tessera_domain::member::{IdentifierKind, Profile};
use tessera_domain::program::{Asked, CompiledReferral};
use tessera_domain::referral::{
    ContextKind, FriendReferrals, MAX_REFERRALS, Referral, ReferralReason, ReferralSign, ReferralStatus,
};
use tessera_domain::time::Day;
use tessera_store::{
    ActiveProgram, Commit, CommitError, EntryKey, FriendUpdate, OpenedMember, Party, ReferralClick, StoreError,
    StoredFriend,
};

use super::{AttributionError, ReferralFault, may_recommend};
use crate::services::Services;

/// How often an attribution is tried when others change the friend's referrals.
const TRIES: u32 = 8;
/// The referrals of one network on a day above which the next one is suspicious.
const MANY_OF_NETWORK: u32 = 5;
/// The referrals of one advocate on a day above which the next one is suspicious.
const MANY_OF_ADVOCATE: u32 = 10;

/// A code that a friend named.
#[derive(Debug, Clone)]
pub struct NamedCode {
    /// The code.
    pub code: FoldedCode,
    /// When.
    pub at: Timestamp,
    /// The click on the advocate's link that led to it.
    pub click: Option<String>,
    /// What the shop knows of the friend.
    pub context: ReferralContext,
}

/// What the shop knows of a friend, for the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferralContext {
    /// The network.
    pub ip: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// The means of payment.
    pub payment: Option<String>,
    /// The postal address.
    pub address: Option<String>,
}

/// A code that may be named now.
#[derive(Debug, Clone)]
pub struct ValidCode<'a> {
    referral: &'a CompiledReferral,
    /// The code, as it was issued.
    code: String,
    advocate: OpenedMember,
}

/// The result of an attribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// The referral.
    pub referral: ReferralId,
    /// True if it is new.
    pub is_new: bool,
}

/// What speaks against a new referral.
#[derive(Debug, Default)]
struct Suspicion {
    refused: Option<ReferralReason>,
    evidence: Vec<ReferralSign>,
    /// The signs of the friend, to be remembered.
    signs: Vec<(ContextKind, String)>,
    network: Option<String>,
}

impl Services {
    /// Attributes a friend to the owner of a code. Naming a code again moves its attribution days.
    ///
    /// # Errors
    /// [`AttributionError::Fault`] for a code that cannot be taken; nothing changed.
    pub async fn attribute(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        named: &NamedCode,
    ) -> Result<Attributed, AttributionError> {
        let valid = self.check_code(program, named).await?;
        self.attribute_to(program, friend, named, &valid).await
    }

    /// Checks a code before anything is written: whose it is, and whether it may be named now.
    ///
    /// # Errors
    /// [`AttributionError::Fault`] for a code that cannot be taken.
    pub async fn check_code<'a>(
        &self,
        program: &'a ActiveProgram,
        named: &NamedCode,
    ) -> Result<ValidCode<'a>, AttributionError> {
        let referral = program.compiled.referral.as_ref().filter(|referral| referral.program.enabled);
        let referral = referral.ok_or(ReferralFault::NoReferrals)?;
        let store = &self.store;
        let code = store.referral_code(&program.id, &named.code, true).await?.ok_or(ReferralFault::UnknownCode)?;
        let zone = &program.compiled.zone;
        let (first, last) = referral.program.code.validity(code.issued_at, zone);
        let day = Day::of(named.at, zone);
        if day < first {
            return Err(ReferralFault::NotStarted.into());
        }
        if last.is_some_and(|last| day > last) {
            return Err(ReferralFault::Expired.into());
        }
        let advocate = store.open_member(&program.id, &code.member).await?.ok_or(ReferralFault::UnknownCode)?;
        if !may_recommend(referral, &advocate.account) {
            return Err(ReferralFault::AdvocateNotEligible.into());
        }
        Ok(ValidCode { referral, code: code.code, advocate })
    }

    /// Refuses a friend who is known and has named as many codes as one can.
    ///
    /// # Errors
    /// [`ReferralFault::TooManyCodes`]; when the store fails.
    pub async fn check_room(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        valid: &ValidCode<'_>,
    ) -> Result<(), AttributionError> {
        let owners = self.store.owners(&program.id, friend).await?;
        let friends = self.store.friend_referrals(&program.id, &owners).await?;
        let advocates = valid.advocate.owners();
        let mut all = friends.iter().flat_map(|friend| &friend.known.referrals);
        let is_known = all.any(|one| advocates.contains(&one.advocate));
        let is_full = friends.first().is_some_and(|first| first.known.referrals.len() >= MAX_REFERRALS);
        if is_full && !is_known { Err(ReferralFault::TooManyCodes.into()) } else { Ok(()) }
    }

    /// As [`Services::attribute`], with a code that was checked.
    ///
    /// # Errors
    /// As [`Services::attribute`].
    pub async fn attribute_to(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        named: &NamedCode,
        valid: &ValidCode<'_>,
    ) -> Result<Attributed, AttributionError> {
        let ValidCode { referral, code, advocate } = valid;
        let (store, day) = (&self.store, Day::of(named.at, &program.compiled.zone));
        let click = match &named.click {
            Some(click) => store.click_on(&program.id, &named.code, click).await?,
            None => None,
        };
        for _ in 0..TRIES {
            let opened = store.open_member(&program.id, friend).await?;
            let opened = opened.ok_or(StoreError::Item { operation: "attributing a friend", attribute: "profile" })?;
            let friends = store.friend_referrals(&program.id, &opened.owners()).await?;
            let owners = advocate.owners();
            let known = friends.iter().find_map(|friend| {
                let place = friend.known.referrals.iter().position(|one| owners.contains(&one.advocate))?;
                Some((friend, place))
            });
            let clicked_at = click.as_ref().map(|click| click.at);
            let Some((before, place)) = known else {
                let Some(before) = friends.into_iter().next() else { break };
                let suspicion = self.suspect(program, advocate, &opened, named, click.as_ref()).await?;
                let new = self.new_referral(program, referral, advocate, &suspicion, named, clicked_at, code).await?;
                if before.known.referrals.len() >= MAX_REFERRALS {
                    return Err(ReferralFault::TooManyCodes.into());
                }
                let id = new.id.clone();
                let mut after = before.known.clone();
                after.referrals.push(new);
                if self.write_attribution(program, referral, &opened, &before, after, &id).await? {
                    self.note(program, &opened.member, &advocate.member, &suspicion, day).await?;
                    return Ok(Attributed { referral: id, is_new: true });
                }
                continue;
            };
            let mut after = before.known.clone();
            after.referrals[place].name_again(named.at, clicked_at);
            let id = after.referrals[place].id.clone();
            if after == before.known || self.write_attribution(program, referral, &opened, before, after, &id).await? {
                return Ok(Attributed { referral: id, is_new: false });
            }
        }
        Err(StoreError::Contended { operation: "attributing a friend", tries: TRIES }.into())
    }

    #[allow(clippy::too_many_arguments, reason = "all that is known of the two people")]
    async fn new_referral(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        advocate: &OpenedMember,
        suspicion: &Suspicion,
        named: &NamedCode,
        clicked_at: Option<Timestamp>,
        code: &str,
    ) -> Result<Referral, StoreError> {
        let id = format!("ref_{}", uuid::Uuid::now_v7().simple());
        let id =
            ReferralId::new(id).map_err(|_| StoreError::Item { operation: "naming a referral", attribute: "id" })?;
        let mut new = Referral::new(id, code.to_owned(), advocate.member.clone(), named.at);
        new.clicked_at = clicked_at;
        new.refused = suspicion.refused;
        new.evidence.clone_from(&suspicion.evidence);
        let day = Day::of(named.at, &program.compiled.zone);
        if let Some(network) = &suspicion.network
            && self.store.velocity(&program.id, "network", network, day).await? >= MANY_OF_NETWORK
        {
            new.evidence.push(ReferralSign::IpVelocity);
        }
        if self.store.velocity(&program.id, "advocate", advocate.member.as_str(), day).await? >= MANY_OF_ADVOCATE {
            new.evidence.push(ReferralSign::AdvocateVelocity);
        }
        let checks = referral.program.checks;
        let weight = |sign: &ReferralSign| match sign {
            ReferralSign::SameIp => checks.same_ip,
            ReferralSign::IpVelocity => checks.ip_velocity,
            ReferralSign::AdvocateVelocity => checks.advocate_velocity,
        };
        new.score = new.evidence.iter().map(weight).sum();
        if new.refused.is_some() {
            (new.status, new.reason) = (ReferralStatus::Rejected, new.refused);
        } else if new.score >= referral.program.review_at_score {
            new.status = ReferralStatus::Flagged;
        }
        Ok(new)
    }

    /// Compares the two people.
    async fn suspect(
        &self,
        program: &ActiveProgram,
        advocate: &OpenedMember,
        friend: &OpenedMember,
        named: &NamedCode,
        click: Option<&ReferralClick>,
    ) -> Result<Suspicion, StoreError> {
        let key = &program.head.identity_key;
        let store = &self.store;
        let mut suspicion = Suspicion::default();
        let of_friend = signs_of(&friend.profile, Some(&named.context));
        for (kind, text) in &of_friend {
            suspicion.signs.push((*kind, store.hash_sign(key, kind.name(), text).await?));
        }
        suspicion.network = match (&named.context.ip, click) {
            (Some(ip), _) => Some(store.hash_sign(key, "network", ip).await?),
            (None, Some(click)) => Some(click.network.clone()),
            (None, None) => None,
        };
        if advocate.member == friend.member {
            suspicion.refused = Some(ReferralReason::SelfReferral);
            return Ok(suspicion);
        }
        let of_advocate = signs_of(&advocate.profile, None);
        suspicion.refused = of_friend.iter().find(|sign| of_advocate.contains(sign)).map(|(kind, _)| kind.reason());
        let mut others = Vec::new();
        for (kind, members) in store.who_shares(&program.id, &suspicion.signs).await? {
            for member in members {
                others.push((kind, store.current_member(&program.id, &member).await?));
            }
        }
        let shares = |(kind, member): &(ContextKind, MemberId)| (*member == advocate.member).then(|| kind.reason());
        suspicion.refused = suspicion.refused.or_else(|| others.iter().find_map(shares));
        if suspicion.refused.is_none() {
            suspicion.refused = self.is_loop(program, advocate, friend).await?.then_some(ReferralReason::Loop);
        }
        if suspicion.refused.is_none() {
            for (_, other) in others.iter().filter(|(kind, other)| kind.is_personal() && *other != friend.member) {
                let owners = store.owners(&program.id, other).await?;
                let brought = store.friend_referrals(&program.id, &owners).await?;
                let owners = advocate.owners();
                let mut brought = brought.iter().flat_map(|friend| &friend.known.referrals);
                if brought.any(|one| owners.contains(&one.advocate)) {
                    suspicion.refused = Some(ReferralReason::DuplicateFriend);
                    break;
                }
            }
        }
        if let Some(network) = &suspicion.network
            && store.shares_from(&program.id, &advocate.owners(), network).await?
        {
            suspicion.evidence.push(ReferralSign::SameIp);
        }
        Ok(suspicion)
    }

    /// True if the friend brought the advocate.
    async fn is_loop(
        &self,
        program: &ActiveProgram,
        advocate: &OpenedMember,
        friend: &OpenedMember,
    ) -> Result<bool, StoreError> {
        let brought = self.store.friend_referrals(&program.id, &advocate.owners()).await?;
        let owners = friend.owners();
        Ok(brought.iter().flat_map(|friend| &friend.known.referrals).any(|one| owners.contains(&one.advocate)))
    }

    /// Writes the friend's referrals with an entry that lets later purchases be recognized. False when something changed.
    async fn write_attribution(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        friend: &OpenedMember,
        before: &StoredFriend,
        after: FriendReferrals,
        id: &ReferralId,
    ) -> Result<bool, StoreError> {
        let config = &program.compiled;
        let days = referral.program.attribution_days;
        let until = after.referrals.iter().map(|one| one.until(days, &config.zone)).max();
        let now = self.clock.now();
        let due = super::evaluate::next_due(&after, referral, config, now);
        let update = FriendUpdate { after, due, at: now };
        if friend.account.referred_until >= until {
            return self.store.update_friend(&program.id, before, &update).await;
        }
        let key = EntryKey::referral(now, &format!("{id}#{}", before.version));
        let profile = config.asks_profile(Asked::Tier);
        let party = Party { profile, ..Party::new(&friend.member, &key) };
        let commit = Commit::for_one(&program.id, config, party);
        let change = ReferralChange { friend: Some(FriendChange { until, ..FriendChange::default() }), advocate: None };
        let committed = self.store.commit_referral(
            &commit,
            before,
            |_| update.clone(),
            |[seen]| {
                let context = seen.context(config, now);
                decide_referral(&context, seen.account, id, &change, &[]).map(|decision| [decision])
            },
        );
        match committed.await {
            Ok(Some(_)) => Ok(true),
            Ok(None) | Err(CommitError::Refused(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Remembers the friend's signs and counts the referral, for the checks of later ones.
    async fn note(
        &self,
        program: &ActiveProgram,
        friend: &MemberId,
        advocate: &MemberId,
        suspicion: &Suspicion,
        day: Day,
    ) -> Result<(), StoreError> {
        let (store, now) = (&self.store, self.clock.now());
        store.note_signs(&program.id, friend, &suspicion.signs).await?;
        if let Some(network) = &suspicion.network {
            store.count_velocity(&program.id, "network", network, day, now).await?;
        }
        store.count_velocity(&program.id, "advocate", advocate.as_str(), day, now).await
    }
}

/// The signs of a person, as they are compared.
fn signs_of(profile: &Profile, context: Option<&ReferralContext>) -> Vec<(ContextKind, String)> {
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
