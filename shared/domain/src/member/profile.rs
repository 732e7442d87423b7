//! The profile: all that is personal about a member.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attribute, BirthDate, Card, Consent, Email, Locale, MemberRef, Phone};
use crate::ids::CustomerId;

/// All that is personal about a member, as it is stored; short names, because it is read with every view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The shop's own id.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CustomerId>,
    /// The number of the loyalty card.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The e-mail address.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The phone number.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The first name.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The day of birth.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<BirthDate>,
    /// The language that they read.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// What the merchant keeps besides, by name.
    #[serde(rename = "a", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    /// The lists that they subscribed to.
    #[serde(rename = "s", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<String>,
    /// The merchant's tags.
    #[serde(rename = "t", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Their own referral code, once they have one.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub referral_code: Option<String>,
    /// The referral code that they came with.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub referred_with: Option<String>,
    /// What they agreed to, by name.
    #[serde(rename = "o", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consent: BTreeMap<String, Consent>,
    /// When each list was subscribed to, in milliseconds since 1970.
    #[serde(rename = "g", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listed_at: BTreeMap<String, i64>,
    /// When each attribute took its value, in milliseconds since 1970.
    #[serde(rename = "h", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed_at: BTreeMap<String, i64>,
    /// When they became known.
    #[serde(rename = "x", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When they enrolled.
    #[serde(
        rename = "m",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub enrolled_at: Option<Timestamp>,
}

impl Profile {
    /// The profile of someone of whom only identifiers are known. Times are kept to the millisecond.
    pub fn new(reference: MemberRef, now: Timestamp) -> Self {
        Self {
            id: reference.id,
            card: reference.card,
            email: reference.email,
            phone: reference.phone,
            first_name: None,
            last_name: None,
            birth_date: None,
            locale: None,
            attributes: BTreeMap::new(),
            lists: BTreeSet::new(),
            tags: BTreeSet::new(),
            referral_code: None,
            referred_with: None,
            consent: BTreeMap::new(),
            listed_at: BTreeMap::new(),
            changed_at: BTreeMap::new(),
            created_at: to_millisecond(now),
            enrolled_at: None,
        }
    }

    /// Notes when lists were subscribed to and attributes took their values, for the rules that wait for that: `before`
    /// is the profile as it was.
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

    /// The identifiers that it holds.
    pub fn reference(&self) -> MemberRef {
        MemberRef { id: self.id.clone(), card: self.card.clone(), email: self.email.clone(), phone: self.phone.clone() }
    }

    /// Takes identifiers that it has no other for; tells whether anything changed.
    pub fn attach(&mut self, reference: &MemberRef) -> bool {
        fn fill<T: Clone>(own: &mut Option<T>, other: Option<&T>) -> bool {
            let gains = own.is_none() && other.is_some();
            if gains {
                *own = other.cloned();
            }
            gains
        }
        let filled = [
            fill(&mut self.id, reference.id.as_ref()),
            fill(&mut self.card, reference.card.as_ref()),
            fill(&mut self.email, reference.email.as_ref()),
            fill(&mut self.phone, reference.phone.as_ref()),
        ];
        filled.contains(&true)
    }

    /// Notes when they enrolled, the first time.
    pub fn enrolled(&mut self, now: Timestamp) {
        self.enrolled_at.get_or_insert(to_millisecond(now));
    }
}

/// Cut to the precision in which times are stored, so that what was written equals what is read.
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
        let mut profile = Profile::new(reference.clone(), "2026-03-01T09:00:00.123456789Z".parse().unwrap());
        profile.birth_date = Some("--02-28".parse().unwrap());
        profile.locale = Locale::parse("it");
        profile.tags.insert("vip".to_owned());
        profile.attributes.insert("size".to_owned(), Attribute::Text("M".to_owned()));
        profile.consent.insert("email".to_owned(), Consent::Given(true));
        profile.enrolled("2026-03-01T10:00:00.5Z".parse().unwrap());
        let bytes = pack(&profile).unwrap();
        assert!(bytes.len() < 140, "{}", bytes.len());
        assert_eq!(unpack::<Profile>(&bytes).unwrap(), profile);
        assert_eq!(profile.reference(), reference);
    }

    #[test]
    fn attaching_keeps_what_is_there() {
        let email = |text: &str| MemberRef { email: Some(text.parse().unwrap()), ..MemberRef::default() };
        let mut profile = Profile::new(email("a@x.it"), Timestamp::UNIX_EPOCH);
        assert!(!profile.attach(&email("b@x.it")));
        assert!(profile.attach(&MemberRef::of_id(CustomerId::new("c-1").unwrap())));
        assert_eq!(profile.email.unwrap().as_str(), "a@x.it");
    }
}
