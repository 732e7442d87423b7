//! The one way in which a program changes: its document is edited, checked as a whole, and put.

use std::sync::Arc;

use serde_json::Value;
use tessera_domain::ids::ProgramId;
use tessera_domain::input::Fault;
use tessera_domain::program::{CompiledProgram, Program, SubmittedProgram};
use tessera_lambda::http::ApiRequest;
use tessera_lambda::version::Expected;
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutProgramError};

/// How often an edit is tried when others change the program at the same time.
const TRIES: u32 = 5;

/// The current version of a program, even when this function's cache is older.
pub(crate) async fn latest(services: &Services, program: &ProgramId) -> Result<Arc<CompiledProgram>, Problem> {
    let unknown = || Problem::program_missing(program);
    let head = services.store.load_head(program).await?.ok_or_else(unknown)?;
    services.programs.at_version(program, head.version).await?.ok_or_else(unknown)
}

/// A program as the document that people send.
pub(crate) fn document(program: &Program) -> Value {
    // It is our own type: its maps have text keys, its numbers are finite.
    serde_json::to_value(program).unwrap_or_default()
}

/// An edit of a program's document.
pub(crate) trait Edit {
    /// Makes the change; gives the pointer of the part that it put there.
    fn make(&self, document: &mut Value) -> Result<String, Problem>;

    /// Faults of the changed document, with pointers into what the request sent.
    fn localize(&self, faults: Vec<Fault>, pointer: &str) -> Vec<Fault>;

    /// What the audit calls the part.
    fn object(&self, document: &Value, pointer: &str) -> String;

    /// The problem that reports such faults.
    fn refused(&self, faults: Vec<Fault>) -> Problem;
}

/// Edits the current document and puts it; when someone else was faster, edits theirs.
pub(crate) async fn edit(
    services: &Services,
    request: &ApiRequest,
    edit: &impl Edit,
) -> Result<(Arc<ActiveProgram>, String), Problem> {
    let (program, now) = (&request.caller()?.program, services.clock.now());
    let expected = Expected::read(request.header("if-match"));
    for _ in 0..TRIES {
        let current = latest(services, program).await?;
        let mut edited = document(&current.program);
        let pointer = edit.make(&mut edited)?;
        let read = SubmittedProgram::read(&edited).map_err(|faults| edit.refused(edit.localize(faults, &pointer)))?;
        let version = expected.version().unwrap_or(current.version);
        let audit = request.audit(edit.object(&edited, &pointer))?;
        match services.programs.put(program, &read, Some(version), now, &audit).await {
            Ok(active) => {
                services.ask_codes_of_version(program, active.head.version).await;
                return Ok((active, pointer));
            }
            Err(PutProgramError::Stale { current }) => {
                if let Expected::Version(known) = expected {
                    return Err(services.stale_version(program, known, current).await?);
                }
            }
            Err(PutProgramError::InUse { faults }) => {
                return Err(Problem::in_use(edit.localize(faults, &pointer)));
            }
            Err(PutProgramError::TwoPerson) => return Err(Problem::two_person()),
            Err(PutProgramError::Unknown) => return Err(Problem::program_missing(program)),
            Err(PutProgramError::Store(error)) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable())
}
