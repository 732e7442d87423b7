use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures::future::join_all;
use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode};
use tessera_domain::decide::{Decision, MOST_COUPONS};
use tessera_domain::ids::{CouponCode, MemberId, ReceiptId, RefundId};
use tessera_domain::ledger::NamedCoupon;
use tessera_store::{Commit, CommitError, Committed, EntryKey, Party, ReceiptHistory, Snapshot, StoreError};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{config, coupon, for_receipt, member, noon, one_point, program, with_coupon};

fn key(receipt: &str) -> EntryKey {
    EntryKey::receipt(noon(), &ReceiptId::new(receipt).unwrap())
}

/// Commits one point for a receipt, and tells what became of it.
async fn commit(bench: &Bench, receipt: &str) -> Result<Committed, CommitError<Infallible>> {
    let (program, config, member, key) = (program(), config(5), member("m_1"), key(receipt));
    let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
    bench.store.commit(&commit, |seen| Ok(one_point(seen.account, for_receipt(receipt)))).await
}

async fn points(bench: &Bench) -> (u64, i64) {
    let account = bench.store.get_account(&program(), &member("m_1")).await.unwrap().unwrap_or_default();
    (account.version, account.lifetime_earned.get())
}

#[tokio::test]
async fn a_fact_is_committed_once() {
    let bench = Bench::start().await;
    let Committed::Now(first) = commit(&bench, "r1").await.unwrap() else { panic!("it was there already") };
    let Committed::Already(second) = commit(&bench, "r1").await.unwrap() else { panic!("it was written twice") };
    assert_eq!(first.entry, *second);
    commit(&bench, "r2").await.unwrap();
    assert_eq!(points(&bench).await, (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_facts_of_one_member_are_all_counted() {
    let bench = Bench::start().await;
    let ids: Vec<String> = (0..32).map(|number| format!("r{number}")).collect();
    let ends = join_all(ids.iter().map(|id| commit(&bench, id))).await;
    assert!(ends.iter().all(|end| matches!(end, Ok(Committed::Now(_)))), "{ends:?}");
    assert_eq!(points(&bench).await, (32, 32));
    let entries = bench.store.entries(&program(), &[member("m_1")], 100, None).await.unwrap();
    let mut sequences: Vec<u64> = entries.items.iter().map(|stored| stored.entry.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=32).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_fact_from_many_senders_is_one() {
    let bench = Bench::start().await;
    let ends = join_all((0..32).map(|_| commit(&bench, "r1"))).await;
    let now = ends.iter().filter(|end| matches!(end, Ok(Committed::Now(_)))).count();
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    assert_eq!(now, 1);
    assert_eq!(points(&bench).await, (1, 1));
}

#[tokio::test]
async fn a_passing_obstacle_is_waited_for() {
    let bench = Bench::start().await;
    for reasons in [
        vec!["None", "TransactionConflict"],
        vec!["ThrottlingError", "None"],
        vec!["None", "ProvisionedThroughputExceeded"],
    ] {
        bench.wire.plan("TransactWriteItems", Fault::Cancelled(reasons));
    }
    assert!(matches!(commit(&bench, "r1").await.unwrap(), Committed::Now(_)));
    assert!(bench.wire.is_over());
    assert_eq!(points(&bench).await, (1, 1));
    assert_eq!(bench.wire.used()["TransactWriteItems"].calls, 4);
}

#[tokio::test]
async fn an_obstacle_that_stays_is_given_up() {
    let bench = Bench::start().await;
    for _ in 0..16 {
        bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["None", "TransactionConflict"]));
    }
    let end = commit(&bench, "r1").await;
    let Err(CommitError::Store(error @ StoreError::Contended { .. })) = end else { panic!("{end:?}") };
    assert!(error.is_transient());
    assert_eq!(points(&bench).await, (0, 0));
}

#[tokio::test]
async fn a_refused_transaction_is_a_failure_at_once() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["None", "ValidationError"]));
    assert!(matches!(commit(&bench, "r1").await, Err(CommitError::Store(StoreError::Call { .. }))));
    assert!(bench.wire.is_over());
}

#[tokio::test]
async fn a_lost_reply_ends_well() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::LostReply);
    assert!(matches!(commit(&bench, "r1").await, Err(CommitError::Store(StoreError::Call { .. }))));
    // The caller tries again, and meets its own entry.
    let Committed::Already(entry) = commit(&bench, "r1").await.unwrap() else { panic!("it was written twice") };
    assert_eq!(entry.sequence, 1);
    assert_eq!(points(&bench).await, (1, 1));
}

#[tokio::test]
async fn a_transaction_that_the_sdk_sends_twice_is_one() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::LostOnTheWay);
    assert_eq!(commit(&bench, "r1").await.unwrap().entry().sequence, 1);
    assert!(bench.wire.is_over());
    assert_eq!(points(&bench).await, (1, 1));
}

#[tokio::test]
async fn what_is_impossible_because_it_was_done_was_done() {
    let bench = Bench::start().await;
    let (program, config, member) = (program(), config(5), member("m_1"));
    let key = EntryKey::coupon(noon(), "call-1");
    let spend_once = |seen: &tessera_store::Snapshot<'_>| {
        if seen.account.version == 0 { Ok(one_point(seen.account, for_receipt("r"))) } else { Err("insufficient") }
    };
    let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
    assert!(matches!(bench.store.commit(&commit, spend_once).await, Ok(Committed::Now(_))));
    assert!(matches!(bench.store.commit(&commit, spend_once).await, Ok(Committed::Already(_))));
    let other = EntryKey::coupon(noon(), "call-2");
    let commit = Commit::for_one(&program, &config, Party::new(&member, &other));
    assert!(matches!(bench.store.commit(&commit, spend_once).await, Err(CommitError::Refused("insufficient"))));
}

#[tokio::test]
async fn a_code_that_is_taken_is_drawn_again() {
    let bench = Bench::start().await;
    let (program, config) = (program(), config(5));
    for (owner, receipt) in [("m_1", "r1"), ("m_2", "r2")] {
        let (owner, key, tries) = (member(owner), key(receipt), AtomicU32::new(0));
        let commit = Commit::for_one(&program, &config, Party::new(&owner, &key));
        let end = bench.store.commit(&commit, |seen| {
            let code = format!("CODE-{}", tries.fetch_add(1, Ordering::Relaxed));
            Ok::<_, Infallible>(with_coupon(seen, for_receipt(receipt), &code, &owner))
        });
        assert!(matches!(end.await.unwrap(), Committed::Now(_)));
    }
    let owner = |code: &str| {
        let (store, program, code) = (bench.store.clone(), program.clone(), FoldedCode::parse(code).unwrap());
        async move { store.get_coupon(&program, &code).await.unwrap().map(|coupon| coupon.member) }
    };
    assert_eq!(owner("CODE-0").await, Some(member("m_1")));
    assert_eq!(owner("CODE-1").await, Some(member("m_2")));
    assert_eq!(owner("CODE-2").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_that_changed_meanwhile_is_seen_anew() {
    let bench = Bench::start().await;
    let (program, config, owner) = (program(), config(5), member("m_1"));
    let issue = key("r1");
    let commit = Commit::for_one(&program, &config, Party::new(&owner, &issue));
    bench
        .store
        .commit(&commit, |seen| Ok::<_, Infallible>(with_coupon(seen, for_receipt("r1"), "CODE-1", &owner)))
        .await
        .unwrap();

    let code = CouponCode::new("CODE-1").unwrap();
    let use_it = key("r2");
    let twice = [code.clone(), code.clone()];
    let commit = Commit::for_one(&program, &config, Party { coupons: &twice, ..Party::new(&owner, &use_it) });
    // A till uses the coupon between the reading and the transaction.
    let (store, first) = (bench.store.clone(), AtomicU32::new(0));
    let seen_status = std::sync::Mutex::new(Vec::new());
    let end = bench.store.commit(&commit, |seen| {
        let [coupon] = seen.coupons else { panic!("{:?}", seen.coupons) };
        seen_status.lock().unwrap().push(coupon.status);
        if first.fetch_add(1, Ordering::Relaxed) == 0 {
            let applied = store.change_coupon(&program, &code, |coupon| {
                Ok::<_, Infallible>(Coupon { status: CouponStatus::Applied, ..coupon.clone() })
            });
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(applied)).unwrap();
        }
        let mut decision = one_point(seen.account, for_receipt("r2"));
        let used = Coupon { status: CouponStatus::Used, ..coupon.clone() };
        decision.changed.push((coupon.clone(), used));
        Ok::<_, Infallible>(decision)
    });
    assert!(matches!(end.await.unwrap(), Committed::Now(_)));
    assert_eq!(*seen_status.lock().unwrap(), [CouponStatus::Available, CouponStatus::Applied]);
    let coupon = bench.store.get_coupon(&program, &FoldedCode::from(&code)).await.unwrap().unwrap();
    assert_eq!(coupon.status, CouponStatus::Used);
}

#[tokio::test]
async fn a_refund_sees_the_receipts_entries_and_the_members_coupons() {
    let bench = Bench::start().await;
    let (program, config, owner) = (program(), config(5), member("m_1"));
    let receipt = ReceiptId::new("r1").unwrap();
    let issue = key("r1");
    let given = |seen: &tessera_store::Snapshot<'_>| {
        let mut decision = with_coupon(seen, for_receipt("r1"), "CODE-1", &owner);
        decision.issued.push(coupon("CODE-2", &owner));
        let (code, reward) = (CouponCode::new("CODE-1").unwrap(), crate::shop::reward());
        decision.entry.coupons.push(NamedCoupon { code, reward });
        Ok::<_, Infallible>(decision)
    };
    bench.store.commit(&Commit::for_one(&program, &config, Party::new(&owner, &issue)), given).await.unwrap();
    // Another receipt, whose identifier begins like it.
    commit(&bench, "r11").await.unwrap();

    let key = EntryKey::refund(noon(), &receipt, &RefundId::new("f1").unwrap());
    let history = ReceiptHistory { at: noon(), receipt: &receipt, moves: 0 };
    let commit = Commit::for_one(&program, &config, Party { history: Some(history), ..Party::new(&owner, &key) });
    let end = bench.store.commit(&commit, |seen| {
        assert_eq!(seen.history.len(), 1);
        let codes: Vec<&str> = seen.coupons.iter().map(|coupon| coupon.code.as_str()).collect();
        // All of the member's: any of them may have been given by a rule that is recounted, or have paid.
        assert_eq!(codes, ["CODE-1", "CODE-2"]);
        Ok::<_, Infallible>(one_point(seen.account, for_receipt("r1")))
    });
    assert!(matches!(end.await.unwrap(), Committed::Now(_)));
    let entries = bench.store.receipt_entries(&program, std::slice::from_ref(&owner), history).await.unwrap();
    assert_eq!(entries.iter().map(|stored| stored.entry.sequence).collect::<Vec<_>>(), [1, 3]);
}

/// Issues as many coupons as the supply allows, at most `wanted`.
fn issue(seen: &Snapshot<'_>, wanted: usize, prefix: &str, owner: &MemberId) -> Decision {
    let mut decision = one_point(seen.account, for_receipt("r1"));
    let issued = wanted.min(seen.supply.coupons);
    decision.issued = (0..issued).map(|number| coupon(&format!("{prefix}-{number}"), owner)).collect();
    decision
}

#[tokio::test]
async fn ninety_coupons_are_one_transaction() {
    let bench = Bench::start().await;
    let (program, config, owner, key) = (program(), config(5), member("m_1"), key("r1"));
    let commit = Commit::for_one(&program, &config, Party::new(&owner, &key));
    let end = bench.store.commit(&commit, |seen| Ok::<_, Infallible>(issue(seen, 250, "CODE", &owner))).await.unwrap();
    let Committed::Now(decision) = end else { panic!("it was committed before") };
    assert_eq!(decision.issued.len(), MOST_COUPONS);
    for coupon in &decision.issued {
        assert_eq!(
            bench.store.get_coupon(&program, &FoldedCode::from(&coupon.code)).await.unwrap().as_ref(),
            Some(coupon)
        );
    }
    assert_eq!(
        bench.store.coupons(&program, std::slice::from_ref(&owner), 100, None).await.unwrap().items.len(),
        MOST_COUPONS
    );
}

#[tokio::test]
async fn a_code_that_is_taken_is_drawn_again_also_where_codes_are_claimed_before() {
    let bench = Bench::start().await;
    let (program, config, first, second) = (program(), config(5), member("m_1"), member("m_2"));
    let (earlier, later) = (key("r0"), key("r1"));
    let commit = Commit::for_one(&program, &config, Party::new(&first, &earlier));
    let taken = |seen: &Snapshot<'_>| Ok::<_, Infallible>(with_coupon(seen, for_receipt("r0"), "CODE-80", &first));
    bench.store.commit(&commit, taken).await.unwrap();
    let attempts = AtomicUsize::new(0);
    let commit = Commit::for_one(&program, &config, Party::new(&second, &later));
    let end = bench.store.commit(&commit, |seen| {
        let prefix = if attempts.fetch_add(1, Ordering::Relaxed) == 0 { "CODE" } else { "NEW" };
        Ok::<_, Infallible>(issue(seen, 90, prefix, &second))
    });
    let Committed::Now(decision) = end.await.unwrap() else { panic!("it was committed before") };
    assert!(decision.issued.iter().all(|coupon| coupon.code.as_str().starts_with("NEW")));
    let other = bench.store.get_coupon(&program, &FoldedCode::parse("CODE-80").unwrap()).await.unwrap().unwrap();
    assert_eq!(other.member, first);
    // Codes that were claimed in vain lead nowhere.
    assert_eq!(bench.store.get_coupon(&program, &FoldedCode::parse("CODE-1").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn large_coupons_are_as_many_as_four_megabytes_hold() {
    let bench = Bench::start().await;
    let (program, config, owner, key) = (program(), config(5), member("m_1"), key("r1"));
    let commit = Commit::for_one(&program, &config, Party::new(&owner, &key));
    let end = bench.store.commit(&commit, |seen| {
        let mut decision = issue(seen, 90, "CODE", &owner);
        for coupon in &mut decision.issued {
            coupon.discount.value = Some("x".repeat(100_000));
        }
        Ok::<_, Infallible>(decision)
    });
    let Committed::Now(decision) = end.await.unwrap() else { panic!("it was committed before") };
    assert_eq!(decision.issued.len(), 39);
}

#[tokio::test]
async fn what_no_item_or_transaction_holds_is_refused_as_a_full_account() {
    let bench = Bench::start().await;
    let (program, config, owner, key) = (program(), config(5), member("m_1"), key("r1"));
    let commit = Commit::for_one(&program, &config, Party::new(&owner, &key));
    let large = bench.store.commit(&commit, |seen| {
        let mut decision = one_point(seen.account, for_receipt("r1"));
        decision.entry.ignored.push((CouponCode::new("CODE").unwrap(), "x".repeat(400_000)));
        Ok::<_, Infallible>(decision)
    });
    assert!(matches!(large.await, Err(CommitError::Store(StoreError::AccountFull { .. }))));
    let many = bench.store.commit(&commit, |seen| {
        let mut decision = one_point(seen.account, for_receipt("r1"));
        decision.tier_changes = vec![decision.entry.clone(); 99];
        Ok::<_, Infallible>(decision)
    });
    assert!(matches!(many.await, Err(CommitError::Store(StoreError::AccountFull { .. }))));
}

/// Handlers run on many threads: what the store does must be able to move between them.
#[test]
fn a_commit_can_be_spawned() {
    const fn is_send<T: Send>(_: &T) {}
    async fn handler(store: tessera_store::Store) {
        let (program, config, member, key) = (program(), config(5), member("m_1"), key("r"));
        let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
        let _ = store.commit(&commit, |seen| Ok::<_, Infallible>(one_point(seen.account, for_receipt("r")))).await;
    }
    let _ = |store| is_send(&handler(store));
}
