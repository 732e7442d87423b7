//! Tests of the stack with a small template: `things` stores a fact, `relay` sends it from the stream to a queue, `evaluate`
//! reads the queue.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod engines;
mod flow;
mod front;
mod restart;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures::FutureExt;
use lambda_http::{Body, RequestExt, Response};
use serde_json::{Value, json};
use tessera_lambda::job::Invocation;

use super::template::tests::SAMPLE;
use super::{Handler, LocalClients, Setting, Stack, StackOptions};

const TABLE: &str = "tessera-facts";

/// What the test functions received, and how they are to fail.
#[derive(Default, Clone)]
pub(super) struct Witness(Arc<Mutex<WitnessLog>>);

#[derive(Default)]
pub(super) struct WitnessLog {
    /// The bodies of handled messages, in order.
    pub taken: Vec<String>,
    /// The number of receipts of each message.
    pub tries: HashMap<String, u32>,
    /// The number of failures of each message before it succeeds.
    pub fail: HashMap<String, u32>,
    /// Messages that make the handler panic.
    pub panic: Vec<String>,
    /// The keys that the relay received, in order.
    pub relayed: Vec<String>,
    /// The number of failures of the relay at a key.
    pub relay_fail: HashMap<String, u32>,
    /// Keys that make the relay panic.
    pub relay_panic: Vec<String>,
    /// The times of the job's runs, by the stack's clock.
    pub nights: Vec<jiff::Timestamp>,
    /// The number of failures of the job before it succeeds.
    pub night_fail: u32,
    /// The number of the authorizer's invocations.
    pub asked: u32,
}

impl Witness {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, WitnessLog> {
        self.0.lock().unwrap()
    }

    pub(super) fn handler(&self, setting: &Setting) -> anyhow::Result<Handler> {
        let (own, clients) = (self.clone(), setting.clients.clone());
        let variables = setting.variables.clone();
        Ok(match setting.name.as_str() {
            "gate" => Handler::Authorizer(Arc::new(move |event| {
                own.lock().asked += 1;
                let identity = event.identity_source.unwrap_or_default().concat();
                let decision = json!({ "isAuthorized": identity != "Bearer bad",
                    "context": { "program": identity.trim_start_matches("Bearer ") } });
                async move { if identity == "Bearer error" { Err("asked to".to_owned()) } else { Ok(decision) } }
                    .boxed()
            })),
            "things" => Handler::Http(Arc::new(move |request| things(clients.clone(), request).boxed())),
            "relay" => Handler::Stream(Arc::new(move |event| {
                relay(own.clone(), clients.clone(), variables.clone(), event).boxed()
            })),
            "evaluate" => Handler::Queue(Arc::new(move |event| {
                let own = own.clone();
                async move { evaluate(&own, event) }.boxed()
            })),
            "nightly" => {
                let clock = setting.clock.clone();
                Handler::Job(Arc::new(move |invocation: Invocation| {
                    let mut seen = own.lock();
                    let ran = if seen.night_fail > 0 {
                        seen.night_fail -= 1;
                        Err("asked to".to_owned())
                    } else {
                        seen.nights.push(clock.now());
                        Ok(json!({ "ran": invocation.input }))
                    };
                    async move { ran }.boxed()
                }))
            }
            other => anyhow::bail!("no handler for {other}"),
        })
    }
}

async fn things(clients: LocalClients, request: lambda_http::Request) -> Response<Body> {
    match request.raw_http_path() {
        "/v1/open" => return Response::new(Body::Text("open".to_owned())),
        "/v1/any/panic" => panic!("asked to"),
        "/v1/any/scan" => {
            let refused = clients.dynamodb.scan().table_name(TABLE).send().await.unwrap_err();
            let service = refused.into_service_error();
            let code = aws_sdk_dynamodb::error::ProvideErrorMetadata::code(&service);
            return Response::new(Body::Text(code.unwrap_or_default().to_owned()));
        }
        "/v1/any/echo" => return Response::new(Body::Binary(request.body().to_vec())),
        _ => {}
    }
    let id = request.path_parameters().first("id").unwrap_or_default().to_owned();
    put(&clients, &id).await;
    Response::builder().status(202).body(Body::Text(id)).unwrap()
}

pub(super) async fn put(clients: &LocalClients, id: &str) {
    // `group:number`, so that tests can check the order within a group.
    let group = id.split(':').next().unwrap_or_default();
    clients
        .dynamodb
        .put_item()
        .table_name(TABLE)
        .item("pk", AttributeValue::S(group.to_owned()))
        .item("sk", AttributeValue::S(id.to_owned()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .unwrap();
}

async fn relay(
    witness: Witness,
    clients: LocalClients,
    variables: BTreeMap<String, String>,
    event: aws_lambda_events::dynamodb::Event,
) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let keys: HashMap<String, String> =
            serde_json::from_value::<HashMap<String, Value>>(serde_json::to_value(&record.change.keys).unwrap())
                .unwrap()
                .into_iter()
                .map(|(name, value)| (name, value["S"].as_str().unwrap().to_owned()))
                .collect();
        let id = keys["sk"].clone();
        let failing = {
            let mut seen = witness.lock();
            let left = seen.relay_fail.get_mut(&id).filter(|left| **left > 0);
            left.map(|left| *left -= 1).is_some()
        };
        assert!(!witness.lock().relay_panic.contains(&id), "asked to");
        if failing {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number;
            response.batch_item_failures.push(failure);
            return response;
        }
        clients
            .sqs
            .send_message()
            .queue_url(&variables["FACTS_QUEUE_URL"])
            .message_group_id(&keys["pk"])
            .message_deduplication_id(&record.event_id)
            .message_body(&id)
            .send()
            .await
            .unwrap();
        witness.lock().relayed.push(id);
    }
    response
}

fn evaluate(witness: &Witness, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let body = record.body.unwrap();
        let mut seen = witness.lock();
        *seen.tries.entry(body.clone()).or_default() += 1;
        if seen.panic.contains(&body) {
            drop(seen);
            panic!("asked to");
        }
        match seen.fail.get_mut(&body).filter(|left| **left > 0) {
            Some(left) => {
                *left -= 1;
                response.add_failure(record.message_id.unwrap());
            }
            None => seen.taken.push(body),
        }
    }
    response
}

pub(super) async fn start(options: StackOptions) -> (Stack, Witness) {
    let witness = Witness::default();
    let own = witness.clone();
    let stack = Stack::start_with(options, SAMPLE, move |setting| own.handler(setting)).await;
    (stack.unwrap(), witness)
}
