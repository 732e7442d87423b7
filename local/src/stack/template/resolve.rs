//! Resolves `CloudFormation`'s intrinsic functions.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, anyhow, bail};

use super::yaml::TemplateNode;
use crate::stack::names;

/// The values of a resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Resource {
    /// The value of `!Ref`.
    pub reference: String,
    /// The values of `!GetAtt`, by attribute.
    pub attributes: BTreeMap<&'static str, String>,
}

/// Everything that a name in the template can refer to.
#[derive(Debug)]
pub(super) struct NameScope<'t> {
    parameters: HashMap<String, String>,
    conditions: Option<&'t TemplateNode>,
    mappings: Option<&'t TemplateNode>,
    /// Resources by logical id, collected before references are resolved.
    pub resources: HashMap<String, Resource>,
}

impl<'t> NameScope<'t> {
    /// The template's parameters: their defaults with `overrides`.
    pub fn new(root: &'t TemplateNode, overrides: &HashMap<String, String>) -> Result<Self> {
        let mut parameters = HashMap::new();
        for (name, definition) in root.get("Parameters").map_or(&[][..], TemplateNode::pairs) {
            let value = overrides.get(name).cloned();
            let default = definition.get("Default").and_then(scalar);
            // A parameter without a value is an error only where it is used.
            if let Some(value) = value.or(default) {
                parameters.insert(name.clone(), value);
            }
        }
        if let Some(unknown) = overrides.keys().find(|name| root.at(&["Parameters", name]).is_none()) {
            bail!("the template has no parameter {unknown}");
        }
        Ok(Self {
            parameters,
            conditions: root.get("Conditions"),
            mappings: root.get("Mappings"),
            resources: HashMap::new(),
        })
    }

    /// Replaces every intrinsic function in a node by its value. `AWS::NoValue` removes its property.
    pub fn resolve(&self, node: &TemplateNode) -> Result<TemplateNode> {
        Ok(match node {
            TemplateNode::List(items) => TemplateNode::List(
                items
                    .iter()
                    .filter(|item| !is_no_value(item))
                    .map(|item| self.resolve(item))
                    .collect::<Result<Vec<_>>>()?
                    .into_iter()
                    .filter(|item| !is_no_value(item))
                    .collect(),
            ),
            TemplateNode::Map(pairs) => {
                let mut resolved = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let value = self.resolve(value).with_context(|| format!("in {key}"))?;
                    if !is_no_value(&value) {
                        resolved.push((key.clone(), value));
                    }
                }
                TemplateNode::Map(resolved)
            }
            TemplateNode::Call(name, argument) => self.call(name, argument)?,
            other => other.clone(),
        })
    }

    /// Resolves a node that must be a scalar.
    pub fn text(&self, node: &TemplateNode) -> Result<String> {
        let resolved = self.resolve(node)?;
        scalar(&resolved).ok_or_else(|| anyhow!("a text was expected, not {resolved:?}"))
    }

    fn call(&self, name: &str, argument: &TemplateNode) -> Result<TemplateNode> {
        match name {
            "Ref" => self.reference(&self.text(argument)?),
            "Fn::GetAtt" => self.attribute(argument).map(TemplateNode::Text),
            "Fn::Sub" => self.substitute(argument).map(TemplateNode::Text),
            "Fn::Join" => {
                let [separator, list] = Self::arguments::<2>(argument)?;
                let separator = self.text(&separator)?;
                let TemplateNode::List(items) = self.resolve(&list)? else {
                    bail!("Join needs a list");
                };
                let items: Vec<String> = items.iter().filter_map(scalar).collect();
                Ok(TemplateNode::Text(items.join(&separator)))
            }
            "Fn::Select" => {
                let [index, list] = Self::arguments::<2>(argument)?;
                let index: usize = self.text(&index)?.parse().context("Select's index")?;
                match self.resolve(&list)? {
                    TemplateNode::List(items) => {
                        items.get(index).cloned().ok_or_else(|| anyhow!("Select's list has no item {index}"))
                    }
                    _ => bail!("Select needs a list"),
                }
            }
            "Fn::Split" => {
                let [separator, text] = Self::arguments::<2>(argument)?;
                let (separator, text) = (self.text(&separator)?, self.text(&text)?);
                Ok(TemplateNode::List(
                    text.split(separator.as_str()).map(|part| TemplateNode::Text(part.to_owned())).collect(),
                ))
            }
            "Fn::FindInMap" => {
                let [map, first, second] = Self::arguments::<3>(argument)?;
                let path = [self.text(&map)?, self.text(&first)?, self.text(&second)?];
                self.mappings
                    .and_then(|maps| maps.at(&[&path[0], &path[1], &path[2]]))
                    .cloned()
                    .ok_or_else(|| anyhow!("no mapping {}", path.join(".")))
            }
            "Fn::If" => {
                let [condition, yes, no] = Self::arguments::<3>(argument)?;
                let chosen = if self.condition(&self.text(&condition)?)? { yes } else { no };
                self.resolve(&chosen)
            }
            other => bail!("the local stack does not support the intrinsic function {other}"),
        }
    }

    fn reference(&self, name: &str) -> Result<TemplateNode> {
        let text = match name {
            "AWS::NoValue" => {
                return Ok(TemplateNode::Call("Ref".to_owned(), Box::new(TemplateNode::Text(name.to_owned()))));
            }
            "AWS::Region" => names::REGION,
            "AWS::AccountId" => names::ACCOUNT,
            "AWS::Partition" => "aws",
            "AWS::StackName" => names::STACK,
            "AWS::URLSuffix" => "localhost",
            other => match (self.parameters.get(other), self.resources.get(other)) {
                (Some(value), _) => value,
                (None, Some(resource)) => &resource.reference,
                (None, None) => bail!("{other} is neither a resource nor a parameter with a value"),
            },
        };
        Ok(TemplateNode::Text(text.to_owned()))
    }

    fn attribute(&self, argument: &TemplateNode) -> Result<String> {
        let (resource, attribute) = match argument {
            TemplateNode::Text(path) => path
                .split_once('.')
                .map(|(resource, attribute)| (resource.to_owned(), attribute.to_owned()))
                .ok_or_else(|| anyhow!("GetAtt {path} names no attribute"))?,
            other => {
                let [resource, attribute] = Self::arguments::<2>(other)?;
                (self.text(&resource)?, self.text(&attribute)?)
            }
        };
        let known = self.resources.get(&resource).ok_or_else(|| anyhow!("there is no resource {resource}"))?;
        known
            .attributes
            .get(attribute.as_str())
            .cloned()
            .ok_or_else(|| anyhow!("the local stack does not support the attribute {attribute} of {resource}"))
    }

    fn substitute(&self, argument: &TemplateNode) -> Result<String> {
        let (pattern, own) = match argument {
            TemplateNode::List(items) if items.len() == 2 => (self.text(&items[0])?, items[1].pairs()),
            other => (self.text(other)?, &[][..]),
        };
        let mut result = String::with_capacity(pattern.len());
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, tail) = after.split_once('}').ok_or_else(|| anyhow!("Sub has an open ${{ in {pattern}"))?;
            rest = tail;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some((_, value)) = own.iter().find(|(key, _)| key == name) {
                result.push_str(&self.text(value)?);
            } else if name.contains('.') {
                result.push_str(&self.attribute(&TemplateNode::Text(name.to_owned()))?);
            } else {
                result.push_str(&scalar(&self.reference(name)?).unwrap_or_default());
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn condition(&self, name: &str) -> Result<bool> {
        let node = self
            .conditions
            .and_then(|conditions| conditions.get(name))
            .ok_or_else(|| anyhow!("there is no condition {name}"))?;
        self.holds(node)
    }

    /// True when a resource has no `Condition` or it holds.
    pub fn exists(&self, resource: &TemplateNode) -> Result<bool> {
        match resource.get("Condition").and_then(scalar) {
            Some(name) => self.condition(&name),
            None => Ok(true),
        }
    }

    fn holds(&self, node: &TemplateNode) -> Result<bool> {
        let TemplateNode::Call(name, argument) = node else {
            return match node.get("Condition").and_then(scalar) {
                Some(other) => self.condition(&other),
                None => bail!("a condition must be a function, not {node:?}"),
            };
        };
        let parts = match argument.as_ref() {
            TemplateNode::List(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        match name.as_str() {
            "Fn::Equals" => {
                let [left, right] = Self::arguments::<2>(argument)?;
                Ok(self.text(&left)? == self.text(&right)?)
            }
            "Fn::And" => all(parts.iter().map(|part| self.holds(part)), true),
            "Fn::Or" => Ok(!all(parts.iter().map(|part| self.holds(part).map(|holds| !holds)), true)?),
            "Fn::Not" => Ok(!all(parts.iter().map(|part| self.holds(part)), true)?),
            "Condition" => self.condition(&self.text(argument)?),
            other => bail!("{other} is not a condition"),
        }
    }

    fn arguments<const N: usize>(node: &TemplateNode) -> Result<[TemplateNode; N]> {
        match node {
            TemplateNode::List(items) => {
                items.clone().try_into().map_err(|_| anyhow!("{N} arguments were expected, not {node:?}"))
            }
            _ => bail!("{N} arguments were expected, not {node:?}"),
        }
    }
}

fn all(mut results: impl Iterator<Item = Result<bool>>, start: bool) -> Result<bool> {
    results.try_fold(start, |sofar, result| Ok(sofar && result?))
}

fn is_no_value(node: &TemplateNode) -> bool {
    matches!(node, TemplateNode::Call(name, argument)
        if name == "Ref" && argument.as_ref() == &TemplateNode::Text("AWS::NoValue".to_owned()))
}

/// A scalar as text; `None` for a list or mapping.
pub(super) fn scalar(node: &TemplateNode) -> Option<String> {
    match node {
        TemplateNode::Text(text) => Some(text.clone()),
        TemplateNode::Number(number) => Some(number.to_string()),
        TemplateNode::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::yaml::parse;
    use super::*;

    const TEXT: &str = "
Parameters:
  Stage: {Type: String, Default: dev}
  Open: {Type: String}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
  Either: !Or [!Condition IsProd, !Condition IsDev]
Mappings:
  Sizes: {dev: {memory: 128}}
Value:
  sub: !Sub '${AWS::StackName}-${Stage}-${Table.Arn}-${!kept}'
  own: !Sub ['${x}/${Table}', {x: !Ref Stage}]
  join: !Join ['/', [a, !Ref Stage]]
  iff: !If [IsProd, p, d]
  gone: !If [IsProd, p, !Ref AWS::NoValue]
  either: !If [Either, 1, 2]
  map: !FindInMap [Sizes, !Ref Stage, memory]
  select: !Select [1, !Split [',', 'a,b']]
Bad: !Ref Open
";

    fn scope(root: &TemplateNode) -> NameScope<'_> {
        let mut scope = NameScope::new(root, &HashMap::new()).unwrap();
        scope.resources.insert(
            "Table".to_owned(),
            Resource { reference: "tbl".to_owned(), attributes: BTreeMap::from([("Arn", "arn:tbl".to_owned())]) },
        );
        scope
    }

    #[test]
    fn every_supported_intrinsic_function_is_resolved() {
        let root = parse(TEXT).unwrap();
        let value = scope(&root).resolve(root.get("Value").unwrap()).unwrap();
        let get = |key: &str| value.get(key).and_then(scalar);
        assert_eq!(get("sub").unwrap(), format!("{}-dev-arn:tbl-${{kept}}", names::STACK));
        assert_eq!(get("own").unwrap(), "dev/tbl");
        assert_eq!(get("join").unwrap(), "a/dev");
        assert_eq!(get("iff").unwrap(), "d");
        assert_eq!(value.get("gone"), None);
        assert_eq!(get("either").unwrap(), "1");
        assert_eq!(get("map").unwrap(), "128");
        assert_eq!(get("select").unwrap(), "b");
    }

    #[test]
    fn an_unknown_name_is_an_error_where_it_is_used() {
        let root = parse(TEXT).unwrap();
        let error = scope(&root).resolve(root.get("Bad").unwrap()).unwrap_err();
        assert!(error.to_string().contains("Open"), "{error}");
        let overrides = HashMap::from([("Nope".to_owned(), String::new())]);
        assert!(NameScope::new(&root, &overrides).is_err());
    }
}
