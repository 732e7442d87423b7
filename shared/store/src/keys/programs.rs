//! The keys of programs: their documents, credentials, figures, jobs and tasks.

use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;

use super::{API_KEYS, Key, PROGRAMS, escape, unescape};

/// A program in the list of all.
pub(crate) fn listed(program: &ProgramId) -> Key {
    Key::new(PROGRAMS.to_owned(), escape(program.as_str()))
}

/// The program of a sort key that [`listed`] made.
pub(crate) fn parse_listed(sk: &str) -> Option<ProgramId> {
    ProgramId::new(unescape(sk)).ok()
}

/// The partition of a program's figures.
pub(crate) fn figures_partition(program: &ProgramId) -> String {
    format!("{}#k", escape(program.as_str()))
}

/// The figures of a day.
pub(crate) fn figures_of(program: &ProgramId, day: Day) -> Key {
    Key::new(figures_partition(program), day.to_string())
}

/// What the figures of all days add up to; sorts behind every day.
pub(crate) fn position(program: &ProgramId) -> Key {
    Key::new(figures_partition(program), "position")
}

/// The day of a sort key that [`figures_of`] made; `None` for that of [`position`].
pub(crate) fn parse_figures_day(sk: &str) -> Option<Day> {
    sk.parse().ok().map(Day::from_date)
}

/// The program of a partition of any kind.
pub(crate) fn parse_program(pk: &str) -> Option<ProgramId> {
    ProgramId::new(unescape(pk.split('#').next()?)).ok()
}

/// How far a job has come with a program.
pub(crate) fn job(program: &ProgramId, job: &str) -> Key {
    Key::new(escape(program.as_str()), format!("job#{}", escape(job)))
}

pub(crate) fn head(program: &ProgramId) -> Key {
    Key::new(escape(program.as_str()), "head")
}

/// A part of the document with this checksum.
pub(crate) fn chunk(program: &ProgramId, checksum: &str, chunk: u32) -> Key {
    Key::new(escape(program.as_str()), format!("{}{chunk:04}", chunks(checksum)))
}

/// What the sort keys of all parts of a document begin with.
pub(crate) fn chunks(checksum: &str) -> String {
    format!("d#{}#", escape(checksum))
}

pub(crate) fn api_key(program: &ProgramId, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("{API_KEYS}{}", escape(id)))
}

/// The counter of a program's API keys with the scope `admin`.
pub(crate) fn admin_keys(program: &ProgramId) -> Key {
    Key::new(escape(program.as_str()), "admins")
}

/// Where a caller is recognised: the one key that does not begin with a program, because it leads to it.
pub(crate) fn api_key_lookup(hash: &str) -> Key {
    Key::new(format!("key#{hash}"), "key")
}

/// The encrypted storefront secrets of a program, in the table of credentials.
pub(crate) fn storefront(program: &ProgramId) -> Key {
    Key::new(escape(program.as_str()), "storefront")
}

pub(crate) fn idempotency(program: &ProgramId, hash: &str) -> Key {
    Key::new(format!("{}#i#{hash}", escape(program.as_str())), "idempotency")
}

/// A counter of one minute. Without a program the key begins with `#`, like no program's: the policy of the authorizer
/// names that beginning.
pub(crate) fn limit(program: Option<&ProgramId>, hash: &str, minute: i64) -> Key {
    let program = program.map(|program| escape(program.as_str())).unwrap_or_default();
    Key::new(format!("{program}#l#{hash}"), format!("{minute}"))
}

/// A task: `kind` is a fixed name without separators.
pub(crate) fn task(program: &ProgramId, kind: &str, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("task#{kind}#{}", escape(id)))
}

/// How many tasks of a kind a program started on the latest day that had one.
pub(crate) fn task_count(program: &ProgramId, kind: &str) -> Key {
    Key::new(escape(program.as_str()), format!("tasks#{kind}"))
}

/// The sort key of a task's result, which the task refers to.
pub(crate) fn task_result_sort(kind: &str, id: &str) -> String {
    format!("task#{kind}#{}#result", escape(id))
}

/// The result that a task refers to.
pub(crate) fn task_result(program: &ProgramId, sort: &str) -> Key {
    Key::new(escape(program.as_str()), sort)
}
