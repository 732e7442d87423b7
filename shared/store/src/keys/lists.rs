//! The keys of lists of members, of names and of notes.

use tessera_domain::ids::{MemberId, ProgramId};

use super::{Key, escape, member_partition, unescape};

/// The sort key of a member's place in the lists of members.
pub(crate) const LISTING: &str = "listing";
/// The sort key of the notes about a member.
pub(crate) const NOTES: &str = "notes";
/// What the sort keys of all names begin with.
pub(crate) const NAMES: &str = "n#";

/// A member's place in the lists of members.
pub(crate) fn listing(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), LISTING)
}

/// The notes about a member.
pub(crate) fn notes(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), NOTES)
}

/// A partition of the indexes of the lists of members: all, those of a status, or those of a tier.
pub(crate) fn listed_members(program: &ProgramId, of: &str, value: &str) -> String {
    format!("{}#l#{of}#{}", escape(program.as_str()), escape(value))
}

/// A sort key of the indexes of the lists of members.
pub(crate) fn listed_at(week: &str, member: &MemberId) -> String {
    format!("{week}#{}", escape(member.as_str()))
}

/// The member of a sort key that [`listed_at`] made.
pub(crate) fn parse_listed_at(sort: &str) -> Option<MemberId> {
    MemberId::new(unescape(sort.split_once('#')?.1)).ok()
}

/// The partition of the folded names that begin with a letter.
pub(crate) fn names(program: &ProgramId, first: char) -> String {
    format!("{}#a#{}", escape(program.as_str()), escape(&first.to_string()))
}

/// What the sort keys of all names with a prefix begin with.
pub(crate) fn names_with(prefix: &str) -> String {
    format!("{NAMES}{}", escape(prefix))
}

/// The record that leads from a folded name to a member; `None` for an empty name.
pub(crate) fn name_record(program: &ProgramId, folded: &str, member: &MemberId) -> Option<Key> {
    let first = folded.chars().next()?;
    Some(Key::new(names(program, first), format!("{}#{}", names_with(folded), escape(member.as_str()))))
}

/// The folded name of a sort key that [`name_record`] made.
pub(crate) fn parse_name(sort: &str) -> Option<String> {
    Some(unescape(sort.strip_prefix(NAMES)?.split_once('#')?.0))
}

/// Every kind of key of lists, from the same few texts, each with a description of its item.
#[cfg(test)]
pub(super) fn samples(p: &ProgramId, a: &str, b: &str) -> Vec<(String, Key)> {
    let member = MemberId::new(a).unwrap();
    vec![
        (format!("listing {a:?}"), listing(p, &member)),
        (format!("notes {a:?}"), notes(p, &member)),
        (format!("name {a:?} {b:?}"), name_record(p, b, &member).unwrap()),
    ]
}
