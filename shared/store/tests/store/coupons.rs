use std::convert::Infallible;

use futures::future::join_all;
use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode};
use tessera_domain::ids::{CouponCode, ProgramId, ReceiptId};
use tessera_store::{Commit, CouponError, EntryKey, Party};

use crate::bench::Bench;
use crate::shop::{config, coupon, for_receipt, member, noon, one_point, program};

async fn issue(bench: &Bench, codes: &[&str]) {
    let (program, config, owner) = (program(), config(5), member("m_1"));
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r").unwrap());
    let commit = Commit::for_one(&program, &config, Party::new(&owner, &key));
    let end = bench.store.commit(&commit, |seen| {
        let mut decision = one_point(seen.account, for_receipt("r"));
        decision.issued = codes.iter().map(|code| coupon(code, &owner)).collect();
        Ok::<_, Infallible>(decision)
    });
    end.await.unwrap();
}

fn used(coupon: &Coupon) -> Result<Coupon, CouponStatus> {
    match coupon.status {
        CouponStatus::Available => Ok(Coupon { status: CouponStatus::Used, ..coupon.clone() }),
        status => Err(status),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_is_used_once() {
    let bench = Bench::start().await;
    issue(&bench, &["CODE-1"]).await;
    let (program, code) = (program(), CouponCode::new("CODE-1").unwrap());
    let ends = join_all((0..64).map(|_| bench.store.change_coupon(&program, &code, used))).await;
    let done = ends.iter().filter(|end| end.is_ok()).count();
    let refused = ends.iter().filter(|end| matches!(end, Err(CouponError::Refused(CouponStatus::Used)))).count();
    assert_eq!((done, refused), (1, 63), "{ends:?}");
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_nothing() {
    let bench = Bench::start().await;
    issue(&bench, &["CODE-1"]).await;
    bench.wire.forget();
    let code = CouponCode::new("CODE-1").unwrap();
    bench.store.change_coupon(&program(), &code, |coupon| Ok::<_, Infallible>(coupon.clone())).await.unwrap();
    assert!(!bench.wire.used().contains_key("PutItem"));
}

#[tokio::test]
async fn a_code_belongs_to_its_program() {
    let bench = Bench::start().await;
    issue(&bench, &["CODE-1"]).await;
    let other = ProgramId::new("prg_2").unwrap();
    let code = CouponCode::new("CODE-1").unwrap();
    assert_eq!(bench.store.get_coupon(&other, &FoldedCode::from(&code)).await.unwrap(), None);
    assert!(matches!(bench.store.change_coupon(&other, &code, used).await, Err(CouponError::Unknown)));
}

#[tokio::test]
async fn a_members_coupons_come_in_pages() {
    let bench = Bench::start().await;
    issue(&bench, &["A", "B", "C"]).await;
    let (program, owner) = (program(), member("m_1"));
    let first = bench.store.coupons(&program, std::slice::from_ref(&owner), 2, None).await.unwrap();
    let second = bench.store.coupons(&program, std::slice::from_ref(&owner), 2, first.next.as_deref()).await.unwrap();
    let codes = |items: &[Coupon]| items.iter().map(|coupon| coupon.code.to_string()).collect::<Vec<_>>();
    assert_eq!((codes(&first.items), codes(&second.items)), (vec!["C".into(), "B".into()], vec!["A".into()]));
    assert_eq!(second.next, None);
    // Nobody reads outside the list by a cursor of their own making.
    let strange = bench.store.coupons(&program, std::slice::from_ref(&owner), 9, Some("account")).await.unwrap();
    assert_eq!(strange.items.len(), 3);
}
