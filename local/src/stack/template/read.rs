//! Converts the tree of `template.yaml` to a [`Template`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::resolve::{NameScope, Resource, scalar};
use super::yaml::{self, TemplateNode};
use super::{Function, Index, Table, Template, TemplateQueue, policy, triggers};
use crate::stack::names;

/// Values from outside the template.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The URL of the SQS engine, such as `http://127.0.0.1:4566`.
    pub queues: String,
    /// Overrides of the parameters' defaults.
    pub parameters: HashMap<String, String>,
}

/// Reads a template.
///
/// # Errors
/// When it is not YAML, refers to something unknown, or uses a property or trigger that the local stack does not support.
pub fn read(text: &str, environment: &Environment) -> Result<Template> {
    let root = tree(text).context("the template cannot be parsed")?;
    let mut scope = NameScope::new(&root, &environment.parameters)?;
    let resources = root.get("Resources").map_or(&[][..], TemplateNode::pairs);
    let mut present = Vec::new();
    for (id, resource) in resources {
        if scope.exists(resource)? {
            let kind = resource.get("Type").and_then(scalar).unwrap_or_default();
            let known = name(&scope, environment, id, &kind, resource).context(id.clone())?;
            scope.resources.insert(id.clone(), known);
            present.push((id, kind, resource));
        }
    }
    let mut template = Template::default();
    for (id, kind, resource) in &present {
        let properties = resource.get("Properties").unwrap_or(&TemplateNode::Null);
        let own = || scope.resources[*id].reference.clone();
        match kind.as_str() {
            "AWS::DynamoDB::Table" => {
                let properties = scope.resolve(properties).with_context(|| (*id).clone())?;
                let table = table(&own(), &properties).with_context(|| (*id).clone())?;
                template.tables.insert(own(), table);
            }
            "AWS::SQS::Queue" => {
                let properties = scope.resolve(properties).with_context(|| (*id).clone())?;
                let arn = scope.resources[*id].attributes["Arn"].clone();
                let queue = queue(&arn, own(), &properties).with_context(|| (*id).clone())?;
                template.queues.insert(queue_name(&arn), queue);
            }
            _ => {}
        }
    }
    let apis = triggers::apis(&scope, &present)?;
    let globals = root.at(&["Globals", "Function"]).unwrap_or(&TemplateNode::Null);
    for (id, kind, resource) in &present {
        if kind == "AWS::Serverless::Function" {
            let properties = resource.get("Properties").unwrap_or(&TemplateNode::Null);
            let name = scope.resources[*id].reference.clone();
            let function = function(&scope, globals, properties).with_context(|| (*id).clone())?;
            template.functions.insert(name.clone(), function);
            triggers::read(&scope, &apis, &name, properties, &mut template).with_context(|| (*id).clone())?;
        }
    }
    Ok(template)
}

/// The tree of a text. The last one is kept: tests start many stacks from one template.
fn tree(text: &str) -> Result<Arc<TemplateNode>> {
    static LAST: Mutex<Option<(String, Arc<TemplateNode>)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, root)) = last.as_ref().filter(|(known, _)| known == text) {
        return Ok(Arc::clone(root));
    }
    let root = Arc::new(yaml::parse(text)?);
    *last = Some((text.to_owned(), Arc::clone(&root)));
    Ok(root)
}

/// The name of a queue: the last part of its ARN.
pub(super) fn queue_name(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or(arn).to_owned()
}

/// Names a resource, before properties that refer to other resources are resolved.
fn name(
    scope: &NameScope<'_>,
    environment: &Environment,
    id: &str,
    kind: &str,
    resource: &TemplateNode,
) -> Result<Resource> {
    let property = |key: &str| resource.at(&["Properties", key]).map(|node| scope.text(node)).transpose();
    Ok(match kind {
        "AWS::DynamoDB::Table" => {
            let name = property("TableName")?.unwrap_or_else(|| format!("{}-{id}", names::STACK));
            Resource {
                attributes: BTreeMap::from([("Arn", names::table_arn(&name)), ("StreamArn", names::stream_arn(&name))]),
                reference: name,
            }
        }
        "AWS::SQS::Queue" => {
            let fifo = property("FifoQueue")?.as_deref() == Some("true");
            let name = property("QueueName")?
                .unwrap_or_else(|| format!("{}-{id}{}", names::STACK, if fifo { ".fifo" } else { "" }));
            Resource {
                reference: names::queue_url(&environment.queues, &name),
                attributes: BTreeMap::from([
                    ("Arn", names::queue_arn(&name)),
                    ("QueueUrl", names::queue_url(&environment.queues, &name)),
                    ("QueueName", name),
                ]),
            }
        }
        "AWS::Serverless::Function" => {
            let code = property("CodeUri")?.ok_or_else(|| anyhow!("a function needs its CodeUri"))?;
            // The template, the workspace and the handlers share only the name of the code's
            // folder.
            let name = code.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
            Resource { attributes: BTreeMap::from([("Arn", names::function_arn(&name))]), reference: name }
        }
        _ => Resource {
            reference: id.to_owned(),
            attributes: BTreeMap::from([
                ("Arn", format!("arn:aws:other:{}:{}:{id}", names::REGION, names::ACCOUNT)),
                ("ApiEndpoint", "http://127.0.0.1".to_owned()),
            ]),
        },
    })
}

fn table(name: &str, properties: &TemplateNode) -> Result<Table> {
    let attributes = list(properties.get("AttributeDefinitions"))
        .iter()
        .map(|node| Ok((required(node, "AttributeName")?, required(node, "AttributeType")?)))
        .collect::<Result<Vec<_>>>()?;
    let indexes = list(properties.get("GlobalSecondaryIndexes"))
        .iter()
        .map(|node| {
            let projection = node.get("Projection").unwrap_or(&TemplateNode::Null);
            Ok(Index {
                name: required(node, "IndexName")?,
                keys: keys(node)?,
                projection: required(projection, "ProjectionType")?,
                included: list(projection.get("NonKeyAttributes")).iter().filter_map(scalar).collect(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    if properties.get("LocalSecondaryIndexes").is_some() {
        bail!("the local stack does not support local secondary indexes");
    }
    let ttl = properties.get("TimeToLiveSpecification");
    Ok(Table {
        arn: names::table_arn(name),
        attributes,
        keys: keys(properties)?,
        indexes,
        stream: properties.at(&["StreamSpecification", "StreamViewType"]).and_then(scalar),
        ttl: ttl
            .filter(|ttl| ttl.get("Enabled").and_then(scalar).as_deref() == Some("true"))
            .and_then(|ttl| ttl.get("AttributeName"))
            .and_then(scalar),
    })
}

/// The key attributes, partition key first.
fn keys(node: &TemplateNode) -> Result<Vec<String>> {
    let mut keys = list(node.get("KeySchema"))
        .iter()
        .map(|key| Ok((required(key, "KeyType")?, required(key, "AttributeName")?)))
        .collect::<Result<Vec<_>>>()?;
    keys.sort_by_key(|(kind, _)| kind != "HASH");
    if keys.is_empty() {
        bail!("a table or index needs a KeySchema");
    }
    Ok(keys.into_iter().map(|(_, name)| name).collect())
}

fn queue(arn: &str, url: String, properties: &TemplateNode) -> Result<TemplateQueue> {
    let mut attributes = BTreeMap::new();
    let mut dead_letter = None;
    for (name, value) in properties.pairs() {
        match name.as_str() {
            "QueueName" | "Tags" => {}
            "RedrivePolicy" => {
                let target = required(value, "deadLetterTargetArn")?;
                let times: u32 = required(value, "maxReceiveCount")?.parse().context("maxReceiveCount")?;
                attributes.insert(
                    name.clone(),
                    serde_json::json!({ "deadLetterTargetArn": &target, "maxReceiveCount": times }).to_string(),
                );
                dead_letter = Some(target);
            }
            "RedriveAllowPolicy" => {
                attributes.insert(name.clone(), json(value).to_string());
            }
            _ => {
                let value = scalar(value).ok_or_else(|| anyhow!("{name} must be a scalar"))?;
                attributes.insert(name.clone(), value);
            }
        }
    }
    Ok(TemplateQueue { arn: arn.to_owned(), url, attributes, dead_letter })
}

fn function(scope: &NameScope<'_>, globals: &TemplateNode, properties: &TemplateNode) -> Result<Function> {
    let mut variables = BTreeMap::new();
    for source in [globals, properties] {
        for (name, value) in source.at(&["Environment", "Variables"]).map_or(&[][..], TemplateNode::pairs) {
            variables.insert(name.clone(), scope.text(value).with_context(|| name.clone())?);
        }
    }
    let timeout = match properties.get("Timeout").or_else(|| globals.get("Timeout")) {
        Some(node) => scope.text(node)?.parse().context("Timeout")?,
        // Lambda's own default.
        None => 3,
    };
    let mut statements = Vec::new();
    let policies = properties.get("Policies").map(|node| scope.resolve(node)).transpose()?;
    for document in policies.iter().flat_map(|node| match node {
        TemplateNode::List(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    }) {
        // The local stack does not know AWS's managed policies, only written statements.
        if scalar(document).is_none() {
            statements.extend(policy::statements(document)?);
        }
    }
    Ok(Function { variables, statements, timeout: Duration::from_secs(timeout) })
}

/// The items of a list; empty for any other node.
pub(super) fn list(node: Option<&TemplateNode>) -> &[TemplateNode] {
    match node {
        Some(TemplateNode::List(items)) => items,
        _ => &[],
    }
}

/// A required property.
pub(super) fn required(node: &TemplateNode, key: &str) -> Result<String> {
    node.get(key).and_then(scalar).ok_or_else(|| anyhow!("{key} is missing"))
}

/// Converts a resolved node to JSON.
pub(super) fn json(node: &TemplateNode) -> serde_json::Value {
    match node {
        TemplateNode::Null | TemplateNode::Call(..) => serde_json::Value::Null,
        TemplateNode::Bool(value) => (*value).into(),
        TemplateNode::Number(value) => (*value).into(),
        TemplateNode::Text(value) => value.as_str().into(),
        TemplateNode::List(items) => items.iter().map(json).collect(),
        TemplateNode::Map(pairs) => pairs.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}
