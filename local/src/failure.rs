//! Exit codes, which scripts rely on; `docs/cli.md` lists them.

use std::io::Write as _;
use std::process::ExitCode;

use crate::aws_fault::AwsFault;

/// A failure with an exit code of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// An argument cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The API refused the request: trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// There was no response of the API, one of a failing or busy server, or the credentials are refused: trying again may help.
    #[error("{0}")]
    Unreachable(String),
    /// There are differences.
    #[error("{0} differences")]
    Differs(usize),
    /// A stack has faults, or a ledger has discrepancies.
    #[error("{0} faults")]
    Unsound(usize),
}

impl Failure {
    /// The exit code. 1 is any other failure.
    const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Differs(_) => 5,
            Self::Unsound(_) => 6,
        }
    }
}

/// The exit code of an error, after it was reported on standard error.
pub fn report(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Failure>() {
        // The differences or faults themselves were printed.
        Some(failure @ (Failure::Differs(_) | Failure::Unsound(_))) => ExitCode::from(failure.code()),
        Some(failure) => {
            say(&format!("Error: {error:#}"));
            ExitCode::from(failure.code())
        }
        None => {
            say(&format!("Error: {error:#}"));
            let Some(fault) = AwsFault::read(&format!("{error:#}")) else { return ExitCode::FAILURE };
            say(&format!("\n{fault}"));
            ExitCode::from(Failure::Unreachable(String::new()).code())
        }
    }
}

/// Says something on standard error. Where nobody reads it, the exit code says enough.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Ends the process quietly when whoever reads its output has closed the pipe, as `head` does, and with 1 when the output cannot
/// be written.
pub fn end_with_the_output() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        match text.strip_prefix("failed printing to std") {
            Some(what) if what.contains("Broken pipe") => std::process::exit(0),
            Some(what) => {
                say(&format!("Error: std{what}"));
                std::process::exit(1);
            }
            None => usual(panic),
        }
    }));
}
