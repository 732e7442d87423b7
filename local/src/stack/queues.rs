//! The embedded SQS: the template's queues on an engine that stores messages in memory.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_model::error::SqsError;
use rustack_sqs_model::input::{
    ChangeMessageVisibilityInput, CreateQueueInput, DeleteMessageInput, GetQueueAttributesInput, ReceiveMessageInput,
    SendMessageInput,
};
use rustack_sqs_model::operations::SqsOperation;
use rustack_sqs_model::types::Message;

use super::names;
use super::template::{Template, TemplateQueue};

/// The engine's size limit. Larger bodies, up to the queue's own limit, are stored beside it.
const ENGINE_LIMIT: usize = 262_144;
/// SQS's size limit.
const SQS_LIMIT: usize = 1_048_576;
/// The prefix of a reference to a body that is stored beside the engine.
const KEPT: &str = "tessera-kept-body:";

/// All queues of the template.
pub(super) struct Queues {
    engine: Arc<RustackSqs>,
    named: BTreeMap<String, TemplateQueue>,
    large: Large,
}

/// A message in flight.
#[derive(Debug, Clone)]
pub(super) struct ReceivedMessage {
    /// The message with its complete body.
    pub message: Message,
    /// The key of a large body.
    kept: Option<String>,
}

impl ReceivedMessage {
    /// The message's id.
    pub fn id(&self) -> &str {
        self.message.message_id.as_deref().unwrap_or_default()
    }

    /// How often it was received, including this time.
    pub fn times(&self) -> u32 {
        let count = self.message.attributes.get("ApproximateReceiveCount");
        count.and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    fn handle(&self) -> String {
        self.message.receipt_handle.clone().unwrap_or_default()
    }
}

/// The number of messages of a queue by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Depth {
    /// Messages that are visible or delayed.
    pub waiting: u64,
    /// Messages in flight.
    pub in_flight: u64,
}

impl Depth {
    /// True when the queue is empty.
    pub fn is_empty(self) -> bool {
        self.waiting == 0 && self.in_flight == 0
    }
}

impl Queues {
    /// Creates the template's queues, dead-letter queues first.
    pub async fn create(port: u16, template: &Template) -> Result<Arc<Self>> {
        let engine = Arc::new(RustackSqs::new(SqsConfig {
            skip_signature_validation: true,
            default_region: names::REGION.to_owned(),
            account_id: names::ACCOUNT.to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
        }));
        let mut ordered: Vec<_> = template.queues.iter().collect();
        ordered.sort_by_key(|(_, queue)| queue.dead_letter.is_some());
        let mut limits = HashMap::new();
        for (name, queue) in ordered {
            let mut attributes: HashMap<String, String> = queue.attributes.clone().into_iter().collect();
            let limit = match attributes.get("MaximumMessageSize") {
                Some(text) => text.parse().context("MaximumMessageSize")?,
                None => SQS_LIMIT,
            };
            limits.insert(name.clone(), limit);
            attributes.insert("MaximumMessageSize".to_owned(), limit.min(ENGINE_LIMIT).to_string());
            let input = CreateQueueInput { queue_name: name.clone(), attributes, tags: HashMap::new() };
            engine.create_queue(input).await.map_err(|error| anyhow!("queue {name}: {}", error.message))?;
        }
        let large = Large { limits, ..Large::default() };
        Ok(Arc::new(Self { engine, named: template.queues.clone(), large }))
    }

    /// The URL of a queue.
    pub fn url(&self, queue: &str) -> Option<&str> {
        self.named.get(queue).map(|queue| queue.url.as_str())
    }

    /// Receives up to `batch` messages, waiting up to a second for the first.
    pub async fn receive(&self, queue: &str, batch: usize) -> Result<Vec<ReceivedMessage>> {
        let input = ReceiveMessageInput {
            queue_url: self.known(queue)?,
            max_number_of_messages: Some(i32::try_from(batch.clamp(1, 10))?),
            wait_time_seconds: Some(1),
            message_system_attribute_names: vec!["All".to_owned()],
            message_attribute_names: vec!["All".to_owned()],
            ..ReceiveMessageInput::default()
        };
        let received = self.engine.receive_message(input).await.map_err(failed)?;
        Ok(received.messages.into_iter().map(|message| self.large.restore(message)).collect())
    }

    /// Deletes a received message.
    pub async fn delete(&self, queue: &str, received: &ReceivedMessage) -> Result<()> {
        let input = DeleteMessageInput { queue_url: self.known(queue)?, receipt_handle: received.handle() };
        self.engine.delete_message(input).await.map_err(failed)?;
        if let Some(key) = &received.kept {
            self.large.forget(key);
        }
        Ok(())
    }

    /// Makes a received message visible again at once.
    pub async fn release(&self, queue: &str, received: &ReceivedMessage) -> Result<()> {
        let input = ChangeMessageVisibilityInput {
            queue_url: self.known(queue)?,
            receipt_handle: received.handle(),
            visibility_timeout: 0,
        };
        self.engine.change_message_visibility(input).await.map(drop).map_err(failed)
    }

    /// Sends a message of the stack itself, such as a stream's failure record.
    pub async fn send(&self, queue: &str, body: String) -> Result<()> {
        let fifo = self.is_fifo(queue).then(|| "failures".to_owned());
        let input = SendMessageInput {
            queue_url: self.known(queue)?,
            message_deduplication_id: fifo
                .as_ref()
                .map(|_| self.large.next.fetch_add(1, Ordering::Relaxed).to_string()),
            message_group_id: fifo,
            message_body: body,
            ..SendMessageInput::default()
        };
        self.engine.send_message(input).await.map(drop).map_err(failed)
    }

    /// The exact number of messages of a queue by state.
    pub async fn depth(&self, queue: &str) -> Result<Depth> {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        let input = GetQueueAttributesInput {
            queue_url: self.known(queue)?,
            attribute_names: names.map(str::to_owned).to_vec(),
        };
        let found = self.engine.get_queue_attributes(input).await.map_err(failed)?.attributes;
        let [visible, delayed, in_flight] =
            names.map(|name| found.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0));
        Ok(Depth { waiting: visible + delayed, in_flight })
    }

    /// The names of all queues.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// Stops the engine.
    pub async fn shutdown(&self) {
        self.engine.shutdown_all().await;
    }

    fn is_fifo(&self, queue: &str) -> bool {
        let attributes = self.named.get(queue).map(|queue| &queue.attributes);
        attributes.is_some_and(|attributes| attributes.get("FifoQueue").is_some_and(|fifo| fifo == "true"))
    }

    fn known(&self, queue: &str) -> Result<String> {
        self.url(queue).map(str::to_owned).ok_or_else(|| anyhow!("there is no queue {queue}"))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: SqsError) -> anyhow::Error {
    anyhow!("the queue engine failed: {}", error.message)
}

/// Bodies that SQS accepts but the engine does not (256 KB to 1 MiB), by a generated key.
#[derive(Default)]
struct Large {
    limits: HashMap<String, usize>,
    next: AtomicU64,
    bodies: Mutex<HashMap<String, String>>,
}

impl Large {
    /// The body for the engine: the original, or a reference to it.
    fn keep(&self, queue_url: &str, body: String) -> String {
        let queue = queue_url.rsplit('/').next().unwrap_or_default();
        let limit = self.limits.get(queue).copied().unwrap_or(0);
        if body.len() <= ENGINE_LIMIT || body.len() > limit {
            // The engine accepts the first kind and refuses the second.
            return body;
        }
        let key = format!("{KEPT}{}", self.next.fetch_add(1, Ordering::Relaxed));
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.insert(key.clone(), body);
        key
    }

    /// Restores the original body of a message.
    fn restore(&self, mut message: Message) -> ReceivedMessage {
        let key = message.body.take_if(|body| body.starts_with(KEPT));
        if let Some(key) = &key {
            let bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
            message.body = bodies.get(key).cloned();
        }
        ReceivedMessage { message, kept: key }
    }

    /// Removes the body of a deleted message.
    fn forget(&self, key: &str) {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The engine's HTTP handler, which stores large bodies separately.
pub(super) struct Front {
    inner: RustackSqsHandler,
    queues: Arc<Queues>,
}

impl Front {
    /// Creates the handler of the queues.
    pub fn new(queues: Arc<Queues>) -> Self {
        Self { inner: RustackSqsHandler::new(Arc::clone(&queues.engine)), queues }
    }

    fn lighten(&self, operation: SqsOperation, body: Bytes) -> Bytes {
        let sends = matches!(operation, SqsOperation::SendMessage | SqsOperation::SendMessageBatch);
        if !sends || body.len() <= ENGINE_LIMIT {
            return body;
        }
        let Ok(mut request) = serde_json::from_slice::<serde_json::Value>(&body) else {
            return body;
        };
        let url = request["QueueUrl"].as_str().unwrap_or_default().to_owned();
        let lighten = |message: &mut serde_json::Value| {
            if let Some(text) = message.get_mut("MessageBody")
                && let serde_json::Value::String(body) = text.take()
            {
                *text = self.queues.large.keep(&url, body).into();
            }
        };
        match request.get_mut("Entries").and_then(serde_json::Value::as_array_mut) {
            Some(entries) => entries.iter_mut().for_each(lighten),
            None => lighten(&mut request),
        }
        Bytes::from(request.to_string())
    }
}

impl SqsHandler for Front {
    fn handle_operation(
        &self,
        operation: SqsOperation,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<SqsResponseBody>, SqsError>> + Send>> {
        let body = self.lighten(operation, body);
        self.inner.handle_operation(operation, body)
    }
}
