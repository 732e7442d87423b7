//! The keys of imports: what was uploaded, and the rows that were refused.

use tessera_domain::ids::ProgramId;

use super::{Key, escape, task};

/// What the sort keys of all refused rows of an import begin with.
pub(crate) const IMPORT_ERRORS: &str = "e#";

/// An import: a task that has no end.
pub(crate) fn import(program: &ProgramId, id: &str) -> Key {
    task(program, "import", id)
}

/// The partition of one uploaded part.
pub(crate) fn import_part(program: &ProgramId, id: &str, part: u32) -> String {
    format!("{}#f#{}#{part:06}", escape(program.as_str()), escape(id))
}

/// A chunk of an uploaded part.
pub(crate) fn import_chunk(program: &ProgramId, id: &str, part: u32, chunk: u32) -> Key {
    Key::new(import_part(program, id, part), format!("c#{chunk:03}"))
}

/// The partition of an import's refused rows.
pub(crate) fn import_errors(program: &ProgramId, id: &str) -> String {
    format!("{}#f#{}", escape(program.as_str()), escape(id))
}

/// Refused rows from this position on. `pass` tells rows that were not imported from rows that were not undone.
pub(crate) fn import_error(program: &ProgramId, id: &str, pass: char, row: u64) -> Key {
    Key::new(import_errors(program, id), format!("{IMPORT_ERRORS}{pass}#{row:012}"))
}

/// Whether the restore of a program is open or sealed.
pub(crate) fn restore(program: &ProgramId) -> Key {
    Key::new(escape(program.as_str()), "restore")
}
