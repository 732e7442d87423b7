//! Pools: what loading and drawing cost, and that a code is drawn once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tessera_domain::coupon::{Coupon, PoolId};
use tessera_domain::decide::{
    Adjustment, Redemption, RedemptionFault, decide_adjustment, decide_enrollment, decide_redemption, read_adjustment,
};
use tessera_domain::ids::{CouponCode, MemberId, RewardId};
use tessera_domain::program::CompiledProgram;
use tessera_store::{Commit, CommitError, Committed, EntryKey, Party, Taking, TakingCode};

use crate::bench::Bench;
use crate::interference::Used;
use crate::shop::{AUDIT, active, customer, noon, program, read};

fn pooled() -> CompiledProgram {
    let reward = |id: &str, stock: Option<u32>| {
        let mut reward = json!({ "id": id, "name": id, "type": "amount_off", "value": "5.00", "cost": 10,
                                 "code": { "pool": true }, "low_stock": 0 });
        if let Some(stock) = stock {
            reward["stock"] = json!(stock);
        }
        reward
    };
    let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome",
                           "rewards": [reward("pooled", None), reward("both", Some(1_000))] });
    CompiledProgram::new(read(&document), 1)
}

fn reward(id: &str) -> RewardId {
    RewardId::new(id).unwrap()
}

fn codes(prefix: &str, count: usize) -> Vec<CouponCode> {
    (0..count).map(|n| CouponCode::new(format!("{prefix}-{n:06}")).unwrap()).collect()
}

/// A member with points.
async fn member(bench: &Bench, config: &CompiledProgram, id: &str) -> MemberId {
    let found = bench.store.find_or_create_visitor(&active(), &customer(id), noon()).await.unwrap();
    let program = program();
    let key = EntryKey::enrollment(noon(), id);
    let commit = Commit::for_one(&program, config, Party::new(&found.member, &key));
    let enrol =
        |seen: &tessera_store::Snapshot<'_>| decide_enrollment(&seen.context(config, noon()), seen.account).ok_or(());
    bench.store.commit(&commit, enrol).await.unwrap();
    let award: Adjustment = read_adjustment(&json!({ "award": 10_000, "reason": "opening" })).unwrap();
    let key = EntryKey::adjustment(noon(), id);
    let commit = Commit::for_one(&program, config, Party::new(&found.member, &key));
    let adjust = |seen: &tessera_store::Snapshot<'_>| {
        decide_adjustment(&seen.context(config, noon()), seen.account, &award, "tests")
    };
    bench.store.commit(&commit, adjust).await.unwrap();
    found.member
}

/// Redeems a reward, as the function does.
async fn redeem(
    bench: &Bench,
    config: &CompiledProgram,
    member: &MemberId,
    id: &str,
    natural: &str,
) -> Result<Coupon, CommitError<RedemptionFault>> {
    let (program, reward) = (program(), reward(id));
    let wanted =
        Redemption { reward: reward.clone(), points: None, reserve_minutes: None, apply: false, by_member: false };
    let key = EntryKey::coupon(noon(), natural);
    let takes = Some(Taking { reward: &reward, code: TakingCode::Now(None) });
    let commit = Commit::for_one(&program, config, Party { takes, ..Party::new(member, &key) });
    let decide =
        |seen: &tessera_store::Snapshot<'_>| decide_redemption(&seen.context(config, noon()), seen.account, &wanted);
    match bench.store.commit(&commit, decide).await? {
        Committed::Now(decision) => Ok(decision.issued.into_iter().next().unwrap()),
        Committed::Already(entry) => panic!("{entry:?} was there"),
    }
}

#[tokio::test]
async fn drawing_costs_the_same_from_a_pool_of_any_size() {
    let bench = Bench::start().await;
    let (config, program) = (pooled(), program());
    let ada = member(&bench, &config, "c-1").await;
    let mut measured: Vec<(usize, BTreeMap<String, Used>)> = Vec::new();
    let mut loaded = 0;
    for (round, size) in [400, 4_000].into_iter().enumerate() {
        let more = codes(&format!("SALE{round}"), size - loaded);
        bench.wire.forget();
        let added = bench.store.load_codes(&program, &reward("pooled"), &more, &AUDIT, &|| false).await.unwrap();
        let used = bench.wire.used()["TransactWriteItems"];
        println!("{} codes loaded: {:?}", added.added, used);
        // A guard and a place for each code, two units each; and the counts of the shards.
        let transactions = used.calls;
        assert_eq!(used.halves, 2 * (4 * added.added + 2 * transactions));
        loaded = size;
        bench.wire.forget();
        redeem(&bench, &config, &ada, "pooled", &format!("k-{round}")).await.unwrap();
        measured.push((size, bench.wire.used()));
    }
    for (size, used) in &measured {
        println!("{size} codes: {used:?}");
        assert_eq!(used["TransactWriteItems"], Used { calls: 1, halves: 20 }, "ten units");
        assert_eq!(used["Query"].calls, 1, "one shard");
        assert!(used["Query"].halves <= 2, "at most a read unit");
        assert_eq!(used["GetItem"].calls, 1, "the account");
        assert_eq!(used.len(), 3);
    }
    bench.store.load_codes(&program, &reward("both"), &codes("BOTH", 400), &AUDIT, &|| false).await.unwrap();
    // The first redemption balances the counters of the stock.
    redeem(&bench, &config, &ada, "both", "k-first").await.unwrap();
    bench.wire.forget();
    redeem(&bench, &config, &ada, "both", "k-both").await.unwrap();
    assert_eq!(bench.wire.used()["TransactWriteItems"], Used { calls: 1, halves: 24 }, "with a stock, twelve units");
}

#[tokio::test]
async fn codes_that_a_request_has_no_time_for_are_loaded_by_its_repetition() {
    let bench = Bench::start().await;
    let (program, all) = (program(), codes("SALE", 400));
    let asked = std::sync::atomic::AtomicU32::new(0);
    let after_one_group = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
    let first = bench.store.load_codes(&program, &reward("pooled"), &all, &AUDIT, &after_one_group).await.unwrap();
    assert!(first.added > 0 && first.left > 0, "{first:?}");
    assert_eq!((first.added + first.left, first.duplicates), (400, 0));
    let second = bench.store.load_codes(&program, &reward("pooled"), &all, &AUDIT, &|| false).await.unwrap();
    assert_eq!((second.added, second.duplicates, second.left), (first.left, first.added, 0));
    let left = bench.store.codes_left(&program, &tessera_domain::coupon::PoolId::loaded(reward("pooled"))).await;
    assert_eq!(left.unwrap(), 400);
    let never = bench.store.load_codes(&program, &reward("pooled"), &codes("LATE", 3), &AUDIT, &|| true).await.unwrap();
    assert_eq!((never.added, never.duplicates, never.left), (0, 0, 3));
}

#[tokio::test]
async fn members_at_one_moment_draw_different_codes_until_there_is_none() {
    let bench = Bench::start().await;
    let (config, program) = (pooled(), program());
    bench.store.load_codes(&program, &reward("pooled"), &codes("SALE", 40), &AUDIT, &|| false).await.unwrap();
    let mut members = Vec::new();
    for n in 0..48 {
        members.push(member(&bench, &config, &format!("c-{n}")).await);
    }
    let redemptions = members.iter().map(|member| redeem(&bench, &config, member, "pooled", "k-1"));
    let mut drawn = BTreeSet::new();
    for result in futures::future::join_all(redemptions).await {
        match result {
            Ok(coupon) => assert!(drawn.insert(coupon.code.to_string()), "{} twice", coupon.code),
            Err(CommitError::Refused(RedemptionFault::CodesUnavailable)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(drawn.len(), 40);
    assert_eq!(bench.store.codes_left(&program, &PoolId::loaded(reward("pooled"))).await.unwrap(), 0);
    let sold_out = bench.store.sold_out(&program, &config).await.unwrap();
    assert!(sold_out.contains(&reward("pooled")) && !sold_out.contains(&reward("both")));
}
