//! Decisions that change two accounts: both are written, or neither.

use std::collections::BTreeSet;
use std::convert::Infallible;

use futures::future::join_all;
use tessera_domain::account::Account;
use tessera_domain::decide::Decision;
use tessera_domain::ids::MemberId;
use tessera_domain::ledger::Cause;
use tessera_domain::points::Points;
use tessera_store::{Commit, CommitError, Committed, EntryKey, Party, Snapshot, StoreError};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{config, member, noon, one_point, program, with_coupon};

/// An adjustment that changes the points of an account by hand.
fn transfer(account: &Account, delta: i64) -> Decision {
    let cause = Cause::Adjustment { actor: "test".to_owned(), reason: "transfer".to_owned() };
    let mut decision = one_point(account, cause);
    decision.account.lifetime_earned = account.lifetime_earned.plus(Points::new(delta));
    decision.entry.balance = decision.account.lifetime_earned;
    decision
}

/// Moves one point from a member to another.
async fn move_one(
    bench: &Bench,
    from: &MemberId,
    to: &MemberId,
    key: &EntryKey,
) -> Result<[Committed; 2], CommitError<Infallible>> {
    let (program, config) = (program(), config(5));
    let parties = [Party::new(from, key), Party::new(to, key)];
    let commit = Commit { program: &program, config: &config, parties };
    bench.store.commit_all(&commit, |[from, to]| Ok([transfer(from.account, -1), transfer(to.account, 1)])).await
}

async fn points(bench: &Bench, of: &MemberId) -> (u64, i64) {
    let account = bench.store.get_account(&program(), of).await.unwrap().unwrap_or_default();
    (account.version, account.lifetime_earned.get())
}

#[tokio::test]
async fn both_accounts_change_in_one_transaction() {
    let bench = Bench::start().await;
    let (ada, bea, key) = (member("m_1"), member("m_2"), EntryKey::adjustment(noon(), "1"));
    bench.wire.forget();
    let [from, to] = move_one(&bench, &ada, &bea, &key).await.unwrap();
    let used = bench.wire.used();
    assert_eq!((used["GetItem"].calls, used["TransactWriteItems"].calls), (2, 1));
    assert_eq!((from.entry().sequence, to.entry().sequence), (1, 1));
    assert_eq!((points(&bench, &ada).await, points(&bench, &bea).await), ((1, -1), (1, 1)));
    let again = move_one(&bench, &ada, &bea, &key).await.unwrap();
    assert!(again.iter().all(|end| matches!(end, Committed::Already(_))));
    assert_eq!([again[0].entry(), again[1].entry()], [from.entry(), to.entry()]);
    assert_eq!((points(&bench, &ada).await, points(&bench, &bea).await), ((1, -1), (1, 1)));
}

#[tokio::test]
async fn a_refused_decision_changes_neither_account() {
    let bench = Bench::start().await;
    let (program, config) = (program(), config(5));
    let (ada, bea, key) = (member("m_1"), member("m_2"), EntryKey::adjustment(noon(), "1"));
    let parties = [Party::new(&ada, &key), Party::new(&bea, &key)];
    let commit = Commit { program: &program, config: &config, parties };
    let decide = |_: &[Snapshot<'_>; 2]| Err::<[Decision; 2], _>("insufficient");
    assert!(matches!(bench.store.commit_all(&commit, decide).await, Err(CommitError::Refused("insufficient"))));
    move_one(&bench, &ada, &bea, &key).await.unwrap();
    // What is impossible because it was done was done.
    let again = bench.store.commit_all(&commit, decide).await.unwrap();
    assert!(again.iter().all(|end| matches!(end, Committed::Already(_))));
}

#[tokio::test]
async fn one_member_cannot_be_both_parties() {
    let bench = Bench::start().await;
    let (ada, key) = (member("m_1"), EntryKey::adjustment(noon(), "1"));
    let end = move_one(&bench, &ada, &ada, &key).await;
    assert!(matches!(end, Err(CommitError::Store(StoreError::OneMember { .. }))), "{end:?}");
    assert_eq!(points(&bench, &ada).await, (0, 0));
}

#[tokio::test]
async fn a_fault_at_any_call_loses_and_doubles_nothing() {
    let faults = [
        ("GetItem", Fault::Refused("InternalServerError"), 0),
        ("GetItem", Fault::Refused("ValidationException"), 0),
        ("GetItem", Fault::Refused("ValidationException"), 1),
        ("GetItem", Fault::LostReply, 1),
        ("TransactWriteItems", Fault::Cancelled(vec!["None", "TransactionConflict", "None", "None"]), 0),
        ("TransactWriteItems", Fault::Cancelled(vec!["None", "None", "None", "ConditionalCheckFailed"]), 0),
        ("TransactWriteItems", Fault::Cancelled(vec!["None", "None", "ConditionalCheckFailed", "None"]), 0),
        ("TransactWriteItems", Fault::Refused("ValidationException"), 0),
        ("TransactWriteItems", Fault::LostReply, 0),
        ("TransactWriteItems", Fault::LostOnTheWay, 0),
    ];
    for (operation, fault, calls_before) in faults {
        let bench = Bench::start().await;
        let (ada, bea, key) = (member("m_1"), member("m_2"), EntryKey::adjustment(noon(), "1"));
        let harmless = Fault::LostOnTheWay;
        for _ in 0..calls_before {
            bench.wire.plan(operation, harmless.clone());
        }
        bench.wire.plan(operation, fault.clone());
        let mut ended = false;
        for _ in 0..3 {
            ended |= move_one(&bench, &ada, &bea, &key).await.is_ok();
        }
        assert!(ended && bench.wire.is_over(), "{operation}: {fault:?}");
        let ends = (points(&bench, &ada).await, points(&bench, &bea).await);
        assert_eq!(ends, ((1, -1), (1, 1)), "{operation}: {fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_commits_in_both_directions_end_balanced() {
    let bench = Bench::start().await;
    let (ada, bea) = (member("m_1"), member("m_2"));
    let mut left: Vec<usize> = (0..32).collect();
    // A commit that stays contended is repeated under its own key, as a queue or a client would.
    for _ in 0..40 {
        let commits = left.iter().map(|n| {
            let (from, to) = if n % 2 == 0 { (&ada, &bea) } else { (&bea, &ada) };
            let (bench, key) = (&bench, EntryKey::adjustment(noon(), &n.to_string()));
            async move { (*n, move_one(bench, from, to, &key).await) }
        });
        let ends = join_all(commits).await;
        let contended = |end: &Result<_, CommitError<Infallible>>| {
            matches!(end, Err(CommitError::Store(StoreError::Contended { .. })))
        };
        assert!(ends.iter().all(|(_, end)| end.is_ok() || contended(end)), "{ends:?}");
        left = ends.into_iter().filter(|(_, end)| end.is_err()).map(|(n, _)| n).collect();
        if left.is_empty() {
            break;
        }
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!((points(&bench, &ada).await, points(&bench, &bea).await), ((32, 0), (32, 0)));
    for of in [&ada, &bea] {
        let page = bench.store.entries(&program(), std::slice::from_ref(of), 100, None).await.unwrap();
        let sequences: BTreeSet<u64> = page.items.iter().map(|stored| stored.entry.sequence).collect();
        assert_eq!(sequences, (1..=32).collect());
    }
}

#[tokio::test]
async fn two_parties_share_a_stock() {
    let bench = Bench::start().await;
    let (program, config) = (program(), config(1));
    let (ada, bea, key) = (member("m_1"), member("m_2"), EntryKey::adjustment(noon(), "1"));
    let parties = [Party::new(&ada, &key), Party::new(&bea, &key)];
    let commit = Commit { program: &program, config: &config, parties };
    let give = |party: &Snapshot<'_>, code: &str| {
        let mut decision = transfer(party.account, 1);
        if party.supply.has_unit(&crate::shop::reward(), 0) {
            decision = with_coupon(party, decision.entry.cause, code, party.member);
            decision.stock.push(crate::shop::reward());
        }
        decision
    };
    let decide = |[ada, bea]: &[Snapshot<'_>; 2]| Ok::<_, Infallible>([give(ada, "CODE-1"), give(bea, "CODE-2")]);
    bench.store.commit_all(&commit, decide).await.unwrap();
    let coupons = async |of: &MemberId| {
        bench.store.coupons(&program, std::slice::from_ref(of), 10, None).await.unwrap().items.len()
    };
    assert_eq!((coupons(&ada).await, coupons(&bea).await), (1, 0));
}
