//! The keys of versions and drafts of a program, and of the audit.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use super::{Key, escape, time, unescape};

/// What the sort keys of all entries of the audit begin with.
pub(crate) const AUDIT: &str = "a#";
/// What the sort keys of all drafts of a program begin with.
pub(crate) const DRAFTS: &str = "draft#";
/// What the sort keys of the times of all scheduled drafts begin with.
pub(crate) const SCHEDULED: &str = "publish#";
/// What the sort keys of the records of all versions of a program begin with.
pub(crate) const VERSIONS: &str = "v#";

/// The record of a version of a program: where its document is.
pub(crate) fn version(program: &ProgramId, version: u32) -> Key {
    Key::new(escape(program.as_str()), format!("{VERSIONS}{version:010}"))
}

/// The version of a sort key that [`version`] made.
pub(crate) fn parse_version(sk: &str) -> Option<u32> {
    sk.strip_prefix(VERSIONS)?.parse().ok()
}

/// A draft of a program.
pub(crate) fn draft(program: &ProgramId, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("{DRAFTS}{}", escape(id)))
}

/// The identifier of a sort key that [`draft`] made.
pub(crate) fn parse_draft(sk: &str) -> Option<String> {
    sk.strip_prefix(DRAFTS).map(unescape)
}

/// The record of when a draft comes into force; they sort by time.
pub(crate) fn scheduled(program: &ProgramId, at: Timestamp, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("{SCHEDULED}{:015}#{}", at.as_millisecond(), escape(id)))
}

/// The time and identifier of a sort key that [`scheduled`] made.
pub(crate) fn parse_scheduled(sk: &str) -> Option<(Timestamp, String)> {
    let (at, id) = sk.strip_prefix(SCHEDULED)?.split_once('#')?;
    Some((Timestamp::from_millisecond(at.parse().ok()?).ok()?, unescape(id)))
}

/// The partition of a program's audit. Policies name its last part.
pub(crate) fn audit(program: &ProgramId) -> String {
    format!("{}#a", escape(program.as_str()))
}

/// An entry of the audit; entries sort by time.
pub(crate) fn audit_entry(program: &ProgramId, at: Timestamp, id: &str) -> Key {
    Key::new(audit(program), format!("{}{}", audit_before(at), escape(id)))
}

/// A sort key after every entry of the audit before a time, and before every other.
pub(crate) fn audit_before(at: Timestamp) -> String {
    format!("{AUDIT}{}#", time(at))
}

/// The time and identifier of a sort key that [`audit_entry`] made.
pub(crate) fn parse_audit_entry(sk: &str) -> Option<(Timestamp, String)> {
    let (at, id) = sk.strip_prefix(AUDIT)?.split_once('#')?;
    Some((at.parse().ok()?, unescape(id)))
}
