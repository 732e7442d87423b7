//! Interactions: what members do besides buying (`api.md`, Facts).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::InteractionId;
use crate::input::{self, Fault, Node};
use crate::member::{Attribute, MemberRef};

/// The name of the interaction: an e-mail was opened.
pub const EMAIL_OPENED: &str = "email_opened";
/// The name of the interaction: a link in an e-mail was followed.
pub const EMAIL_CLICKED: &str = "email_clicked";

/// The longest name of an interaction and longest text of a property, in bytes.
const MOST_BYTES: usize = 256;
/// The most properties.
const MOST_PROPERTIES: usize = 50;

/// Something a member did that is not a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interaction {
    /// The shop's identifier.
    #[serde(rename = "i")]
    pub id: InteractionId,
    /// When it happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub occurred_at: Timestamp,
    /// Its name, which rules refer to.
    #[serde(rename = "n")]
    pub name: String,
    /// Its properties.
    #[serde(rename = "p", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Attribute>,
}

/// An interaction as it is sent, with the member that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InteractionInput {
    /// The interaction.
    pub interaction: Interaction,
    /// The member.
    pub member: MemberRef,
}

/// Something that a member did: a named event, an opened e-mail, a clicked link.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Interaction), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_interaction` reads")]
pub struct InteractionBody {
    /// The sender's own id: the same interaction may be sent any number of times.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    id: String,
    /// When it happened, with offset.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    occurred_at: String,
    /// The member; somebody unknown becomes a visitor.
    member: MemberRef,
    /// Its name. `email_opened` and `email_clicked` are reserved for e-mails.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    name: String,
    /// Properties by name: a text, a number, true or false, or a list of texts. An e-mail needs `message` and
    /// may have `campaign_category`, `device`, `link`, `link_category` and `machine_open`.
    properties: Option<BTreeMap<String, Attribute>>,
}

impl InteractionBody {
    /// An example.
    pub fn example() -> Value {
        json!({
            "id": "pass-7", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" },
            "name": "wallet_pass_added", "properties": { "city": "Milano" },
        })
    }
}

/// Reads the body of `POST /v1/interactions`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_interaction(body: &Value) -> Result<InteractionInput, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let id = object.required("id", Node::id);
        let occurred_at = object.required("occurred_at", Node::timestamp);
        let member = object.required("member", MemberRef::read);
        let name = object.required("name", |name| name.filled(MOST_BYTES));
        let properties = object.optional("properties", |node| node.entries(MOST_PROPERTIES, read_property));
        let place = object.field("properties").unwrap_or_else(|| node.clone());
        object.finish();
        let properties: BTreeMap<String, Attribute> = properties?.unwrap_or_default().into_iter().collect();
        let interaction = Interaction { id: id?, occurred_at: occurred_at?, name: name?, properties };
        if interaction.is_email() {
            interaction.check_email(&place)?;
        }
        Some(InteractionInput { interaction, member: member? })
    })
}

fn read_property(node: &Node<'_>) -> Option<Attribute> {
    let property = Attribute::read(node)?;
    if property.texts().iter().any(|text| text.len() > MOST_BYTES) {
        return node.refuse(format_args!("must have texts of at most {MOST_BYTES} bytes"));
    }
    Some(property)
}

impl Interaction {
    /// The texts of a property; none if it is missing.
    pub fn texts(&self, property: &str) -> Vec<String> {
        self.properties.get(property).map(Attribute::texts).unwrap_or_default()
    }

    /// True for an open or a click.
    pub fn is_email(&self) -> bool {
        self.name == EMAIL_OPENED || self.name == EMAIL_CLICKED
    }

    /// True for an open by a mail program, not by a person.
    pub fn is_machine_open(&self) -> bool {
        self.name == EMAIL_OPENED && self.properties.get("machine_open") == Some(&Attribute::Flag(true))
    }

    /// The key under which an open or a click counts once for a member, across all rules.
    ///
    /// `None` for what may count any number of times, and for machine opens, which never count.
    pub fn once(&self) -> Option<String> {
        if !self.is_email() || self.is_machine_open() {
            return None;
        }
        let message = self.texts("message").concat();
        let link = if self.name == EMAIL_CLICKED { self.texts("link").concat() } else { String::new() };
        // The length distinguishes texts that would be the same once concatenated.
        Some(format!("{}#{}#{message}#{link}", self.name, message.len()))
    }

    fn check_email(&self, node: &Node<'_>) -> Option<()> {
        if !matches!(self.properties.get("message"), Some(Attribute::Text(text)) if !text.is_empty()) {
            return node.refuse(format_args!("{} needs the text \"message\", the identifier of the e-mail", self.name));
        }
        let has_link = matches!(self.properties.get("link"), Some(Attribute::Text(text)) if !text.is_empty());
        if self.name == EMAIL_CLICKED && !has_link {
            return node.refuse("email_clicked needs the text \"link\", what was clicked");
        }
        match self.properties.get("machine_open") {
            None | Some(Attribute::Flag(_)) => Some(()),
            Some(_) => node.refuse("\"machine_open\" must be true or false"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, properties: &Value) -> Result<Interaction, Vec<Fault>> {
        let body = json!({ "id": "i-1", "occurred_at": "2026-03-01T10:00:00Z", "member": { "id": "c-1" },
            "name": name, "properties": properties });
        read_interaction(&body).map(|input| input.interaction)
    }

    #[test]
    fn properties_are_texts_numbers_flags_and_lists() {
        let read = read("visit", &json!({ "city": "Milano", "floors": [ "1", "2" ], "n": 3, "ok": true })).unwrap();
        assert_eq!(read.texts("city"), ["Milano"]);
        assert_eq!(read.texts("floors"), ["1", "2"]);
        assert_eq!((read.texts("n"), read.texts("ok")), (vec!["3".to_owned()], vec!["true".to_owned()]));
        assert!(read.texts("other").is_empty());
        assert_eq!(read.once(), None);
    }

    #[test]
    fn an_email_must_say_which() {
        assert!(read(EMAIL_OPENED, &json!({})).is_err());
        assert!(read(EMAIL_OPENED, &json!({ "message": "m-1", "machine_open": "yes" })).is_err());
        assert!(read(EMAIL_CLICKED, &json!({ "message": "m-1" })).is_err(), "what was clicked?");
        let open = read(EMAIL_OPENED, &json!({ "message": "m-1" })).unwrap();
        let machine = read(EMAIL_OPENED, &json!({ "message": "m-1", "machine_open": true })).unwrap();
        let click = read(EMAIL_CLICKED, &json!({ "message": "m-1", "link": "a", "machine_open": true })).unwrap();
        assert!(machine.is_machine_open() && machine.once().is_none());
        assert!(open.once().is_some() && click.once().is_some() && open.once() != click.once());
    }

    #[test]
    fn faults_are_named() {
        let faults = read_interaction(&json!({ "id": "", "name": " ", "member": null, "x": 1 })).unwrap_err();
        let mut pointers: Vec<_> = faults.into_iter().map(|fault| fault.pointer).collect();
        pointers.sort();
        assert_eq!(pointers, ["/id", "/member", "/name", "/occurred_at", "/x"]);
    }
}
