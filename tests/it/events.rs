//! Every sample payload in `events/` parses as the event of its function's trigger.

use std::path::{Path, PathBuf};

use aws_lambda_events::apigw::{ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2httpRequest};
use aws_lambda_events::{dynamodb, sqs};

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let functions = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    functions.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
}

#[test]
fn every_sample_parses_as_its_functions_event() {
    let mut parsed = 0;
    for path in samples() {
        let bytes = std::fs::read(&path).unwrap();
        let function = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let fault = match function.as_str() {
            "authorizer" => serde_json::from_slice::<ApiGatewayV2CustomAuthorizerV2Request>(&bytes).err(),
            "event-relay" | "kpi" => serde_json::from_slice::<dynamodb::Event>(&bytes).err(),
            // Jobs ignore the payload of their schedule.
            "birthdays" | "inactivity" | "inbound-poll" | "redeliveries" | "retention" => {
                serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes)
                    .map(|event| assert_eq!(event["source"], "aws.scheduler", "{}", path.display()))
                    .err()
            }
            "rule-evaluation"
            | "backtest-run"
            | "member-import"
            | "notifications"
            | "referral-conversion"
            | "inbound"
            | "shop-codes" => serde_json::from_slice::<sqs::SqsEvent>(&bytes).err(),
            _ => match serde_json::from_slice::<ApiGatewayV2httpRequest>(&bytes) {
                Ok(event) => {
                    assert!(event.request_context.route_key.is_some(), "{}", path.display());
                    None
                }
                Err(fault) => Some(fault),
            },
        };
        assert!(fault.is_none(), "{}: {fault:?}", path.display());
        parsed += 1;
    }
    assert!(parsed >= 47, "{parsed} samples");
}

#[test]
fn the_messages_and_facts_in_the_samples_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let queue = std::fs::read(folder.join("rule-evaluation/facts.json")).unwrap();
    let queue: sqs::SqsEvent = serde_json::from_slice(&queue).unwrap();
    for record in queue.records {
        let message = tessera_lambda::message::FactMessage::parse(record.body.as_deref().unwrap()).unwrap();
        if let Some(packed) = message.packed().unwrap() {
            tessera_domain::pack::unpack::<tessera_domain::fact::Receipt>(&packed).unwrap();
        }
    }
    let queue = std::fs::read(folder.join("notifications/notifications.json")).unwrap();
    let queue: sqs::SqsEvent = serde_json::from_slice(&queue).unwrap();
    for record in queue.records {
        let message = tessera_lambda::notification::Notification::parse(record.body.as_deref().unwrap()).unwrap();
        message.content.carried_entry().unwrap();
    }
    let queue = std::fs::read(folder.join("inbound/inbound.json")).unwrap();
    let queue: sqs::SqsEvent = serde_json::from_slice(&queue).unwrap();
    for record in queue.records {
        tessera_orders::InboundMessage::parse(record.body.as_deref().unwrap()).unwrap();
    }
    let stream = std::fs::read(folder.join("event-relay/members.json")).unwrap();
    let stream: dynamodb::Event = serde_json::from_slice(&stream).unwrap();
    for record in stream.records {
        assert!(tessera_store::MemberImage::read(record.change.new_image).unwrap().is_some());
    }
    let stream = std::fs::read(folder.join("event-relay/facts.json")).unwrap();
    let stream: dynamodb::Event = serde_json::from_slice(&stream).unwrap();
    let facts = stream.records.into_iter().filter(|record| record.event_name != "REMOVE");
    let read = facts.map(|record| tessera_store::FactImage::read(record.change.new_image).unwrap());
    assert!(read.flatten().count() > 0);
}
