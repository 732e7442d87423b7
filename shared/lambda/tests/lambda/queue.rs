//! A simulated SQS that records what it is sent.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// Takes every message but those that it was told to refuse.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    refusals: Arc<Mutex<(String, u32)>>,
    batches: Arc<Mutex<Vec<Value>>>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl HttpConnector for Queue {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let batch: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for entry in batch["Entries"].as_array().unwrap() {
            if self.refuses(entry["MessageBody"].as_str().unwrap()) {
                refused.push(json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false }));
            } else {
                taken.push(json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "0" }));
                self.taken.lock().unwrap().push(entry.clone());
            }
        }
        self.batches.lock().unwrap().push(batch);
        let response = json!({ "Successful": taken, "Failed": refused }).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(response))))
    }
}

impl Queue {
    pub fn client(&self) -> aws_sdk_sqs::Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-south-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// Refuses messages with a text in their body, so many times.
    pub fn refuse(&self, text: &str, times: u32) {
        *self.refusals.lock().unwrap() = (text.to_owned(), times);
    }

    fn refuses(&self, body: &str) -> bool {
        let mut refusals = self.refusals.lock().unwrap();
        let refuses = refusals.1 > 0 && body.contains(&refusals.0);
        refusals.1 -= u32::from(refuses);
        refuses
    }

    /// An attribute of every message that was taken, in order.
    pub fn taken(&self, attribute: &str) -> Vec<String> {
        self.taken
            .lock()
            .unwrap()
            .iter()
            .map(|entry| entry[attribute].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The number of messages of each batch.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(|batch| batch["Entries"].as_array().unwrap().len()).collect()
    }

    /// The trace header of each entry of the last batch.
    pub fn last_traces(&self) -> Vec<Option<String>> {
        let batches = self.batches.lock().unwrap();
        let entries = batches.last().unwrap()["Entries"].as_array().unwrap().clone();
        let header = |entry: &Value| {
            entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str().map(str::to_owned)
        };
        entries.iter().map(header).collect()
    }
}
