//! What a data folder keeps.

use std::path::PathBuf;

use super::{StackOptions, put, start};
use crate::stack::{Storage, names};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tessera-{}", names::request_id()));
        Self(path)
    }

    fn options(&self) -> StackOptions {
        StackOptions { storage: Storage::Folder(self.0.clone()), ..StackOptions::default() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn what_was_done_is_not_done_again() {
    let folder = Folder::new();
    let (stack, first) = start(folder.options()).await;
    put(&stack.clients("test"), "a:1").await;
    stack.settle().await.unwrap();
    assert_eq!(first.lock().taken, ["a:1"]);
    stack.shutdown().await;

    let (stack, second) = start(folder.options()).await;
    put(&stack.clients("test"), "a:2").await;
    stack.settle().await.unwrap();
    assert_eq!(second.lock().taken, ["a:2"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn what_was_not_done_is_done_after_a_restart() {
    let folder = Folder::new();
    let (stack, first) = start(folder.options()).await;
    let clients = stack.clients("test");
    {
        let mut seen = first.lock();
        seen.fail.insert("a:1".to_owned(), u32::MAX);
        seen.panic.push("b:1".to_owned());
    }
    for id in ["a:1", "a:2", "b:1", "c:1"] {
        put(&clients, id).await;
    }
    // Stopped in the middle: the messages in the queue, and the dead letters, are forgotten.
    stack.shutdown().await;

    let (stack, second) = start(folder.options()).await;
    assert!(stack.settle().await.unwrap().is_empty());
    let mut taken = second.lock().taken.clone();
    taken.sort();
    assert_eq!(taken, ["a:1", "a:2", "b:1", "c:1"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_dead_letter_gets_its_chance_at_the_next_start() {
    let folder = Folder::new();
    let (stack, first) = start(folder.options()).await;
    first.lock().panic.push("a:1".to_owned());
    put(&stack.clients("test"), "a:1").await;
    assert_eq!(stack.settle().await.unwrap()["tessera-Dead.fifo"], 1);
    stack.shutdown().await;

    let (stack, second) = start(folder.options()).await;
    assert!(stack.settle().await.unwrap().is_empty());
    assert_eq!(second.lock().taken, ["a:1"]);
    stack.shutdown().await;
}
