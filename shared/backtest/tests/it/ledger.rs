//! A backtest equals a plain ledger, however its members are partitioned.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use tessera_backtest::{Plan, Report, Spill, Tally, run};
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::Coupon;
use tessera_domain::decide::{Context, ReceiptContext, RefundContext, Seed, Supply, decide_receipt, decide_refund};
use tessera_domain::ids::ReceiptId;
use tessera_domain::ledger::{Bucket, Entry, MemberAudit, Totals};
use tessera_domain::pack::pack;
use tessera_domain::points::Kind;
use tessera_domain::program::CompiledProgram;

use crate::shop::{Purchase, draft, facts, history, member, present, purchases, stored, year};

fn plan() -> Plan {
    Plan::read(&stored(&present()), &draft(), year()).unwrap()
}

fn whole(purchases: &BTreeMap<u32, Vec<Purchase>>) -> Tally {
    let (plan, mut tally) = (plan(), Tally::default());
    for (number, purchases) in purchases {
        plan.replay(&history(*number, purchases, &year()), &mut tally);
    }
    tally
}

/// A member's ledger in the simplest form: every fact in chronological order.
fn ledger(program: &CompiledProgram, number: u32, purchases: &[Purchase]) -> (Account, MemberAudit, i64) {
    let (receipts, refunds) = facts(number, purchases);
    let mut order: Vec<_> = receipts.iter().map(|receipt| (receipt.occurred_at, Ok(receipt))).collect();
    // The sort is stable: at the same instant, receipts stay before refunds.
    order.extend(refunds.iter().map(|refund| (refund.1.occurred_at, Err(refund))));
    order.sort_by_key(|(at, _)| *at);
    let who = member(number);
    let supply = Supply::default();
    let mut account = Account::new(Status::Visitor);
    let mut audit = MemberAudit::default();
    let mut coupons: BTreeMap<_, Coupon> = BTreeMap::new();
    let mut entries: BTreeMap<ReceiptId, Entry> = BTreeMap::new();
    let mut given = 0;
    for (step, (at, fact)) in order.into_iter().enumerate() {
        let seed = Seed([u8::try_from(step).unwrap(); 32]);
        let context = Context { program, member: &who, profile: None, now: at, seed, supply: &supply };
        let decision = match fact {
            Ok(receipt) => decide_receipt(&context, &account, &ReceiptContext { receipt, coupons: &[] }),
            Err((of, refund)) => {
                let receipt = receipts.iter().find(|receipt| receipt.id == *of).unwrap();
                let fact = RefundContext {
                    refund,
                    receipt,
                    decision: &entries[of],
                    earlier: &[],
                    decided_by: program,
                    coupons: &coupons,
                };
                decide_refund(&context, &account, &fact)
            }
        };
        decision.entries().for_each(|entry| audit.add(entry));
        if let Ok(receipt) = fact {
            entries.insert(receipt.id.clone(), decision.entry);
        }
        given += i64::try_from(decision.issued.len()).unwrap();
        coupons.extend(decision.issued.into_iter().map(|coupon| (coupon.code.clone(), coupon)));
        for (_, coupon) in decision.changed {
            given -= 1;
            coupons.insert(coupon.code.clone(), coupon);
        }
        account = decision.account;
    }
    (account, audit, given)
}

fn compiled(rules: &Value) -> CompiledProgram {
    let mut program = stored(rules);
    for rule in &mut program.rules {
        Arc::make_mut(rule).status = tessera_domain::rule::RuleStatus::Active;
    }
    CompiledProgram::new(program, 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_sums_equal_a_plain_ledger(purchases in purchases()) {
        let report = Report::new(&plan(), &whole(&purchases));
        for (rules, side) in [(present(), &report.present), (draft(), &report.draft)] {
            let program = compiled(&rules);
            let (mut totals, mut balance, mut coupons, mut silver) = (Totals::default(), 0, 0, 0);
            let mut settled = tessera_domain::points::Points::ZERO;
            for (number, purchases) in &purchases {
                let (account, audit, given) = ledger(&program, *number, purchases);
                prop_assert_eq!(audit.compare(&account), Vec::<String>::new());
                totals.merge(audit.totals());
                let end = account.settled_at(&program, year().as_of);
                settled = settled.plus(account.balance().minus(end.balance()));
                balance += end.balance().get();
                coupons += given;
                silver += u64::from(end.tier.current().is_some_and(|tier| tier.as_str() == "silver"));
            }
            let of = |bucket| totals.of(bucket, Kind::Redeemable);
            prop_assert_eq!(side.points.issued, -of(Bucket::Issued));
            prop_assert_eq!(side.points.reversed, of(Bucket::Reversed));
            prop_assert_eq!(side.points.expired, of(Bucket::Expired) + settled.get());
            prop_assert_eq!(side.points.balance, balance);
            prop_assert_eq!(side.qualifying, totals.balance(Kind::Qualifying));
            let left = side.coupons.iter().map(|line| i64::try_from(line.given).unwrap() - i64::try_from(line.cancelled).unwrap());
            prop_assert_eq!(left.sum::<i64>(), coupons);
            prop_assert_eq!(side.tiers[1].members, silver);
            // Invariant 2 for the whole program.
            let points = side.points;
            prop_assert_eq!(points.issued + points.forgiven, points.balance + points.expired + points.reversed + points.removed);
            // The rules' results add up to the issued and reversed points.
            let by_rule: i64 = side.rules.iter().map(|rule| rule.points).sum();
            prop_assert_eq!(by_rule, points.issued - points.reversed);
            let by_month: i64 = report.months.iter().map(|month| if std::ptr::eq(side, &raw const report.present) { month.present } else { month.draft }).sum();
            prop_assert_eq!(by_month, points.issued - points.reversed);
        }
    }

    #[test]
    fn any_partition_adds_up_to_the_same(purchases in purchases(), cut in 1..7_usize) {
        let plan = plan();
        let mut parts = vec![Tally::default(); cut];
        for (place, (number, purchases)) in purchases.iter().enumerate() {
            plan.replay(&history(*number, purchases, &year()), &mut parts[place % cut]);
        }
        let mut sum = Tally::default();
        parts.iter().rev().for_each(|part| sum.merge(part));
        let alone = Report::new(&plan, &whole(&purchases));
        prop_assert_eq!(&Report::new(&plan, &sum), &alone);

        // Through files, with facts in any order, on several threads.
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(folder.path()).unwrap();
        for (number, purchases) in purchases.iter().rev() {
            let (receipts, refunds) = facts(*number, purchases);
            for (receipt, refund) in &refunds {
                spill.refund(member(*number).as_str(), receipt, &pack(refund).unwrap()).unwrap();
            }
            for receipt in receipts.iter().rev().chain(&receipts) {
                spill.receipt(member(*number).as_str(), &pack(receipt).unwrap()).unwrap();
            }
        }
        let partitions = spill.finish().unwrap();
        let threads = NonZeroUsize::new(cut).unwrap();
        let dealt = run(&plan, threads, partitions.parts(), |part, take| partitions.each(part, &year(), take)).unwrap();
        prop_assert_eq!(&Report::new(&plan, &dealt), &alone);
    }

    #[test]
    fn the_same_rules_make_no_difference(purchases in purchases()) {
        let plan = Plan::read(&stored(&present()), &present(), year()).unwrap();
        let mut tally = Tally::default();
        for (number, purchases) in &purchases {
            plan.replay(&history(*number, purchases, &year()), &mut tally);
        }
        let report = Report::new(&plan, &tally);
        prop_assert_eq!(&report.present, &report.draft);
        prop_assert_eq!(report.difference.cost.as_str(), "0.00");
        prop_assert_eq!(report.difference.members_with_more + report.difference.members_with_fewer, 0);
    }
}

#[test]
fn an_error_of_a_partition_is_returned() {
    let failed =
        run(&plan(), NonZeroUsize::new(2).unwrap(), 8, |part, _| if part == 3 { Err("broken") } else { Ok(()) });
    assert_eq!(failed.unwrap_err(), "broken");
    let none = run(&plan(), NonZeroUsize::MIN, 0, |_, _| Ok::<_, Infallible>(())).unwrap();
    assert_eq!(none.receipts(), 0);
}
