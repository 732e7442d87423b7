use std::convert::Infallible;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode};
use tessera_domain::ids::{CouponCode, ReceiptId};
use tessera_store::{Commit, Committed, EntryKey, Party};

use crate::bench::Bench;
use crate::shop::{config, coupon, for_receipt, member, noon, one_point, program, reward};

/// Gives a member so many units; none at all when there are not so many. Tells how many were given.
pub async fn take(bench: &Bench, stock: u32, units: usize, who: &str) -> usize {
    let (program, config, member) = (program(), config(stock), member(who));
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap());
    let end = bench
        .store
        .commit(&Commit::for_one(&program, &config, Party::new(&member, &key)), |seen| {
            let mut decision = one_point(seen.account, for_receipt("r"));
            if seen.supply.has_unit(&reward(), units - 1) {
                let codes = (0..units).map(|number| format!("{who}-{number}"));
                decision.issued = codes.map(|code| coupon(&code, &member)).collect();
                decision.stock = vec![reward(); units];
            }
            Ok::<_, Infallible>(decision)
        })
        .await
        .unwrap();
    match end {
        Committed::Now(decision) => decision.issued.len(),
        Committed::Already(_) => panic!("{who} had it already"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_is_never_oversold_and_wholly_sold() {
    for stock in [1, 5, 40] {
        let bench = Bench::start().await;
        let takers: Vec<String> = (0..50).map(|number| format!("m_{number}")).collect();
        let given = join_all(takers.iter().map(|who| take(&bench, stock, 1, who))).await;
        assert_eq!(given.iter().sum::<usize>(), (stock as usize).min(50), "of {stock}");
    }
}

#[tokio::test]
async fn the_last_units_are_found_wherever_they_are() {
    let bench = Bench::start().await;
    assert_eq!(take(&bench, 20, 17, "m_1").await, 17);
    assert_eq!(take(&bench, 20, 4, "m_2").await, 0);
    assert_eq!(take(&bench, 20, 2, "m_3").await, 2);
    assert_eq!(take(&bench, 20, 1, "m_4").await, 1);
    assert_eq!(take(&bench, 20, 1, "m_5").await, 0);
    // The merchant raises the stock.
    assert_eq!(take(&bench, 22, 2, "m_6").await, 2);
    assert_eq!(take(&bench, 22, 1, "m_7").await, 0);
}

/// Reserves a unit for a member until a moment.
async fn reserve(bench: &Bench, stock: u32, who: &str, until: Timestamp) -> bool {
    let (program, config, member) = (program(), config(stock), member(who));
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap());
    let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
    let end = bench.store.commit(&commit, |seen| {
        if !seen.supply.has_unit(&reward(), 0) {
            return Err(());
        }
        let mut decision = one_point(seen.account, for_receipt("r"));
        let reserved = coupon(&format!("HELD-{who}"), &member);
        decision.issued = vec![Coupon { status: CouponStatus::Reserved, until: Some(until), ..reserved }];
        decision.stock = vec![reward()];
        Ok(decision)
    });
    end.await.is_ok()
}

fn minutes(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

async fn sold_out(bench: &Bench, stock: u32) -> bool {
    bench.store.sold_out(&program(), &config(stock)).await.unwrap().contains(&reward())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_that_lapsed_frees_its_unit_once() {
    let bench = Bench::start().await;
    // Decisions are made at noon: one of these reservations has lapsed by then, one has not.
    assert!(reserve(&bench, 2, "m_lapsed", minutes(-1)).await);
    assert!(reserve(&bench, 2, "m_open", minutes(1)).await);
    assert!(sold_out(&bench, 2).await);
    let takers: Vec<String> = (0..8).map(|number| format!("m_{number}")).collect();
    let given = join_all(takers.iter().map(|who| take(&bench, 2, 1, who))).await;
    assert_eq!(given.iter().sum::<usize>(), 1);
    assert_eq!(bench.store.free_lapsed(&program(), &reward(), noon()).await.unwrap(), 0);
    let code = FoldedCode::parse("HELD-m_lapsed").unwrap();
    let lapsed = bench.store.get_coupon(&program(), &code).await.unwrap().unwrap();
    assert_eq!(lapsed.status, CouponStatus::Lapsed);
    assert!(sold_out(&bench, 2).await);
    // Two who free at once free one.
    let (one, other) = (minutes(2), minutes(3));
    let (program, reward) = (program(), reward());
    let free = |now| bench.store.free_lapsed(&program, &reward, now);
    let (a, b) = tokio::join!(free(one), free(other));
    assert_eq!(a.unwrap() + b.unwrap(), 1);
    assert!(!sold_out(&bench, 2).await);
    assert_eq!(take(&bench, 2, 1, "m_late").await, 1);
    assert!(sold_out(&bench, 2).await);
}

#[tokio::test]
async fn a_reservation_that_was_committed_keeps_its_unit() {
    let bench = Bench::start().await;
    assert!(reserve(&bench, 1, "m_1", minutes(-1)).await);
    let code = CouponCode::new("HELD-m_1").unwrap();
    let commit =
        |held: &Coupon| Ok::<_, Infallible>(Coupon { status: CouponStatus::Available, until: None, ..held.clone() });
    bench.store.change_coupon(&program(), &code, commit).await.unwrap();
    assert_eq!(bench.store.free_lapsed(&program(), &reward(), noon()).await.unwrap(), 0);
    assert_eq!(take(&bench, 1, 1, "m_2").await, 0);
    assert!(sold_out(&bench, 1).await);
    assert!(!sold_out(&bench, 2).await, "a stock that was raised");
}

#[tokio::test]
async fn many_lapsed_reservations_are_freed_together() {
    let bench = Bench::start().await;
    for number in 0..60 {
        assert!(reserve(&bench, 60, &format!("m_{number}"), minutes(-1)).await);
    }
    assert!(sold_out(&bench, 60).await);
    bench.wire.forget();
    assert_eq!(bench.store.free_lapsed(&program(), &reward(), noon()).await.unwrap(), 60);
    assert_eq!(bench.wire.used()["TransactWriteItems"].calls, 3);
    assert!(!sold_out(&bench, 60).await);
    assert_eq!(take(&bench, 60, 60, "m_all").await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_that_is_raised_and_lowered_is_never_oversold() {
    let bench = Bench::start().await;
    let (bench, mut issued, mut before, mut round) = (&bench, 0, 16, 0);
    // Half of the first stock, then less than that, then up and down.
    for (stock, takers) in [(16, 9), (8, 12), (11, 12), (3, 6), (40, 20), (33, 30), (34, 6), (0, 3), (52, 8), (60, 30)]
    {
        // Two who still have the version before take part, at the same time.
        let late = if round == 0 { 0 } else { 2 };
        let names: Vec<String> = (0..takers + late).map(|number| format!("m_{round}-{number}")).collect();
        let takes =
            (0..).zip(&names).map(|(number, who)| take(bench, if number < late { before } else { stock }, 1, who));
        let given = join_all(takes).await.into_iter().sum::<usize>();
        let most = issued.max(stock as usize).max(if late > 0 { before as usize } else { 0 });
        assert!(issued + given <= most, "{given} units more than {issued}, of {stock}");
        issued += given;
        // Whoever comes now has the new version: never more than it has left, and after a raise all of that.
        let wanted = (stock as usize).saturating_sub(issued);
        assert_eq!(take(bench, stock, wanted + 1, &format!("m_{round}-more")).await, 0, "of {stock}");
        if stock > before && wanted > 0 {
            assert_eq!(take(bench, stock, wanted, &format!("m_{round}-rest")).await, wanted, "of {stock}");
            issued += wanted;
        }
        (before, round) = (stock, round + 1);
    }
}

#[tokio::test]
async fn a_lapse_frees_no_unit_beyond_a_lowered_stock() {
    let bench = Bench::start().await;
    // Nine of sixteen: one of the reservations has lapsed at noon, two lapse later.
    assert!(reserve(&bench, 16, "m_a", minutes(-1)).await);
    assert!(reserve(&bench, 16, "m_b", minutes(1)).await);
    assert!(reserve(&bench, 16, "m_c", minutes(2)).await);
    assert_eq!(take(&bench, 16, 6, "m_1").await, 6);
    // Eight are left after the first lapse: as many as the lowered stock has.
    assert_eq!(take(&bench, 8, 1, "m_2").await, 0);
    assert!(sold_out(&bench, 8).await);
    assert_eq!(take(&bench, 7, 1, "m_3").await, 0);
    // One above the stock of seven, until this one lapses.
    assert_eq!(bench.store.free_lapsed(&program(), &reward(), minutes(1)).await.unwrap(), 1);
    assert_eq!(take(&bench, 7, 1, "m_4").await, 0);
    assert_eq!(bench.store.free_lapsed(&program(), &reward(), minutes(2)).await.unwrap(), 1);
    assert_eq!(take(&bench, 7, 2, "m_5").await, 0);
    assert_eq!(take(&bench, 7, 1, "m_6").await, 1);
}
