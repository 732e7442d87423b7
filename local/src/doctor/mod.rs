//! Checks of a deployed stack: whether its parts are there and work, what waits for a person, and what would go wrong next.

mod checks;
mod expected;

use std::fmt;

use serde::Serialize;

use crate::aws_fault::AwsFault;
use crate::deployment::Deployment;

use self::checks::Patient;
use self::expected::ExpectedStack;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// It needs a person.
    Fault,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check: `region`, `clock`, `tables`, `queues`, `dead_letters`, `functions`, `event_sources`, `alarms`, `secrets`.
    pub check: &'static str,
    /// How it ended.
    pub status: Health,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// All that was found on a stack.
#[derive(Debug, Clone, Serialize)]
pub struct Examination {
    /// The stack's name.
    pub stack: String,
    /// Its region.
    pub region: Option<String>,
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
    /// Why AWS could not be asked any further.
    #[serde(skip)]
    pub stopped_by: Option<AwsFault>,
}

impl Examination {
    /// How many faults there are.
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.status == Health::Fault).count()
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Fault => "FAULT",
        })
    }
}

/// Examines a deployed stack. `parameter` holds the secrets key.
///
/// # Errors
/// Never because of the stack: what cannot be seen is a finding.
pub async fn examine(deployment: &Deployment, parameter: &str) -> anyhow::Result<Examination> {
    let region = deployment.sdk.region().map(std::string::ToString::to_string);
    let expected = ExpectedStack::of(&deployment.name)?;
    let mut patient = Patient { deployment, expected: &expected, findings: Vec::new() };
    let stopped_by = patient.examine(parameter).await.err();
    let findings = patient.findings;
    Ok(Examination { stack: deployment.name.clone(), region, findings, stopped_by })
}
