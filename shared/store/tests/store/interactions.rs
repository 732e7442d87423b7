//! Interactions, what counts only once, and what a decision sees besides the account.

use std::convert::Infallible;

use futures::future::join_all;
use serde_json::json;
use tessera_domain::account::Status;
use tessera_domain::decide::Decision;
use tessera_domain::fact::{Fact, FactId, Interaction, read_interaction};
use tessera_domain::ids::{InteractionId, ReceiptId};
use tessera_domain::ledger::Cause;
use tessera_store::{Commit, Committed, EntryKey, FactImage, Party, PutFact, ReceiptHistory, Snapshot};

use crate::bench::Bench;
use crate::interference::{Fault, Used};
use crate::shop::{active, config, customer, for_receipt, member, noon, one_point, program};

fn opened(id: &str, message: &str) -> Interaction {
    let body = json!({ "id": id, "occurred_at": "2026-03-01T12:00:00Z", "member": { "id": "c-1" },
        "name": "email_opened", "properties": { "message": message, "device": "mobile" } });
    read_interaction(&body).unwrap().interaction
}

fn named(id: &str) -> FactId {
    FactId::Interaction { interaction: InteractionId::new(id).unwrap() }
}

/// Commits one point for an open, unless its message counted before.
async fn commit(bench: &Bench, fact: &Interaction) -> Committed {
    let (program, config, member) = (program(), config(5), member("m_1"));
    let (key, mark) = (EntryKey::fact(fact.occurred_at, &named(fact.id.as_str())), fact.once());
    let commit = Commit::for_one(&program, &config, Party { mark: mark.as_deref(), ..Party::new(&member, &key) });
    let decide = |seen: &Snapshot<'_>| {
        let mut decision = one_point(seen.account, named(fact.id.as_str()).into());
        if seen.marked {
            decision.account.lifetime_earned = seen.account.lifetime_earned;
        }
        Ok::<_, Infallible>(Decision { marks: !seen.marked, ..decision })
    };
    bench.store.commit(&commit, decide).await.unwrap()
}

async fn points(bench: &Bench) -> (u64, i64) {
    let account = bench.store.get_account(&program(), &member("m_1")).await.unwrap().unwrap_or_default();
    (account.version, account.lifetime_earned.get())
}

#[tokio::test]
async fn an_interaction_is_stored_once_and_shows_in_the_stream() {
    let bench = Bench::start().await;
    let (ada, open) = (member("m_1"), opened("i-1", "m-1"));
    let put = async |who: &str, open: &Interaction| {
        bench.store.put_fact(&program(), Some(&member(who)), &Fact::Interaction(open.clone()), noon()).await.unwrap()
    };
    assert_eq!(put("m_1", &open).await, PutFact::Stored);
    assert_eq!(put("m_1", &open).await, PutFact::Same);
    assert_eq!(put("m_1", &opened("i-1", "m-2")).await, PutFact::Different);
    assert_eq!(put("m_2", &open).await, PutFact::Different);
    let stored = bench.store.get_fact(&program(), &named("i-1")).await.unwrap().unwrap();
    assert_eq!(stored.fact, Fact::Interaction(open.clone()));
    assert_eq!((stored.member, stored.accepted_at), (Some(ada.clone()), noon()));
    assert!(bench.store.get_fact(&program(), &named("i-2")).await.unwrap().is_none());
    // A receipt of the same number is another fact.
    let receipt = ReceiptId::new("i-1").unwrap();
    assert!(bench.store.get_receipt_with_refunds(&program(), &receipt).await.unwrap().is_none());

    let items = bench.dynamodb.scan().table_name("facts").return_consumed_capacity("TOTAL".into()).send().await;
    let items = items.unwrap().items.unwrap();
    let [item] = &*items else { panic!("{items:?}") };
    let image = FactImage::read(item.clone()).unwrap().unwrap();
    let packed = tessera_domain::pack::pack(&open).unwrap();
    let (fact, waiting) = (named("i-1"), Vec::new());
    let expected = FactImage {
        program: program(),
        member: ada,
        fact,
        accepted_at: noon(),
        packed,
        waiting,
        moves: 0,
        decided_by: None,
    };
    assert_eq!(image, expected);
}

#[tokio::test]
async fn what_counts_once_is_marked_with_the_decision_that_counted_it() {
    let bench = Bench::start().await;
    commit(&bench, &opened("i-1", "m-1")).await;
    assert_eq!(points(&bench).await, (1, 1));
    // The same message, opened again: a decision of its own, no point.
    commit(&bench, &opened("i-2", "m-1")).await;
    assert_eq!(points(&bench).await, (2, 1));
    commit(&bench, &opened("i-3", "m-2")).await;
    assert_eq!(points(&bench).await, (3, 2));
    // A repeated fact changes nothing.
    assert!(matches!(commit(&bench, &opened("i-3", "m-2")).await, Committed::Already(_)));
    assert_eq!(points(&bench).await, (3, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_opens_of_one_message_count_once() {
    let bench = Bench::start().await;
    let opens: Vec<Interaction> = (0..16).map(|number| opened(&format!("i-{number}"), "m-1")).collect();
    join_all(opens.iter().map(|open| commit(&bench, open))).await;
    assert_eq!(points(&bench).await, (16, 1));
}

#[tokio::test]
async fn a_mark_is_not_left_behind_by_a_decision_that_failed() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["None", "TransactionConflict", "None"]));
    commit(&bench, &opened("i-1", "m-1")).await;
    assert!(bench.wire.is_over());
    assert_eq!(points(&bench).await, (1, 1));
}

#[tokio::test]
async fn the_profile_and_the_mark_come_with_the_account_in_one_read() {
    let bench = Bench::start().await;
    let (program, config) = (program(), config(5));
    let ada = bench.store.find_or_create_visitor(&active(), &customer("c-1"), noon()).await.unwrap().member;
    let key = EntryKey::fact(noon(), &named("i-1"));
    let party = Party { mark: Some("once"), profile: true, ..Party::new(&ada, &key) };
    let commit = Commit::for_one(&program, &config, party);
    bench.wire.forget();
    let decide = |seen: &Snapshot<'_>| {
        assert_eq!(seen.profile.map(|profile| profile.id.clone()), Some(customer("c-1").id));
        assert_eq!(seen.account.status, Status::Visitor);
        Ok::<_, Infallible>(one_point(seen.account, for_receipt("r")))
    };
    bench.store.commit(&commit, decide).await.unwrap();
    let used = bench.wire.used();
    assert_eq!(used.keys().collect::<Vec<_>>(), ["BatchGetItem", "TransactWriteItems"]);
    assert_eq!(used["BatchGetItem"].calls, 1);
    // Who does not ask for it does not pay for it.
    bench.wire.forget();
    let key = EntryKey::fact(noon(), &named("i-2"));
    let decide = |seen: &Snapshot<'_>| {
        assert!(seen.profile.is_none() && !seen.marked);
        Ok::<_, Infallible>(one_point(seen.account, for_receipt("r")))
    };
    bench.store.commit(&Commit::for_one(&program, &config, Party::new(&ada, &key)), decide).await.unwrap();
    assert_eq!(bench.wire.used()["GetItem"], Used { calls: 1, halves: 2 });
}

#[tokio::test]
async fn what_tier_changes_did_is_written_with_the_decision() {
    let bench = Bench::start().await;
    let (program, config, ada) = (program(), config(5), member("m_1"));
    let receipt = ReceiptId::new("r1").unwrap();
    let key = EntryKey::receipt(noon(), &receipt);
    let commit = Commit::for_one(&program, &config, Party::new(&ada, &key));
    let decide = |seen: &Snapshot<'_>| {
        let mut decision = one_point(seen.account, for_receipt("r1"));
        for _ in 0..2 {
            let cause = Cause::TierChange(Box::new(for_receipt("r1")));
            let change = one_point(&decision.account, cause);
            decision.account = change.account;
            decision.tier_changes.push(change.entry);
        }
        Ok::<_, Infallible>(decision)
    };
    bench.store.commit(&commit, decide).await.unwrap();
    assert!(matches!(bench.store.commit(&commit, decide).await.unwrap(), Committed::Already(_)));
    assert_eq!(points(&bench).await, (3, 3));
    // All of it stands in the receipt's history, in its order; and the receipt is one.
    let history = ReceiptHistory { at: noon(), receipt: &receipt, moves: 0 };
    let entries = bench.store.receipt_entries(&program, std::slice::from_ref(&ada), history).await.unwrap();
    let sequences: Vec<(u64, bool)> =
        entries.iter().map(|stored| (stored.entry.sequence, stored.entry.is_decision_on(&receipt))).collect();
    assert_eq!(sequences, [(1, true), (2, false), (3, false)]);
    let receipts = bench.store.member_receipts(&program, std::slice::from_ref(&ada), 50, None).await.unwrap();
    assert_eq!(receipts.items.len(), 1);
    // The next decision goes on from there.
    let next = EntryKey::fact(noon(), &named("i-1"));
    let commit = Commit::for_one(&program, &config, Party::new(&ada, &next));
    let decide = |seen: &Snapshot<'_>| Ok::<_, Infallible>(one_point(seen.account, for_receipt("r")));
    assert_eq!(bench.store.commit(&commit, decide).await.unwrap().entry().sequence, 4);
}
