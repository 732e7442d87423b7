use std::convert::Infallible;

use futures::future::join_all;
use tessera_domain::ids::ReceiptId;
use tessera_store::{Commit, Committed, EntryKey};

use crate::bench::Bench;
use crate::shop::{config, coupon, for_receipt, member, noon, one_point, program, reward};

/// Gives a member so many units; none at all when there are not so many. Tells how many were given.
async fn take(bench: &Bench, stock: u32, units: usize, who: &str) -> usize {
    let (program, config, member) = (program(), config(stock), member(who));
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap());
    let end = bench
        .store
        .commit(&Commit::new(&program, &config, &member, &key), |seen| {
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
