//! The keys of facts and of the entries that decide on them.

use jiff::Timestamp;
use tessera_domain::fact::{FactId, FactKind};
use tessera_domain::ids::ProgramId;

use super::{ENTRIES, Key, escape, time, unescape};

/// The sort key of a fact's entry. `at` is when the fact happened, for a fact with a parent when its parent did.
///
/// Entries sort by that time. The key of a fact with a parent extends its parent's key. A day sorts where it begins in UTC.
pub(crate) fn fact_entry(at: Timestamp, fact: &FactId) -> String {
    let kind = fact.kind();
    let own = fact.natural_key().pop().unwrap_or_default();
    let before = match (fact.parent(), fact.day()) {
        (Some(parent), _) => fact_entry(at, &parent),
        (None, Some(day)) => format!("{ENTRIES}{day}T00:00:00.000Z#"),
        (None, None) => format!("{ENTRIES}{}#", time(at)),
    };
    format!("{before}{}#{}#", kind.letter(), escape(&own))
}

/// The sort key of the entry of a command or of what fell due; the letters are those of [`crate::EntryKey`].
pub(crate) fn other_entry(at: Timestamp, letter: char, natural: &str) -> String {
    format!("{ENTRIES}{}#{letter}#{}#", time(at), escape(natural))
}

/// The sort key of a step of a refund before its last, from 0.
pub(crate) fn step_entry(refund: &str, step: u32) -> String {
    format!("{refund}S#{step}#")
}

/// The sort key of what the rules for the `place`-th change of tier after an entry did, from 1.
pub(crate) fn tier_change_entry(entry: &str, place: usize) -> String {
    format!("{entry}T#{place}#")
}

/// A fact in the facts table. A fact with a parent is in its parent's partition.
pub(crate) fn fact(program: &ProgramId, fact: &FactId) -> Key {
    let kind = fact.kind();
    let mut natural = fact.natural_key();
    let own = natural.pop().unwrap_or_default();
    match (kind.parent(), natural.first()) {
        (Some(parent), Some(of)) => {
            Key::new(fact_partition(program, parent, of), format!("{}#{}", kind.letter(), escape(&own)))
        }
        _ => Key::new(fact_partition(program, kind, &own), kind.name()),
    }
}

fn fact_partition(program: &ProgramId, kind: FactKind, own: &str) -> String {
    format!("{}#{}#{}", escape(program.as_str()), kind.letter(), escape(own))
}

/// The program and the fact of a key that [`fact`] made.
pub(crate) fn parse_fact(pk: &str, sk: &str) -> Option<(ProgramId, FactId)> {
    let mut parts = pk.split('#');
    let (program, letter, own) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (root, own) = (FactKind::from_letter(letter)?, unescape(own));
    let fact = match sk.split_once('#') {
        None if sk == root.name() => FactId::from_natural_key(root, &[own])?,
        None => return None,
        Some((letter, child)) => {
            let kind = FactKind::from_letter(letter).filter(|kind| kind.parent() == Some(root))?;
            FactId::from_natural_key(kind, &[own, unescape(child)])?
        }
    };
    Some((ProgramId::new(unescape(program)).ok()?, fact))
}
