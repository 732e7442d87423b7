//! Parses YAML with `CloudFormation`'s short tags (`!Ref`, `!GetAtt`, `!Sub`, …) into a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Tagged;

/// A node of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Any other scalar, as written.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the file's order.
    Map(Vec<(String, Node)>),
    /// An intrinsic function by its long name (`Ref`, `Condition`, `Fn::Sub`).
    Call(String, Box<Node>),
}

/// Parses a document.
///
/// # Errors
/// When the text is not YAML, or a mapping has a key that is not a scalar.
pub fn parse(text: &str) -> anyhow::Result<Node> {
    let Tagged(Raw(node), tag) = serde_saphyr::from_str::<Tagged<Raw>>(text)?;
    Ok(called(node, tag.as_deref()))
}

impl Node {
    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value at a path of mapping keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The pairs of a mapping; empty for any other node.
    pub fn pairs(&self) -> &[(String, Node)] {
        match self {
            Node::Map(pairs) => pairs,
            _ => &[],
        }
    }
}

/// Converts a tagged node, or the long form `{ "Fn::Sub": … }`, to an intrinsic function.
fn called(node: Node, tag: Option<&str>) -> Node {
    let name = tag.and_then(|tag| tag.strip_prefix('!'));
    if let Some(name) = name.filter(|name| !name.starts_with('!')) {
        let long = match name {
            "Ref" | "Condition" => name.to_owned(),
            other => format!("Fn::{other}"),
        };
        return Node::Call(long, Box::new(node));
    }
    match node {
        Node::Map(mut pairs) if pairs.len() == 1 && (pairs[0].0 == "Ref" || pairs[0].0.starts_with("Fn::")) => {
            match pairs.pop() {
                Some((name, argument)) => Node::Call(name, Box::new(argument)),
                None => Node::Null,
            }
        }
        other => other,
    }
}

/// A node whose tag the surrounding [`Tagged`] has captured.
struct Raw(Node);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a template node")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or_else(|_| Node::Text(value.to_string()), Node::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(Tagged(Raw(node), tag)) = items.next_element::<Tagged<Raw>>()? {
            list.push(called(node, tag.as_deref()));
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Tagged(Raw(node), tag) = entries.next_value::<Tagged<Raw>>()?;
            pairs.push((key, called(node, tag.as_deref())));
        }
        Ok(Node::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(name: &str, argument: Node) -> Node {
        Node::Call(name.to_owned(), Box::new(argument))
    }

    fn text(value: &str) -> Node {
        Node::Text(value.to_owned())
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
                Node::List(vec![text("${x}"), Node::Map(vec![("x".to_owned(), call("Ref", text("Table")))])])
            ))
        );
        assert_eq!(tree.get("g"), Some(&Node::List(vec![call("Ref", text("A")), text("plain")])));
        assert!(matches!(tree.get("f"), Some(Node::Call(name, _)) if name == "Fn::If"));
        assert_eq!(tree.get("h"), Some(&call("Fn::GetAtt", Node::List(vec![text("Table"), text("Arn")]))));
    }

    #[test]
    fn scalars_keep_their_type_and_text() {
        let tree = parse("n: 12\nt: true\ns: '12'\nv: 2012-10-17\ne:\nl: |\n  a\n  b\n").unwrap();
        assert_eq!(tree.get("n"), Some(&Node::Number(12)));
        assert_eq!(tree.get("t"), Some(&Node::Bool(true)));
        assert_eq!(tree.get("s"), Some(&text("12")));
        assert_eq!(tree.get("v"), Some(&text("2012-10-17")));
        assert_eq!(tree.get("e"), Some(&Node::Null));
        assert_eq!(tree.get("l"), Some(&text("a\nb\n")));
        assert_eq!(tree.at(&["n", "x"]), None);
    }
}
