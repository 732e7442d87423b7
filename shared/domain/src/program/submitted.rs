//! A program that was submitted and passed every check.

use std::collections::HashMap;

use serde_json::Value;

use super::read::read_document;
use super::{CompiledProgram, Program, StoredProgram};
use crate::input::Fault;

/// A program that passed every check; only such a program can be stored.
///
/// There is no other way to make one than [`SubmittedProgram::read`].
#[derive(Debug, Clone, PartialEq)]
pub struct SubmittedProgram(Program);

impl SubmittedProgram {
    /// Reads and checks a whole document. Only `name`, `currency` and `timezone` are required; `id`, `version` and
    /// `updated_at`, which a GET adds, are ignored.
    ///
    /// # Errors
    /// Every fault of the document (at most a hundred), at least one.
    pub fn read(document: &Value) -> Result<Self, Vec<Fault>> {
        read_document(document).map(Self)
    }

    /// Reads and checks a program with other rules in place of its own: a draft that is tried out.
    ///
    /// # Errors
    /// Every fault; pointers into the rules begin with `/rules`.
    pub fn with_rules(program: &Program, rules: &Value) -> Result<Self, Vec<Fault>> {
        let without_rules = Program { rules: Vec::new(), ..program.clone() };
        let mut document = serde_json::to_value(&without_rules).unwrap_or_default();
        if let Value::Object(fields) = &mut document {
            fields.insert("rules".to_owned(), rules.clone());
        }
        Self::read(&document)
    }

    /// The program.
    pub const fn program(&self) -> &Program {
        &self.0
    }

    /// The first version of a new program.
    pub fn first_version(&self) -> StoredProgram {
        StoredProgram::new(self.0.clone(), 1, vec![1; self.0.rules.len()])
    }

    /// The version that follows `current`; `None` when nothing changed.
    ///
    /// A rule that did not change keeps the version in which it last changed.
    pub fn next_version(&self, current: &CompiledProgram) -> Option<StoredProgram> {
        if self.0 == current.program {
            return None;
        }
        let version = current.version.saturating_add(1);
        let known: HashMap<_, _> = current.rules.iter().map(|rule| (&rule.rule.id, rule)).collect();
        let since = self.0.rules.iter().map(|rule| {
            let unchanged = known.get(&rule.id).filter(|known| known.rule == *rule);
            unchanged.map_or(version, |known| known.version)
        });
        let since = since.collect();
        Some(StoredProgram::new(self.0.clone(), version, since))
    }
}

impl From<SubmittedProgram> for Program {
    fn from(submitted: SubmittedProgram) -> Self {
        submitted.0
    }
}
