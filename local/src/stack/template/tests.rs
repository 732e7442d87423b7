#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Duration;

use super::{Environment, Index, Template, allows, read};

/// A template with one of each supported resource and trigger.
pub(crate) const SAMPLE: &str = include_str!("sample.yaml");

fn sample() -> Template {
    let environment = Environment {
        queues: "http://127.0.0.1:1".to_owned(),
        parameters: HashMap::from([("BatchSize".to_owned(), "7".to_owned())]),
    };
    read(SAMPLE, &environment).unwrap()
}

#[test]
fn tables_queues_and_their_names() {
    let template = sample();
    let facts = &template.tables["tessera-facts"];
    assert_eq!(facts.keys, ["pk", "sk"]);
    assert_eq!(facts.stream.as_deref(), Some("NEW_IMAGE"));
    assert_eq!(facts.ttl.as_deref(), Some("ttl"));
    let index = Index {
        name: "due".to_owned(),
        keys: vec!["due".to_owned(), "sk".to_owned()],
        projection: "KEYS_ONLY".to_owned(),
        included: Vec::new(),
    };
    assert_eq!(facts.indexes, [index]);
    assert_eq!(template.tables["tessera-Plain"].keys, ["pk"]);
    let queue = &template.queues["tessera-facts.fifo"];
    assert_eq!(queue.url, "http://127.0.0.1:1/000000000000/tessera-facts.fifo");
    assert_eq!(queue.attributes["FifoQueue"], "true");
    assert_eq!(queue.dead_letter.as_deref(), Some(template.queues["tessera-Dead.fifo"].arn.as_str()));
    let policy: serde_json::Value = serde_json::from_str(&queue.attributes["RedrivePolicy"]).unwrap();
    assert_eq!(policy["maxReceiveCount"], 3);
}

#[test]
fn routes_and_their_authorizers() {
    let template = sample();
    let route = |path: &str| template.routes.iter().find(|route| route.path == path).unwrap();
    let guarded = route("/v1/things/{id}");
    assert_eq!((guarded.method.as_str(), guarded.function.as_str()), ("POST", "things"));
    let authorizer = guarded.authorizer.as_ref().unwrap();
    assert_eq!(authorizer.function, "gate");
    assert_eq!(authorizer.keep, Duration::from_mins(1));
    assert_eq!(route("/v1/open").authorizer, None);
}

#[test]
fn event_sources_with_their_settings() {
    let template = sample();
    let poller = &template.pollers[0];
    assert_eq!(poller.queue, "tessera-facts.fifo");
    assert_eq!((poller.batch, poller.concurrency, poller.partial), (7, Some(3), true));
    let stream = &template.streams[0];
    assert_eq!((stream.table.as_str(), stream.batch), ("tessera-facts", 100));
    assert_eq!((stream.retries, stream.bisect, stream.partial), (Some(2), true, true));
    assert_eq!(stream.failures.as_deref(), Some("tessera-Lost"));
    assert_eq!(stream.filters.len(), 1);
    assert_eq!((template.schedules[0].name.as_str(), template.schedules[0].function.as_str()), ("nightly", "nightly"));
    assert_eq!(template.schedules[0].every, Some(Duration::from_mins(15)));
}

#[test]
fn functions_with_variables_and_policies() {
    let template = sample();
    let things = &template.functions["things"];
    assert_eq!(things.timeout, Duration::from_secs(10));
    assert_eq!(things.variables["FACTS_TABLE"], "tessera-facts");
    assert_eq!(things.variables["LEVEL"], "debug");
    let arn = &template.tables["tessera-facts"].arn;
    assert!(allows(&things.statements, "dynamodb:PutItem", arn, &[]));
    assert!(allows(&things.statements, "dynamodb:Query", &format!("{arn}/index/due"), &[]));
    assert!(!allows(&things.statements, "dynamodb:Scan", arn, &[]));
    let relay = &template.functions["relay"];
    assert_eq!(relay.variables["LEVEL"], "info");
    assert!(relay.variables["FACTS_QUEUE_URL"].starts_with("http://127.0.0.1:1/"));
    assert!(allows(&relay.statements, "sqs:SendMessage", &template.queues["tessera-facts.fifo"].arn, &[]));
}

#[test]
fn unsupported_properties_are_refused() {
    for (part, instead) in
        [("Type: SQS", "Type: Kafka"), ("!Ref Facts", "!Ref Fakts"), ("Authorizer: NONE", "Authorizer: Other")]
    {
        assert!(SAMPLE.contains(part), "{part}");
        let text = SAMPLE.replace(part, instead);
        assert!(read(&text, &Environment::default()).is_err(), "{instead}");
    }
}

#[test]
fn the_repositorys_template_is_supported() {
    let text = include_str!("../../../../template.yaml");
    let template = read(text, &Environment::default()).unwrap();
    assert!(template.routes.iter().any(|route| route.path == "/v1/receipts" && route.authorizer.is_some()));
    assert!(template.pollers.iter().all(|poller| template.queues.contains_key(&poller.queue)));
    assert!(template.streams.iter().all(|stream| template.tables[&stream.table].stream.is_some()));
    for (name, function) in &template.functions {
        let called = template.routes.iter().any(|route| {
            &route.function == name || route.authorizer.as_ref().is_some_and(|authorizer| &authorizer.function == name)
        }) || template.pollers.iter().any(|poller| &poller.function == name)
            || template.streams.iter().any(|stream| &stream.function == name)
            || template.schedules.iter().any(|schedule| &schedule.function == name);
        assert!(called, "nothing calls {name}");
        // The console serves files that are part of its binary.
        assert_eq!(function.statements.is_empty(), name == "console", "the rights of {name}");
    }
}
