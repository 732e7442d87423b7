//! Points are spent once, whatever the order of redemptions, cancellations, moves, late receipts and returns (invariant 5).

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;
use tessera_domain::ids::CouponCode;

use crate::book::Book;

const MEMBERS: [&str; 2] = ["c-1", "c-2"];
const OPENING: i64 = 300;

/// What happens next. Numbers choose a coupon, a member or a receipt among those there are.
#[derive(Debug, Clone)]
enum Step {
    Redeem {
        member: usize,
        reserve: bool,
        points: i64,
    },
    Commit(usize),
    Cancel(usize),
    Move {
        coupon: usize,
        target: usize,
    },
    /// A receipt that names a coupon, dated so many hours ago.
    Receipt {
        coupon: usize,
        member: usize,
        hours: i64,
    },
    /// A return of a part of a receipt, in quarters.
    Return {
        receipt: usize,
        quarters: u32,
    },
    /// So many minutes pass.
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_usize..2, any::<bool>(), 1_i64..5)
            .prop_map(|(member, reserve, points)| Step::Redeem { member, reserve, points: points * 25 }),
        2 => (0_usize..8).prop_map(Step::Commit),
        3 => (0_usize..8).prop_map(Step::Cancel),
        2 => (0_usize..8, 0_usize..2).prop_map(|(coupon, target)| Step::Move { coupon, target }),
        4 => (0_usize..8, 0_usize..2, 0_i64..100)
            .prop_map(|(coupon, member, hours)| Step::Receipt { coupon, member, hours }),
        2 => (0_usize..8, 1_u32..5).prop_map(|(receipt, quarters)| Step::Return { receipt, quarters }),
        2 => (1_i64..3_000).prop_map(Step::Wait),
    ]
}

fn open() -> Book {
    let program = json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "points": { "returned_redemption": "prorata" },
        "rewards": [{ "id": "pay", "name": "Pay", "type": "amount_off",
                      "cost_per": { "points": 10, "value": "1.00", "min": 25, "max": 100, "step": 25 } }],
    });
    let mut book = Book::open(&program, "2026-03-01T12:00:00+01:00".parse().unwrap()).unwrap();
    for member in MEMBERS {
        book.enroll(&json!({ "id": member }));
        book.adjust(member, &json!({ "award": OPENING, "reason": "opening" })).unwrap();
    }
    book
}

/// The points that coupons hold: those that can still be used, and those of used ones that no return has restored.
fn held(book: &Book, codes: &[CouponCode]) -> i64 {
    let points = codes.iter().map(|code| {
        let coupon = &book.coupons[code];
        match coupon.status_at(book.now) {
            CouponStatus::Reserved | CouponStatus::Available | CouponStatus::Applied | CouponStatus::Expired => {
                coupon.cost.get()
            }
            // A till's late receipt may not have been settled with the owner yet.
            CouponStatus::Used if coupon.unpaid => 0,
            CouponStatus::Used => coupon.cost.minus(coupon.restored).get(),
            CouponStatus::Cancelled | CouponStatus::Lapsed => 0,
        }
    });
    points.sum()
}

fn run(book: &mut Book, steps: &[Step]) {
    let (mut codes, mut receipts): (Vec<CouponCode>, Vec<(String, u32)>) = (Vec::new(), Vec::new());
    for (place, step) in steps.iter().enumerate() {
        let chosen = |coupon: usize| codes.get(coupon % codes.len().max(1)).cloned();
        match step {
            Step::Redeem { member, reserve, points } => {
                codes.extend(book.pay_or_reserve(MEMBERS[*member], "pay", *points, reserve.then_some(30)).ok());
            }
            Step::Commit(coupon) => drop(chosen(*coupon).map(|code| book.coupon(&code, "commit", None))),
            Step::Cancel(coupon) => drop(chosen(*coupon).map(|code| book.coupon(&code, "cancel", None))),
            Step::Move { coupon, target } => {
                let code = chosen(*coupon).filter(|code| book.coupons[code].member.as_str() != MEMBERS[*target]);
                if let Some(code) = code {
                    book.move_coupon(&code, MEMBERS[*target]).ok();
                }
            }
            Step::Receipt { coupon, member, hours } => {
                let Some(code) = chosen(*coupon) else { continue };
                let at = book.now.saturating_sub(jiff::SignedDuration::from_hours(*hours)).unwrap();
                let id = format!("r-{place}");
                let body: Value = json!({ "id": id, "occurred_at": at.to_string(), "member": { "id": MEMBERS[*member] },
                                          "currency": "EUR", "total": "40.00", "coupons": [code] });
                book.receipt(&body).unwrap();
                receipts.push((id, 4));
            }
            Step::Return { receipt, quarters } => {
                let place_of = receipt % receipts.len().max(1);
                let Some((id, left)) = receipts.get_mut(place_of).filter(|(_, left)| left >= quarters) else {
                    continue;
                };
                let body = json!({ "id": format!("f-{place}"), "occurred_at": book.now.to_string(),
                                   "amount": format!("{}.00", quarters * 10) });
                book.refund(id, &body).unwrap();
                *left -= quarters;
            }
            Step::Wait(minutes) => {
                book.now = book.now.checked_add(jiff::SignedDuration::from_mins(*minutes)).unwrap();
            }
        }
        for code in &codes {
            book.settle_coupon(code);
        }
        book.check();
        let accounts: i64 = MEMBERS
            .iter()
            .map(|member| {
                let account = book.view(member);
                account.available().get() - account.debt.get()
            })
            .sum();
        assert_eq!(accounts + held(book, &codes), 2 * OPENING, "after step {place}, {step:?}");
        for code in &codes {
            let coupon = &book.coupons[code];
            assert_eq!(coupon.status == CouponStatus::Used, coupon.receipt.is_some(), "{code}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn points_are_spent_once_in_any_order(steps in prop::collection::vec(step(), 1..24)) {
        run(&mut open(), &steps);
    }
}
