//! What each operation costs, counted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use serde_json::json;
use tessera_domain::account::{Account, Counter, Status};
use tessera_domain::decide::{Context, ReceiptContext, Supply, decide_receipt};
use tessera_domain::fact::{Fact, read_receipt};
use tessera_domain::ids::{CouponCode, ReceiptId, RuleId};
use tessera_domain::program::CompiledProgram;
use tessera_store::{Commit, Committed, EntryKey, Party, ProgramCache, ReceiptHistory};

use crate::bench::Bench;
use crate::interference::Used;
use crate::shop::{active, coupon, currency, customer, document, for_receipt, noon, one_point, program, read, refund};

fn used(calls: u32, halves: u32) -> Used {
    Used { calls, halves }
}

/// A receipt of five lines.
fn five_lines() -> tessera_domain::fact::Receipt {
    let lines: Vec<_> = (1..=5)
        .map(|line| {
            json!({ "sku": format!("SKU-{line}0012"), "product": "White hanging heart T-light holder", "category": "decoration",
                    "brand": "acme", "quantity": "2", "amount": "25.50" })
        })
        .collect();
    let body = json!({ "id": "0532-0007", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" },
        "store": "milano-01", "channel": "pos", "currency": "EUR", "total": "127.50", "lines": lines });
    read_receipt(&body, currency()).unwrap().receipt
}

/// A program whose ten rules all count, and all fire.
fn ten_rules() -> CompiledProgram {
    let mut document = document(1_000);
    let rules = (0..10).map(|number| {
        json!({ "id": format!("every-{number}"), "name": "Every", "status": "active", "starts_at": "2026-01-01T00:00:00",
                "limit": { "times": 20, "per": "month" }, "on": { "receipt": { "spend": { "every": "50.00" } } },
                "then": [ { "credit": { "points": 10, "kind": "both" } } ] })
    });
    document["rules"] = rules.collect();
    CompiledProgram::new(read(&document), 1)
}

#[tokio::test]
async fn a_warm_receipt_costs_five_write_units_and_less_than_two_read_units() {
    let bench = Bench::start().await;
    let (program, config, receipt) = (program(), ten_rules(), five_lines());
    let decide = |account: &Account, member: &_| {
        let supply = Supply::default();
        let seed = tessera_store::seed().unwrap();
        let context = Context { program: &config, member, profile: None, now: noon(), seed, supply: &supply };
        decide_receipt(&context, account, &ReceiptContext { receipt: &receipt, coupons: &[] })
    };
    let member = bench.store.find_or_create_visitor(&active(), &customer("c-42"), noon()).await.unwrap().member;
    // An account with ten counters.
    let earlier = EntryKey::enrollment(noon(), "1");
    let commit = Commit::for_one(&program, &config, Party::new(&member, &earlier));
    bench.store.commit(&commit, |seen| Ok::<_, Infallible>(decide(seen.account, &member))).await.unwrap();
    let account = bench.store.get_account(&program, &member).await.unwrap().unwrap();
    assert_eq!(account.counters.len(), 10);
    bench.wire.forget();

    let found = bench.store.find_or_create_visitor(&active(), &customer("c-42"), noon()).await.unwrap();
    bench.store.put_fact(&program, Some(&found.member), &Fact::Receipt(receipt.clone()), noon()).await.unwrap();
    let ingestion = bench.wire.used();
    let key = EntryKey::receipt(receipt.occurred_at, &receipt.id);
    let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
    let end = bench.store.commit(&commit, |seen| Ok::<_, Infallible>(decide(seen.account, &member))).await.unwrap();
    let Committed::Now(decision) = end else { panic!("it was there already") };
    assert_eq!(decision.entry.outcomes.len(), 10);
    let evaluation = bench.wire.used();

    println!("ingestion {ingestion:?}, evaluation {evaluation:?}");
    assert_eq!(ingestion["GetItem"], used(1, 1), "who it is: half a unit");
    assert_eq!(ingestion["PutItem"], used(1, 2), "the receipt: one unit");
    assert_eq!(ingestion.len(), 2);
    assert_eq!(evaluation["GetItem"], used(1, 2), "the account: one unit");
    assert_eq!(evaluation["TransactWriteItems"], used(1, 8), "the entry and the account: four units");
    assert_eq!(evaluation.len(), 2);

    let pack = |bytes: Result<Vec<u8>, _>| bytes.map(|bytes| bytes.len()).unwrap();
    println!(
        "packed: receipt {} B, account {} B, entry {} B",
        pack(tessera_domain::pack::pack(&receipt)),
        pack(tessera_domain::pack::pack(&decision.account)),
        pack(tessera_domain::pack::pack(&decision.entry)),
    );
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one line for each surcharge that is measured")]
async fn surcharges() {
    let bench = Bench::start().await;
    let (program, config) = (program(), ten_rules());
    let mut measured: Vec<(&str, BTreeMap<String, Used>)> = Vec::new();
    macro_rules! measure {
        ($what:literal, $call:expr) => {{
            bench.wire.forget();
            let end = $call.await.unwrap();
            measured.push(($what, bench.wire.used()));
            end
        }};
    }
    let store = &bench.store;
    let ada = measure!("new visitor", store.find_or_create_visitor(&active(), &customer("c-1"), noon())).member;
    let mut both = customer("c-1");
    both.email = Some("ada@x.it".parse().unwrap());
    both.verified = Some([tessera_domain::member::IdentifierKind::Email].into());
    measure!("attached e-mail", store.find_or_create_visitor(&active(), &both, noon()));
    measure!("known by id and e-mail", store.find_or_create_visitor(&active(), &both, noon()));

    let issue = EntryKey::coupon(noon(), "1");
    let commit = Commit::for_one(&program, &config, Party::new(&ada, &issue));
    let redeem = |seen: &tessera_store::Snapshot<'_>| {
        let mut decision = one_point(seen.account, for_receipt("r"));
        decision.account.status = Status::Member;
        decision.account.counters.insert(RuleId::new("r").unwrap(), Counter::new(1));
        decision.issued.push(coupon("CODE-1", &ada));
        decision.stock.push(crate::shop::reward());
        Ok::<_, Infallible>(decision)
    };
    // The first unit of a stock balances its counters.
    assert_eq!(crate::stock::take(&bench, 1_000, 1, "m_first").await, 1);
    measure!("decision with a coupon from a stock", store.commit(&commit, redeem));
    measure!("the same again", store.commit(&commit, redeem));
    let code = CouponCode::new("CODE-1").unwrap();
    let until = |coupon: &tessera_domain::coupon::Coupon| {
        Ok::<_, Infallible>(tessera_domain::coupon::Coupon { until: Some(noon()), ..coupon.clone() })
    };
    measure!("change of a coupon", store.change_coupon(&program, &code, until));
    let sale = tessera_domain::ids::ReceiptId::new("sale").unwrap();
    let on_sale = |coupon: &tessera_domain::coupon::Coupon| {
        Ok::<_, Infallible>(tessera_domain::coupon::Coupon { receipt: Some(sale.clone()), ..coupon.clone() })
    };
    measure!("coupon used on a receipt by a till", store.use_coupon_on(&program, &code, &sale, on_sale));
    measure!("coupons of a receipt", store.coupons_used_on(&program, &sale));
    let folded = tessera_domain::coupon::FoldedCode::from(&code);
    measure!("own coupon", store.get_own_coupon(&program, &ada, &folded));
    let unknown = tessera_domain::coupon::FoldedCode::parse("nobody's").unwrap();
    measure!("own coupon, unknown", store.get_own_coupon(&program, &ada, &unknown));
    measure!("sold-out rewards", store.sold_out(&program, &config));
    measure!("lapsed reservations, none", store.free_lapsed(&program, &crate::shop::reward(), noon()));

    let receipt = five_lines();
    let bought = Fact::Receipt(receipt.clone());
    let returned = |of: &ReceiptId| Fact::Refund { receipt: of.clone(), refund: refund("f1", "1.00") };
    measure!("receipt", store.put_fact(&program, Some(&ada), &bought, noon()));
    measure!("receipt again", store.put_fact(&program, Some(&ada), &bought, noon()));
    measure!("receipt with refunds, read", store.get_receipt_with_refunds(&program, &receipt.id));
    measure!("refund", store.put_fact(&program, Some(&ada), &returned(&receipt.id), noon()));
    let early = ReceiptId::new("early").unwrap();
    measure!("refund before its receipt", store.put_fact(&program, None, &returned(&early), noon()));
    let key = EntryKey::refund(noon(), &receipt.id, &refund("f1", "1.00").id);
    let history = ReceiptHistory { at: noon(), receipt: &receipt.id, moves: 0 };
    let commit = Commit::for_one(&program, &config, Party { history: Some(history), ..Party::new(&ada, &key) });
    let point = |seen: &tessera_store::Snapshot<'_>| Ok::<_, Infallible>(one_point(seen.account, for_receipt("r")));
    measure!("decision on a refund", store.commit(&commit, point));
    let seen = EntryKey::adjustment(noon(), "seen");
    let commit = Commit::for_one(&program, &config, Party { profile: true, ..Party::new(&ada, &seen) });
    measure!("decision that sees the profile", store.commit(&commit, point));
    let body = json!({ "id": "i-1", "occurred_at": "2026-03-01T12:00:00Z", "member": { "id": "c-1" },
        "name": "email_opened", "properties": { "message": "m-1", "device": "mobile" } });
    let open = tessera_domain::fact::read_interaction(&body).unwrap().interaction;
    measure!("interaction", store.put_fact(&program, Some(&ada), &Fact::Interaction(open.clone()), noon()));
    let key = EntryKey::fact(noon(), &Fact::Interaction(open.clone()).id());
    let once = open.once();
    let commit = Commit::for_one(&program, &config, Party { mark: once.as_deref(), ..Party::new(&ada, &key) });
    let marking = |seen: &tessera_store::Snapshot<'_>| {
        let decision = one_point(seen.account, for_receipt("r"));
        Ok::<_, Infallible>(tessera_domain::decide::Decision { marks: true, ..decision })
    };
    measure!("decision that takes a mark", store.commit(&commit, marking));
    measure!("member read", store.open_member(&program, &ada));
    measure!("entries, a page", store.entries(&program, std::slice::from_ref(&ada), 50, None));
    measure!("coupons, a page", store.coupons(&program, std::slice::from_ref(&ada), 50, None));

    let lock = Duration::from_secs(30);
    measure!("idempotency key, begin", store.begin_request(&program, "key", &[1; 32], noon(), lock));
    let answer = tessera_store::StoredResponse { status: 201, headers: Vec::new(), body: "{}".to_owned() };
    measure!("idempotency key, finish", store.finish_request(&program, "key", &answer));
    measure!("idempotency key, replay", store.begin_request(&program, "key", &[1; 32], noon(), lock));

    let secrets = tessera_store::SecretsKey::new([1; 32]);
    let new = measure!("program created", store.create_program(&read(&document(5)), None, &secrets, noon()));
    measure!("API key looked up", store.find_api_key(&new.admin_key));
    let cache = ProgramCache::new(store.clone(), Duration::ZERO);
    measure!("program loaded", cache.get(&new.id));
    measure!("program checked again", cache.get(&new.id));

    for (what, used) in &measured {
        let calls: Vec<String> = used
            .iter()
            .map(|(name, used)| format!("{name} ×{} = {}.{} units", used.calls, used.halves / 2, used.halves % 2 * 5))
            .collect();
        println!("{what}: {}", calls.join(", "));
    }
    let calls = |what: &str| measured.iter().find(|(name, _)| *name == what).unwrap().1.clone();
    assert_eq!(calls("new visitor")["TransactWriteItems"], used(1, 16), "guard, profile, place in two lists");
    assert_eq!(calls("known by id and e-mail").len(), 1);
    // Ten units, and four because the visitor becomes a member in the lists.
    assert_eq!(calls("decision with a coupon from a stock")["TransactWriteItems"], used(1, 28));
    assert_eq!(calls("decision with a coupon from a stock").len(), 2, "nobody looks at a stock that is not used up");
    assert_eq!(calls("coupon used on a receipt by a till")["TransactWriteItems"], used(1, 8));
    assert_eq!(calls("own coupon")["GetItem"], used(2, 4));
    assert_eq!(calls("own coupon, unknown")["GetItem"], used(3, 6), "as for another member's");
    assert_eq!(calls("sold-out rewards")["GetItem"], used(1, 1));
    assert_eq!(calls("refund")["PutItem"], used(1, 2));
    assert_eq!(calls("interaction")["PutItem"], used(1, 2));
    // One unit for each item that is looked at, whether or not it is there.
    for (what, writes) in [("decision that sees the profile", 8), ("decision that takes a mark", 12)] {
        assert_eq!(calls(what)["BatchGetItem"], used(1, 4), "{what}");
        assert_eq!(calls(what)["TransactWriteItems"], used(1, writes), "{what}");
    }
    assert_eq!(calls("program checked again")["GetItem"], used(1, 1));
}
