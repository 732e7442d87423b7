//! Schedules: run jobs when they are due, whether the clock follows the machine's or is moved by hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tessera_lambda::job::{Deadline, Invocation};
use tokio::sync::{Mutex, watch};

use super::clock::StackClock;
use super::engines::stopped;
use super::handler::{self, Handler};
use super::template::Schedule;

/// How long a job may run: Lambda's limit for any function.
const LIMIT: Duration = Duration::from_mins(15);
/// How often the machine's clock is checked.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The schedules of a template.
pub(super) struct Schedules {
    jobs: Vec<Schedule>,
    functions: HashMap<String, Handler>,
    clock: StackClock,
    /// When each ran last, by its index. Whoever holds the lock runs jobs.
    last: Mutex<Vec<Option<Timestamp>>>,
}

impl Schedules {
    /// Schedules of which none has run yet.
    pub fn new(schedules: &[Schedule], functions: &HashMap<String, Handler>, clock: StackClock) -> Self {
        let last = Mutex::new(vec![None; schedules.len()]);
        Self { jobs: schedules.to_vec(), functions: functions.clone(), clock, last }
    }

    /// Runs the jobs that never ran or ran at least a period ago, each once. Returns whether any ran.
    ///
    /// A job that fails, or stops before its deadline with work left, stays due.
    pub async fn run_due(&self) -> bool {
        let mut last = self.last.lock().await;
        let mut any = false;
        for (schedule, last) in self.jobs.iter().zip(last.iter_mut()) {
            let now = self.clock.now();
            let Some(period) = schedule.every else { continue };
            let period = SignedDuration::try_from(period).unwrap_or(SignedDuration::MAX);
            if last.is_some_and(|last| now.duration_since(last) < period) {
                continue;
            }
            any = true;
            match self.call(schedule, None).await {
                Ok(report) if is_unfinished(&report) => {}
                Ok(_) => *last = Some(now),
                Err(error) => tracing::error!(job = schedule.name, error = format!("{error:#}"), "the job failed"),
            }
        }
        any
    }

    /// Runs a job now, by its name or its function's; `None` for an unknown job.
    pub async fn run(&self, name: &str, input: Option<Value>) -> Option<Result<Value>> {
        let place = self.jobs.iter().position(|one| one.name == name || one.function == name)?;
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let ran = self.call(&self.jobs[place], input).await;
        if ran.as_ref().is_ok_and(|report| !is_unfinished(report)) {
            last[place] = Some(now);
        }
        Some(ran)
    }

    /// Resolves when no job is running.
    pub async fn idle(&self) {
        drop(self.last.lock().await);
    }

    /// Runs what is due, unless the clock is moved by hand.
    pub async fn catch_up(&self) {
        if !self.clock.stands_still() {
            self.run_due().await;
        }
    }

    /// Runs what becomes due while the clock follows the machine's, until the stack stops.
    pub async fn watch(self: Arc<Self>, stopping: watch::Receiver<bool>) {
        let watching = async {
            loop {
                self.catch_up().await;
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        tokio::select! {
            () = watching => {}
            () = stopped(stopping) => {}
        }
    }

    async fn call(&self, schedule: &Schedule, input: Option<Value>) -> Result<Value> {
        let Some(Handler::Job(function)) = self.functions.get(&schedule.function) else {
            return Err(anyhow!("{} is not a job", schedule.function));
        };
        let input = match (input, &schedule.input) {
            (Some(input), _) => input,
            (None, Some(input)) => serde_json::from_str(input).context("the schedule's input")?,
            (None, None) => json!({}),
        };
        let invocation = Invocation { input, deadline: Deadline::after(LIMIT) };
        handler::call(function, invocation, LIMIT).await?.map_err(|error| anyhow!(error))
    }
}

/// True for the report of a run that left work to the next one.
fn is_unfinished(report: &Value) -> bool {
    report["unfinished"].as_u64().is_some_and(|programs| programs > 0)
}
