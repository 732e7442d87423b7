//! The profile that an event carries: who it is, and the properties of the program.

use serde_json::{Map, Value, json};
use tessera_domain::coupon::Coupon;
use tessera_domain::member::IdentifierKind;
use tessera_domain::view::{HubView, MemberView, Visitor};
use tessera_lambda::connection::USUAL_PREFIX;
use tessera_lambda::referrals::referral_link;
use tessera_store::{KlaviyoSettings, OpenedMember};

use super::Sender;
use crate::NotifyError;

/// How many coupons are looked at.
const MOST_COUPONS: u32 = 100;
/// The member of a test event that is about nobody.
const TEST_MEMBER: &str = "tessera-test";

/// The attributes of a profile, read once for the events of a message.
#[derive(Debug, Default)]
pub(crate) struct ProfileOnce {
    attributes: Option<Value>,
    coupons: Vec<Coupon>,
    duplicate: Option<Duplicate>,
}

/// The profile of Klaviyo that has one of the member's identifiers already.
#[derive(Debug)]
struct Duplicate {
    /// Klaviyo's id of it.
    id: String,
    /// True when the identifiers belong to several profiles, so that this one cannot take them: it gets the properties alone.
    is_anonymous: bool,
}

/// The identifiers of a profile.
const IDENTIFIERS: [&str; 3] = ["external_id", "email", "phone_number"];

impl ProfileOnce {
    /// The member's coupons, once [`ProfileOnce::attributes`] has read them.
    pub fn coupons(&self) -> &[Coupon] {
        &self.coupons
    }

    /// Names the profile that Klaviyo takes for the member's. False when it was named before to no avail.
    ///
    /// With the identifiers, the profile becomes the member's for good: a guest's gets the shop's id. When another profile has
    /// one of them, it is named once more, without any.
    pub fn name_duplicate(&mut self, id: &str) -> bool {
        match &mut self.duplicate {
            None => {
                self.duplicate = Some(Duplicate { id: id.to_owned(), is_anonymous: false });
                true
            }
            Some(known) if !known.is_anonymous => {
                known.is_anonymous = true;
                true
            }
            Some(_) => false,
        }
    }

    /// The profile as a resource of Klaviyo's API.
    pub fn resource(&self, attributes: &Value) -> Value {
        let mut resource = json!({ "type": "profile", "attributes": attributes });
        if let Some(Duplicate { id, is_anonymous }) = &self.duplicate {
            resource["id"] = json!(id);
            if let (true, Some(attributes)) = (is_anonymous, resource["attributes"].as_object_mut()) {
                attributes.retain(|name, _| !IDENTIFIERS.contains(&name.as_str()));
            }
        }
        resource
    }

    /// The attributes; `None` for somebody who was erased.
    pub async fn attributes(&mut self, sender: &Sender<'_>) -> Result<Option<Value>, NotifyError> {
        if let Some(known) = &self.attributes {
            return Ok(Some(known.clone()));
        }
        let attributes = match (&sender.to.opened, sender.to.member) {
            (Some(opened), _) => self.of_member(sender, opened).await?,
            (None, Some(_)) => return Ok(None),
            (None, None) => {
                // An event about nobody in particular: a test.
                json!({ "external_id": TEST_MEMBER })
            }
        };
        self.attributes = Some(attributes.clone());
        Ok(Some(attributes))
    }

    /// The attributes of a member.
    pub(super) async fn of_member(&mut self, sender: &Sender<'_>, opened: &OpenedMember) -> Result<Value, NotifyError> {
        let (store, program) = (&sender.run.services.store, sender.to.program);
        let now = sender.run.now();
        let owners = opened.owners();
        let (coupons, sold_out) = tokio::join!(
            store.coupons(&program.id, &owners, MOST_COUPONS, None),
            store.sold_out(&program.id, &program.compiled),
        );
        self.coupons = coupons?.items;
        let OpenedMember { member, profile, account } = opened;
        let language = profile.locale.as_ref().map_or(program.compiled.program.locale.as_str(), |own| own.as_str());
        let view = json!(MemberView::in_language(&program.compiled, member, profile, account, now, language));
        let visitor = Visitor { profile: Some(profile), account, coupons: &self.coupons };
        let mut hub = json!(HubView::new(&program.compiled, Some(&visitor), &sold_out?, now, language));
        if program.compiled.referral.is_some() && profile.referral_code.is_some() {
            let counts = store.advocate_counts(&program.id, &owners).await?;
            let link = sender.settings.origin.as_deref().zip(profile.referral_code.as_deref());
            let link = link.map(|(origin, code)| referral_link(origin, &program.id, code));
            hub["referral"] = json!({ "clicks": counts.clicks, "qualified": counts.qualified, "url": link });
        }
        Ok(attributes(sender.settings, opened, &view, &hub))
    }
}

/// The attributes of a member. Only keys identify the profile: an unverified address could be somebody else's.
fn attributes(settings: &KlaviyoSettings, opened: &OpenedMember, member: &Value, hub: &Value) -> Value {
    let mut attributes = json!({ "external_id": member["id"], "properties": properties(settings, member, hub) });
    let keys = opened.profile.identifiers.iter().filter(|held| held.holding.is_key());
    for held in keys {
        match held.identifier.kind {
            IdentifierKind::Email => attributes["email"] = json!(held.identifier.value),
            IdentifierKind::Phone => attributes["phone_number"] = json!(held.identifier.value),
            IdentifierKind::Card => {}
        }
    }
    attributes
}

/// The profile properties. `null` clears one.
fn properties(settings: &KlaviyoSettings, member: &Value, hub: &Value) -> Value {
    let expiring = member.pointer("/points/expiring/0/on").cloned().unwrap_or_default();
    let referral = &hub["referral"];
    let values = [
        ("State", member["status"].clone()),
        ("Points Balance", member["points"]["available"].clone()),
        ("Points Expire At", expiring),
        ("Tier Name", member["tier"]["name"].clone()),
        ("Tier ID", member["tier"]["id"].clone()),
        ("Points To Next Tier", member["tier"]["next"]["missing"].clone()),
        ("Next Reward", hub["next_reward"]["name"].clone()),
        ("Points To Next Reward", hub["next_reward"]["missing"].clone()),
        ("Coupons Available", hub["coupons"]["available"].clone()),
        ("Referral URL", referral["url"].clone()),
        ("Referral Code", member["referral_code"].clone()),
        ("Referrals Completed", referral["qualified"].clone()),
        ("Referral Clicks", referral["clicks"].clone()),
    ];
    let prefix = settings.prefix.as_deref().unwrap_or(USUAL_PREFIX);
    let mut properties = Map::new();
    for (name, value) in values {
        let chosen = settings.properties.get(name);
        // The referral code keeps its usual name beside the chosen ones.
        if chosen.is_none() || name == "Referral Code" {
            properties.insert(format!("{prefix}{name}"), value.clone());
        }
        for name in chosen.into_iter().flatten() {
            properties.insert(name.clone(), value.clone());
        }
    }
    Value::Object(properties)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use tessera_domain::account::Account;
    use tessera_domain::ids::{CustomerId, MemberId};
    use tessera_domain::member::{MemberRef, Profile};
    use tessera_lambda::connection::PROFILE_PROPERTIES;

    use super::*;

    fn views() -> (Value, Value) {
        let member = json!({
            "id": "c-1", "status": "member", "referral_code": "ADA1",
            "tier": { "id": "base", "name": "Base", "next": null },
            "points": { "available": 120, "expiring": [{ "on": "2027-03-01", "points": 120 }] },
        });
        let hub = json!({ "next_reward": { "name": "Five", "missing": 80 }, "coupons": { "available": 2 },
                          "referral": null });
        (member, hub)
    }

    #[test]
    fn prefix_and_names_follow_the_settings() {
        let (member, hub) = views();
        let usual = properties(&KlaviyoSettings::default(), &member, &hub);
        assert_eq!(usual["Loyalty Points Balance"], 120);
        assert_eq!(usual["Loyalty Points To Next Tier"], Value::Null);
        assert_eq!(usual["Loyalty Next Reward"], "Five");
        let mut names = PROFILE_PROPERTIES.map(|name| format!("Loyalty {name}"));
        names.sort();
        assert!(usual.as_object().unwrap().keys().eq(&names), "{usual}");
        let names = BTreeMap::from([
            ("Referral Code".to_owned(), vec!["referral_klaviyo".to_owned()]),
            ("Points Balance".to_owned(), vec!["Balance".to_owned(), "Points".to_owned()]),
        ]);
        let settings =
            KlaviyoSettings { prefix: Some("Smile ".to_owned()), properties: names, ..KlaviyoSettings::default() };
        let chosen = properties(&settings, &member, &hub);
        assert_eq!((&chosen["referral_klaviyo"], &chosen["Smile Referral Code"]), (&json!("ADA1"), &json!("ADA1")));
        assert_eq!((&chosen["Balance"], &chosen["Points"]), (&json!(120), &json!(120)));
        assert!(chosen.get("Smile Points Balance").is_none() && chosen.get("Loyalty State").is_none());
    }

    #[test]
    fn a_duplicate_is_named_twice_at_most() {
        let attributes = json!({ "external_id": "c-1", "email": "ada@example.com", "properties": { "a": 1 } });
        let mut profile = ProfileOnce::default();
        assert_eq!(profile.resource(&attributes), json!({ "type": "profile", "attributes": attributes }));
        assert!(profile.name_duplicate("K1"));
        assert_eq!(profile.resource(&attributes), json!({ "type": "profile", "id": "K1", "attributes": attributes }));
        assert!(profile.name_duplicate("K2"));
        let anonymous = json!({ "type": "profile", "id": "K1", "attributes": { "properties": { "a": 1 } } });
        assert_eq!(profile.resource(&attributes), anonymous);
        assert!(!profile.name_duplicate("K1"));
    }

    #[test]
    fn only_keys_identify_a_profile() {
        let (member, hub) = views();
        let of = |reference: &MemberRef| {
            let profile = Profile::new(reference, Timestamp::UNIX_EPOCH);
            let (member_id, account) = (MemberId::new("m_1").unwrap(), Account::default());
            let opened = OpenedMember { member: member_id, profile, account };
            attributes(&KlaviyoSettings::default(), &opened, &member, &hub)
        };
        let email = "ada@example.com".parse().ok();
        let unverified = MemberRef { email, ..MemberRef::of_id(CustomerId::new("c-1").unwrap()) };
        assert!(of(&unverified).get("email").is_none());
        let contact = MemberRef { id: None, ..unverified };
        assert_eq!(of(&contact)["email"], "ada@example.com");
    }
}
