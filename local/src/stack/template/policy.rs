//! Evaluates the statements of a function's policies.

use super::resolve::scalar;
use super::yaml::TemplateNode;

/// A resolved statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStatement {
    /// Allow or deny.
    pub effect: PolicyEffect,
    /// Actions, with `*` and `?` as wildcards.
    pub actions: Vec<String>,
    /// Resource ARNs, with the same wildcards.
    pub resources: Vec<String>,
    /// Patterns of partition keys, of the condition `dynamodb:LeadingKeys`; empty = no condition.
    pub leading_keys: Vec<String>,
}

/// The one supported condition: every partition key of the request matches one of the patterns.
const OPERATOR: &str = "ForAllValues:StringLike";
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The effect of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyEffect {
    /// Allows its actions.
    Allow,
    /// Denies its actions, whatever else allows them.
    Deny,
}

/// The supported keys of a statement.
const KEYS: [&str; 5] = ["Sid", "Effect", "Action", "Resource", "Condition"];

impl PolicyStatement {
    fn has_leading_keys(&self, partitions: &[String]) -> bool {
        let is_named = |partition: &String| self.leading_keys.iter().any(|pattern| matches(pattern, partition));
        self.leading_keys.is_empty() || (!partitions.is_empty() && partitions.iter().all(is_named))
    }
}

/// True when some statement allows an action on a resource and none denies it. `partitions` are the partition keys of the
/// request. Stricter than AWS: with `ForAllValues`, a request without partition keys is refused here and allowed there.
pub fn allows(statements: &[PolicyStatement], action: &str, resource: &str, partitions: &[String]) -> bool {
    let mut allowed = false;
    for statement in statements {
        let meant = statement.actions.iter().any(|pattern| {
            // Actions are case-insensitive, resources are not.
            matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
        }) && statement.resources.iter().any(|pattern| matches(pattern, resource))
            && statement.has_leading_keys(partitions);
        match statement.effect {
            PolicyEffect::Deny if meant => return false,
            PolicyEffect::Allow => allowed |= meant,
            PolicyEffect::Deny => {}
        }
    }
    allowed
}

/// Parses the statements of a resolved policy document (`{ PolicyStatement: … }`).
pub(super) fn statements(document: &TemplateNode) -> anyhow::Result<Vec<PolicyStatement>> {
    let list = match document.get("Statement") {
        Some(TemplateNode::List(items)) => items.as_slice(),
        Some(single @ TemplateNode::Map(_)) => std::slice::from_ref(single),
        _ => anyhow::bail!("the local stack reads policies written as statements, not {document:?}"),
    };
    list.iter().map(statement).collect()
}

fn statement(node: &TemplateNode) -> anyhow::Result<PolicyStatement> {
    let effect = match node.get("Effect").and_then(scalar).as_deref() {
        Some("Allow") => PolicyEffect::Allow,
        Some("Deny") => PolicyEffect::Deny,
        other => anyhow::bail!("a statement's Effect is Allow or Deny, not {other:?}"),
    };
    // A key that was ignored could be allowed here and refused by AWS.
    if let Some((key, _)) = node.pairs().iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
        anyhow::bail!("the local stack does not evaluate {key} in a policy: {node:?}");
    }
    let statement = PolicyStatement {
        effect,
        actions: texts(node.get("Action")),
        resources: texts(node.get("Resource")),
        leading_keys: node.get("Condition").map(leading_keys).transpose()?.unwrap_or_default(),
    };
    if statement.actions.is_empty() || statement.resources.is_empty() {
        anyhow::bail!("a statement names its actions and resources: {node:?}");
    }
    Ok(statement)
}

fn leading_keys(condition: &TemplateNode) -> anyhow::Result<Vec<String>> {
    let patterns = match condition {
        TemplateNode::Map(operators) if operators.len() == 1 => condition.get(OPERATOR),
        _ => None,
    };
    let patterns = match patterns {
        Some(keys @ TemplateNode::Map(fields)) if fields.len() == 1 => texts(keys.get(LEADING_KEYS)),
        _ => Vec::new(),
    };
    if patterns.is_empty() {
        anyhow::bail!("the local stack reads the condition {OPERATOR} on {LEADING_KEYS} alone, not {condition:?}");
    }
    Ok(patterns)
}

fn texts(node: Option<&TemplateNode>) -> Vec<String> {
    match node {
        Some(TemplateNode::List(items)) => items.iter().filter_map(scalar).collect(),
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

    fn allow(action: &str, resource: &str) -> PolicyStatement {
        PolicyStatement {
            effect: PolicyEffect::Allow,
            actions: vec![action.to_owned()],
            resources: vec![resource.to_owned()],
            leading_keys: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_named_is_allowed() {
        let own = [allow("dynamodb:GetItem", "arn:t"), allow("dynamodb:Query", "arn:t/index/*")];
        assert!(allows(&own, "dynamodb:GetItem", "arn:t", &[]));
        assert!(allows(&own, "dynamodb:getitem", "arn:t", &[]));
        assert!(!allows(&own, "dynamodb:PutItem", "arn:t", &[]));
        assert!(!allows(&own, "dynamodb:GetItem", "arn:T", &[]));
        assert!(!allows(&own, "dynamodb:Query", "arn:t", &[]));
        assert!(allows(&own, "dynamodb:Query", "arn:t/index/due", &[]));
    }

    #[test]
    fn a_denial_wins() {
        let mut own = vec![allow("*", "*")];
        assert!(allows(&own, "sqs:SendMessage", "arn:q", &[]));
        own.push(PolicyStatement { effect: PolicyEffect::Deny, ..allow("sqs:*", "arn:?") });
        assert!(!allows(&own, "sqs:SendMessage", "arn:q", &[]));
        assert!(allows(&own, "sqs:SendMessage", "arn:qq", &[]));
    }

    #[test]
    fn a_condition_on_leading_keys_holds_for_every_key() {
        let own = [PolicyStatement { leading_keys: vec!["#l#*".to_owned()], ..allow("dynamodb:UpdateItem", "arn:t") }];
        let allowed = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            allows(&own, "dynamodb:UpdateItem", "arn:t", &keys)
        };
        assert!(allowed(&["#l#5"]));
        assert!(!allowed(&["prg_1"]));
        assert!(!allowed(&["#l#5", "prg_1"]));
        assert!(!allowed(&[]));
    }

    #[test]
    fn a_part_that_is_not_evaluated_is_an_error() {
        let text = |value: &str| TemplateNode::Text(value.to_owned());
        let own = |name: &str, value: &str| (name.to_owned(), text(value));
        let pairs = vec![own("Effect", "Allow"), own("Action", "dynamodb:GetItem"), own("Resource", "arn:t")];
        assert!(statement(&TemplateNode::Map(pairs.clone())).is_ok());
        let with = |name: &str, node: TemplateNode| {
            let pairs = [pairs.clone(), vec![(name.to_owned(), node)]].concat();
            statement(&TemplateNode::Map(pairs)).map_err(|error| error.to_string())
        };
        let error = with("NotAction", text("dynamodb:PutItem")).unwrap_err();
        assert!(error.contains("does not evaluate NotAction"), "{error}");
        // Only one condition is supported.
        let on = |operator: &str, key: &str| {
            with("Condition", TemplateNode::Map(vec![(operator.to_owned(), TemplateNode::Map(vec![own(key, "#l#*")]))]))
        };
        assert_eq!(on(OPERATOR, LEADING_KEYS).unwrap().leading_keys, ["#l#*"]);
        assert!(on("StringEquals", LEADING_KEYS).is_err());
        assert!(on(OPERATOR, "dynamodb:Attributes").is_err());
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
