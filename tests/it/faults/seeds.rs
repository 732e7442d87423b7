//! Concurrent shoppers and random faults. A seed determines the program, the shoppers' steps and the failing calls. All
//! members must end as they do without faults. To repeat a failure, put the seed that it names into `SEEDS` alone.

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::Injected;

use super::journeys::{self, CLOCK};
use super::sender::Sender;
use super::state::end;
use super::table::table;
use crate::shop::receipt;

const SEEDS: [u64; 5] = [1, 2, 3, 5, 8];
/// Failing calls per thousand.
const PER_MILLE: u64 = 250;
/// As many in jobs: a run makes some fifty calls, and must get through them all at last.
const PER_MILLE_OF_JOBS: u64 = 50;
const SHOPPERS: [&str; 4] = ["c-0", "c-1", "c-2", "c-3"];
/// The number of steps of each shopper, taken one after the other.
const STEPS: usize = 7;

/// A step of a shopper.
#[derive(Debug, Clone)]
enum Step {
    Buy(String),
    /// Buys anonymously and claims the receipt afterwards.
    Claim(String),
    /// Returns a part of the previous round's purchase.
    Return(String),
    /// The refund arrives before its receipt.
    ReturnThenBuy(String),
    Redeem(&'static str),
    RedeemAndCancel,
    Open,
    Lists(bool),
    Award(u32),
}

fn money(random: &mut Rng, most: u32) -> String {
    format!("{}.{:02}", random.u32(6..most), random.u32(..100))
}

fn step(random: &mut Rng) -> Step {
    match random.u32(..12) {
        0..=3 => Step::Buy(money(random, 300)),
        4 => Step::Claim(money(random, 100)),
        5 => Step::Return(money(random, 20)),
        6 => Step::ReturnThenBuy(money(random, 60)),
        7 => Step::Redeem(if random.bool() { "five-off" } else { "last-one" }),
        8 => Step::RedeemAndCancel,
        9 => Step::Open,
        10 => Step::Lists(random.bool()),
        _ => Step::Award(random.u32(1..80)),
    }
}

/// A program with random rules and a random points policy.
fn program(random: &mut Rng) -> Value {
    let mut program = journeys::full_program();
    program["rules"].as_array_mut().unwrap().retain(|rule| rule["id"] == "per-euro" || random.u32(..4) > 0);
    program["points"]["rounding"] = json!(*random.choice(["floor", "half_up", "ceil"].iter()).unwrap());
    program["points"]["negative_balance"] = json!(*random.choice(["allow", "write_off"].iter()).unwrap());
    program["points"]["returned_redemption"] = json!(*random.choice(["none", "prorata"].iter()).unwrap());
    // Stock for everyone: the order of the shoppers must not matter.
    program["rewards"][1]["stock"] = json!(60);
    program
}

/// Runs one seed and returns the final state and the injected faults.
async fn run(seed: u64, per_mille: u64) -> (Value, Injected) {
    let mut random = Rng::with_seed(seed);
    let program = program(&mut random);
    let mut sender = Sender::open(&program, CLOCK, None).await;
    let functions: Vec<String> = sender.shop().stack.stack().template().functions.keys().cloned().collect();
    sender.faults.scatter(seed, per_mille, functions.iter().map(String::as_str));
    for shopper in SHOPPERS {
        let body = json!({ "id": shopper, "email": format!("{shopper}@example.com"), "verified": ["email"],
                           "birth_date": "1990-03-02" });
        sender.post("/v1/members", &body, None).await;
    }
    for round in 0..STEPS {
        // The steps of one round run concurrently; each shopper's steps follow each other.
        for shopper in SHOPPERS {
            act(&mut sender, shopper, round, &step(&mut random)).await;
        }
        sender.settle().await;
    }
    sender.faults.scatter(seed, per_mille.min(PER_MILLE_OF_JOBS), functions.iter().map(String::as_str));
    sender.clock("2026-03-02T09:00:00+01:00").await;
    for job in ["birthdays", "inactivity"] {
        sender.job(job).await;
    }
    let log = sender.faults.log();
    (end(&mut sender, &SHOPPERS).await, log)
}

async fn act(sender: &mut Sender, shopper: &str, round: usize, step: &Step) {
    let (id, key) = (format!("r-{shopper}-{round}"), format!("k-{shopper}-{round}"));
    let refund = |amount: &str| json!({ "id": "f-1", "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount });
    match step {
        Step::Buy(total) => {
            sender.post("/v1/receipts", &receipt(&id, shopper, total), None).await;
        }
        Step::Claim(total) => {
            let mut nobodys = receipt(&id, "", total);
            nobodys["member"] = json!(null);
            sender.post("/v1/receipts", &nobodys, None).await;
            sender.post(&format!("/v1/receipts/{id}/claim"), &json!({ "member": { "id": shopper } }), None).await;
        }
        Step::Return(amount) => {
            // The previous round may have had no purchase, or a smaller one: a refusal is a valid response.
            let path = format!("/v1/receipts/r-{shopper}-{}/refunds", round.saturating_sub(1));
            let response = sender.request(Method::POST, &path, Some(&refund(amount)), None).await;
            assert!([200, 202, 422].contains(&response.status), "{}", response.body);
        }
        Step::ReturnThenBuy(total) => {
            sender.post(&format!("/v1/receipts/{id}/refunds"), &refund("5.00"), None).await;
            sender.post("/v1/receipts", &receipt(&id, shopper, total), None).await;
        }
        Step::Redeem(reward) => drop(redeem(sender, shopper, reward, &key).await),
        Step::RedeemAndCancel => {
            if let Some(code) = redeem(sender, shopper, "five-off", &key).await {
                sender.post(&format!("/v1/coupons/{code}/cancel"), &json!({}), None).await;
            }
        }
        Step::Open => {
            let body = json!({ "id": format!("i-{shopper}-{round}"), "occurred_at": "2026-03-01T11:00:00+01:00",
                               "member": { "id": shopper }, "name": "email_opened",
                               "properties": { "message": format!("m-{}", round / 2) } });
            sender.post("/v1/interactions", &body, None).await;
        }
        Step::Lists(on) => {
            let lists = if *on { json!(["newsletter"]) } else { json!([]) };
            let path = format!("/v1/members/{shopper}");
            let response = sender.request(Method::PATCH, &path, Some(&json!({ "lists": lists })), None).await;
            assert_eq!(response.status, 200, "{}", response.body);
        }
        Step::Award(points) => {
            let body = json!({ "award": points, "reason": "sorry" });
            sender.post(&format!("/v1/members/{shopper}/adjustments"), &body, Some(&key)).await;
        }
    }
}

/// The coupon's code; `None` when the points did not suffice.
async fn redeem(sender: &mut Sender, shopper: &str, reward: &str, key: &str) -> Option<String> {
    let path = format!("/v1/members/{shopper}/redemptions");
    let response = sender.request(Method::POST, &path, Some(&json!({ "reward": reward })), Some(key)).await;
    if response.status == 201 {
        return response.body["code"].as_str().map(str::to_owned);
    }
    assert_eq!(response.problem(), "insufficient_points", "{}", response.body);
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_end_as_they_do_without_faults() {
    let mut all = Injected::new();
    for seed in SEEDS {
        let (expected, none) = run(seed, 0).await;
        assert!(none.is_empty());
        let (end, injected) = run(seed, PER_MILLE).await;
        println!("seed {seed}: {} faults", injected.values().sum::<u64>());
        assert_eq!(end, expected, "seed {seed}");
        for (key, times) in injected {
            *all.entry(key).or_default() += times;
        }
    }
    println!("{}", table("seeds", SEEDS.len(), &all));
    assert!(all.values().sum::<u64>() >= 100 * SEEDS.len() as u64);
}
