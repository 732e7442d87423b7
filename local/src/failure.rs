//! Exit codes, which scripts rely on; `docs/cli.md` lists them.

use std::process::ExitCode;

use http::StatusCode;

use crate::aws_fault::AwsFault;

/// A failure with an exit code of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The API refused the request: trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// There was no response, one of a failing server, or the credentials are refused: trying again may help.
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
    /// The failure that a refusal of the API is.
    pub(crate) fn of_refusal(status: StatusCode, message: String) -> Self {
        if status == StatusCode::UNAUTHORIZED { Self::Unreachable(message) } else { Self::Refused(message) }
    }

    /// The exit code. 1 is any other failure; 2 is a wrong command line.
    const fn code(&self) -> u8 {
        match self {
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
            eprintln!("Error: {failure}");
            ExitCode::from(failure.code())
        }
        None => {
            eprintln!("Error: {error:?}");
            let Some(fault) = AwsFault::read(&format!("{error:#}")) else { return ExitCode::FAILURE };
            eprintln!("\n{fault}");
            ExitCode::from(Failure::Unreachable(String::new()).code())
        }
    }
}

/// Ends the process quietly when whoever reads its output has closed the pipe, as `head` does.
pub fn end_with_a_closed_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}
