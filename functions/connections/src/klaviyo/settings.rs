//! The settings and credentials of the connection: bodies, their reader, and how they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_lambda::connection::{METRICS, PROFILE_PROPERTIES};
use tessera_store::{KlaviyoSettings, Target, TargetKind};

use crate::address;

const MOST_NAME_BYTES: usize = 100;
const MOST_NAMES: usize = 10;
const MOST_SECRET_BYTES: usize = 500;
/// One name, or several.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the schema of what `read_names` reads")]
enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// How events become Klaviyo's.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = KlaviyoSettings),
    serde(deny_unknown_fields)
)]
pub(super) struct SettingsView {
    /// What the names of profile properties begin with; absent: `Loyalty `.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 100))]
    prefix: Option<String>,
    /// Other names of profile properties, in full, by their usual name without prefix: a name or a list of names. The
    /// referral code keeps its usual name beside them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false, value_type = BTreeMap<String, Names>))]
    properties: BTreeMap<String, Vec<String>>,
    /// Other names of metrics, by their usual name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    metrics: BTreeMap<String, String>,
    /// The header that carries the shared secret of a flow webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 100))]
    flow_header: Option<String>,
    /// Records events without starting flows: for a migration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    backfill: bool,
    /// Replaces Klaviyo's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    base_url: Option<String>,
}

/// What the connection signs in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = KlaviyoCredentials),
    serde(deny_unknown_fields)
)]
pub(super) struct Credentials {
    /// The private API key.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    api_key: String,
    /// The secret of Klaviyo's own webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    webhook_secret: Option<String>,
}

/// The settings of the connection.
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = PutKlaviyo),
    serde(deny_unknown_fields)
)]
#[allow(dead_code, reason = "the schema of what `read_connection` reads")]
pub(super) struct ConnectionBody {
    /// Whether events are sent.
    enabled: bool,
    /// How events become Klaviyo's.
    settings: Option<SettingsView>,
    /// Absent: those that are stored.
    credentials: Option<Credentials>,
}

impl ConnectionBody {
    pub fn example() -> Value {
        json!({
            "enabled": false, "credentials": { "api_key": "pk_EXAMPLE" },
            "settings": { "prefix": "Smile ", "properties": { "Referral Code": "referral_klaviyo" },
                          "metrics": { "Points Earned": "Smile Points Earned" } },
        })
    }
}

/// What a `PUT` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connection {
    pub enabled: bool,
    pub settings: KlaviyoSettings,
    pub credentials: Option<Credentials>,
}

fn name(node: &Node<'_>) -> Option<String> {
    node.filled(MOST_NAME_BYTES)
}

fn read_names(node: &Node<'_>) -> Option<Vec<String>> {
    if node.value.is_array() { node.list(MOST_NAMES, name) } else { name(node).map(|name| vec![name]) }
}

/// Reads an object whose member names are among `known`.
fn by_name<T>(node: &Node<'_>, known: &[&str], reader: impl Fn(&Node<'_>) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let read = |node: &Node<'_>| match node.name() {
        Some(name) if known.contains(&name) => reader(node),
        _ => node.refuse("is not a known name"),
    };
    node.entries(known.len(), read).map(|entries| entries.into_iter().collect())
}

fn read_settings(node: &Node<'_>) -> Option<KlaviyoSettings> {
    let object = node.object()?;
    let prefix = object.optional("prefix", |node| node.text(MOST_NAME_BYTES));
    let properties = object.or("properties", BTreeMap::new(), |node| by_name(node, &PROFILE_PROPERTIES, read_names));
    let metrics = object.or("metrics", BTreeMap::new(), |node| by_name(node, &METRICS, name));
    let flow_header = object.optional("flow_header", |node| {
        node.parsed(|text| match text.parse::<::http::HeaderName>() {
            Ok(header) if text.len() <= MOST_NAME_BYTES => Ok(header.as_str().to_owned()),
            _ => Err("must be the name of a header"),
        })
    });
    let backfill = object.or("backfill", false, Node::boolean);
    let base_url = object.optional("base_url", address::read_url);
    object.finish();
    Some(KlaviyoSettings {
        base_url: base_url?,
        prefix: prefix?,
        properties: properties?,
        metrics: metrics?,
        flow_header: flow_header?,
        backfill: backfill?,
        origin: None,
    })
}

fn read_credentials(node: &Node<'_>) -> Option<Credentials> {
    let secret = |node: &Node<'_>| {
        let text = node.text(MOST_SECRET_BYTES)?;
        // It is sent in a header.
        let is_printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_printable { Some(text) } else { node.refuse("must be printable ASCII without spaces") }
    };
    let object = node.object()?;
    let api_key = object.required("api_key", secret);
    let webhook_secret = object.optional("webhook_secret", secret);
    object.finish();
    Some(Credentials { api_key: api_key?, webhook_secret: webhook_secret? })
}

/// Reads the body of `PUT /v1/integrations/klaviyo`.
pub(super) fn read_connection(body: &Value) -> Result<Connection, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let enabled = object.required("enabled", Node::boolean);
        let settings = object.or("settings", KlaviyoSettings::default(), read_settings);
        let credentials = object.optional("credentials", read_credentials);
        object.read_only(&["health"]);
        object.finish();
        Some(Connection { enabled: enabled?, settings: settings?, credentials: credentials? })
    })
}

impl From<KlaviyoSettings> for SettingsView {
    fn from(settings: KlaviyoSettings) -> Self {
        let KlaviyoSettings { base_url, prefix, properties, metrics, flow_header, backfill, origin: _ } = settings;
        Self { prefix, properties, metrics, flow_header, backfill, base_url }
    }
}

/// The settings of a target, if it is the connection to Klaviyo.
pub(super) fn settings_of(target: &Target) -> Option<&KlaviyoSettings> {
    match &target.kind {
        TargetKind::Klaviyo(settings) => Some(settings),
        TargetKind::Webhook(_) | TargetKind::Shop(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_read_and_shown_alike() {
        let read = read_connection(&ConnectionBody::example()).unwrap();
        assert_eq!(read.settings.properties["Referral Code"], ["referral_klaviyo"]);
        assert_eq!(read.credentials.unwrap().api_key, "pk_EXAMPLE");
        let shown = json!(SettingsView::from(read.settings.clone()));
        let again = read_connection(&json!({ "enabled": false, "settings": shown, "health": {} })).unwrap();
        assert_eq!((again.settings, again.credentials), (read.settings, None));
        for (pointer, body) in [
            ("/enabled", json!({})),
            ("/settings/propertys", json!({ "enabled": true, "settings": { "propertys": {} } })),
            (
                "/settings/properties/Points",
                json!({ "enabled": true, "settings": { "properties": { "Points": "P" } } }),
            ),
            (
                "/settings/metrics/Points Earned",
                json!({ "enabled": true, "settings": { "metrics": { "Points Earned": "" } } }),
            ),
            ("/settings/flow_header", json!({ "enabled": true, "settings": { "flow_header": "no header" } })),
            ("/credentials/api_key", json!({ "enabled": true, "credentials": {} })),
            ("/credentials/api_key", json!({ "enabled": true, "credentials": { "api_key": "two\nlines" } })),
        ] {
            assert_eq!(read_connection(&body).unwrap_err()[0].pointer, pointer, "{body}");
        }
    }
}
