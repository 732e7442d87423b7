//! The filter patterns of an event source, which select the records to deliver.

use anyhow::{Result, bail};
use serde_json::Value;

/// A pattern. A record passes when any pattern of the event source matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFilter(Value);

impl RecordFilter {
    /// Parses a pattern from the template's JSON text.
    ///
    /// # Errors
    /// When it is not JSON, or uses an unsupported comparison, which would hide records.
    pub fn parse(pattern: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(pattern)?;
        check(&value)?;
        Ok(Self(value))
    }

    /// True when a record matches.
    pub fn matches(&self, record: &Value) -> bool {
        matches(&self.0, Some(record))
    }
}

fn check(pattern: &Value) -> Result<()> {
    match pattern {
        Value::Object(fields) => fields.values().try_for_each(check),
        Value::Array(choices) => choices.iter().try_for_each(|choice| match choice {
            Value::Object(test) => match test.iter().next() {
                Some((name, _))
                    if test.len() == 1 && matches!(name.as_str(), "prefix" | "suffix" | "exists" | "anything-but") =>
                {
                    Ok(())
                }
                _ => bail!("the local stack does not support the filter {choice}"),
            },
            Value::Array(_) => bail!("a filter's choice cannot be a list: {choice}"),
            _ => Ok(()),
        }),
        other => bail!("a filter is made of objects and lists of choices, not {other}"),
    }
}

fn matches(pattern: &Value, found: Option<&Value>) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, inner)| matches(inner, found.and_then(|value| value.get(name))))
        }
        Value::Array(choices) => choices.iter().any(|choice| chosen(choice, found)),
        _ => false,
    }
}

fn chosen(choice: &Value, found: Option<&Value>) -> bool {
    let Value::Object(test) = choice else {
        return found == Some(choice);
    };
    let string = found.and_then(Value::as_str);
    test.iter().all(|(name, argument)| match name.as_str() {
        "exists" => argument.as_bool() == Some(found.is_some()),
        "prefix" => string.zip(argument.as_str()).is_some_and(|(whole, part)| whole.starts_with(part)),
        "suffix" => string.zip(argument.as_str()).is_some_and(|(whole, part)| whole.ends_with(part)),
        "anything-but" => found.is_some_and(|value| match argument {
            Value::Array(not) => !not.contains(value),
            not => not != value,
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_select_records() {
        let filter = RecordFilter::parse(
            r#"{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": [{"prefix": "rec"}, "other"]}}}}"#,
        )
        .unwrap();
        let record = |event: &str, kind: &str| serde_json::json!({"eventName": event, "dynamodb": {"NewImage": {"kind": {"S": kind}}}});
        assert!(filter.matches(&record("INSERT", "receipt")));
        assert!(filter.matches(&record("INSERT", "other")));
        assert!(!filter.matches(&record("INSERT", "refund")));
        assert!(!filter.matches(&record("REMOVE", "receipt")));
        assert!(!filter.matches(&serde_json::json!({})));
    }

    #[test]
    fn existence_and_exclusion() {
        let filter = RecordFilter::parse(r#"{"a": [{"exists": false}], "b": [{"anything-but": ["x"]}]}"#).unwrap();
        assert!(filter.matches(&serde_json::json!({"b": "y"})));
        assert!(!filter.matches(&serde_json::json!({"b": "x"})));
        assert!(!filter.matches(&serde_json::json!({"a": 1, "b": "y"})));
    }

    #[test]
    fn an_unknown_comparison_is_refused() {
        assert!(RecordFilter::parse(r#"{"a": [{"numeric": [">", 1]}]}"#).is_err());
        assert!(RecordFilter::parse(r#"{"a": "x"}"#).is_err());
        assert!(RecordFilter::parse("no").is_err());
    }
}
