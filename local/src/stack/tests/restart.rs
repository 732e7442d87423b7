//! Restarts on the same data folder.

use tempfile::TempDir;

use super::{SAMPLE, StackOptions, put, start};
use crate::stack::{Stack, Storage};

fn options(folder: &TempDir) -> StackOptions {
    StackOptions { storage: Storage::Folder(folder.path().to_owned()), ..StackOptions::default() }
}

#[tokio::test]
async fn completed_work_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, first) = start(options(&folder)).await;
    put(&stack.clients("test"), "a:1").await;
    stack.settle().await.unwrap();
    assert_eq!(first.lock().taken, ["a:1"]);
    stack.shutdown().await;

    let (stack, second) = start(options(&folder)).await;
    put(&stack.clients("test"), "a:2").await;
    stack.settle().await.unwrap();
    assert_eq!(second.lock().taken, ["a:2"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn unfinished_work_is_completed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, first) = start(options(&folder)).await;
    let clients = stack.clients("test");
    {
        let mut seen = first.lock();
        seen.fail.insert("a:1".to_owned(), u32::MAX);
        seen.panic.push("b:1".to_owned());
    }
    for id in ["a:1", "a:2", "b:1", "c:1"] {
        put(&clients, id).await;
    }
    // Stopped midway: the queues' messages and dead letters are lost.
    stack.shutdown().await;

    let (stack, second) = start(options(&folder)).await;
    assert!(stack.settle().await.unwrap().is_empty());
    let mut taken = second.lock().taken.clone();
    taken.sort();
    assert_eq!(taken, ["a:1", "a:2", "b:1", "c:1"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_dead_letter_is_retried_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, first) = start(options(&folder)).await;
    first.lock().panic.push("a:1".to_owned());
    put(&stack.clients("test"), "a:1").await;
    assert_eq!(stack.settle().await.unwrap()["tessera-Dead.fifo"], 1);
    stack.shutdown().await;

    let (stack, second) = start(options(&folder)).await;
    assert!(stack.settle().await.unwrap().is_empty());
    assert_eq!(second.lock().taken, ["a:1"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_folder_is_used_by_one_stack_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, witness) = start(options(&folder)).await;
    let mount = |setting: &_| witness.handler(setting);
    let second = Stack::start_with(options(&folder), SAMPLE, mount).await;
    assert!(second.is_err_and(|error| error.to_string().contains("another stack")));
    stack.shutdown().await;
    start(options(&folder)).await.0.shutdown().await;
}
