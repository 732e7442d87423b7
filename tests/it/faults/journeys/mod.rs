//! Short journeys that together call every function. Each prepares its data, starts the faults, and returns the members
//! whose final state is compared.

mod days;
mod due;
mod operation;
mod people;
mod purchases;

pub use days::{days, warnings};
pub use due::{arming, endings, referral_days};
pub use operation::{access, admin, drafts, importing};
pub use people::{erasure, identities, joining, members, merges, moves, referrals};
pub use purchases::{coupons, holds, interactions, many_coupons, pools, receipts, refunds, views};
use serde_json::{Value, json};

use super::sender::Sender;
use crate::shop::{program, receipt};

/// The day before the members' birthday.
pub const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": [then] })
}

/// A program with a rule for every trigger.
pub fn full_program() -> Value {
    let points = |points: i64| json!({ "credit": { "points": points, "kind": "both" } });
    let mut tagged = rule("tagged", &json!({ "receipt": {} }), &points(3));
    tagged["if"] = json!([{ "tag": "friends" }]);
    let mut capped = rule("capped", &json!({ "receipt": { "spend": { "every": "50.00" } } }), &points(5));
    capped["limit"] = json!({ "times": 3, "per": "day" });
    let outlet = json!({ "receipt": { "where": { "stores": ["outlet"] }, "spend": { "every": "10.00" } } });
    let pop_up = json!({ "receipt": { "where": { "stores": ["pop-up"] }, "spend": { "every_per_receipt": "10.00" } } });
    let wait = json!({ "until": { "interaction": "delivered" }, "at_most_days": 10, "otherwise": "cancel" });
    let held = json!({ "credit": { "per_unit": "2", "hold": wait } });
    let mut full = program(&json!([
        rule("per-euro", &json!({ "receipt": {} }), &json!({ "credit": { "per_unit": "1", "kind": "both" } })),
        rule(
            "risen",
            &json!({ "tier_change": { "direction": "upgrade" } }),
            &json!({ "reward": { "reward": "last-one" } })
        ),
        rule("welcome", &json!({ "enrollment": {} }), &points(20)),
        rule("opened", &json!({ "email_opened": {} }), &points(2)),
        rule("newsletter", &json!({ "list_subscription": { "list": "newsletter" } }), &points(10)),
        rule("gift", &json!({ "birthday": {} }), &points(50)),
        rule("win-back", &json!({ "inactivity": { "days": 30 } }), &points(7)),
        rule("friendship", &json!({ "referral": { "role": "friend" } }), &points(4)),
        tagged,
        capped,
        rule("coupons", &outlet, &json!({ "reward": "five-off" })),
        rule("codes", &pop_up, &json!({ "reward": "pooled" })),
        rule("parcels", &json!({ "receipt": { "where": { "stores": ["parcel"] } } }), &held),
    ]));
    let pooled = json!({ "id": "pooled", "name": "From a pool", "type": "amount_off", "value": "5.00", "cost": 10,
                         "low_stock": 0, "code": { "pool": true } });
    full["rewards"].as_array_mut().unwrap().push(pooled);
    full["storefront"] = json!({ "shop_url": "https://shop.example" });
    full["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    full
}

async fn enrol(sender: &mut Sender, id: &str) {
    let body = json!({ "id": id, "email": format!("{id}@example.com"), "verified": ["email"],
                       "birth_date": "1990-03-02", "tags": ["friends"] });
    sender.post("/v1/members", &body, None).await;
}

async fn buy(sender: &mut Sender, id: &str, member: &str, total: &str) {
    sender.post("/v1/receipts", &receipt(id, member, total), None).await;
    sender.settle().await;
}

fn refund(id: &str, amount: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount })
}
