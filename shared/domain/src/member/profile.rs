//! Profiles: the personal data of members.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::holding::{self, HeldIdentifier, Holding, MAX_FORMER_CODES, MAX_FORMER_IDS, TooMany};
use super::{Attribute, BirthDate, Consent, Identifier, IdentifierKind, Locale, MemberRef};
use crate::ids::CustomerId;

/// The personal data of a member. Field names are short: it is read with every view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The shop's id.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CustomerId>,
    /// Earlier ids, which are aliases.
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    pub former_ids: Vec<CustomerId>,
    /// Cards, e-mail address and phone number: at most one for each value.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<HeldIdentifier>,
    /// The first name.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The day of birth.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<BirthDate>,
    /// The member's language.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// The merchant's own attributes, by name.
    #[serde(rename = "a", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    /// The lists that the member subscribed to.
    #[serde(rename = "s", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<String>,
    /// The merchant's tags.
    #[serde(rename = "t", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// The member's own referral code, if assigned.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub referral_code: Option<String>,
    /// Further codes that lead to the member.
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    pub former_codes: Vec<String>,
    /// The referral code that the member enrolled with.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub referred_with: Option<String>,
    /// The click on a referral link that led to the enrolment.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub click: Option<String>,
    /// Consents, by name.
    #[serde(rename = "o", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consent: BTreeMap<String, Consent>,
    /// When each list was subscribed to, in milliseconds since 1970.
    #[serde(rename = "g", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listed_at: BTreeMap<String, i64>,
    /// When each attribute took its value, in milliseconds since 1970.
    #[serde(rename = "h", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed_at: BTreeMap<String, i64>,
    /// When the person became known.
    #[serde(rename = "x", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When the member enrolled.
    #[serde(
        rename = "m",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub enrolled_at: Option<Timestamp>,
}

impl Profile {
    /// A profile with the identifiers of a reference alone. Times are truncated to the millisecond.
    ///
    /// Without an id, the first identifier is a key, verified or not.
    pub fn new(reference: &MemberRef, now: Timestamp) -> Self {
        let holding = |place: usize, kind| {
            if reference.is_verified(kind) {
                Holding::Verified
            } else if place == 0 && reference.id.is_none() {
                Holding::First
            } else {
                Holding::ContactData
            }
        };
        let identifiers = reference
            .identifiers()
            .enumerate()
            .map(|(place, identifier)| HeldIdentifier { holding: holding(place, identifier.kind), identifier });
        Self {
            id: reference.id.clone(),
            former_ids: Vec::new(),
            identifiers: identifiers.collect(),
            first_name: None,
            last_name: None,
            birth_date: None,
            locale: None,
            attributes: BTreeMap::new(),
            lists: BTreeSet::new(),
            tags: BTreeSet::new(),
            referral_code: None,
            former_codes: Vec::new(),
            referred_with: None,
            click: None,
            consent: BTreeMap::new(),
            listed_at: BTreeMap::new(),
            changed_at: BTreeMap::new(),
            created_at: to_millisecond(now),
            enrolled_at: None,
        }
    }

    /// Records when lists were subscribed to and attributes took their values, for the rules on them. `before` is the earlier
    /// profile.
    pub fn note_changes(&mut self, before: &Self, now: Timestamp) {
        let now = now.as_millisecond();
        self.listed_at.retain(|list, _| self.lists.contains(list));
        for list in self.lists.difference(&before.lists) {
            self.listed_at.insert(list.clone(), now);
        }
        self.changed_at.retain(|name, _| self.attributes.contains_key(name));
        for (name, value) in &self.attributes {
            if before.attributes.get(name) != Some(value) {
                self.changed_at.insert(name.clone(), now);
            }
        }
    }

    /// When a list was subscribed to.
    pub fn list_since(&self, list: &str) -> Timestamp {
        self.since(self.listed_at.get(list))
    }

    /// When an attribute took its value.
    pub fn attribute_since(&self, attribute: &str) -> Timestamp {
        self.since(self.changed_at.get(attribute))
    }

    fn since(&self, at: Option<&i64>) -> Timestamp {
        at.and_then(|at| Timestamp::from_millisecond(*at).ok()).unwrap_or(self.created_at)
    }

    /// The first identifier of a kind, verified ones first.
    pub fn identifier(&self, kind: IdentifierKind) -> Option<&str> {
        let of_kind = || self.identifiers.iter().filter(|held| held.identifier.kind == kind);
        let shown = of_kind().find(|held| held.holding.is_key()).or_else(|| of_kind().next());
        shown.map(|held| held.identifier.value.as_str())
    }

    /// How it holds an identifier.
    pub fn holding(&self, identifier: &Identifier) -> Option<Holding> {
        self.identifiers.iter().find(|held| held.identifier == *identifier).map(|held| held.holding)
    }

    /// True if any look-up leads to it.
    pub fn has_key(&self) -> bool {
        self.id.is_some() || self.identifiers.iter().any(|held| held.holding.is_key())
    }

    /// True if targets show both alike: the same id, keys, language and referral code.
    pub fn is_shown_as(&self, other: &Self) -> bool {
        let shown = |profile: &Self| {
            let keys = profile.identifiers.iter().filter(|held| held.holding.is_key()).map(|held| &held.identifier);
            // Targets do not learn of cards.
            let keys = keys.filter(|key| key.kind != IdentifierKind::Card).cloned().collect::<BTreeSet<_>>();
            (profile.id.clone(), keys, profile.locale.clone(), profile.referral_code.clone())
        };
        shown(self) == shown(other)
    }

    /// Sets the id. An earlier one stays an alias; an unverified first identifier becomes contact data.
    ///
    /// # Errors
    /// When the member has had too many ids.
    pub fn set_id(&mut self, id: &CustomerId) -> Result<(), TooMany> {
        self.former_ids.retain(|former| former != id);
        if let Some(before) = self.id.replace(id.clone()).filter(|before| before != id) {
            self.former_ids.push(before);
        }
        for held in &mut self.identifiers {
            if held.holding == Holding::First {
                held.holding = Holding::ContactData;
            }
        }
        if self.former_ids.len() > MAX_FORMER_IDS { Err(TooMany::Ids) } else { Ok(()) }
    }

    /// Adds a verified identifier as a key. A new e-mail address or phone number replaces the old one.
    ///
    /// # Errors
    /// When the member has too many cards.
    pub fn verify(&mut self, identifier: &Identifier) -> Result<(), TooMany> {
        holding::verify(&mut self.identifiers, identifier)
    }

    /// Stores an unverified identifier as contact data if there is none of the kind. Returns whether it did.
    pub fn fill(&mut self, identifier: &Identifier) -> bool {
        holding::fill(&mut self.identifiers, identifier)
    }

    /// Stores an unverified identifier in place of other unverified ones. It is dropped if there is a verified one.
    ///
    /// # Errors
    /// When the member has too many cards.
    pub fn replace_unproven(&mut self, identifier: &Identifier) -> Result<(), TooMany> {
        holding::replace(&mut self.identifiers, identifier)
    }

    /// Removes an identifier that is contact data. Returns whether it was.
    pub fn forget_contact_data(&mut self, identifier: &Identifier) -> bool {
        let before = self.identifiers.len();
        self.identifiers.retain(|held| held.identifier != *identifier || held.holding != Holding::ContactData);
        self.identifiers.len() != before
    }

    /// Gives the member a referral code; the one before stays a further code.
    ///
    /// # Errors
    /// When the member has too many codes.
    pub fn change_code(&mut self, code: &str) -> Result<(), TooMany> {
        let before = self.referral_code.replace(code.to_owned());
        self.former_codes.retain(|former| former != code);
        let further = before.filter(|before| before != code && !self.former_codes.contains(before));
        self.former_codes.extend(further);
        if self.former_codes.len() > MAX_FORMER_CODES { Err(TooMany::Codes) } else { Ok(()) }
    }

    /// Every referral code that leads to the member.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.referral_code.iter().chain(&self.former_codes).map(String::as_str)
    }

    /// Takes over what another profile of the same person has and this one lacks, identifiers apart.
    pub fn take_over(&mut self, other: &Self) {
        fn fill<T: Clone>(own: &mut Option<T>, theirs: Option<&T>) {
            if own.is_none() {
                *own = theirs.cloned();
            }
        }
        fn fill_map<T: Clone>(own: &mut BTreeMap<String, T>, theirs: &BTreeMap<String, T>) {
            for (name, value) in theirs {
                own.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        fill(&mut self.first_name, other.first_name.as_ref());
        fill(&mut self.last_name, other.last_name.as_ref());
        fill(&mut self.birth_date, other.birth_date.as_ref());
        fill(&mut self.locale, other.locale.as_ref());
        fill(&mut self.referral_code, other.referral_code.as_ref());
        let codes: Vec<&str> = other.codes().filter(|code| self.codes().all(|own| own != *code)).collect();
        self.former_codes.extend(codes.into_iter().map(str::to_owned));
        fill(&mut self.referred_with, other.referred_with.as_ref());
        fill(&mut self.click, other.click.as_ref());
        let new: Vec<&String> = other.attributes.keys().filter(|name| !self.attributes.contains_key(*name)).collect();
        for name in new {
            if let Some(at) = other.changed_at.get(name) {
                self.changed_at.insert(name.clone(), *at);
            }
        }
        fill_map(&mut self.attributes, &other.attributes);
        fill_map(&mut self.consent, &other.consent);
        fill_map(&mut self.listed_at, &other.listed_at);
        self.lists.extend(other.lists.iter().cloned());
        self.tags.extend(other.tags.iter().cloned());
        self.created_at = self.created_at.min(other.created_at);
        self.enrolled_at = [self.enrolled_at, other.enrolled_at].into_iter().flatten().min();
    }

    /// Records the time of the first enrolment.
    pub fn enrolled(&mut self, now: Timestamp) {
        self.enrolled_at.get_or_insert(to_millisecond(now));
    }
}

/// Truncates a time to the stored precision, so that a stored profile equals the written one.
fn to_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{pack, unpack};

    #[test]
    fn survives_storage_and_is_small() {
        let reference = MemberRef {
            id: Some(CustomerId::new("c-42").unwrap()),
            email: Some("ada@example.com".parse().unwrap()),
            ..MemberRef::default()
        };
        let mut profile = Profile::new(&reference, "2026-03-01T09:00:00.123456789Z".parse().unwrap());
        profile.birth_date = Some("--02-28".parse().unwrap());
        profile.locale = Locale::parse("it");
        profile.tags.insert("vip".to_owned());
        profile.attributes.insert("size".to_owned(), Attribute::Text("M".to_owned()));
        profile.consent.insert("email".to_owned(), Consent::Given(true));
        profile.enrolled("2026-03-01T10:00:00.5Z".parse().unwrap());
        let bytes = pack(&profile).unwrap();
        assert!(bytes.len() < 150, "{}", bytes.len());
        assert_eq!(unpack::<Profile>(&bytes).unwrap(), profile);
    }

    #[test]
    fn only_the_first_identifier_of_a_contact_is_a_key_unproven() {
        let reference = MemberRef {
            card: "A-1".parse().ok(),
            email: "a@x.it".parse().ok(),
            phone: "+393331234567".parse().ok(),
            ..MemberRef::default()
        };
        let holdings = |reference: &MemberRef| -> Vec<Holding> {
            let profile = Profile::new(reference, Timestamp::UNIX_EPOCH);
            profile.identifiers.iter().map(|held| held.holding).collect()
        };
        assert_eq!(holdings(&reference), [Holding::First, Holding::ContactData, Holding::ContactData]);
        let proven = MemberRef { verified: Some([IdentifierKind::Phone].into()), ..reference.clone() };
        assert_eq!(holdings(&proven), [Holding::First, Holding::ContactData, Holding::Verified]);
        let named = MemberRef { id: CustomerId::new("c-1").ok(), ..proven };
        assert_eq!(holdings(&named), [Holding::ContactData, Holding::ContactData, Holding::Verified]);

        let mut contact = Profile::new(&reference, Timestamp::UNIX_EPOCH);
        contact.set_id(&CustomerId::new("c-1").unwrap()).unwrap();
        assert!(contact.identifiers.iter().all(|held| held.holding == Holding::ContactData));
    }

    #[test]
    fn targets_show_ids_keys_language_and_code_and_nothing_else() {
        let reference = MemberRef { id: CustomerId::new("c-1").ok(), ..MemberRef::default() };
        let before = Profile::new(&reference, Timestamp::UNIX_EPOCH);
        let with = |change: &dyn Fn(&mut Profile)| {
            let mut after = before.clone();
            change(&mut after);
            before.is_shown_as(&after)
        };
        let email = |value: &str| Identifier { kind: IdentifierKind::Email, value: value.to_owned() };
        let card = Identifier { kind: IdentifierKind::Card, value: "A-1".to_owned() };
        let unseen: [&dyn Fn(&mut Profile); 4] = [
            &|after| after.first_name = Some("Ada".to_owned()),
            &|after| assert!(after.fill(&email("a@x.it"))),
            &|after| after.verify(&card).unwrap(),
            &|after| after.enrolled(Timestamp::UNIX_EPOCH),
        ];
        assert!(unseen.into_iter().all(&with));
        let seen: [&dyn Fn(&mut Profile); 4] = [
            &|after| after.set_id(&CustomerId::new("c-2").unwrap()).unwrap(),
            &|after| after.verify(&email("a@x.it")).unwrap(),
            &|after| after.locale = Locale::parse("ro"),
            &|after| after.change_code("ADA").unwrap(),
        ];
        assert!(!seen.into_iter().any(&with));
    }

    #[test]
    fn an_earlier_id_stays_an_alias() {
        let id = |text: &str| CustomerId::new(text).unwrap();
        let mut profile = Profile::new(&MemberRef::of_id(id("c-1")), Timestamp::UNIX_EPOCH);
        profile.set_id(&id("c-2")).unwrap();
        assert_eq!((profile.id.clone(), profile.former_ids.clone()), (Some(id("c-2")), vec![id("c-1")]));
        profile.set_id(&id("c-1")).unwrap();
        assert_eq!((profile.id.clone(), profile.former_ids.clone()), (Some(id("c-1")), vec![id("c-2")]));
        let last = (3..30).map(|n| profile.set_id(&id(&format!("c-{n}")))).find(Result::is_err);
        assert_eq!(last, Some(Err(TooMany::Ids)));
    }

    #[test]
    fn every_referral_code_is_known_and_their_number_is_bounded() {
        let mut profile = Profile::new(&MemberRef::default(), Timestamp::UNIX_EPOCH);
        for code in ["A", "B", "A", "A"] {
            profile.change_code(code).unwrap();
        }
        assert_eq!(profile.codes().collect::<Vec<_>>(), ["A", "B"]);
        let mut other = Profile::new(&MemberRef::default(), Timestamp::UNIX_EPOCH);
        other.change_code("C").unwrap();
        other.take_over(&profile);
        assert_eq!(other.codes().collect::<Vec<_>>(), ["C", "A", "B"]);
        let last = (0..30).map(|n| profile.change_code(&n.to_string())).find(Result::is_err);
        assert_eq!(last, Some(Err(TooMany::Codes)));
    }
}
