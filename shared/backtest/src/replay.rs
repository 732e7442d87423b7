//! Replays a member's facts through the real decisions, under both programs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::Coupon;
use tessera_domain::decide::{
    Context, Decision, ReceiptContext, RefundContext, Seed, Supply, decide_receipt, decide_referral_rules,
    decide_refund,
};
use tessera_domain::fact::{Refund, Remaining};
use tessera_domain::ids::CouponCode;
use tessera_domain::ledger::Entry;
use tessera_domain::money::convert;
use tessera_domain::program::CompiledProgram;
use tessera_domain::time::Day;

use crate::history::Step;
use crate::side::Side;
use crate::{History, Plan, Tally};

impl Plan {
    /// Replays a member under both programs and adds the results. The account starts empty, and each fact is decided at its own
    /// time.
    pub fn replay(&self, history: &History, tally: &mut Tally) {
        tally.orphans += history.orphans;
        let (Some(first), Some(last)) = (history.steps.first(), history.steps.last()) else { return };
        tally.extend(history.at(*first), history.at(*last));
        tally.members += 1;
        tally.receipts += history.receipts.len() as u64;
        tally.refunds += history.refunds.len() as u64;
        let months = self.months(history);
        // Both programs share time zone and currency, and a refund is refused only by its receipt.
        let number = tally.members;
        let (rejected, present) = play(&self.present, self, history, &months, number, &mut tally.present);
        let (_, draft) = play(&self.draft, self, history, &months, number, &mut tally.draft);
        tally.rejected += rejected.iter().filter(|rejected| **rejected).count() as u64;
        match draft.cmp(&present) {
            std::cmp::Ordering::Greater => tally.more += 1,
            std::cmp::Ordering::Less => tally.fewer += 1,
            std::cmp::Ordering::Equal => {}
        }
        self.spent(history, &months, &rejected, tally);
    }

    /// The month of each receipt, followed by those of each refund and referral, counted from year zero.
    fn months(&self, history: &History) -> Vec<i32> {
        let receipts = history.receipts.iter().map(|receipt| receipt.occurred_at);
        let refunds = history.refunds.iter().map(|(_, refund)| refund.occurred_at);
        let referrals = history.referrals.iter().map(|(at, _)| *at);
        receipts
            .chain(refunds)
            .chain(referrals)
            .map(|at| {
                let date = Day::of(at, &self.present.zone).date();
                i32::from(date.year()) * 12 + i32::from(date.month()) - 1
            })
            .collect()
    }

    /// The spend less returns.
    fn spent(&self, history: &History, months: &[i32], rejected: &[bool], tally: &mut Tally) {
        let currency = self.present.program.currency;
        for (place, receipt) in history.receipts.iter().enumerate() {
            let mut minor = receipt.total;
            if history.refunded[place] {
                let refunds = history.refunds.iter().zip(rejected);
                let accepted = refunds.filter(|((of, _), rejected)| *of == place && !**rejected);
                minor = Remaining::after(receipt, accepted.map(|((_, refund), _)| refund)).net_total();
            }
            if let Some(rate) = receipt.fx_rate {
                minor = convert(minor, receipt.currency, currency, rate);
            }
            let month = tally.months.entry(months[place]).or_default();
            month.receipts += 1;
            month.spent += i128::from(minor);
            tally.spent += i128::from(minor);
        }
    }
}

/// A member under one program during the replay.
struct Player<'a> {
    program: &'a CompiledProgram,
    history: &'a History,
    account: Account,
    coupons: BTreeMap<CouponCode, Coupon>,
    /// For each receipt with refunds: its entry, and the refunds so far with their entries.
    decided: BTreeMap<usize, (Entry, Vec<(Refund, Entry)>)>,
    now: Timestamp,
    decisions: u64,
}

/// A member's result under one program: the rejected refunds and the final balance.
fn play(
    program: &CompiledProgram,
    plan: &Plan,
    history: &History,
    months: &[i32],
    number: u64,
    side: &mut Side,
) -> (Vec<bool>, i64) {
    let mut player = Player {
        program,
        history,
        account: Account::new(Status::Visitor),
        coupons: BTreeMap::new(),
        decided: BTreeMap::new(),
        now: Timestamp::MIN,
        decisions: 0,
    };
    let mut rejected = vec![false; history.refunds.len()];
    let mut earned = false;
    for step in &history.steps {
        let decision = match *step {
            Step::Receipt(place) => player.receipt(place),
            Step::Refund(place) => player.refund(place),
            Step::Referral(place) => player.referral(place),
        };
        let Some(mut decision) = decision else { continue };
        let month = match *step {
            Step::Receipt(place) => months[place],
            Step::Refund(place) => months[history.receipts.len() + place],
            Step::Referral(place) => months[history.receipts.len() + history.refunds.len() + place],
        };
        side.count(&decision, month, number);
        earned |= decision.account.lifetime_earned.is_positive();
        for coupon in decision.issued.drain(..).chain(decision.changed.drain(..).map(|(_, new)| new)) {
            player.coupons.insert(coupon.code.clone(), coupon);
        }
        player.account = decision.account;
        match *step {
            Step::Receipt(place) if history.refunded[place] => {
                player.decided.insert(place, (decision.entry, Vec::new()));
            }
            Step::Receipt(_) | Step::Referral(_) => {}
            Step::Refund(place) => {
                rejected[place] = decision.entry.rejected.is_some();
                let (of, refund) = &history.refunds[place];
                if let Some((_, earlier)) = player.decided.get_mut(of) {
                    earlier.push((refund.clone(), decision.entry));
                }
            }
        }
    }
    let mut account = player.account;
    let movements = account.settle(program, plan.period.as_of.max(player.now));
    side.flows.add_movements(&movements);
    side.balance += account.balance().get();
    side.debt += account.debt.get();
    side.earning += u64::from(earned);
    side.distribution.add(account.lifetime_earned.get());
    if let Some(tier) = account.tier.current() {
        *side.tiers.entry(tier.clone()).or_default() += 1;
    }
    (rejected, account.balance().get())
}

impl Player<'_> {
    fn receipt(&mut self, place: usize) -> Option<Decision> {
        let receipt = self.history.receipts.get(place)?;
        // Coupons from before the replay are unknown; those that it gave itself are known.
        let coupons: Vec<Coupon> = receipt.coupons.iter().filter_map(|code| self.coupons.get(code)).cloned().collect();
        let fact = ReceiptContext { receipt, coupons: &coupons };
        Some(self.decide(receipt.occurred_at, &Supply::default(), |context, player| {
            decide_receipt(context, &player.account, &fact)
        }))
    }

    fn refund(&mut self, place: usize) -> Option<Decision> {
        let (of, refund) = self.history.refunds.get(place)?;
        let receipt = self.history.receipts.get(*of)?;
        if !self.decided.contains_key(of) {
            return None;
        }
        let program = self.program;
        // Nothing is written, so a refund is never split into steps.
        let supply = Supply { coupons: usize::MAX, ..Supply::default() };
        Some(self.decide(refund.occurred_at, &supply, |context, player| {
            let (decision, earlier) = &player.decided[of];
            let fact =
                RefundContext { refund, receipt, decision, earlier, decided_by: program, coupons: &player.coupons };
            decide_refund(context, &player.account, &fact)
        }))
    }

    /// The rules for a rewarded referral. The rewards of the referral program are the same under both programs.
    fn referral(&mut self, place: usize) -> Option<Decision> {
        let (at, role) = *self.history.referrals.get(place)?;
        self.decide(at, &Supply::default(), |context, player| decide_referral_rules(context, &player.account, role))
    }

    fn decide<D>(&mut self, at: Timestamp, supply: &Supply, decide: impl FnOnce(&Context<'_>, &Self) -> D) -> D {
        self.now = self.now.max(at);
        self.decisions += 1;
        // Any codes will do as long as they are unique per member.
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.decisions.to_be_bytes());
        let context = Context {
            program: self.program,
            member: &self.history.member,
            profile: None,
            now: self.now,
            seed: Seed(seed),
            supply,
        };
        decide(&context, self)
    }
}
