//! Properties of the engines that functions rely on, tested through SDK clients.

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{StackOptions, TABLE, start};
use crate::stack::{FaultPlan, InjectedFault};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test]
async fn cancelled_transactions_return_the_conflicting_item() {
    let (stack, _) = start(StackOptions::default()).await;
    let client = stack.clients("test").dynamodb;
    let put = |id: &str| {
        Put::builder()
            .table_name(TABLE)
            .item("pk", text("a"))
            .item("sk", text(id))
            .item("n", text(id))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .unwrap()
    };
    let write = |ids: [&str; 2]| {
        let items = ids.map(|id| TransactWriteItem::builder().put(put(id)).build());
        client
            .transact_write_items()
            .set_transact_items(Some(items.to_vec()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
    };
    let written = write(["1", "2"]).await.unwrap();
    let units: Vec<_> =
        written.consumed_capacity().iter().map(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units).collect();
    assert_eq!(units, [Some(4.0)]);
    let refused = write(["3", "2"]).await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = refused
    else {
        panic!("{refused:?}")
    };
    let reasons = cancelled.cancellation_reasons();
    assert_eq!(reasons[0].code(), Some("None"));
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item().unwrap()["n"], text("2"));
    let absent = client.get_item().table_name(TABLE).key("pk", text("a")).key("sk", text("3"));
    assert!(absent.send().await.unwrap().item.is_none());
    stack.shutdown().await;
}

#[tokio::test]
async fn capacity_counts_sizes_indexes_and_conditions() {
    let (stack, _) = start(StackOptions::default()).await;
    let client = stack.clients("test").dynamodb;
    let put = |sk: &str, bytes: usize, due: bool| {
        let request = client
            .put_item()
            .table_name(TABLE)
            .item("pk", text("a"))
            .item("sk", text(sk))
            .item("blob", text(&"x".repeat(bytes)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let request = if due { request.item("due", text("d")) } else { request };
        async move { request.send().await.unwrap().consumed_capacity.unwrap().capacity_units }
    };
    assert_eq!(put("1", 10, false).await, Some(1.0));
    assert_eq!(put("2", 1_500, false).await, Some(2.0));
    // The sparse index costs a write only for items with its key.
    assert_eq!(put("3", 10, true).await, Some(2.0));
    // Its projection (keys only) is unchanged, so the index is not written.
    assert_eq!(put("3", 20, true).await, Some(1.0));
    let read = client
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :p")
        .expression_attribute_values(":p", text("a"))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .consistent_read(true)
        .send()
        .await
        .unwrap();
    assert_eq!(read.consumed_capacity.unwrap().capacity_units, Some(1.0));
    let counted = stack.capacity();
    let put = &counted["functions"]["test"]["dynamodb"]["PutItem"];
    assert_eq!((put["calls"].as_u64(), put["write_units"].as_u64()), (Some(4), Some(6)));
    stack.reset_capacity();
    assert_eq!(stack.capacity()["total"]["dynamodb_calls"], 0);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_message_of_a_megabyte_is_delivered_and_a_larger_one_refused() {
    let (stack, witness) = start(StackOptions::default()).await;
    let client = stack.clients("test").sqs;
    let send = |bytes: usize| {
        client
            .send_message()
            .queue_url(&stack.template().queues["tessera-facts.fifo"].url)
            .message_group_id("g")
            .message_deduplication_id(bytes.to_string())
            .message_body("x".repeat(bytes))
            .send()
    };
    for bytes in [262_144, 262_145, 1_048_576] {
        send(bytes).await.unwrap();
    }
    assert!(send(1_048_577).await.is_err());
    assert!(stack.settle().await.unwrap().is_empty());
    let sizes: Vec<_> = witness.lock().taken.iter().map(String::len).collect();
    assert_eq!(sizes, [262_144, 262_145, 1_048_576]);
    stack.shutdown().await;
}

#[tokio::test]
async fn injected_faults_look_like_those_of_aws() {
    let faults = std::sync::Arc::new(FaultPlan::new());
    let options = StackOptions { faults: Some(faults.clone()), ..StackOptions::default() };
    let (stack, _) = start(options).await;
    let client = stack.clients("test").dynamodb;
    let update = || {
        let update = Update::builder()
            .table_name(TABLE)
            .key("pk", text("a"))
            .key("sk", text("1"))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .unwrap();
        client.transact_write_items().transact_items(TransactWriteItem::builder().update(update).build()).send()
    };
    faults.inject("test", "TransactWriteItems", 1..=1, InjectedFault::Conflict);
    let error = update().await.unwrap_err().into_service_error();
    assert!(format!("{error:?}").contains("TransactionConflict"), "{error:?}");
    // The SDK retries after a throttle or a lost response. The lost call was executed, and the engine recognizes the retry by
    // its token, as AWS does.
    faults.inject("test", "TransactWriteItems", 1..=1, InjectedFault::Throttled);
    update().await.unwrap();
    faults.inject("test", "TransactWriteItems", 1..=1, InjectedFault::LostReply);
    update().await.unwrap();
    faults.inject("test", "TransactWriteItems", .., InjectedFault::Timeout);
    assert!(update().await.is_err());
    faults.clear();
    let item = client.get_item().table_name(TABLE).key("pk", text("a")).key("sk", text("1"));
    let item = item.send().await.unwrap().item.unwrap();
    assert_eq!(item["n"], AttributeValue::N("2".to_owned()));
    stack.shutdown().await;
}
