//! What a function's own statements allow.

use super::resolve::scalar;
use super::yaml::Node;

/// One statement of a policy, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Actions, with `*` and `?` as wildcards.
    pub actions: Vec<String>,
    /// Resource ARNs, with the same wildcards.
    pub resources: Vec<String>,
}

/// The effect of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What it names is allowed.
    Allow,
    /// What it names is refused, whatever else allows it.
    Deny,
}

/// The parts of a statement that are evaluated.
const KEYS: [&str; 4] = ["Sid", "Effect", "Action", "Resource"];

/// Whether the statements allow an action on a resource: some statement allows it and none denies.
pub fn allows(statements: &[Statement], action: &str, resource: &str) -> bool {
    let mut allowed = false;
    for statement in statements {
        let meant = statement.actions.iter().any(|pattern| {
            // Actions are compared without regard to case, resources are not.
            matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
        }) && statement.resources.iter().any(|pattern| matches(pattern, resource));
        match statement.effect {
            Effect::Deny if meant => return false,
            Effect::Allow => allowed |= meant,
            Effect::Deny => {}
        }
    }
    allowed
}

/// The statements of one resolved policy document (`{ Statement: … }`).
pub(super) fn statements(document: &Node) -> anyhow::Result<Vec<Statement>> {
    let list = match document.get("Statement") {
        Some(Node::List(items)) => items.as_slice(),
        Some(single @ Node::Map(_)) => std::slice::from_ref(single),
        _ => anyhow::bail!("the local stack reads policies written as statements, not {document:?}"),
    };
    list.iter().map(statement).collect()
}

fn statement(node: &Node) -> anyhow::Result<Statement> {
    let effect = match node.get("Effect").and_then(scalar).as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        other => anyhow::bail!("a statement's Effect is Allow or Deny, not {other:?}"),
    };
    // What is left out here would be allowed here and refused by AWS.
    if let Some((key, _)) = node.pairs().iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
        anyhow::bail!("the local stack does not evaluate {key} in a policy: {node:?}");
    }
    let statement = Statement { effect, actions: texts(node.get("Action")), resources: texts(node.get("Resource")) };
    if statement.actions.is_empty() || statement.resources.is_empty() {
        anyhow::bail!("a statement names its actions and resources: {node:?}");
    }
    Ok(statement)
}

fn texts(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(Node::List(items)) => items.iter().filter_map(scalar).collect(),
        Some(single) => scalar(single).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Glob matching with `*` (any run) and `?` (any one), in linear space and without recursion.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(action: &str, resource: &str) -> Statement {
        Statement { effect: Effect::Allow, actions: vec![action.to_owned()], resources: vec![resource.to_owned()] }
    }

    #[test]
    fn only_what_is_named_is_allowed() {
        let own = [allow("dynamodb:GetItem", "arn:t"), allow("dynamodb:Query", "arn:t/index/*")];
        assert!(allows(&own, "dynamodb:GetItem", "arn:t"));
        assert!(allows(&own, "dynamodb:getitem", "arn:t"));
        assert!(!allows(&own, "dynamodb:PutItem", "arn:t"));
        assert!(!allows(&own, "dynamodb:GetItem", "arn:T"));
        assert!(!allows(&own, "dynamodb:Query", "arn:t"));
        assert!(allows(&own, "dynamodb:Query", "arn:t/index/due"));
    }

    #[test]
    fn a_denial_wins() {
        let mut own = vec![allow("*", "*")];
        assert!(allows(&own, "sqs:SendMessage", "arn:q"));
        own.push(Statement { effect: Effect::Deny, ..allow("sqs:*", "arn:?") });
        assert!(!allows(&own, "sqs:SendMessage", "arn:q"));
        assert!(allows(&own, "sqs:SendMessage", "arn:qq"));
    }

    #[test]
    fn a_part_that_is_not_evaluated_is_an_error() {
        let text = |value: &str| Node::Text(value.to_owned());
        let own = |name: &str, value: &str| (name.to_owned(), text(value));
        let mut pairs = vec![own("Effect", "Allow"), own("Action", "dynamodb:GetItem"), own("Resource", "arn:t")];
        assert!(statement(&Node::Map(pairs.clone())).is_ok());
        pairs.push(("Condition".to_owned(), Node::Map(vec![own("StringEquals", "x")])));
        let error = statement(&Node::Map(pairs)).unwrap_err().to_string();
        assert!(error.contains("does not evaluate Condition"), "{error}");
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "aXbXbYc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
