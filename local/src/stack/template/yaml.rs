//! Parses YAML with `CloudFormation`'s short tags (`!Ref`, `!GetAtt`, `!Sub`, …) into a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Tagged;

/// A node of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateNode {
    /// An empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Any other scalar, as written.
    Text(String),
    /// A sequence.
    List(Vec<TemplateNode>),
    /// A mapping in the file's order.
    Map(Vec<(String, TemplateNode)>),
    /// An intrinsic function by its long name (`Ref`, `Condition`, `Fn::Sub`).
    Call(String, Box<TemplateNode>),
}

/// Parses a document.
///
/// # Errors
/// When the text is not YAML, or a mapping has a key that is not a scalar.
pub fn parse(text: &str) -> anyhow::Result<TemplateNode> {
    let Tagged(Raw(node), tag) = serde_saphyr::from_str::<Tagged<Raw>>(text)?;
    Ok(called(node, tag.as_deref()))
}

impl TemplateNode {
    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&TemplateNode> {
        match self {
            TemplateNode::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value at a path of mapping keys.
    pub fn at(&self, path: &[&str]) -> Option<&TemplateNode> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The pairs of a mapping; empty for any other node.
    pub fn pairs(&self) -> &[(String, TemplateNode)] {
        match self {
            TemplateNode::Map(pairs) => pairs,
            _ => &[],
        }
    }
}

/// Converts a tagged node, or the long form `{ "Fn::Sub": … }`, to an intrinsic function.
fn called(node: TemplateNode, tag: Option<&str>) -> TemplateNode {
    let name = tag.and_then(|tag| tag.strip_prefix('!'));
    if let Some(name) = name.filter(|name| !name.starts_with('!')) {
        let long = match name {
            "Ref" | "Condition" => name.to_owned(),
            other => format!("Fn::{other}"),
        };
        return TemplateNode::Call(long, Box::new(node));
    }
    match node {
        TemplateNode::Map(mut pairs) if pairs.len() == 1 && (pairs[0].0 == "Ref" || pairs[0].0.starts_with("Fn::")) => {
            match pairs.pop() {
                Some((name, argument)) => TemplateNode::Call(name, Box::new(argument)),
                None => TemplateNode::Null,
            }
        }
        other => other,
    }
}

/// A node whose tag the surrounding [`Tagged`] has captured.
struct Raw(TemplateNode);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = TemplateNode;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a template node")
    }

    fn visit_bool<E>(self, value: bool) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<TemplateNode, E> {
        Ok(i64::try_from(value).map_or_else(|_| TemplateNode::Text(value.to_string()), TemplateNode::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Null)
    }

    fn visit_none<E>(self) -> Result<TemplateNode, E> {
        Ok(TemplateNode::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<TemplateNode, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TemplateNode, A::Error> {
        let mut list = Vec::new();
        while let Some(Tagged(Raw(node), tag)) = items.next_element::<Tagged<Raw>>()? {
            list.push(called(node, tag.as_deref()));
        }
        Ok(TemplateNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TemplateNode, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Tagged(Raw(node), tag) = entries.next_value::<Tagged<Raw>>()?;
            pairs.push((key, called(node, tag.as_deref())));
        }
        Ok(TemplateNode::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(name: &str, argument: TemplateNode) -> TemplateNode {
        TemplateNode::Call(name.to_owned(), Box::new(argument))
    }

    fn text(value: &str) -> TemplateNode {
        TemplateNode::Text(value.to_owned())
    }

    #[test]
    fn short_tags_and_long_forms_are_equal() {
        let tree = parse(
            "a: !Ref Table\nb: {Ref: Table}\nc: !GetAtt Table.Arn\nd: !Sub '${Table}-x'\n\
             e: !Sub ['${x}', {x: !Ref Table}]\nf: !If [Yes, !Ref A, !Ref AWS::NoValue]\n\
             g: [!Ref A, plain]\nh: !GetAtt [Table, Arn]\n",
        )
        .unwrap();
        assert_eq!(tree.get("a"), Some(&call("Ref", text("Table"))));
        assert_eq!(tree.get("a"), tree.get("b"));
        assert_eq!(tree.get("c"), Some(&call("Fn::GetAtt", text("Table.Arn"))));
        assert_eq!(tree.get("d"), Some(&call("Fn::Sub", text("${Table}-x"))));
        assert_eq!(
            tree.get("e"),
            Some(&call(
                "Fn::Sub",
                TemplateNode::List(vec![
                    text("${x}"),
                    TemplateNode::Map(vec![("x".to_owned(), call("Ref", text("Table")))])
                ])
            ))
        );
        assert_eq!(tree.get("g"), Some(&TemplateNode::List(vec![call("Ref", text("A")), text("plain")])));
        assert!(matches!(tree.get("f"), Some(TemplateNode::Call(name, _)) if name == "Fn::If"));
        assert_eq!(tree.get("h"), Some(&call("Fn::GetAtt", TemplateNode::List(vec![text("Table"), text("Arn")]))));
    }

    #[test]
    fn scalars_keep_their_type_and_text() {
        let tree = parse("n: 12\nt: true\ns: '12'\nv: 2012-10-17\ne:\nl: |\n  a\n  b\n").unwrap();
        assert_eq!(tree.get("n"), Some(&TemplateNode::Number(12)));
        assert_eq!(tree.get("t"), Some(&TemplateNode::Bool(true)));
        assert_eq!(tree.get("s"), Some(&text("12")));
        assert_eq!(tree.get("v"), Some(&text("2012-10-17")));
        assert_eq!(tree.get("e"), Some(&TemplateNode::Null));
        assert_eq!(tree.get("l"), Some(&text("a\nb\n")));
        assert_eq!(tree.at(&["n", "x"]), None);
    }
}
