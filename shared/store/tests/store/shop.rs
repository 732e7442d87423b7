//! A small shop: a program, its members, its receipts.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::account::{Account, Firsts, Status};
use tessera_domain::coupon::{Coupon, CouponStatus, Discount};
use tessera_domain::decide::Decision;
use tessera_domain::fact::{FactId, Receipt, Refund, read_receipt, read_refund};
use tessera_domain::ids::{CouponCode, CustomerId, MemberId, ProgramId, ReceiptId, RewardId};
use tessera_domain::ledger::{Cause, Entry};
use tessera_domain::member::MemberRef;
use tessera_domain::points::Points;
use tessera_domain::program::{CompiledProgram, RewardType, SubmittedProgram};
use tessera_store::{ActiveProgram, Audit, Head, IdentityKey, SecretsKey, Snapshot};

/// The identity key of the tests' program.
pub static KEY: LazyLock<IdentityKey> =
    LazyLock::new(|| IdentityKey::generate(&program(), &SecretsKey::new([7; 32])).unwrap());

/// The tests' program, as a warm function has it.
pub fn active() -> ActiveProgram {
    let head = Head {
        version: 1,
        chunks: 1,
        checksum: String::new(),
        identity_key: KEY.clone(),
        in_use: true,
        updated_at: noon(),
    };
    ActiveProgram { id: program(), head, compiled: Arc::new(config(1_000)) }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn noon() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

/// What the audit records of the tests' requests.
pub static AUDIT: LazyLock<Audit> = LazyLock::new(|| Audit {
    actor: "anna".to_owned(),
    key: Some("key_1".to_owned()),
    action: "test.change".to_owned(),
    object: "things/1".to_owned(),
    reason: None,
    at: noon(),
    request: "request-1".to_owned(),
    changes: Vec::new(),
});

pub fn program() -> ProgramId {
    ProgramId::new("prg_1").unwrap()
}

pub fn member(id: &str) -> MemberId {
    MemberId::new(id).unwrap()
}

pub fn customer(id: &str) -> MemberRef {
    MemberRef::of_id(CustomerId::new(id).unwrap())
}

pub fn reward() -> RewardId {
    RewardId::new("five-off").unwrap()
}

pub fn document(stock: u32) -> Value {
    json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome",
        "tiers": { "ladder": [ { "id": "base", "name": "Base", "threshold": 0 },
                               { "id": "gold", "name": "Gold", "threshold": 1000 } ] },
        "rewards": [ { "id": "five-off", "name": "5 off", "type": "amount_off", "value": "5.00", "cost": 100,
                       "stock": stock, "code": { "pattern": "ADA-########" } } ],
        "rules": [ { "id": "base", "name": "Base", "status": "active", "starts_at": "2026-01-01T00:00:00",
                     "on": { "receipt": { "spend": { "every_per_receipt": "10.00" } } },
                     "then": [ { "credit": { "points": 1, "kind": "both" } } ] } ]
    })
}

pub fn read(document: &Value) -> SubmittedProgram {
    SubmittedProgram::read(document).unwrap()
}

pub fn config(stock: u32) -> CompiledProgram {
    CompiledProgram::new(read(&document(stock)), 1)
}

pub fn receipt(id: &str, total: &str) -> Receipt {
    let body = json!({ "id": id, "occurred_at": "2026-03-01T10:15:00+01:00", "member": null, "currency": "EUR", "total": total });
    read_receipt(&body, currency()).unwrap().receipt
}

pub fn currency() -> tessera_domain::money::Currency {
    tessera_domain::money::Currency::from_code("EUR").unwrap()
}

pub fn refund(id: &str, amount: &str) -> Refund {
    let body = json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "amount": amount });
    read_refund(&body, currency()).unwrap()
}

/// A decision that gives one point.
pub fn one_point(account: &Account, cause: Cause) -> Decision {
    let mut account = account.clone();
    account.version += 1;
    account.lifetime_earned = account.lifetime_earned.plus(Points::new(1));
    let entry = Entry {
        at: noon(),
        decided_at: noon(),
        sequence: account.version,
        program_version: 1,
        cause,
        movements: Vec::new(),
        outcomes: Vec::new(),
        skipped: Vec::new(),
        truncated: false,
        left_out: Vec::new(),
        tier: None,
        status: Status::Member,
        purchase: None,
        extended: Vec::new(),
        balance: account.lifetime_earned,
        lot: None,
        coupons: Vec::new(),
        ignored: Vec::new(),
        step: None,
        rejected: None,
        firsts: Firsts::default(),
        history: false,
        standing: None,
    };
    Decision {
        account,
        due: Vec::new(),
        entry,
        tier_changes: Vec::new(),
        marks: false,
        issued: Vec::new(),
        changed: Vec::new(),
        stock: Vec::new(),
        drawn: Vec::new(),
        budgets: BTreeMap::new(),
    }
}

pub fn for_receipt(id: &str) -> Cause {
    FactId::Receipt { receipt: ReceiptId::new(id).unwrap() }.into()
}

pub fn coupon(code: &str, member: &MemberId) -> Coupon {
    Coupon {
        code: CouponCode::new(code).unwrap(),
        handle: None,
        member: member.clone(),
        reward: reward(),
        status: CouponStatus::Available,
        cost: Points::new(100),
        discount: Discount {
            kind: RewardType::AmountOff,
            amount: Some("5.00".to_owned()),
            percent: None,
            skus: None,
            minimum_spend: None,
            max_discount: None,
            combines_with: None,
            bind: None,
            currency: "EUR".to_owned(),
            value: None,
        },
        issued_at: noon(),
        expires_at: None,
        until: None,
        taken: Vec::new(),
        receipt: None,
        ended_at: None,
        used_key: None,
        counted: false,
        restored: Points::new(0),
        unpaid: false,
        provider: None,
        cancelling: None,
        drawn: false,
    }
}

/// A decision that also issues a coupon with this code.
pub fn with_coupon(seen: &Snapshot<'_>, cause: Cause, code: &str, member: &MemberId) -> Decision {
    let mut decision = one_point(seen.account, cause);
    decision.issued.push(coupon(code, member));
    decision
}
