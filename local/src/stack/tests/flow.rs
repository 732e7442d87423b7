//! The path of a write through the stream and the queue to the last function.

use super::{StackOptions, put, start};

#[tokio::test]
async fn a_settled_stack_has_processed_each_group_in_order() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    for number in 0..40 {
        put(&clients, &format!("{}:{number:03}", ["a", "b", "c", "d"][number % 4])).await;
    }
    assert!(stack.settle().await.unwrap().is_empty());
    stack.shutdown().await;
    let seen = witness.lock();
    assert_eq!(seen.taken.len(), 40);
    for group in ["a", "b", "c", "d"] {
        let own: Vec<_> = seen.taken.iter().filter(|id| id.starts_with(group)).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
    let written: Vec<_> = seen.relayed.iter().map(|id| &id[2..]).collect();
    assert!(written.is_sorted(), "the stream is in the order of the writes: {written:?}");
}

#[tokio::test]
async fn a_failed_message_is_retried_and_blocks_only_its_group() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    witness.lock().fail.insert("a:1".to_owned(), 2);
    for id in ["a:1", "a:2", "b:1", "b:2"] {
        put(&clients, id).await;
    }
    assert!(stack.settle().await.unwrap().is_empty());
    stack.shutdown().await;
    let seen = witness.lock();
    assert_eq!(seen.tries["a:1"], 3);
    let order = |id: &str| seen.taken.iter().position(|taken| taken == id).unwrap();
    assert!(order("a:1") < order("a:2"));
    assert!(order("b:2") < order("a:1"), "{:?}", seen.taken);
}

#[tokio::test]
async fn a_message_that_always_fails_becomes_a_dead_letter() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    witness.lock().panic.push("a:1".to_owned());
    for id in ["a:1", "a:2", "b:1"] {
        put(&clients, id).await;
    }
    let dead = stack.settle().await.unwrap();
    assert_eq!(dead.into_iter().collect::<Vec<_>>(), [("tessera-Dead.fifo".to_owned(), 1)]);
    stack.shutdown().await;
    let seen = witness.lock();
    assert_eq!(seen.tries["a:1"], 3, "as often as the template's maxReceiveCount");
    assert!(seen.taken.contains(&"a:2".to_owned()) && seen.taken.contains(&"b:1".to_owned()));
}

#[tokio::test]
async fn a_stream_batch_is_retried_from_its_first_failure() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    witness.lock().relay_fail.insert("a:2".to_owned(), 1);
    for id in ["a:1", "a:2", "a:3"] {
        put(&clients, id).await;
    }
    assert!(stack.settle().await.unwrap().is_empty());
    assert_eq!(witness.lock().taken, ["a:1", "a:2", "a:3"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_record_that_always_fails_is_reported_and_skipped() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    witness.lock().relay_fail.insert("a:2".to_owned(), u32::MAX);
    for id in ["a:1", "a:2", "a:3"] {
        put(&clients, id).await;
    }
    let dead = stack.settle().await.unwrap();
    assert_eq!(dead.into_iter().collect::<Vec<_>>(), [("tessera-Lost".to_owned(), 1)]);
    assert_eq!(witness.lock().taken, ["a:1", "a:3"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn bisection_isolates_a_record_that_panics() {
    let (stack, witness) = start(StackOptions::default()).await;
    let clients = stack.clients("test");
    witness.lock().relay_panic.push("a:3".to_owned());
    for id in ["a:1", "a:2", "a:3", "a:4", "a:5"] {
        put(&clients, id).await;
    }
    let dead = stack.settle().await.unwrap();
    assert_eq!(dead.into_iter().collect::<Vec<_>>(), [("tessera-Lost".to_owned(), 1)]);
    assert_eq!(witness.lock().taken, ["a:1", "a:2", "a:4", "a:5"]);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_stacks_run_side_by_side() {
    let stacks = (0..8).map(|number| {
        tokio::spawn(async move {
            let (stack, witness) = start(StackOptions::default()).await;
            put(&stack.clients("test"), &format!("g:{number}")).await;
            stack.settle().await.unwrap();
            assert_eq!(witness.lock().taken, [format!("g:{number}")]);
            stack.shutdown().await;
        })
    });
    for stack in stacks.collect::<Vec<_>>() {
        stack.await.unwrap();
    }
}
