//! From a delivery to interactions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tessera_domain::fact::{EMAIL_CLICKED, EMAIL_OPENED};

use super::MOST_EVENTS;
use super::signature::moment;
use crate::payload::{Payload, PayloadError};

/// The longest text of an interaction's property, in bytes. Longer texts are cut: links have no limit.
const MOST_BYTES: usize = 256;

/// What somebody did with an e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailAction {
    /// Opened it.
    Opened,
    /// Clicked a link in it.
    Clicked,
}

/// An e-mail that somebody opened or clicked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailEvent {
    /// Klaviyo's id of the event; a flow may not know it.
    pub id: Option<String>,
    /// What was done with it.
    pub action: EmailAction,
    /// When; a flow may not know it.
    pub at: Option<Timestamp>,
    /// The profile's `external_id`: the shop's own id of the customer, or our id of the member.
    pub external_id: Option<String>,
    /// The envelope's `external_id`, of a payload without its profile. As an event's id it names nobody.
    pub envelope_id: Option<String>,
    /// The profile's e-mail address.
    pub email: Option<String>,
    /// The profile's phone number.
    pub phone: Option<String>,
    /// The properties of the interaction.
    pub properties: Map<String, Value>,
}

/// Reads the events of a delivery, as far as they are opens and clicks. `webhook`: the header's id of a system webhook.
///
/// # Errors
/// When the delivery has another form, too many events, or another webhook's id.
pub fn events(payload: &Value, webhook: Option<&str>) -> Result<Vec<Result<EmailEvent, PayloadError>>, PayloadError> {
    let whole = Payload::new(payload);
    let Some(list) = payload.get("data").and_then(Value::as_array) else {
        return Ok(of_flow(whole).into_iter().collect());
    };
    let own = whole.text("/meta/klaviyo_webhook_id");
    if own.zip(webhook).is_some_and(|(own, webhook)| own != webhook) {
        return Err(PayloadError("the body is of another webhook than the header".to_owned()));
    }
    if list.len() > MOST_EVENTS {
        return Err(PayloadError(format!("more than {MOST_EVENTS} events")));
    }
    Ok(whole.list("/data").filter_map(of_system).collect())
}

/// What a topic means; `None` for a topic that is not used.
fn action(topic: &str) -> Option<EmailAction> {
    match topic {
        "event:klaviyo.opened_email" => Some(EmailAction::Opened),
        "event:klaviyo.clicked_email" => Some(EmailAction::Clicked),
        _ => None,
    }
}

/// An event of a system webhook: what `GET /api/events/{id}` returns.
fn of_system(item: Payload<'_>) -> Option<Result<EmailEvent, PayloadError>> {
    let action = action(item.text("/topic")?)?;
    let at = |pointer: &str| item.value().pointer(pointer).filter(|value| value.is_object());
    let attributes = ["/payload/data/attributes", "/payload/attributes", "/payload"].into_iter().find_map(at);
    let Some(attributes) = attributes else { return Some(Err(PayloadError::missing("/payload"))) };
    let attributes = Payload::new(attributes);
    let profile = item
        .list("/payload/included")
        .find(|included| included.text("/type") == Some("profile"))
        .and_then(|profile| profile.value().get("attributes"))
        .or_else(|| at("/payload/data/relationships/profile/data/attributes"))
        .or_else(|| at("/payload/profile"));
    let profile = Payload::new(profile.unwrap_or(&Value::Null));
    let own = attributes.value().get("event_properties").or_else(|| attributes.value().get("properties"));
    let own = Payload::new(own.unwrap_or(attributes.value()));
    let envelope = item.text("/external_id");
    let id = item.text("/payload/data/id").or(envelope);
    let seconds = || attributes.text("/timestamp")?.parse().ok().and_then(|at| Timestamp::from_second(at).ok());
    Some(Ok(EmailEvent {
        id: id.map(str::to_owned),
        action,
        at: attributes.text("/datetime").and_then(moment).or_else(seconds),
        external_id: profile.text("/external_id").map(str::to_owned),
        envelope_id: envelope.filter(|_| profile.value().is_null()).map(str::to_owned),
        email: profile.text("/email").map(str::to_owned),
        phone: profile.text("/phone_number").map(str::to_owned),
        properties: properties(action, own),
    }))
}

/// The event of a flow webhook, whose body `docs/connections/klaviyo.md` shows.
fn of_flow(body: Payload<'_>) -> Option<Result<EmailEvent, PayloadError>> {
    let topic = match body.required("/topic") {
        Ok(topic) => topic,
        Err(error) => return Some(Err(error)),
    };
    let action = action(topic)?;
    let given = |pointer| body.text(pointer).map(str::to_owned);
    let own = Payload::new(body.value().get("properties").unwrap_or(&Value::Null));
    Some(Ok(EmailEvent {
        id: given("/event_id"),
        action,
        at: body.text("/datetime").and_then(moment),
        external_id: given("/external_id"),
        envelope_id: None,
        email: given("/email"),
        phone: given("/phone_number"),
        properties: properties(action, own),
    }))
}

/// The properties of the interaction, from those of Klaviyo's event.
fn properties(action: EmailAction, own: Payload<'_>) -> Map<String, Value> {
    let value = |names: &[&str]| names.iter().find_map(|name| own.value().get(*name));
    let text = |names: &[&str]| {
        let text = value(names).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())?;
        Some(cut(text).to_owned())
    };
    let mut properties = Map::new();
    for (to, from) in [
        ("message", &["$message", "message", "Campaign Name", "Subject"][..]),
        ("campaign_category", &["campaign_category", "Campaign Name"]),
        ("device", &["device", "Client Type"]),
        ("link", &["URL", "link"]),
        ("link_category", &["link_category"]),
    ] {
        if let Some(text) = text(from) {
            properties.insert(to.to_owned(), json!(text));
        }
    }
    let machine = value(&["Apple Privacy Open", "machine_open"]);
    if action == EmailAction::Opened && machine.is_some_and(is_true) {
        properties.insert("machine_open".to_owned(), json!(true));
    }
    properties
}

/// True for `true`, and for the texts that Python and templates write.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.trim().eq_ignore_ascii_case("true") || text.trim() == "1",
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=MOST_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

impl EmailAction {
    /// The name of the interaction.
    const fn interaction(self) -> &'static str {
        match self {
            Self::Opened => EMAIL_OPENED,
            Self::Clicked => EMAIL_CLICKED,
        }
    }
}

impl EmailEvent {
    /// The body of `POST /v1/interactions`. `member`: whose event it is; `now`: the time of one that has none.
    ///
    /// Without Klaviyo's id, the same open of the same message is the same interaction.
    ///
    /// # Errors
    /// When the event does not say which e-mail it was.
    pub fn interaction(&self, member: &Value, now: Timestamp) -> Result<Value, PayloadError> {
        let Some(message) = self.properties.get("message") else {
            return Err(PayloadError("the event does not say which e-mail it was ($message)".to_owned()));
        };
        let name = self.action.interaction();
        let id = self.id.clone().unwrap_or_else(|| {
            let link = self.properties.get("link").cloned().unwrap_or_default();
            let natural = json!([name, member, message, link]).to_string();
            hex::encode(Sha256::digest(natural)).chars().take(32).collect()
        });
        Ok(json!({
            "id": format!("klaviyo:{id}"),
            "occurred_at": self.at.unwrap_or(now).to_string(),
            "member": member,
            "name": name,
            "properties": self.properties,
        }))
    }
}
