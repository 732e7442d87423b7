//! Who must wake up: a count of everything that happens in the stack.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::template::Template;

/// Counts the writes of each table and every step of the stack, and wakes those who wait for them.
#[derive(Debug)]
pub(super) struct Activity {
    tables: BTreeMap<String, watch::Sender<u64>>,
    steps: watch::Sender<u64>,
}

impl Activity {
    /// Nothing has happened yet.
    pub fn new(template: &Template) -> Self {
        let tables = template.tables.keys().map(|name| (name.clone(), watch::Sender::new(0)));
        Self { tables: tables.collect(), steps: watch::Sender::new(0) }
    }

    /// Something happened: a message was sent or finished, a batch was read.
    pub fn step(&self) {
        self.steps.send_modify(|steps| *steps += 1);
    }

    /// A table was, or may have been, written.
    pub fn wrote(&self, table: &str) {
        self.step();
        if let Some(sender) = self.tables.get(table) {
            sender.send_modify(|writes| *writes += 1);
        }
    }

    /// What happened so far, to compare and to wait for more.
    pub fn steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// Wakes at each write of a table.
    pub fn writes(&self, table: &str) -> Option<watch::Receiver<u64>> {
        self.tables.get(table).map(watch::Sender::subscribe)
    }
}
