//! The relay with a simulated SQS.

#![allow(clippy::needless_pass_by_value, reason = "literals read better without a borrow")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lambda_events::dynamodb::Event;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tessera_lambda::message::FactMessage;
use tessera_lambda::{Clients, Clock, Config, Secrets, Services, trace};

/// Takes every message, but those whose body has this text in it.
#[derive(Debug, Clone, Default)]
struct Queue {
    refuses: Option<&'static str>,
    calls: Arc<Mutex<Vec<Value>>>,
}

impl HttpConnector for Queue {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for entry in call["Entries"].as_array().unwrap() {
            let body = entry["MessageBody"].as_str().unwrap();
            if self.refuses.is_some_and(|text| body.contains(text)) {
                refused.push(json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false }));
            } else {
                taken.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "-" }));
            }
        }
        self.calls.lock().unwrap().push(call);
        let answer = json!({ "Successful": taken, "Failed": refused }).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer))))
    }
}

impl Queue {
    fn services(&self) -> Services {
        let connector = SharedHttpConnector::new(self.clone());
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-south-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder().behavior_version(BehaviorVersion::latest()).build();
        let vars = [
            ("MEMBERS_TABLE", "members"),
            ("FACTS_TABLE", "facts"),
            ("PROGRAMS_TABLE", "programs"),
            ("CREDENTIALS_TABLE", "credentials"),
            ("CODES_QUEUE_URL", "http://sqs.test/1/codes.fifo"),
            ("FACTS_QUEUE_URL", "http://sqs.test/1/facts.fifo"),
            ("NOTIFICATIONS_QUEUE_URL", "http://sqs.test/1/notifications.fifo"),
        ];
        let vars: BTreeMap<_, _> = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Services::new(
            Config::from_vars(&vars, tessera_event_relay::NEEDS).unwrap(),
            Clients {
                dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
                sqs: aws_sdk_sqs::Client::from_conf(sqs),
            },
            Clock::new(|| jiff::Timestamp::UNIX_EPOCH),
            Secrets::default(),
        )
    }

    /// How many messages each call had.
    fn sizes(&self) -> Vec<usize> {
        self.calls.lock().unwrap().iter().map(|call| call["Entries"].as_array().unwrap().len()).collect()
    }

    fn messages(&self) -> Vec<FactMessage> {
        let calls = self.calls.lock().unwrap();
        let entries = calls.iter().flat_map(|call| call["Entries"].as_array().unwrap());
        entries.map(|entry| FactMessage::parse(entry["MessageBody"].as_str().unwrap()).unwrap()).collect()
    }
}

/// A record of the stream; its sequence number is its place.
fn record(place: usize, kind: &str, image: Value) -> Value {
    json!({
        "eventID": format!("e{place}"), "eventName": kind, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-south-1", "eventSourceARN": "arn",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_356_508, "Keys": {}, "NewImage": image,
            "SequenceNumber": place.to_string(), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE"
        }
    })
}

fn receipt(id: &str, member: Option<&str>, bytes: usize) -> Value {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]);
    let mut image = json!({
        "pk": { "S": format!("prg_1#R#{id}") }, "sk": { "S": "receipt" }, "b": { "B": body },
        "t": { "N": "1772356508000" }
    });
    if let Some(member) = member {
        image["m"] = json!({ "S": member });
    }
    image
}

fn interaction(id: &str, member: &str) -> Value {
    let mut image = receipt(id, Some(member), 10);
    image["pk"] = json!({ "S": format!("prg_1#I#{id}") });
    image["sk"] = json!({ "S": "interaction" });
    image
}

fn event(records: Vec<Value>) -> Event {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn relay(queue: &Queue, records: Vec<Value>) -> Vec<String> {
    let response = tessera_event_relay::handle(&queue.services(), event(records)).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier.unwrap()).collect()
}

#[tokio::test]
async fn facts_of_members_become_messages_in_their_order() {
    let queue = Queue::default();
    let mut claimed = receipt("b", Some("m_2"), 10);
    claimed["f"] = json!({ "L": [{ "S": "F#f-2" }, { "S": "F#f-1" }] });
    let mut refund = receipt("a", Some("m_1"), 10);
    refund["sk"] = json!({ "S": "F#f-9" });
    let mut marker = receipt("c", None, 0);
    marker.as_object_mut().unwrap().remove("b");
    marker["f"] = json!({ "L": [{ "S": "F#f-1" }] });
    let records = vec![
        record(1, "INSERT", receipt("a", Some("m_1"), 10)),
        record(2, "INSERT", receipt("x", None, 10)),
        record(3, "INSERT", marker),
        record(4, "MODIFY", claimed),
        record(5, "REMOVE", json!({})),
        record(6, "INSERT", refund),
        record(7, "INSERT", interaction("i-1", "m_2")),
    ];
    assert!(relay(&queue, records).await.is_empty());
    let names: Vec<String> = queue
        .messages()
        .into_iter()
        .map(|message| format!("{} {} {}", message.member, message.fact, message.packed().unwrap().is_some()))
        .collect();
    let expected = [
        "m_1 receipt a true",
        "m_2 receipt b true",
        "m_2 refund f-2 of receipt b false",
        "m_2 refund f-1 of receipt b false",
        "m_1 refund f-9 of receipt a false",
        "m_2 interaction i-1 true",
    ];
    assert_eq!(names, expected);
    let calls = queue.calls.lock().unwrap();
    let [call] = calls.as_slice() else { panic!("one call is enough") };
    let entries = call["Entries"].as_array().unwrap();
    let of = |name: &str| entries.iter().map(|entry| entry[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("MessageDeduplicationId"), ["e1-0", "e4-0", "e4-1", "e4-2", "e6-0", "e7-0"]);
    let groups = of("MessageGroupId");
    assert_eq!((groups[0], groups[1], groups[1]), (groups[4], groups[2], groups[5]));
    assert_ne!(groups[0], groups[1]);
}

#[tokio::test]
async fn anonymous_receipts_with_coupons_or_refunds_become_messages_until_they_are_claimed() {
    let queue = Queue::default();
    let with = |id: &str, member: Option<&str>, name: &str, value: Value| {
        let mut image = receipt(id, member, 10);
        image[name] = value;
        image
    };
    let early = || json!({ "L": [{ "S": "F#f-1" }] });
    let records = vec![
        record(1, "INSERT", receipt("plain", None, 10)),
        record(2, "INSERT", with("coupons", None, "uc", json!({ "BOOL": true }))),
        record(3, "MODIFY", with("returned", None, "f", early())),
        record(4, "MODIFY", with("claimed", Some("m_1"), "uc", json!({ "BOOL": true }))),
    ];
    assert!(relay(&queue, records).await.is_empty());
    let calls = queue.calls.lock().unwrap();
    let bodies: Vec<Value> = calls
        .iter()
        .flat_map(|call| call["Entries"].as_array().unwrap())
        .map(|entry| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap())
        .collect();
    let of = |name: &str| json!({ "version": 1, "type": "anonymous_receipt", "program": "prg_1", "receipt": name });
    assert_eq!(bodies[..2], [of("coupons"), of("returned")]);
    assert_eq!((bodies.len(), &bodies[2]["member"]), (3, &json!("m_1")));
}

#[tokio::test]
async fn the_sample_of_the_repository_is_relayed() {
    let queue = Queue::default();
    let sample = serde_json::from_str(include_str!("../../../events/event-relay/facts.json")).unwrap();
    let response = tessera_event_relay::handle(&queue.services(), sample).await;
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(queue.messages().len(), 2);
}

#[tokio::test]
async fn the_stream_goes_on_from_the_first_message_that_was_not_taken() {
    let queue = Queue { refuses: Some("bad"), ..Queue::default() };
    let mut records: Vec<Value> =
        (0..25).map(|n| record(n, "INSERT", receipt(&format!("r{n}"), Some("m"), 9))).collect();
    assert!(relay(&queue, records.clone()).await.is_empty());
    assert_eq!(queue.sizes(), [10, 10, 5]);
    records[13] = record(13, "INSERT", receipt("bad", Some("m"), 9));
    assert_eq!(relay(&queue, records.clone()).await, ["13"]);
    assert_eq!(queue.sizes()[3..], [10, 10, 1, 1], "the message is sent again twice, and nothing beyond its batch");
    // A record that is none of ours stops the stream there, after what came before.
    records[2] =
        record(2, "INSERT", json!({ "pk": { "S": "?" }, "sk": { "S": "?" }, "m": { "S": "m" }, "b": { "B": "" } }));
    assert_eq!(relay(&queue, records).await, ["2"]);
    assert_eq!(queue.sizes()[7..], [2]);
}

#[tokio::test]
async fn large_receipts_are_named_and_batches_stay_below_the_limit() {
    let queue = Queue::default();
    let mut records: Vec<Value> =
        (0..8).map(|n| record(n, "INSERT", receipt(&format!("r{n}"), Some("m"), 150_000))).collect();
    records.push(record(8, "INSERT", receipt("huge", Some("m"), 160_000)));
    assert!(relay(&queue, records).await.is_empty());
    assert_eq!(queue.sizes(), [5, 4]);
    let carried: Vec<bool> = queue.messages().iter().map(|message| message.packed().unwrap().is_some()).collect();
    assert_eq!(carried, [true, true, true, true, true, true, true, true, false]);
}

#[tokio::test]
async fn the_trace_goes_on() {
    let queue = Queue::default();
    let records = vec![record(1, "INSERT", receipt("a", Some("m"), 9))];
    trace::within(Some("Root=1-2-3".to_owned()), relay(&queue, records.clone())).await;
    relay(&queue, records).await;
    let calls = queue.calls.lock().unwrap();
    let header = &calls[0]["Entries"][0]["MessageSystemAttributes"][trace::ATTRIBUTE];
    assert_eq!(header, &json!({ "DataType": "String", "StringValue": "Root=1-2-3" }));
    assert!(calls[1]["Entries"][0]["MessageSystemAttributes"].is_null());
}
