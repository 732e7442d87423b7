//! The view of a member: profile, tier, points.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::language::choose_language;
use super::tier::{TierView, tier};
use crate::account::{Account, Status, window_sum};
use crate::ids::MemberId;
use crate::member::{Attribute, BirthDate, Consent, Holding, IdentifierKind, Locale, Profile};
use crate::points::Points;
use crate::program::CompiledProgram;
use crate::time::Day;

/// A member, as every endpoint returns them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberView {
    /// The shop's id; the internal id if the shop gave none.
    pub id: String,
    /// The internal id, which every path accepts.
    pub inner_id: MemberId,
    /// The status in the program.
    pub status: Status,
    /// The first loyalty card; all are in `identifiers`.
    pub card: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// Cards, e-mail address and phone number.
    pub identifiers: Vec<IdentifierView>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The day of birth.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub birth_date: Option<BirthDate>,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Attributes of the merchant, by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// The subscribed lists.
    pub lists: BTreeSet<String>,
    /// The merchant's tags.
    pub tags: BTreeSet<String>,
    /// Consents, by name.
    pub consent: BTreeMap<String, Consent>,
    /// The tier; null in a program without tiers.
    pub tier: Option<TierView>,
    /// The points.
    pub points: PointsView,
    /// The own referral code, if there is one.
    pub referral_code: Option<String>,
    /// The referral code with which they enrolled.
    pub referred_with: Option<String>,
    /// When they were first seen.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When they enrolled.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub enrolled_at: Option<Timestamp>,
    /// The last purchase, redemption or enrolment.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_activity_at: Option<Timestamp>,
    /// The account's version, for `expected_version`.
    pub version: u64,
    /// Unverified identifiers of the request under which a contact without an id has points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub claimable: Vec<IdentifierKind>,
    /// Verified identifiers of the request that belong to another member with an id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub identity_conflict: Vec<IdentifierKind>,
}

/// An identifier of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentifierView {
    /// The kind.
    pub kind: IdentifierKind,
    /// The normalised text.
    pub value: String,
    /// True when it is verified as the member's.
    pub verified: bool,
}

/// A member's points at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsView {
    /// Points that can be spent.
    pub available: Points,
    /// Points that are not spendable yet.
    pub pending: Points,
    /// Points held by reservations.
    pub reserved: Points,
    /// The debt.
    pub debt: Points,
    /// Qualifying points in the window of the tiers; without tiers, all.
    pub qualifying: Points,
    /// Upcoming expiries, soonest first.
    pub expiring: Vec<Expiring>,
    /// Points from rules and awards, less those that refunds took back.
    pub lifetime_earned: Points,
    /// Points redeemed, less those restored.
    pub lifetime_redeemed: Points,
}

/// Points that expire together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Expiring {
    /// The last day on which they can be spent.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    #[serde(serialize_with = "date")]
    pub on: Day,
    /// The number of points.
    pub points: Points,
}

/// The most dates in `expiring`; lots of one day are one date.
const MOST_DATES: usize = 12;

impl MemberView {
    /// The view of a member at a moment, in the preferred language, otherwise the program's.
    pub fn new(
        program: &CompiledProgram,
        inner: &MemberId,
        profile: &Profile,
        account: &Account,
        now: Timestamp,
    ) -> Self {
        let own = profile.locale.as_ref().map(Locale::as_str);
        let language = choose_language(None, own, None, program);
        Self::in_language(program, inner, profile, account, now, language)
    }

    /// The view of a member at a moment, in a language.
    pub fn in_language(
        program: &CompiledProgram,
        inner: &MemberId,
        profile: &Profile,
        account: &Account,
        now: Timestamp,
        language: &str,
    ) -> Self {
        let account = account.settled_at(program, now);
        let today = today(program, &account, now);
        let has_enrolled = matches!(account.status, Status::Member | Status::Excluded);
        Self {
            id: profile.id.as_ref().map_or_else(|| inner.to_string(), ToString::to_string),
            inner_id: inner.clone(),
            status: account.status,
            card: profile.identifier(IdentifierKind::Card).map(str::to_owned),
            email: profile.identifier(IdentifierKind::Email).map(str::to_owned),
            phone: profile.identifier(IdentifierKind::Phone).map(str::to_owned),
            identifiers: identifiers(profile),
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            birth_date: profile.birth_date,
            locale: profile.locale.clone(),
            attributes: profile.attributes.clone(),
            lists: profile.lists.clone(),
            tags: profile.tags.clone(),
            consent: profile.consent.clone(),
            tier: tier(program, &account, today, language),
            points: points(program, &account, today),
            referral_code: profile.referral_code.clone(),
            referred_with: profile.referred_with.clone(),
            created_at: profile.created_at,
            // The profile is written before the account is committed, so that no failure in between loses it.
            enrolled_at: profile.enrolled_at.filter(|_| has_enrolled),
            last_activity_at: account.last_activity,
            version: account.version,
            claimable: Vec::new(),
            identity_conflict: Vec::new(),
        }
    }

    /// Adds the outcome for the identifiers of the request.
    #[must_use]
    pub fn with_identity(self, claimable: Vec<IdentifierKind>, identity_conflict: Vec<IdentifierKind>) -> Self {
        Self { claimable, identity_conflict, ..self }
    }
}

fn identifiers(profile: &Profile) -> Vec<IdentifierView> {
    let mut views: Vec<IdentifierView> = profile
        .identifiers
        .iter()
        .map(|held| IdentifierView {
            kind: held.identifier.kind,
            value: held.identifier.value.clone(),
            verified: held.holding == Holding::Verified,
        })
        .collect();
    views.sort_by(|a, b| (a.kind, &a.value).cmp(&(b.kind, &b.value)));
    views
}

/// The points of an account that is settled to `today`.
pub(super) fn points(program: &CompiledProgram, account: &Account, today: Day) -> PointsView {
    let qualifying = program
        .program
        .tiers
        .as_ref()
        .map_or_else(|| account.qualifying_total(), |tiers| window_sum(tiers.window, &account.qualifying, today));
    PointsView {
        available: account.available(),
        pending: account.pending(),
        reserved: account.reserved(),
        debt: account.debt,
        qualifying,
        expiring: expiring(account),
        lifetime_earned: account.lifetime_earned,
        lifetime_redeemed: account.lifetime_redeemed,
    }
}

fn expiring(account: &Account) -> Vec<Expiring> {
    let mut dates: BTreeMap<Day, Points> = BTreeMap::new();
    for lot in account.lots.iter() {
        if let Some(last) = lot.key.last_day() {
            let points = dates.entry(last).or_default();
            *points = points.plus(lot.points);
        }
    }
    dates.into_iter().take(MOST_DATES).map(|(on, points)| Expiring { on, points }).collect()
}

/// The local day to which an account is settled.
pub(super) fn today(program: &CompiledProgram, account: &Account, now: Timestamp) -> Day {
    account.settled.unwrap_or_else(|| Day::of(now, &program.zone))
}

/// Serializes a day as `2026-03-01`; in storage it is a number.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's serialize_with passes a reference")]
pub(super) fn date<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Serializes a day or null.
#[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "serde's serialize_with passes a reference")]
pub(super) fn optional_date<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}
