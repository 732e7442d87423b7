//! A document with everything in it that the language has.

use serde_json::{Value, json};

use super::rule;

/// A draft, because nothing evaluates one.
fn draft(id: &str, changes: Value) -> Value {
    let mut rule = rule(&changes);
    rule["id"] = json!(id);
    rule["status"] = json!("draft");
    rule["ends_at"] = json!(null);
    rule
}

fn on(id: &str, trigger: Value) -> Value {
    draft(id, json!({ "on": trigger, "then": [{ "credit": { "points": 10, "kind": "redeemable" } }] }))
}

fn then(id: &str, effect: Value) -> Value {
    draft(id, json!({ "then": [effect] }))
}

fn given(id: &str, predicate: Value) -> Value {
    draft(id, json!({ "if": [predicate], "then": [{ "credit": { "per_unit": "1.5", "kind": "both" } }] }))
}

fn receipt(id: &str, trigger: &Value) -> Value {
    on(id, json!({ "receipt": trigger }))
}

/// Every trigger, predicate, effect, measure, window and limit.
pub(super) fn rules() -> Value {
    let mut rules = vec![
        receipt("all", &json!({})),
        receipt(
            "filtered",
            &json!({ "where": {
            "stores": ["milano-01"], "stores_not": ["roma-01"], "channels": [],
            "lines": {
                "skus": ["A"], "skus_not": ["B"], "products": ["Tea"], "categories": ["winter"],
                "categories_not": ["socks"], "brands": ["acme"], "brands_not": [], "attributes": { "season": ["fw"] },
            },
        } }),
        ),
        receipt("lines", &json!({ "where": { "lines": {} } })),
        receipt(
            "range",
            &json!({ "spend": {
            "every": "1.00", "from": "50.00", "up_to": "200.00", "range": "band",
        } }),
        ),
        receipt("rolling", &json!({ "spend": { "total_at_least": "100.00" }, "within": { "days": 30 } })),
        receipt(
            "first",
            &json!({
                "spend": { "total_at_least": "100.00" }, "within": { "days": 30, "from": "first_receipt" },
            }),
        ),
        receipt(
            "fixed",
            &json!({
                "receipts": { "every": 3 }, "within": { "starts_on": "2026-03-01", "ends_on": "2026-03-31" },
            }),
        ),
        on(
            "interaction",
            json!({ "interaction": {
            "name": "wallet_pass_added", "where": { "properties": { "city": ["Milano"] } },
        } }),
        ),
        on("bare", json!({ "interaction": { "name": "visit" } })),
        on("opened", json!({ "email_opened": { "campaign_categories": ["news"], "devices": ["phone"] } })),
        on("clicked", json!({ "email_clicked": { "link_categories": ["shop"] } })),
        on("birthday", json!({ "birthday": { "at": "week", "days_before": 7 } })),
        on("enrollment", json!({ "enrollment": {} })),
        on("inactivity", json!({ "inactivity": { "days": 180 } })),
        on("up", json!({ "tier_change": { "direction": "upgrade", "from": ["base"], "to": ["silver", "vip"] } })),
        on("list", json!({ "list_subscription": { "list": "newsletter" } })),
        on("profile", json!({ "profile": { "attribute": "favourite_store", "in": ["milano-01"] } })),
        on("referral", json!({ "referral": { "role": "advocate" } })),
        given("in-week", json!({ "birthday": { "within": "week" } })),
        given("after-birthday", json!({ "birthday": { "days_after": 7 } })),
        given("enrolled", json!({ "enrolled": { "within": "day" } })),
        given("after-enrolment", json!({ "enrolled": { "days_after": 5 } })),
        given("with-profile", json!({ "profile": { "attribute": "size", "in": ["M", "L"] } })),
        given("with-list", json!({ "list": "newsletter" })),
        given("with-tag", json!({ "tag": "friend" })),
        given("with-referral", json!({ "referred": true })),
        then("debits", json!({ "debit": { "points": 5, "kind": "qualifying" } })),
        then("resets", json!({ "reset": { "kind": "both" } })),
        then("multiplies", json!({ "multiply": { "factor": "1.5", "kind": "redeemable", "scope": "receipt" } })),
        then(
            "multiplies-lines",
            json!({ "multiply": {
            "factor": "3", "kind": "qualifying", "rules": ["all", "lines"], "scope": "lines",
        } }),
        ),
        then("rewards", json!({ "reward": "five-off" })),
        then("lifts", json!({ "vip": "vip" })),
        draft(
            "one-limit",
            json!({
                "limit": { "times": 2, "per": "day", "every": 2, "rolling": true }, "tiers": ["base", "silver"],
                "then": [{ "credit": { "points": 1, "kind": "redeemable" } }, { "reward": "five-off" }],
            }),
        ),
        draft(
            "limits",
            json!({
                "limit": [{ "times": 2, "per": "day" }, { "points": 500, "per": "lifetime" }], "tiers": [],
                "ends_at": "2026-12-31T23:59:59",
                "storefront": {
                    "visible": true, "title": { "it": "Compra", "en": "Buy" }, "description": "Buy more",
                    "icon_url": "https://shop.example/i.svg", "action_url": "https://shop.example/buy",
                },
                "then": [{ "credit": { "points": 10, "kind": "redeemable" } }],
            }),
        ),
    ];
    for how in ["total_at_least", "per_receipt_at_least", "every", "every_per_receipt"] {
        rules.push(receipt(&format!("spend-{how}"), &json!({ "spend": { how: "50.00" } })));
        rules.push(receipt(&format!("quantity-{how}"), &json!({ "quantity": { how: 3 } })));
    }
    // The last ones say what they mean in full already; the ordinary effect gets its kind.
    for rule in &mut rules {
        if rule["then"] == json!([{ "credit": { "points": 10 } }]) {
            rule["then"][0]["credit"]["kind"] = json!("redeemable");
        }
        if rule["limit"].is_object() || rule["limit"].is_array() || rule["ends_at"].is_string() {
            rule["status"] = json!("paused");
        }
    }
    json!(rules)
}

fn reward(id: &str, kind: &str, value: Option<&str>, code: &Value) -> Value {
    let mut reward = json!({ "id": id, "name": id, "type": kind, "cost": 0, "code": code });
    if let Some(value) = value {
        reward["value"] = json!(value);
    }
    reward
}

/// Every type of reward.
pub(super) fn rewards() -> Value {
    let pattern = json!({ "pattern": "ADA-########" });
    json!([
        {
            "id": "five-off", "name": { "it": "5 € di sconto", "en": "5 € off" }, "description": "Off",
            "image_url": "https://shop.example/5.png", "type": "amount_off", "value": "5.00", "skus": ["A"],
            "minimum_spend": "20.00", "cost": 250, "tiers": ["silver"], "starts_at": "2026-01-01T00:00:00",
            "ends_at": "2026-12-31T00:00:00", "stock": 100, "per_member_limit": 1, "code": pattern, "valid_days": 90,
            "rank": 1, "low_stock": 5, "max_discount": "4.00", "bind": "member",
            "combines_with": { "order": true, "product": false, "shipping": true },
        },
        {
            "id": "pay", "name": "Pay with points", "type": "amount_off", "code": pattern,
            "cost_per": { "points": 100, "value": "1.00", "min": 100, "max": 5000, "step": 100 },
        },
        {
            "id": "drawn", "name": "From a pool", "type": "amount_off", "value": "5.00", "cost": 100,
            "code": { "pool": true }, "low_stock": 50,
        },
        reward("percent", "percent_off", Some("12.5"), &pattern),
        reward("shipping", "free_shipping", None, &pattern),
        reward("product", "free_product", Some("SKU-1"), &pattern),
        reward("card", "gift_card", Some("25.00"), &pattern),
        reward("custom", "custom", None, &pattern),
        reward("tour", "custom", Some("A tour of the roastery"), &pattern),
    ])
}

/// A whole program, written as it is written out again.
pub(super) fn whole() -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": {
            "name": { "it": { "one": "punto", "other": "punti" }, "ru": { "one": "балл", "few": "балла", "other": "баллов" } },
            "rounding": "floor", "hold_days": 14, "expiry": { "after_months": 12 }, "point_value": "0.01",
            "multiplier_stacking": "max", "negative_balance": "allow", "returned_redemption": "prorata",
            "warn_days": [30, 7],
        },
        "tiers": {
            "ladder": [
                { "id": "base", "name": "Base", "threshold": 0, "icon_url": null, "benefits": [] },
                {
                    "id": "silver", "name": { "en": "Silver" }, "threshold": 500,
                    "icon_url": "https://shop.example/s.svg", "benefits": ["Early access", { "it": "Regalo" }],
                },
            ],
            "vip": [{ "id": "vip", "name": "VIP", "icon_url": null, "benefits": [] }],
            "window": "calendar_year", "downgrade": "one_down", "grace_days": 30,
        },
        "rewards": rewards(),
        "rules": rules(),
        "identity": { "verified": ["card", "email"], "ean_prefix": "042" }, "publishing": { "two_person": true },
        "coupons": { "apply_minutes": 60, "warn_days": [30, 7] },
        "members": { "visitor_days": 365 },
        "storefront": {
            "shop_url": "https://shop.example", "allowed_origins": ["https://shop.example", "http://localhost:8080"],
            "logo_url": "https://shop.example/l.svg", "banner_url": "https://shop.example/b.jpg?w=1",
            "colours": { "accent": "#aa3300", "text": "#0a0A0a" }, "font": "rounded",
        },
    })
}
