use futures::future::join_all;
use jiff::Timestamp;
use tessera_domain::fact::{Fact, FactId, FactKind};
use tessera_domain::ids::{MemberId, ReceiptId, RefundId};
use tessera_store::{Claim, FactImage, PutFact};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{member, noon, program, receipt, refund};

async fn put(bench: &Bench, id: &str, total: &str, of: Option<&MemberId>) -> PutFact {
    bench.store.put_fact(&program(), of, &Fact::Receipt(receipt(id, total)), noon()).await.unwrap()
}

async fn give_back(bench: &Bench, of: Option<&MemberId>, id: &str, amount: &str) -> PutFact {
    let fact = Fact::Refund { receipt: r1(), refund: refund(id, amount) };
    bench.store.put_fact(&program(), of, &fact, noon()).await.unwrap()
}

fn r1() -> ReceiptId {
    ReceiptId::new("r1").unwrap()
}

fn ids(ids: &[&str]) -> Vec<RefundId> {
    ids.iter().map(|id| RefundId::new(*id).unwrap()).collect()
}

/// Refunds of the receipt.
fn refunds(of_receipt: &[&str]) -> Vec<FactId> {
    ids(of_receipt).into_iter().map(|refund| FactId::Refund { receipt: r1(), refund }).collect()
}

/// The images of all facts that a reader of the stream would act on, as they are now.
async fn images(bench: &Bench) -> Vec<FactImage> {
    let output =
        bench.dynamodb.scan().table_name("facts").return_consumed_capacity("TOTAL".into()).send().await.unwrap();
    let images = output.items.unwrap().into_iter().filter_map(|item| FactImage::read(item).unwrap());
    images.collect()
}

#[tokio::test]
async fn a_receipt_is_stored_once() {
    let bench = Bench::start().await;
    let ada = member("m_1");
    assert_eq!(put(&bench, "r1", "21.90", Some(&ada)).await, PutFact::Stored);
    assert_eq!(put(&bench, "r1", "21.90", Some(&ada)).await, PutFact::Same);
    assert_eq!(put(&bench, "r1", "21.91", Some(&ada)).await, PutFact::Different);
    assert_eq!(put(&bench, "r1", "21.90", Some(&member("m_2"))).await, PutFact::Different);
    assert_eq!(put(&bench, "r1", "21.90", None).await, PutFact::Different);
    let stored = bench.store.get_receipt_with_refunds(&program(), &r1()).await.unwrap().unwrap();
    assert_eq!((stored.receipt, stored.member, stored.accepted_at), (receipt("r1", "21.90"), Some(ada), noon()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_receipt_from_many_senders_is_one() {
    let bench = Bench::start().await;
    let ada = member("m_1");
    let ends = join_all((0..32).map(|_| put(&bench, "r1", "5.00", Some(&ada)))).await;
    assert_eq!(ends.iter().filter(|end| **end == PutFact::Stored).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == PutFact::Same).count(), 31);
}

#[tokio::test]
async fn a_refund_is_stored_once() {
    let bench = Bench::start().await;
    let ada = member("m_1");
    put(&bench, "r1", "21.90", Some(&ada)).await;
    bench.wire.forget();
    assert_eq!(give_back(&bench, Some(&ada), "f1", "5.00").await, PutFact::Stored);
    assert_eq!(bench.wire.used().keys().collect::<Vec<_>>(), ["PutItem"]);
    assert_eq!(give_back(&bench, Some(&ada), "f1", "5.00").await, PutFact::Same);
    assert_eq!(give_back(&bench, Some(&ada), "f1", "6.00").await, PutFact::Different);
    // Who has not looked finds out.
    assert_eq!(give_back(&bench, None, "f2", "1.00").await, PutFact::Stored);
    assert_eq!(give_back(&bench, None, "f2", "1.00").await, PutFact::Same);
    let stored = bench.store.get_receipt_with_refunds(&program(), &r1()).await.unwrap().unwrap();
    let refunds: Vec<_> = stored.refunds.iter().map(|stored| (stored.refund.id.clone(), stored.waited)).collect();
    assert_eq!(refunds, [(ids(&["f1"])[0].clone(), false), (ids(&["f2"])[0].clone(), false)]);
    assert_eq!(images(&bench).await.len(), 3);
}

#[tokio::test]
async fn refunds_before_their_receipt_wait_for_it() {
    let bench = Bench::start().await;
    let ada = member("m_1");
    assert_eq!(give_back(&bench, None, "f2", "5.00").await, PutFact::Waiting);
    assert_eq!(give_back(&bench, None, "f1", "6.00").await, PutFact::Waiting);
    assert_eq!(give_back(&bench, None, "f1", "6.00").await, PutFact::Same);
    assert_eq!(give_back(&bench, None, "f1", "7.00").await, PutFact::Different);
    assert_eq!(bench.store.get_receipt_with_refunds(&program(), &r1()).await.unwrap(), None);
    assert_eq!(images(&bench).await, []);

    assert_eq!(put(&bench, "r1", "21.90", Some(&ada)).await, PutFact::Stored);
    assert_eq!(put(&bench, "r1", "21.90", Some(&ada)).await, PutFact::Same);
    let stored = bench.store.get_receipt_with_refunds(&program(), &r1()).await.unwrap().unwrap();
    assert_eq!(stored.early, ids(&["f2", "f1"]));
    let [image] = &*images(&bench).await else { panic!("one is due") };
    assert_eq!((&image.member, &image.waiting), (&ada, &refunds(&["f2", "f1"])));
    assert_eq!(Fact::unpack(&image.fact, &image.packed).unwrap(), Fact::Receipt(receipt("r1", "21.90")));
}

#[tokio::test]
async fn a_transaction_in_the_way_of_a_refund_is_waited_for() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["None", "TransactionConflict"]));
    assert_eq!(give_back(&bench, None, "f1", "5.00").await, PutFact::Waiting);
    bench.wire.plan("PutItem", Fault::Refused("TransactionConflictException"));
    assert_eq!(put(&bench, "r1", "21.90", Some(&member("m_1"))).await, PutFact::Stored);
    assert!(bench.wire.is_over());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_refund_is_lost_however_it_meets_its_receipt() {
    for round in 0..20 {
        let bench = Bench::start().await;
        let ada = member("m_1");
        let names: Vec<String> = (0..4).map(|number| format!("f{number}")).collect();
        let returns = join_all(names.iter().map(|name| give_back(&bench, None, name, "1.00")));
        let (ends, stored) = tokio::join!(returns, put(&bench, "r1", "21.90", Some(&ada)));
        assert_eq!(stored, PutFact::Stored, "round {round}");
        let images = images(&bench).await;
        let all = images.iter().flat_map(FactImage::facts);
        let mut due: Vec<FactId> = all.filter(|fact| fact.kind() == FactKind::Refund).cloned().collect();
        due.sort_unstable();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(due, refunds(&names), "{ends:?}");
    }
}

#[tokio::test]
async fn an_anonymous_receipt_is_claimed_once_with_its_refunds() {
    let bench = Bench::start().await;
    let (ada, bob) = (member("m_1"), member("m_2"));
    let claim = |who: MemberId| {
        let store = bench.store.clone();
        async move { store.claim_receipt(&program(), &r1(), &who).await.unwrap() }
    };
    assert_eq!(claim(ada.clone()).await, Claim::Unknown);
    assert_eq!(give_back(&bench, None, "f1", "1.00").await, PutFact::Waiting);
    assert_eq!(claim(ada.clone()).await, Claim::Unknown);
    assert_eq!(put(&bench, "r1", "21.90", None).await, PutFact::Stored);
    assert_eq!(give_back(&bench, None, "f2", "1.00").await, PutFact::Waiting);
    assert_eq!(images(&bench).await, []);

    assert_eq!(claim(ada.clone()).await, Claim::Claimed);
    assert_eq!(claim(ada.clone()).await, Claim::Already);
    assert_eq!(claim(bob).await, Claim::Other);
    let [image] = &*images(&bench).await else { panic!("one is due") };
    assert_eq!((&image.member, &image.waiting), (&ada, &refunds(&["f1", "f2"])));
    // It was anonymous when it came, and comes again like that.
    assert_eq!(put(&bench, "r1", "21.90", None).await, PutFact::Same);
    assert_eq!(give_back(&bench, None, "f3", "1.00").await, PutFact::Stored);
}

#[tokio::test]
async fn times_are_kept_to_the_millisecond() {
    let bench = Bench::start().await;
    let fine: Timestamp = "2026-03-01T09:15:00.123456789Z".parse().unwrap();
    let precise = tessera_domain::fact::Receipt { occurred_at: fine, ..receipt("r1", "1.00") };
    bench.store.put_fact(&program(), None, &Fact::Receipt(precise.clone()), fine).await.unwrap();
    let stored = bench.store.get_receipt_with_refunds(&program(), &r1()).await.unwrap().unwrap();
    assert_eq!(stored.receipt.occurred_at, "2026-03-01T09:15:00.123Z".parse().unwrap());
    // Sent again, it is the same one.
    let again = bench.store.put_fact(&program(), None, &Fact::Receipt(precise.clone()), fine).await.unwrap();
    assert_eq!(again, PutFact::Same);
}
