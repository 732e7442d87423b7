//! What a refund needs before it can be decided, and what it then does.

use serde_json::{Value, json};
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::Coupon;
use tessera_domain::decide::{Context, ReceiptContext, Seed, Supply, decide_receipt};
use tessera_domain::fact::{read_receipt, read_refund};
use tessera_domain::program::SubmittedProgram;
use tessera_store::StoredRefund;

use super::*;

/// One point for each 10 € of a receipt (R1).
fn program(version: u32) -> CompiledProgram {
    let body = json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" }, "rounding": "floor", "hold_days": 0, "expiry": null },
        "rewards": [],
        "rules": [{
            "id": "per-10", "name": "1 point per 10 €", "status": "active", "starts_at": "2026-01-01",
            "on": { "receipt": { "spend": { "every_per_receipt": "10.00" } } },
            "then": [{ "credit": { "points": 1 } }],
        }],
    });
    CompiledProgram::new(SubmittedProgram::read(&body).unwrap(), version)
}

fn now() -> Timestamp {
    "2026-03-05T09:00:00Z".parse().unwrap()
}

/// A receipt of 21.90 with refunds by id, each of so much.
fn stored(program: &CompiledProgram, refunds: &[(&str, &str)]) -> StoredReceipt {
    let currency = program.program.currency;
    let at = "2026-03-01T10:15:00+01:00";
    let receipt = json!({ "id": "7", "occurred_at": at, "member": null, "currency": "EUR", "total": "21.90" });
    let receipt = read_receipt(&receipt, currency).unwrap().receipt;
    let refund = |(id, amount): &(&str, &str)| -> Value { json!({ "id": id, "occurred_at": at, "amount": amount }) };
    let refunds = refunds.iter().map(|refund_of| StoredRefund {
        refund: read_refund(&refund(refund_of), currency).unwrap(),
        member: Some(member()),
        accepted_at: now(),
        waited: false,
    });
    let refunds = refunds.collect();
    StoredReceipt { receipt, member: Some(member()), accepted_at: now(), early: Vec::new(), moved: None, refunds }
}

fn member() -> MemberId {
    MemberId::new("m_1").unwrap()
}

fn id(text: &str) -> RefundId {
    RefundId::new(text).unwrap()
}

/// An account, the entries of the receipt so far, and what decides.
struct Story {
    program: CompiledProgram,
    account: Account,
    history: Vec<Entry>,
}

impl Story {
    fn begin() -> Self {
        Self { program: program(3), account: Account::new(Status::Member), history: Vec::new() }
    }

    fn buy(&mut self) {
        let (member, stock) = (member(), Supply::default());
        let seed = Seed([0; 32]);
        let context =
            Context { program: &self.program, member: &member, profile: None, now: now(), seed, supply: &stock };
        let receipt = stored(&self.program, &[]).receipt;
        let decision = decide_receipt(&context, &self.account, &ReceiptContext { receipt: &receipt, coupons: &[] });
        self.keep(decision);
    }

    fn refund(
        &self,
        stored: &StoredReceipt,
        refund: &str,
        decided_by: &CompiledProgram,
    ) -> Result<Decision, MissingInput> {
        let (member, stock, refund) = (member(), Supply::default(), id(refund));
        let coupons: [Coupon; 0] = [];
        let seen = Snapshot {
            member: &member,
            account: &self.account,
            profile: None,
            marked: false,
            seed: Seed([0; 32]),
            supply: &stock,
            coupons: &coupons,
            history: &self.history,
        };
        let case = RefundCase { program: &self.program, now: now(), stored, refund: &refund, decided_by };
        case.decide(&seen)
    }

    fn keep(&mut self, decision: Decision) {
        self.account = decision.account;
        self.history.push(decision.entry);
    }
}

#[test]
fn a_refund_before_the_receipts_decision_asks_for_it() {
    let story = Story::begin();
    let stored = stored(&story.program, &[("a", "5.00")]);
    assert_eq!(story.refund(&stored, "a", &story.program), Err(MissingInput::Decision));
}

#[test]
fn a_refund_is_judged_by_the_version_that_decided() {
    let mut story = Story::begin();
    story.buy();
    let stored = stored(&story.program, &[("a", "5.00")]);
    assert_eq!(story.refund(&stored, "a", &program(4)), Err(MissingInput::Version(3)));
}

#[test]
fn refunds_of_5_5_and_5_take_1_0_and_1() {
    let mut story = Story::begin();
    story.buy();
    assert_eq!(story.account.balance().get(), 2);
    let stored = stored(&story.program, &[("a", "5.00"), ("b", "5.00"), ("c", "5.00")]);
    for (refund, balance) in [("a", 1), ("b", 1), ("c", 0)] {
        let decision = story.refund(&stored, refund, &story.program).unwrap();
        story.keep(decision);
        assert_eq!(story.account.balance().get(), balance, "after {refund}");
        assert_eq!(story.refund(&stored, refund, &story.program), Err(MissingInput::Nothing));
    }
}

#[test]
fn a_refund_decided_meanwhile_is_looked_up() {
    let mut story = Story::begin();
    story.buy();
    let both = stored(&story.program, &[("a", "5.00"), ("b", "5.00")]);
    let decision = story.refund(&both, "a", &story.program).unwrap();
    story.keep(decision);
    let without = stored(&story.program, &[("b", "5.00")]);
    assert_eq!(story.refund(&without, "b", &story.program), Err(MissingInput::Refund(id("a"))));
    assert_eq!(story.refund(&without, "x", &story.program), Err(MissingInput::Refund(id("a"))));
}
