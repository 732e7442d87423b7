//! Faults at the calls of the functions that fill pools, draw, delete and withdraw codes: no code twice, no point lost, no discount for
//! nothing. A fault at the call that records a shop's success is a process that was killed between the two.

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::Calls;

use super::fake_shopify::{FakeShopify, Misbehaviour};
use super::fake_woocommerce::FakeWoocommerce;
use super::{BUYER, CLOCK, connection, nobody, offering, order, reward, woocommerce};
use crate::faults::plans::{Run, calls, every_plan, is_read, plans_of};
use crate::faults::sender::{Planned, Sender};
use crate::inbound;

const FUNCTION: &str = "shop-codes";
/// The functions that draw codes, and ask for the deletion of those of cancelled coupons.
const DRAWING: [&str; 2] = ["reward-redemption", "event-relay"];
/// The functions that use the coupons of an anonymous order.
const USING: [&str; 2] = ["rule-evaluation", "event-relay"];
/// Stacks that run at once.
const PARALLEL: usize = 12;

/// A fake of a shop.
enum FakeShop {
    Shopify(FakeShopify),
    Woocommerce(FakeWoocommerce),
}

impl FakeShop {
    async fn start(name: &str) -> Self {
        match name {
            "shopify" => Self::Shopify(FakeShopify::start().await),
            "woocommerce" => Self::Woocommerce(FakeWoocommerce::start().await),
            other => panic!("there is no fake of {other}"),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Shopify(_) => "shopify",
            Self::Woocommerce(_) => "woocommerce",
        }
    }

    fn connection(&self, codes: u32) -> Value {
        match self {
            Self::Shopify(fake) => connection(fake, codes, codes),
            Self::Woocommerce(fake) => woocommerce::connection(fake, codes),
        }
    }

    /// The codes that the checkout accepts.
    fn live(&self) -> std::collections::BTreeSet<String> {
        match self {
            Self::Shopify(fake) => fake.live(),
            Self::Woocommerce(fake) => fake.live(),
        }
    }

    fn checkout(&self, code: &str) -> bool {
        match self {
            Self::Shopify(fake) => fake.checkout(code),
            Self::Woocommerce(fake) => fake.checkout(code),
        }
    }

    fn check(&self) {
        match self {
            Self::Shopify(fake) => fake.check(),
            Self::Woocommerce(fake) => fake.check(),
        }
    }

    /// Creates half of each batch only, or all.
    fn create_half(&self, half: bool) {
        match self {
            Self::Shopify(fake) => fake.misbehave(Misbehaviour { half, ..Misbehaviour::default() }),
            Self::Woocommerce(fake) => fake.create_half(half),
        }
    }

    /// Responds to every request with a failure, or behaves.
    fn fail(&self, fails: bool) {
        let status = fails.then_some(503);
        match self {
            Self::Shopify(fake) => fake.misbehave(Misbehaviour { status, ..Misbehaviour::default() }),
            Self::Woocommerce(fake) => fake.respond(status),
        }
    }

    /// Delivers a paid order that names a code, in small letters.
    async fn sell(&self, sender: &mut Sender, code: &str) {
        let code = code.to_lowercase();
        let paid = match self {
            Self::Shopify(_) => order(1, &code, "2026-03-01T12:55:00+01:00"),
            Self::Woocommerce(_) => woocommerce::order(1, &code, "2026-03-01T11:55:00"),
        };
        let delivered = sender.with(async |shop| match self {
            Self::Shopify(_) => inbound::shopify(shop, "orders/paid", &paid).await,
            Self::Woocommerce(_) => inbound::woocommerce(shop, &paid).await,
        });
        assert_eq!(delivered.await.status, 200);
        sender.settle().await;
    }
}

fn rewards(provider: &str) -> Vec<Value> {
    vec![reward("five", provider, &json!({ "valid_days": 1 }))]
}

/// The program of the journeys.
pub fn program() -> Value {
    offering(&rewards("shopify"))
}

/// The program in which the codes of the reward come from elsewhere.
fn withdrawn() -> Value {
    offering(&[reward("five", "shopify", &json!({ "code": { "pattern": "ADA-########" } }))])
}

async fn publish(sender: &mut Sender, program: &Value) {
    let put = sender.request(Method::PUT, "/v1/program", Some(program), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.settle().await;
}

async fn open(sender: &mut Sender) {
    sender.post("/v1/members", &json!({ "id": BUYER }), None).await;
    let award = json!({ "award": 1000, "reason": "opening" });
    sender.post(&format!("/v1/members/{BUYER}/adjustments"), &award, Some("k-opening")).await;
}

async fn connect(sender: &mut Sender, fake: &FakeShop) {
    let path = format!("/v1/integrations/{}", fake.name());
    let put = sender.request(Method::PUT, &path, Some(&fake.connection(6)), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.settle().await;
}

async fn draw(sender: &mut Sender, n: u32) -> String {
    let path = format!("/v1/members/{BUYER}/redemptions");
    let coupon = sender.post(&path, &json!({ "reward": "five" }), Some(&format!("k-{n}"))).await;
    sender.settle().await;
    coupon["code"].as_str().unwrap().to_owned()
}

/// What the connection says of the codes of the reward.
async fn codes_of(sender: &mut Sender, fake: &FakeShop) -> Value {
    sender.get(&format!("/v1/integrations/{}", fake.name())).await["health"]["codes"][0].clone()
}

/// Connects, fills, draws, uses, cancels, and lets a coupon expire. At first the shop creates half of each batch only.
async fn living(sender: &mut Sender, fake: &FakeShop) -> (Vec<Value>, Calls) {
    open(sender).await;
    sender.begin();
    fake.create_half(true);
    connect(sender, fake).await;
    fake.create_half(false);
    // What failed is asked for again.
    sender.clock("2026-03-01T13:00:00+01:00").await;
    let mut codes = Vec::new();
    for n in 0..3 {
        codes.push(draw(sender, n).await);
    }
    assert!(fake.checkout(&codes[0]), "a code that was handed out works");
    fake.sell(sender, &codes[0]).await;
    sender.post(&format!("/v1/coupons/{}/cancel", codes[1]), &json!({}), Some("k-cancel")).await;
    sender.settle().await;
    for now in ["2026-03-01T14:00:00+01:00", "2026-03-03T00:10:00+01:00"] {
        sender.clock(now).await;
    }
    let calls = calls(sender);
    sender.end();
    for now in ["2026-03-03T04:00:00+01:00", "2026-03-03T10:00:00+01:00"] {
        sender.clock(now).await;
    }
    let mut end = Vec::new();
    for code in &codes {
        let coupon = sender.get(&format!("/v1/coupons/{code}")).await;
        end.push(json!([coupon["status"], fake.live().contains(code)]));
    }
    end.push(sender.get(&format!("/v1/members/{BUYER}")).await["points"]["available"].clone());
    let health = codes_of(sender, fake).await;
    // Every code that the shop has is one that can be drawn.
    assert_eq!(health["ready"], fake.live().len() as u64, "{health}");
    end.push(json!([health["ready"], health["dead"]]));
    if let FakeShop::Shopify(fake) = fake {
        assert_eq!(fake.discounts().len(), 1);
    }
    fake.check();
    (end, calls)
}

/// Withdraws the reward while a coupon of it is in a wallet, and brings it back. The faults are in one of both.
async fn withdrawing(sender: &mut Sender, fake: &FakeShop, in_return: bool) -> (Vec<Value>, Calls) {
    open(sender).await;
    connect(sender, fake).await;
    let code = draw(sender, 1).await;
    if !in_return {
        sender.begin();
    }
    publish(sender, &withdrawn()).await;
    sender.clock("2026-03-01T12:40:00+01:00").await;
    let in_withdrawal = calls(sender);
    if !in_return {
        sender.end();
    }
    sender.clock("2026-03-01T14:00:00+01:00").await;
    assert!(fake.live().is_empty(), "{:?}", fake.live());
    let mut end = vec![codes_of(sender, fake).await["ready"].clone()];
    if in_return {
        sender.begin();
    }
    publish(sender, &offering(&rewards(fake.name()))).await;
    sender.clock("2026-03-01T14:40:00+01:00").await;
    let calls = if in_return { calls(sender) } else { in_withdrawal };
    sender.end();
    sender.clock("2026-03-01T16:00:00+01:00").await;
    let ready = codes_of(sender, fake).await["ready"].clone();
    // One more is in the wallet. Codes of which the process knew no more when it was killed are known to nobody.
    let live = fake.live().len() as u64;
    assert!(Some(live) > ready.as_u64(), "{live} {ready}");
    end.push(ready);
    end.push(json!([fake.checkout(&code), fake.checkout(&draw(sender, 2).await)]));
    fake.check();
    (end, calls)
}

/// An order uses a ready code that nobody has.
async fn spending(sender: &mut Sender, fake: &FakeShop) -> (Vec<Value>, Calls) {
    open(sender).await;
    connect(sender, fake).await;
    // The relay knows for a minute that no shop was connected.
    sender.clock("2026-03-01T12:10:00+01:00").await;
    let spent = fake.live().into_iter().next().unwrap();
    assert!(fake.checkout(&spent));
    sender.begin();
    fake.sell(sender, &spent).await;
    sender.clock("2026-03-01T13:00:00+01:00").await;
    let calls = calls(sender);
    sender.end();
    sender.clock("2026-03-01T16:00:00+01:00").await;
    let health = codes_of(sender, fake).await;
    assert_eq!(health["ready"], fake.live().len() as u64, "{health}");
    let mut end = vec![health["ready"].clone(), health["spent"].clone()];
    for n in 0..6 {
        end.push(json!(fake.checkout(&draw(sender, n).await)));
    }
    fake.check();
    (end, calls)
}

/// An order of nobody uses a ready code that nobody has, and one that a member has; then it is cancelled.
async fn anonymous(sender: &mut Sender, fake: &FakeShop) -> (Vec<Value>, Calls) {
    open(sender).await;
    connect(sender, fake).await;
    sender.clock("2026-03-01T12:10:00+01:00").await;
    let wallet = draw(sender, 1).await;
    let ready = fake.live().into_iter().find(|code| *code != wallet).unwrap();
    assert!(fake.checkout(&wallet) && fake.checkout(&ready));
    let mut paid = nobody(order(1, &wallet.to_lowercase(), "2026-03-01T12:05:00+01:00"));
    paid["discount_codes"].as_array_mut().unwrap().push(json!({ "code": ready, "amount": "5.00" }));
    sender.begin();
    deliver(sender, "orders/paid", &paid).await;
    let used = sender.get(&format!("/v1/coupons/{wallet}")).await["status"].clone();
    let mut end = vec![used, sender.get(&format!("/v1/members/{BUYER}")).await["points"]["available"].clone()];
    paid["cancelled_at"] = json!("2026-03-01T12:08:00+01:00");
    deliver(sender, "orders/cancelled", &paid).await;
    let calls = calls(sender);
    sender.end();
    sender.clock("2026-03-01T16:00:00+01:00").await;
    end.push(sender.get(&format!("/v1/members/{BUYER}")).await["points"]["available"].clone());
    let health = codes_of(sender, fake).await;
    assert_eq!(health["ready"], fake.live().len() as u64, "{health}");
    end.push(json!([health["ready"], health["spent"]]));
    fake.check();
    (end, calls)
}

/// Delivers an event of Shopify until it is taken.
async fn deliver(sender: &mut Sender, topic: &str, payload: &Value) {
    let delivered = sender.with(async |shop| inbound::shopify(shop, topic, payload).await).await;
    assert_eq!(delivered.status, 200, "{}", delivered.body);
    sender.settle().await;
}

/// The connection leads to another shop, while a coupon of the first one is in a wallet and is cancelled.
async fn moving(sender: &mut Sender, first: &FakeShop) -> (Vec<Value>, Calls) {
    let second = FakeShop::start(first.name()).await;
    open(sender).await;
    connect(sender, first).await;
    let wallet = draw(sender, 1).await;
    let of_first = first.live();
    sender.begin();
    connect(sender, &second).await;
    sender.clock("2026-03-01T13:00:00+01:00").await;
    sender.post(&format!("/v1/coupons/{wallet}/cancel"), &json!({}), Some("k-cancel")).await;
    sender.settle().await;
    sender.clock("2026-03-01T14:00:00+01:00").await;
    let calls = calls(sender);
    sender.end();
    sender.clock("2026-03-01T18:00:00+01:00").await;
    assert_eq!(first.live(), of_first, "nothing is asked of the shop of before");
    let health = codes_of(sender, &second).await;
    assert_eq!(health["ready"], second.live().len() as u64, "{health}");
    let mut end = vec![health["ready"].clone()];
    end.push(sender.get(&format!("/v1/members/{BUYER}")).await["points"]["available"].clone());
    end.push(sender.get(&format!("/v1/coupons/{wallet}")).await["status"].clone());
    end.push(json!(second.checkout(&draw(sender, 2).await)));
    first.check();
    second.check();
    (end, calls)
}

/// What is done under faults.
#[derive(Debug, Clone, Copy)]
enum Journey {
    Living,
    Withdrawing,
    Returning,
    Spending,
    Anonymous,
    Moving,
}

async fn run(journey: Journey, provider: &str, planned: Option<Planned>) -> Run<Vec<Value>> {
    let fake = FakeShop::start(provider).await;
    let mut sender = Sender::open(&offering(&rewards(provider)), CLOCK, planned).await;
    let (end, calls) = match journey {
        Journey::Living => Box::pin(living(&mut sender, &fake)).await,
        Journey::Withdrawing => Box::pin(withdrawing(&mut sender, &fake, false)).await,
        Journey::Returning => Box::pin(withdrawing(&mut sender, &fake, true)).await,
        Journey::Spending => Box::pin(spending(&mut sender, &fake)).await,
        Journey::Anonymous => Box::pin(anonymous(&mut sender, &fake)).await,
        Journey::Moving => Box::pin(moving(&mut sender, &fake)).await,
    };
    sender.with(async |shop| shop.verify().await).await;
    Run::with_calls(end, calls, &sender)
}

async fn every_fault(journey: Journey, provider: &str, expected: &[Value]) {
    let choose = |calls: Calls| {
        let functions: &[&str] = if matches!(journey, Journey::Anonymous) { &USING } else { &[FUNCTION] };
        let mut plans = plans_of(calls.clone(), functions);
        // Every shop's codes are drawn alike, and one journey shows it.
        if matches!(journey, Journey::Living) && provider == "shopify" {
            plans.extend(plans_of(calls, &DRAWING).into_iter().filter(|planned| !is_read(&planned.operation)));
        }
        plans
    };
    let run = async |planned: Option<Planned>| {
        let run = run(journey, provider, planned).await;
        assert_eq!(run.end, expected);
        run
    };
    every_plan(&format!("{journey:?}, {provider}"), PARALLEL, choose, run).await;
}

/// How the coupons, the points, and the pool end.
fn lived() -> [Value; 5] {
    [json!(["used", false]), json!(["cancelled", false]), json!(["expired", false]), json!(980), json!([6, 2])]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_is_lost_or_handed_out_twice_whatever_call_fails() {
    every_fault(Journey::Living, "shopify", &lived()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_coupon_is_lost_or_handed_out_twice_whatever_call_fails() {
    every_fault(Journey::Living, "woocommerce", &lived()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reward_is_withdrawn_and_comes_back_whatever_call_fails() {
    // The way back is the way there with another word.
    for (journey, provider) in
        [(Journey::Withdrawing, "shopify"), (Journey::Withdrawing, "woocommerce"), (Journey::Returning, "woocommerce")]
    {
        every_fault(journey, provider, &[json!(0), json!(6), json!([true, true])]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_code_leaves_its_pool_once_whatever_call_fails() {
    let works = [json!(true), json!(true), json!(true), json!(true), json!(true), json!(true)];
    let expected: Vec<Value> = [json!(6), json!(1)].into_iter().chain(works).collect();
    every_fault(Journey::Spending, "shopify", &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_nobody_uses_its_codes_once_whatever_call_fails() {
    let expected = [json!("used"), json!(990), json!(1000), json!([6, 1])];
    every_fault(Journey::Anonymous, "shopify", &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_codes_of_another_shop_are_dropped_whatever_call_fails() {
    let expected = [json!(6), json!(1000), json!("cancelled"), json!(true)];
    every_fault(Journey::Moving, "woocommerce", &expected).await;
}

/// Uses every permission of the functions that concern codes of shops.
pub async fn every_permission(sender: &mut Sender) -> Vec<&'static str> {
    let fake = FakeShop::start("shopify").await;
    Box::pin(living(sender, &fake)).await;
    Box::pin(publish(sender, &withdrawn())).await;
    assert!(fake.live().is_empty());
    // The reward comes back by a draft. A shop that is down is asked again to delete a code.
    let draft = sender.post("/v1/program/drafts", &json!({ "program": program() }), Some("k-draft")).await;
    let publish = format!("/v1/program/drafts/{}/publish", draft["id"].as_str().unwrap());
    sender.post(&publish, &json!({}), Some("k-publish")).await;
    sender.settle().await;
    let code = draw(sender, 9).await;
    let ready = fake.live().into_iter().find(|ready| *ready != code).unwrap();
    let paid = nobody(order(9, &ready, "2026-03-03T09:00:00+01:00"));
    deliver(sender, "orders/paid", &paid).await;
    fake.fail(true);
    sender.post(&format!("/v1/coupons/{code}/cancel"), &json!({}), None).await;
    sender.settle().await;
    fake.fail(false);
    sender.clock("2026-03-03T12:00:00+01:00").await;
    vec![]
}
