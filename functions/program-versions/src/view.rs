//! What callers see of drafts and versions.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::program::{Difference, Program};
use tessera_store::{DraftStatus, ProgramDraft, ProgramVersion};

/// The status of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DraftStatus))]
#[serde(rename_all = "snake_case")]
pub(crate) enum DraftStatusView {
    /// It waits for somebody to publish it.
    Draft,
    /// It is approved, and waits for its time.
    Scheduled,
    /// It came into force.
    Published,
}

/// A draft of a new version.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProgramDraft))]
pub(crate) struct DraftView {
    /// Its identifier.
    id: String,
    /// Its status.
    status: DraftStatusView,
    /// Who made it: the name of the API key.
    author: String,
    /// The id of that key.
    author_key: String,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
    /// What the author says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    note: Option<String>,
    /// When it is to come into force; absent: as soon as it is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false, format = DateTime))]
    publish_at: Option<Timestamp>,
    /// The version that it was made from. Once that is no longer current, the draft cannot be published.
    base_version: u32,
    /// Who published or scheduled it: the name of the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    published_by: Option<String>,
    /// The version that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    version: Option<u32>,
    /// Why it was not published at its time: `stale_version` or `in_use`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    refused: Option<String>,
    /// True if it changes who may publish.
    changes_publishing: bool,
    /// What it changes.
    diff: Vec<Difference>,
    /// True if values, or further differences, are left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    truncated: bool,
}

/// A draft with its program.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WholeProgramDraft))]
pub(crate) struct WholeDraftView {
    /// What every response shows.
    #[serde(flatten)]
    pub draft: DraftView,
    /// The program as it would be.
    #[cfg_attr(feature = "openapi", schema(value_type = Program))]
    pub program: Value,
}

/// A version of the program.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProgramVersion))]
pub(crate) struct VersionView {
    /// Its number; the first is 1.
    version: u32,
    /// When it came into force.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: Timestamp,
    /// Who put it in force: the name of the API key. Null for the first, which the operator of the stack made.
    #[cfg_attr(feature = "openapi", schema(required))]
    actor: Option<String>,
    /// The id of that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    key: Option<String>,
    /// Who wrote it, where it was a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    author: Option<String>,
    /// The draft that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    draft: Option<String>,
    /// What differs from the version before.
    diff: Vec<Difference>,
    /// True if values, or further differences, were too large to be recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    truncated: bool,
}

/// A version with its program.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WholeProgramVersion))]
pub(crate) struct WholeVersionView {
    /// What every response shows.
    #[serde(flatten)]
    pub version: VersionView,
    /// The program as it was.
    #[cfg_attr(feature = "openapi", schema(value_type = Program))]
    pub program: Value,
}

impl From<ProgramDraft> for DraftView {
    fn from(draft: ProgramDraft) -> Self {
        Self {
            id: draft.id,
            status: match draft.status {
                DraftStatus::Draft => DraftStatusView::Draft,
                DraftStatus::Scheduled => DraftStatusView::Scheduled,
                DraftStatus::Published => DraftStatusView::Published,
            },
            author: draft.author.name,
            author_key: draft.author.key,
            created_at: draft.created_at,
            note: draft.note,
            publish_at: draft.publish_at,
            base_version: draft.base_version,
            published_by: draft.approval.map(|approval| approval.name),
            version: draft.published_version,
            refused: draft.refusal,
            changes_publishing: draft.diff.changes.iter().any(|difference| difference.publishing),
            diff: draft.diff.changes,
            truncated: draft.diff.is_truncated,
        }
    }
}

impl DraftView {
    /// The same, with everything that it changes: who approves a draft has to see all of it.
    pub fn with_whole_diff(self, diff: Vec<Difference>) -> Self {
        let truncated = diff.len() >= tessera_domain::program::MOST_DIFFERENCES;
        Self { diff, truncated, ..self }
    }
}

impl From<ProgramVersion> for VersionView {
    fn from(version: ProgramVersion) -> Self {
        let ProgramVersion { version, at, actor, key, author, draft, diff } = version;
        Self { version, at, actor, key, author, draft, diff: diff.changes, truncated: diff.is_truncated }
    }
}

/// A program as the document that people send.
pub(crate) fn document(program: &Program) -> Value {
    json!(program)
}
