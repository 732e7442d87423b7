//! Changes of a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::contact::read_customer_id;
use super::details::{attributes_bytes, consent_bytes, labels, named};
use super::{
    Attribute, BirthDate, Card, Consent, Email, Identifier, IdentifierKind, Locale, MAX_ATTRIBUTES,
    MAX_ATTRIBUTES_BYTES, MAX_CONSENT_BYTES, MemberRef, Phone, Profile, TooMany,
};
use crate::ids::CustomerId;
use crate::input::{self, Fault, Node, Object};

/// The change of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldChange<T> {
    /// Not named: unchanged.
    #[default]
    Keep,
    /// Null: cleared.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> FieldChange<T> {
    fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// Replaces null by an empty value.
    fn apply_to(self, field: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Keep => {}
            Self::Clear => *field = T::default(),
            Self::Set(value) => *field = value,
        }
    }
}

/// A change of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// The shop's id. It can be set and changed, not removed.
    pub id: Option<CustomerId>,
    /// The number of the loyalty card.
    pub card: FieldChange<Card>,
    /// The e-mail address.
    pub email: FieldChange<Email>,
    /// The phone number.
    pub phone: FieldChange<Phone>,
    /// The kinds that the sender has verified; absent: the program's default.
    pub verified: Option<BTreeSet<IdentifierKind>>,
    /// The first name.
    pub first_name: FieldChange<String>,
    /// The last name.
    pub last_name: FieldChange<String>,
    /// The day of birth.
    pub birth_date: FieldChange<BirthDate>,
    /// The language.
    pub locale: FieldChange<Locale>,
    /// Attributes by name. `None` deletes one; others are unchanged.
    pub attributes: FieldChange<BTreeMap<String, Option<Attribute>>>,
    /// The lists, replaced.
    pub lists: FieldChange<BTreeSet<String>>,
    /// The tags, replaced.
    pub tags: FieldChange<BTreeSet<String>>,
    /// Consents by name. `None` deletes one; others are unchanged.
    pub consent: FieldChange<BTreeMap<String, Option<Consent>>>,
}

/// Changes of a profile: absent fields stay, null empties them.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProfilePatch), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_patch` reads")]
pub struct ProfilePatchBody {
    /// The shop's own id. It can be changed but not removed; the old one stays an alias.
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    id: Option<String>,
    /// The number of the loyalty card.
    card: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number, with its country.
    phone: Option<String>,
    /// The kinds of identifiers that the sender has proven to be this person's; absent: the program's default.
    verified: Option<Vec<IdentifierKind>>,
    /// The first name.
    first_name: Option<String>,
    /// The last name.
    last_name: Option<String>,
    /// The birthday, `1990-02-28`, or `--02-28` without the year.
    birth_date: Option<String>,
    /// The language, `it` or `it-IT`.
    locale: Option<String>,
    /// Attributes by name; null deletes one, absent ones stay.
    attributes: Option<BTreeMap<String, Value>>,
    /// The lists, replaced.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    lists: Option<Vec<String>>,
    /// The tags, replaced.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    tags: Option<Vec<String>>,
    /// Consents by name; null deletes one, absent ones stay.
    consent: Option<BTreeMap<String, Value>>,
}

impl ProfilePatchBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "first_name": "Grace", "attributes": { "size": null }, "tags": ["friend"] })
    }
}

/// Reads the body of `PATCH /v1/members/{member}`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_patch(body: &Value) -> Result<ProfilePatch, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let id = match object.field("id") {
            None => Some(None),
            Some(id) if id.value.is_null() => id.refuse("can be changed, but not taken away"),
            Some(id) => read_customer_id(&id).map(Some),
        };
        let card = change(&object, "card", |n| n.parsed(Card::from_str));
        let email = change(&object, "email", |n| n.parsed(Email::from_str));
        let phone = change(&object, "phone", |n| n.parsed(Phone::from_str));
        let verified = object.optional("verified", IdentifierKind::read_set);
        let details = read_details(&object);
        object.finish();
        Some(ProfilePatch { id: id?, card: card?, email: email?, phone: phone?, verified: verified?, ..details? })
    })
}

/// Reads the fields that are not identifiers.
pub(super) fn read_details(object: &Object<'_>) -> Option<ProfilePatch> {
    let first_name = change(object, "first_name", name);
    let last_name = change(object, "last_name", name);
    let birth_date = change(object, "birth_date", |n| n.parsed(BirthDate::from_str));
    let locale = change(object, "locale", Locale::read);
    let attributes = change(object, "attributes", |n| {
        let attributes = named(n, MAX_ATTRIBUTES, Attribute::read)?;
        let set = attributes.iter().filter_map(|(name, value)| value.clone().map(|value| (name.clone(), value)));
        within(n, attributes_bytes(&set.collect()), MAX_ATTRIBUTES_BYTES)?;
        Some(attributes)
    });
    let lists = change(object, "lists", labels);
    let tags = change(object, "tags", labels);
    let consent = change(object, "consent", |n| {
        let consent = named(n, MAX_ATTRIBUTES, Consent::read)?;
        let set = consent.iter().filter_map(|(name, value)| value.map(|value| (name.clone(), value)));
        within(n, consent_bytes(&set.collect()), MAX_CONSENT_BYTES)?;
        Some(consent)
    });
    Some(ProfilePatch {
        first_name: first_name?,
        last_name: last_name?,
        birth_date: birth_date?,
        locale: locale?,
        attributes: attributes?,
        lists: lists?,
        tags: tags?,
        consent: consent?,
        ..ProfilePatch::default()
    })
}

fn change<'a, T>(
    object: &Object<'a>,
    name: &'static str,
    reader: impl FnOnce(&Node<'a>) -> Option<T>,
) -> Option<FieldChange<T>> {
    match object.field(name) {
        None => Some(FieldChange::Keep),
        Some(node) if node.value.is_null() => Some(FieldChange::Clear),
        Some(node) => reader(&node).map(FieldChange::Set),
    }
}

fn name(node: &Node<'_>) -> Option<String> {
    node.text(128)
}

fn within(node: &Node<'_>, bytes: usize, most: usize) -> Option<()> {
    if bytes > most {
        node.refuse(format_args!("must be at most {most} bytes in all, and is {bytes}"))
    } else {
        Some(())
    }
}

impl ProfilePatch {
    /// The identifiers that it sets, as a reference to its member.
    pub fn reference(&self) -> MemberRef {
        fn set<T: Clone>(change: &FieldChange<T>) -> Option<T> {
            match change {
                FieldChange::Set(value) => Some(value.clone()),
                FieldChange::Keep | FieldChange::Clear => None,
            }
        }
        MemberRef {
            id: None,
            card: set(&self.card),
            email: set(&self.email),
            phone: set(&self.phone),
            verified: self.verified.clone(),
        }
    }

    /// Changes the id, removes identifiers, and stores unverified ones.
    ///
    /// # Errors
    /// When there would be too many identifiers. The profile must then be discarded.
    pub fn apply_unproven(&self, reference: &MemberRef, profile: &mut Profile) -> Result<(), TooMany> {
        if let Some(id) = &self.id {
            profile.set_id(id)?;
        }
        let cleared = [
            (IdentifierKind::Card, self.card == FieldChange::Clear),
            (IdentifierKind::Email, self.email == FieldChange::Clear),
            (IdentifierKind::Phone, self.phone == FieldChange::Clear),
        ];
        for (kind, _) in cleared.into_iter().filter(|(_, is_cleared)| *is_cleared) {
            profile.identifiers.retain(|held| held.identifier.kind != kind);
        }
        let unproven = reference.identifiers().filter(|identifier| !reference.is_verified(identifier.kind));
        for identifier in unproven.collect::<Vec<Identifier>>() {
            profile.replace_unproven(&identifier)?;
        }
        Ok(())
    }

    /// Checks that the day of birth is not in the future.
    ///
    /// # Errors
    /// One fault, when the day of birth is after `today`.
    pub fn check_birth_date(&self, today: Date) -> Result<(), Vec<Fault>> {
        let FieldChange::Set(born) = self.birth_date else { return Ok(()) };
        if born.year().is_none_or(|year| born.in_year(year) <= today) {
            return Ok(());
        }
        Err(vec![Fault { pointer: "/birth_date".to_owned(), detail: "must not be in the future".to_owned() }])
    }

    /// Changes the fields that are not identifiers. Together with the stored ones they may exceed a bound.
    ///
    /// # Errors
    /// What exceeds its bound. The profile must then be discarded.
    pub fn apply(self, profile: &mut Profile) -> Result<(), Vec<Fault>> {
        self.first_name.apply(&mut profile.first_name);
        self.last_name.apply(&mut profile.last_name);
        self.birth_date.apply(&mut profile.birth_date);
        self.locale.apply(&mut profile.locale);
        self.lists.apply_to(&mut profile.lists);
        self.tags.apply_to(&mut profile.tags);
        merge(self.attributes, &mut profile.attributes);
        merge(self.consent, &mut profile.consent);

        let mut faults = Vec::new();
        let mut fault = |pointer: &str, detail: String| {
            faults.push(Fault { pointer: pointer.to_owned(), detail });
        };
        if profile.attributes.len() > MAX_ATTRIBUTES {
            fault("/attributes", format!("the member would have more than {MAX_ATTRIBUTES} attributes"));
        }
        if attributes_bytes(&profile.attributes) > MAX_ATTRIBUTES_BYTES {
            fault("/attributes", format!("the member's attributes would be more than {MAX_ATTRIBUTES_BYTES} bytes"));
        }
        if consent_bytes(&profile.consent) > MAX_CONSENT_BYTES {
            fault("/consent", format!("the member's consent would be more than {MAX_CONSENT_BYTES} bytes"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// Sets and deletes by name; clearing deletes all.
fn merge<T>(change: FieldChange<BTreeMap<String, Option<T>>>, field: &mut BTreeMap<String, T>) {
    match change {
        FieldChange::Keep => {}
        FieldChange::Clear => field.clear(),
        FieldChange::Set(values) => {
            for (name, value) in values {
                match value {
                    Some(value) => field.insert(name, value),
                    None => field.remove(&name),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemberRef;
    use super::*;
    use jiff::Timestamp;

    fn profile() -> Profile {
        let reference = MemberRef { email: Some("a@x.it".parse().unwrap()), ..MemberRef::default() };
        Profile::new(&reference, Timestamp::UNIX_EPOCH)
    }

    fn apply(body: &Value, profile: &mut Profile) {
        let patch = read_patch(body).unwrap();
        patch.apply_unproven(&patch.reference(), profile).unwrap();
        patch.apply(profile).unwrap();
    }

    #[test]
    fn named_fields_change_and_null_deletes() {
        let mut profile = profile();
        let first = json!({ "first_name": "Ada", "attributes": { "size": "M", "n": 3 }, "tags": ["b", "a", "b"],
            "consent": { "email": true } });
        apply(&first, &mut profile);
        assert_eq!(profile.tags.iter().collect::<Vec<_>>(), ["a", "b"]);
        let second = json!({ "attributes": { "size": null, "colour": ["red"] }, "tags": [], "last_name": null,
            "consent": null, "id": "c-1", "email": null });
        apply(&second, &mut profile);
        assert_eq!(profile.attributes.keys().collect::<Vec<_>>(), ["colour", "n"]);
        assert!(profile.tags.is_empty() && profile.consent.is_empty() && profile.identifiers.is_empty());
        assert_eq!((profile.first_name.as_deref(), profile.id.unwrap().as_str()), (Some("Ada"), "c-1"));
    }

    #[test]
    fn nobody_is_born_in_the_future() {
        let today = jiff::civil::date(2026, 3, 1);
        let born = |text: &str| read_patch(&json!({ "birth_date": text })).unwrap().check_birth_date(today);
        assert_eq!(born("2026-03-02").unwrap_err()[0].pointer, "/birth_date");
        for text in ["2026-03-01", "1900-01-01", "--12-31"] {
            assert_eq!(born(text), Ok(()), "{text}");
        }
        assert!(read_patch(&json!({ "birth_date": "1899-12-31" })).is_err());
    }

    #[test]
    fn every_fault_is_named() {
        let body = json!({ "id": null, "email": "x", "birth_date": "1990", "locale": "?", "points": 5,
            "attributes": { "a": {}, "b/c": { "x": 1 } }, "lists": "a", "tags": [1], "consent": { "sms": "soon" } });
        let mut pointers: Vec<String> = read_patch(&body).unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            [
                "/attributes/a",
                "/attributes/b~1c",
                "/birth_date",
                "/consent/sms",
                "/email",
                "/id",
                "/lists",
                "/locale",
                "/points",
                "/tags/0"
            ]
        );
    }

    #[test]
    fn bounds_hold_for_the_sum() {
        let text = "x".repeat(1000);
        let part = |name: &str| json!({ "attributes": { format!("{name}1"): text, format!("{name}2"): text } });
        let mut profile = profile();
        read_patch(&part("a")).unwrap().apply(&mut profile).unwrap();
        read_patch(&part("b")).unwrap().apply(&mut profile).unwrap();
        let faults = read_patch(&part("c")).unwrap().apply(&mut profile).unwrap_err();
        assert_eq!(faults[0].pointer, "/attributes");
        let five: serde_json::Map<String, Value> = (0..5).map(|n| (n.to_string(), json!(text))).collect();
        assert!(read_patch(&json!({ "attributes": five })).is_err());
    }
}
