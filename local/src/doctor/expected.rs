//! What the template promises: the parts that a deployed stack must have.

use anyhow::{Context, Result};

use crate::platform::TEMPLATE;
use crate::stack::template::{Environment, Template, read};

/// What the template calls a stack of this name.
const TEMPLATE_STACK: &str = "tessera";

/// The parts of a stack, by their names in AWS.
#[derive(Debug)]
pub(super) struct ExpectedStack {
    /// Tables, with whether each has a stream.
    pub tables: Vec<(String, bool)>,
    /// Queues that messages are sent to.
    pub queues: Vec<String>,
    /// Queues of dead letters and of what could not be sent.
    pub dead: Vec<String>,
    /// Functions.
    pub functions: Vec<String>,
    /// The logical ids of alarms: their names end with something random.
    pub alarms: Vec<String>,
}

impl ExpectedStack {
    /// The parts of a stack.
    ///
    /// # Errors
    /// Never: a test reads the template.
    pub fn of(stack: &str) -> Result<Self> {
        let template: Template = read(TEMPLATE, &Environment::default()).context("the template")?;
        let own = |name: &str| format!("{stack}{}", name.strip_prefix(TEMPLATE_STACK).unwrap_or(name));
        let is_dead = |name: &&String| name.contains("-dead") || name.contains("-failures");
        let (dead, queues): (Vec<&String>, Vec<&String>) = template.queues.keys().partition(is_dead);
        Ok(Self {
            tables: template.tables.iter().map(|(name, table)| (own(name), table.stream.is_some())).collect(),
            queues: queues.into_iter().map(|name| own(name)).collect(),
            dead: dead.into_iter().map(|name| own(name)).collect(),
            functions: template.functions.keys().map(|name| format!("{stack}-{name}")).collect(),
            alarms: alarms(),
        })
    }
}

/// The alarms of the template: the local stack has none, so its reader leaves them out.
fn alarms() -> Vec<String> {
    let lines: Vec<&str> = TEMPLATE.lines().collect();
    let named = lines.windows(2).filter(|pair| pair[1].trim() == "Type: AWS::CloudWatch::Alarm");
    named.filter_map(|pair| pair[0].trim().strip_suffix(':')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_says_what_a_stack_must_have() {
        let expected = ExpectedStack::of("shop").unwrap();
        let tables: Vec<&str> = expected.tables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(tables, ["shop-credentials", "shop-facts", "shop-members", "shop-programs"]);
        assert!(expected.tables.contains(&("shop-facts".to_owned(), true)));
        assert!(expected.queues.contains(&"shop-facts.fifo".to_owned()));
        assert!(expected.dead.contains(&"shop-facts-dead.fifo".to_owned()));
        assert!(expected.functions.contains(&"shop-rule-evaluation".to_owned()));
        assert!(expected.alarms.contains(&"FactsDeadAlarm".to_owned()) && expected.alarms.len() > 15);
        // Every alarm has its section in the runbook, which the findings lead to.
        let runbook = include_str!("../../../docs/runbook.md");
        for alarm in &expected.alarms {
            assert!(runbook.contains(alarm), "{alarm}");
        }
    }
}
