//! The sender of SQS messages, with a simulated SQS.

use tessera_lambda::sender::{OutgoingMessage, send_all};
use tessera_lambda::trace;

use crate::queue::Queue;

const URL: &str = "http://sqs.test/1/facts.fifo";

fn messages(count: usize) -> Vec<OutgoingMessage> {
    (0..count).map(|n| OutgoingMessage::fifo(format!("body {n}"), "group".to_owned(), format!("key {n}"))).collect()
}

#[tokio::test]
async fn a_refused_message_is_sent_again_alone() {
    let queue = Queue::default();
    queue.refuse("body 3", 2);
    send_all(&queue.client(), URL, &messages(12)).await.unwrap();
    assert_eq!(queue.batch_sizes(), [10, 1, 1, 2]);
    let mut taken = queue.taken("MessageDeduplicationId");
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 12);
}

#[tokio::test]
async fn after_three_refusals_the_error_names_the_first_unsent_message() {
    let queue = Queue::default();
    queue.refuse("body 13", 3);
    let error = send_all(&queue.client(), URL, &messages(25)).await.unwrap_err();
    assert_eq!((error.first_unsent, error.cause.as_str()), (13, "InternalError"));
    assert_eq!(queue.batch_sizes(), [10, 10, 1, 1], "nothing is sent beyond the batch");
}

#[tokio::test]
async fn a_message_keeps_its_own_trace_or_gets_that_of_the_invocation() {
    let queue = Queue::default();
    let mut both = messages(2);
    both[1].trace = Some("Root=own".to_owned());
    let client = queue.client();
    trace::within(Some("Root=run".to_owned()), send_all(&client, URL, &both)).await.unwrap();
    assert_eq!(queue.last_traces(), [Some("Root=run".to_owned()), Some("Root=own".to_owned())]);
    send_all(&client, URL, &messages(1)).await.unwrap();
    assert_eq!(queue.last_traces(), [None]);
}
