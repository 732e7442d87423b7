//! The health of targets: counters and the last outcomes.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use super::TargetId;
use crate::items::{Reader, moment, number, text};
use crate::writes::Write;
use crate::{Store, StoreError, keys};

const READ: &str = "reading the health of a target";
const COUNT: &str = "counting deliveries";

const DELIVERED: &str = "nd";
const SKIPPED: &str = "ns";
const DEAD: &str = "nx";
const UNKNOWN_VERSIONS: &str = "nu";
const LAST_SUCCESS: &str = "ls";
const LAST_FAILURE: &str = "lf";
const LAST_ERROR: &str = "le";
const FAILING_SINCE: &str = "fs";

/// How a target does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// The last accepted delivery.
    pub last_success_at: Option<Timestamp>,
    /// The last refused or lost one.
    pub last_failure_at: Option<Timestamp>,
    /// What the target said then.
    pub last_error: Option<String>,
    /// Since when every delivery has failed.
    pub failing_since: Option<Timestamp>,
    /// How many were accepted.
    pub delivered: u64,
    /// How many had nobody to be sent to.
    pub skipped: u64,
    /// How many were given up.
    pub dead: u64,
    /// How many came in a newer version of the vendor's API than we know.
    pub unknown_versions: u64,
}

/// What some deliveries change of a target's health.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthChange {
    /// Accepted.
    pub delivered: u64,
    /// Without anybody to be sent to.
    pub skipped: u64,
    /// Given up.
    pub dead: u64,
    /// In a newer version of the vendor's API than we know.
    pub unknown_versions: u64,
    /// The last failure's text, when the last outcome was a failure.
    pub error: Option<String>,
}

impl Store {
    /// The health of a target.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn target_health(&self, program: &ProgramId, target: &TargetId) -> Result<TargetHealth, StoreError> {
        let place = keys::target_health(program, target.as_str());
        let Some(found) = self.get(READ, &self.tables.programs, &place, true).await? else {
            return Ok(TargetHealth::default());
        };
        let reader = Reader::new(READ, &found);
        let count = |attribute| if reader.has(attribute) { reader.number(attribute) } else { Ok(0) };
        let time = |attribute| reader.has(attribute).then(|| reader.moment(attribute)).transpose();
        let error = reader.has(LAST_ERROR).then(|| reader.text(LAST_ERROR).map(str::to_owned)).transpose()?;
        Ok(TargetHealth {
            last_success_at: time(LAST_SUCCESS)?,
            last_failure_at: time(LAST_FAILURE)?,
            last_error: error,
            failing_since: time(FAILING_SINCE)?,
            delivered: count(DELIVERED)?,
            skipped: count(SKIPPED)?,
            dead: count(DEAD)?,
            unknown_versions: count(UNKNOWN_VERSIONS)?,
        })
    }

    /// Counts deliveries: one write for all that a worker made to a target. A worker that dies before it counts less.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count_deliveries(
        &self,
        program: &ProgramId,
        target: &TargetId,
        change: &HealthChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let place = keys::target_health(program, target.as_str());
        let expression = match (&change.error, change.delivered > 0) {
            (Some(_), true) => "SET ls = :now, lf = :now, le = :error, fs = :now ADD nd :nd, ns :ns, nx :nx, nu :nu",
            (Some(_), false) => {
                "SET lf = :now, le = :error, fs = if_not_exists(fs, :now) ADD nd :nd, ns :ns, nx :nx, nu :nu"
            }
            (None, true) => "SET ls = :now REMOVE fs ADD nd :nd, ns :ns, nx :nx, nu :nu",
            (None, false) => "ADD nd :nd, ns :ns, nx :nx, nu :nu",
        };
        let mut write = Write::update(&self.tables.programs, &place, expression)
            .value(":nd", number(change.delivered))
            .value(":ns", number(change.skipped))
            .value(":nx", number(change.dead))
            .value(":nu", number(change.unknown_versions));
        if change.error.is_some() || change.delivered > 0 {
            write = write.value(":now", moment(now));
        }
        if let Some(error) = &change.error {
            write = write.value(":error", text(&**error));
        }
        self.write(COUNT, &write).await.map(drop)
    }
}
