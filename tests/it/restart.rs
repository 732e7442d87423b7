//! A restart on the same folder loses and repeats nothing.

use crate::shop::{Shop, per_euro, program, receipt};
use tessera_local::stack::{StackOptions, Storage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_continues_with_the_stored_state() {
    let folder = tempfile::tempdir().unwrap();
    let options = StackOptions {
        storage: Storage::Folder(folder.path().to_owned()),
        clock: Some("2026-03-01T12:00:00+01:00".parse().unwrap()),
        ..StackOptions::default()
    };
    let shop = Shop::with(&program(&per_euro()), options).await;
    for n in 0..30 {
        shop.post("/v1/receipts", &receipt(&format!("r-{n}"), &format!("c-{}", n % 5), "10.00")).await;
    }
    // Not settled: the queue may hold undecided facts.
    shop.stack.shutdown().await;

    let shop = Shop::reopen(folder.path()).await;
    shop.settle().await;
    assert_eq!(shop.member("c-0").await["points"]["available"], 60);
    assert_eq!(shop.post("/v1/receipts", &receipt("r-0", "c-0", "10.00")).await.status, 200);
    assert_eq!(shop.verify().await.facts, 30);
}
