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
const INCREASES: &str = "ni";
const DECREASES: &str = "nc";
const OLD_ORDERS: &str = "nb";
const VERSION: &str = "lv";
const LAST_SUCCESS: &str = "ls";
const LAST_FAILURE: &str = "lf";
const LAST_ERROR: &str = "le";
const FAILING_SINCE: &str = "fs";

/// An update that changes the last outcomes, and adds to the counters.
macro_rules! counted {
    () => {
        "ADD nd :nd, ns :ns, nx :nx, nu :nu, ni :ni, nc :nc, nb :nb"
    };
    ($set:literal) => {
        concat!($set, " ", counted!())
    };
}

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
    /// The version of the vendor's API that the last counted delivery came in, where it says so.
    pub version: Option<String>,
    /// How many orders were increased after payment.
    pub increases: u64,
    /// How many orders were decreased after payment, other than by a refund.
    pub decreases: u64,
    /// How many changes of orders from before the connection earned nothing.
    pub old_orders: u64,
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
    /// The version of the vendor's API that the last one came in.
    pub version: Option<String>,
    /// Orders that were increased after payment.
    pub increases: u64,
    /// Orders that were decreased after payment.
    pub decreases: u64,
    /// Changes of orders from before the connection.
    pub old_orders: u64,
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
        let said = |attribute| reader.has(attribute).then(|| reader.text(attribute).map(str::to_owned)).transpose();
        Ok(TargetHealth {
            last_success_at: time(LAST_SUCCESS)?,
            last_failure_at: time(LAST_FAILURE)?,
            last_error: said(LAST_ERROR)?,
            failing_since: time(FAILING_SINCE)?,
            delivered: count(DELIVERED)?,
            skipped: count(SKIPPED)?,
            dead: count(DEAD)?,
            unknown_versions: count(UNKNOWN_VERSIONS)?,
            version: said(VERSION)?,
            increases: count(INCREASES)?,
            decreases: count(DECREASES)?,
            old_orders: count(OLD_ORDERS)?,
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
        // What failed names no version.
        let version = change.version.as_ref().filter(|_| change.error.is_none());
        let expression = match (&change.error, change.delivered > 0, version.is_some()) {
            (Some(_), true, _) => counted!("SET ls = :now, lf = :now, le = :error, fs = :now"),
            (Some(_), false, _) => counted!("SET lf = :now, le = :error, fs = if_not_exists(fs, :now)"),
            (None, true, true) => counted!("SET ls = :now, lv = :version REMOVE fs"),
            (None, true, false) => counted!("SET ls = :now REMOVE fs"),
            (None, false, true) => counted!("SET lv = :version"),
            (None, false, false) => counted!(),
        };
        let mut write = Write::update(&self.tables.programs, &place, expression)
            .value(":nd", number(change.delivered))
            .value(":ns", number(change.skipped))
            .value(":nx", number(change.dead))
            .value(":nu", number(change.unknown_versions))
            .value(":ni", number(change.increases))
            .value(":nc", number(change.decreases))
            .value(":nb", number(change.old_orders));
        if change.error.is_some() || change.delivered > 0 {
            write = write.value(":now", moment(now));
        }
        for (name, said) in [(":error", change.error.as_ref()), (":version", version)] {
            if let Some(said) = said {
                write = write.value(name, text(&**said));
            }
        }
        self.write(COUNT, &write).await.map(drop)
    }
}
