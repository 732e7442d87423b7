use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tessera_domain::decide::{decide_adjustment, read_adjustment};
use tessera_domain::ids::{ProgramId, ReceiptId};
use tessera_store::{Commit, EntryKey, Party, RestoreCheck, RestoreError, SecretsKey, Snapshot};

use crate::bench::Bench;
use crate::shop::{config, document, member, noon, read};

const MEMBERS: u64 = 24;

/// A program whose members have an entry each, and accounts so large that a page of the table ends between account and entry.
async fn restored(bench: &Bench) -> ProgramId {
    let created = bench.store.create_program(&read(&document(5)), None, &SecretsKey::new([9; 32]), noon()).await;
    let (program, config) = (created.unwrap().id, config(5));
    let award = read_adjustment(&json!({ "award": 10, "reason": "opening" })).unwrap();
    for n in 0..MEMBERS {
        let (member, key) = (member(&format!("m_{n}")), EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap()));
        let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
        let decide =
            |seen: &Snapshot<'_>| decide_adjustment(&seen.context(&config, noon()), seen.account, &award, "tests");
        bench.store.commit(&commit, decide).await.unwrap();
        let account = bench.dynamodb.update_item().table_name("members").update_expression("SET padding = :padding");
        let account = account.key("pk", AttributeValue::S(format!("{program}#m#{member}")));
        let account = account.key("sk", AttributeValue::S("account".to_owned()));
        let padding = AttributeValue::S("x".repeat(250_000));
        account.expression_attribute_values(":padding", padding).send().await.unwrap();
    }
    program
}

#[tokio::test]
async fn a_large_restore_is_proven_in_steps_and_sealed_once() {
    let bench = Bench::start().await;
    let program = restored(&bench).await;
    let mut before = 0;
    let mut steps = 0;
    let proven = loop {
        steps += 1;
        match bench.store.seal_restore(&program, &|| true).await.unwrap() {
            RestoreCheck::Unfinished(progress) => {
                assert!(progress.members > before && progress.members < MEMBERS, "{progress:?}");
                assert_eq!((progress.entries, progress.discrepancies), (progress.members, 0), "ends between members");
                before = progress.members;
            }
            RestoreCheck::Sealed(progress) => break progress,
            refuted @ RestoreCheck::Refuted(_) => panic!("{refuted:?}"),
        }
    };
    assert_eq!((proven.members, proven.entries), (MEMBERS, MEMBERS));
    assert!(steps > 3, "{steps}");
    for error in [
        bench.store.seal_restore(&program, &|| false).await.unwrap_err(),
        bench.store.open_restore(&program).await.unwrap_err(),
    ] {
        assert!(matches!(error, RestoreError::Sealed), "{error:?}");
    }
}

#[tokio::test]
async fn lines_that_come_meanwhile_let_the_proof_begin_again() {
    let bench = Bench::start().await;
    let program = restored(&bench).await;
    let RestoreCheck::Unfinished(first) = bench.store.seal_restore(&program, &|| true).await.unwrap() else {
        panic!("one page was enough")
    };
    bench.store.open_restore(&program).await.unwrap();
    let RestoreCheck::Unfinished(again) = bench.store.seal_restore(&program, &|| true).await.unwrap() else {
        panic!("one page was enough")
    };
    assert_eq!(again, first);
    let RestoreCheck::Unfinished(second) = bench.store.seal_restore(&program, &|| true).await.unwrap() else {
        panic!("two pages were enough")
    };
    assert!(second.members > first.members);
}

#[tokio::test]
async fn balances_without_entries_are_named_and_nothing_is_sealed() {
    let bench = Bench::start().await;
    let program = restored(&bench).await;
    let entries = bench.store.entries(&program, &[member("m_3")], 10, None).await.unwrap();
    let lost = bench.dynamodb.delete_item().table_name("members");
    let lost = lost.key("pk", AttributeValue::S(format!("{program}#m#m_3")));
    lost.key("sk", AttributeValue::S(entries.items[0].key.as_str().to_owned())).send().await.unwrap();
    for _ in 0..2 {
        let refuted = bench.store.seal_restore(&program, &|| false).await.unwrap();
        let RestoreCheck::Refuted(progress) = refuted else { panic!("{refuted:?}") };
        assert!(progress.discrepancies > 0 && progress.named.iter().all(|what| what.starts_with("m_3: ")));
        assert_eq!((progress.members, progress.entries), (MEMBERS, MEMBERS - 1), "it begins anew");
    }
    bench.store.open_restore(&program).await.unwrap();
}
