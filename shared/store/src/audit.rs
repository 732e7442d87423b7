//! The audit: one item for each administrative change, written in the transaction that makes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::audit::{AuditChange, AuditEntry, bounded_changes};
use tessera_domain::ids::ProgramId;

use crate::calls::Range;
use crate::hashes::sha256_hex;
use crate::items::{Item, Reader, bytes, item, name, packed};
use crate::keys::{self, AUDIT};
use crate::writes::Write;
use crate::{Page, Store, StoreError};

const READ: &str = "reading the audit";
const WRITE: &str = "writing the audit";
/// The digits of an entry's identifier.
const ID_DIGITS: usize = 24;
/// How many pages of the table are read for one page of a filtered list.
const MOST_READS: u32 = 8;
/// Items that are read at once for a filtered list.
const READ_AT_ONCE: u32 = 250;

/// An administrative request, as the audit records it beside what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The name of the API key, or of whoever acts without one.
    pub actor: String,
    /// The id of the API key.
    pub key: Option<String>,
    /// What is done, such as `rule.replace`.
    pub action: String,
    /// What it is done to, such as `rules/every-50`.
    pub object: String,
    /// Why.
    pub reason: Option<String>,
    /// When the request, or its first attempt, began.
    pub at: Timestamp,
    /// The natural key of the request.
    pub request: String,
    /// What it changes, beside what the write itself knows.
    pub changes: Vec<AuditChange>,
}

/// Which entries a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of this actor: the name or the id of an API key.
    pub actor: Option<String>,
    /// Those with this action, or whose action begins with it and a dot.
    pub action: Option<String>,
    /// Those about this object, its kind or its identifier.
    pub object: Option<String>,
    /// Those from this time on.
    pub from: Option<Timestamp>,
    /// Those before this time.
    pub to: Option<Timestamp>,
}

/// The body of an item.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "a")]
    actor: String,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(rename = "d")]
    action: String,
    #[serde(rename = "o")]
    object: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// As JSON: values are whatever the object holds.
    #[serde(rename = "c")]
    changes: String,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl Audit {
    /// The same, about these changes too.
    #[must_use]
    pub fn changing(mut self, changes: impl IntoIterator<Item = AuditChange>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// The same, with another action: a request that makes two changes records each.
    #[must_use]
    pub fn doing(self, action: &str) -> Self {
        Self { action: action.to_owned(), ..self }
    }

    /// The identifier of the entry: repetitions of a request have the same.
    fn id(&self, program: &ProgramId) -> String {
        let Self { action, object, request, at, .. } = self;
        let natural = serde_json::json!([program, at.as_millisecond(), request, action, object]).to_string();
        format!("aud_{}", sha256_hex(natural.as_bytes()).chars().take(ID_DIGITS).collect::<String>())
    }
}

impl AuditFilter {
    fn takes(&self, entry: &AuditEntry) -> bool {
        let actor = |wanted: &String| entry.actor == *wanted || entry.key.as_ref() == Some(wanted);
        let action = |wanted: &String| {
            entry.action.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let object = |wanted: &String| {
            let (kind, id) = entry.object.split_once('/').unwrap_or((&entry.object, ""));
            entry.object == *wanted || kind == wanted || id == wanted
        };
        self.actor.as_ref().is_none_or(actor)
            && self.action.as_ref().is_none_or(action)
            && self.object.as_ref().is_none_or(object)
    }
}

impl Store {
    /// The write that records a request and what it changes. It has no condition: the change that it goes with has one.
    pub(crate) fn audit_write(
        &self,
        program: &ProgramId,
        audit: &Audit,
        further: impl IntoIterator<Item = AuditChange>,
    ) -> Result<Write, StoreError> {
        let (changes, truncated) = bounded_changes(audit.changes.iter().cloned().chain(further).collect());
        let stored = Stored {
            actor: audit.actor.clone(),
            key: audit.key.clone(),
            action: audit.action.clone(),
            object: audit.object.clone(),
            reason: audit.reason.clone(),
            changes: serde_json::json!(changes).to_string(),
            truncated,
        };
        let key = keys::audit_entry(program, audit.at, &audit.id(program));
        Ok(Write::put(&self.tables.programs, item(&key, [(name::BODY, bytes(packed(WRITE, &stored)?))])))
    }

    /// Records a request whose changes do not fit into one transaction, before the first of them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn record_audit(&self, program: &ProgramId, audit: &Audit) -> Result<(), StoreError> {
        let write = self.audit_write(program, audit, [])?;
        self.write(WRITE, &write).await.map(drop)
    }

    /// The audit of a program, newest first. A page can be short, even empty, and still have a next one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn audit(
        &self,
        program: &ProgramId,
        filter: &AuditFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut next = cursor.map(str::to_owned).or_else(|| filter.to.map(keys::audit_before));
        let mut found = Vec::new();
        for _ in 0..MOST_READS {
            let range = Range {
                backwards: true,
                limit: Some(READ_AT_ONCE),
                after: next.as_deref(),
                ..Range::all(keys::audit(program), AUDIT)
            };
            let (items, after) = self.page(READ, &self.tables.programs, &range).await?;
            for item in &items {
                let entry = read(item)?;
                if filter.from.is_some_and(|from| entry.at < from) {
                    return Ok(Page { items: found, next: None });
                }
                if filter.takes(&entry) {
                    found.push(entry);
                    if found.len() >= limit as usize {
                        let place = Reader::new(READ, item).text(name::SK)?.to_owned();
                        let is_last = after.is_none() && items.last() == Some(item);
                        return Ok(Page { items: found, next: (!is_last).then_some(place) });
                    }
                }
            }
            next = after;
            if next.is_none() {
                break;
            }
        }
        Ok(Page { items: found, next })
    }
}

fn read(item: &Item) -> Result<AuditEntry, StoreError> {
    let reader = Reader::new(READ, item);
    let unreadable = StoreError::Item { operation: READ, attribute: name::SK };
    let (at, id) = keys::parse_audit_entry(reader.text(name::SK)?).ok_or(unreadable)?;
    let Stored { actor, key, action, object, reason, changes, truncated } = reader.body()?;
    let changes = serde_json::from_str(&changes);
    let changes = changes.map_err(|_| StoreError::Item { operation: READ, attribute: name::BODY })?;
    Ok(AuditEntry { id, at, actor, key, action, object, reason, changes, truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_names_kinds_and_identifiers() {
        let entry = AuditEntry {
            id: "aud_1".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            actor: "anna".to_owned(),
            key: Some("key_1".to_owned()),
            action: "rule.replace".to_owned(),
            object: "rules/every-50".to_owned(),
            reason: None,
            changes: Vec::new(),
            truncated: false,
        };
        let filter = |field: &str, text: &str| {
            let text = Some(text.to_owned());
            let none = AuditFilter::default();
            match field {
                "actor" => AuditFilter { actor: text, ..none },
                "action" => AuditFilter { action: text, ..none },
                _ => AuditFilter { object: text, ..none },
            }
        };
        for (field, text, takes) in [
            ("actor", "anna", true),
            ("actor", "key_1", true),
            ("actor", "ann", false),
            ("action", "rule.replace", true),
            ("action", "rule", true),
            ("action", "rul", false),
            ("object", "rules/every-50", true),
            ("object", "rules", true),
            ("object", "every-50", true),
            ("object", "every", false),
        ] {
            assert_eq!(filter(field, text).takes(&entry), takes, "{field}={text}");
        }
    }
}
