//! Counts activity, and wakes tasks that wait for more.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::template::Template;

/// Counts the writes of each table and every step of the stack, and wakes waiting tasks.
#[derive(Debug)]
pub(super) struct Activity {
    tables: BTreeMap<String, watch::Sender<u64>>,
    steps: watch::Sender<u64>,
}

impl Activity {
    /// Starts at zero.
    pub fn new(template: &Template) -> Self {
        let tables = template.tables.keys().map(|name| (name.clone(), watch::Sender::new(0)));
        Self { tables: tables.collect(), steps: watch::Sender::new(0) }
    }

    /// Records a step: a message was sent or finished, or a batch was read.
    pub fn step(&self) {
        self.steps.send_modify(|steps| *steps += 1);
    }

    /// Records a possible write of a table.
    pub fn wrote(&self, table: &str) {
        self.step();
        if let Some(sender) = self.tables.get(table) {
            sender.send_modify(|writes| *writes += 1);
        }
    }

    /// The count so far, to compare and to wait on.
    pub fn steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// Wakes at every write of a table.
    pub fn writes(&self, table: &str) -> Option<watch::Receiver<u64>> {
        self.tables.get(table).map(watch::Sender::subscribe)
    }
}
