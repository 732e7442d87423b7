//! Which metrics an event is, and their properties.

use serde_json::{Value, json};
use tessera_domain::coupon::Coupon;
use tessera_domain::event::Event;
use tessera_domain::program::CompiledProgram;

/// Whether an event is shown by a metric.
pub(super) fn has_metric(event: &Event) -> bool {
    event.kind == "tessera.tier.changed" || !by_kind(event).is_empty()
}

/// The usual names of an event's metrics.
pub(super) fn of(event: &Event, program: &CompiledProgram) -> Vec<&'static str> {
    if event.kind == "tessera.tier.changed" {
        return vec![if is_rise(event, program) { "Tier Achieved" } else { "Tier Lost" }];
    }
    by_kind(event)
}

fn by_kind(event: &Event) -> Vec<&'static str> {
    let is_birthday = event.data.pointer("/source/job").and_then(Value::as_str) == Some("birthdays");
    match event.kind.as_str() {
        "tessera.entry.earn" if is_birthday => vec!["Points Earned", "Birthday Reward Issued"],
        "tessera.entry.earn" => vec!["Points Earned"],
        // Points that are set aside are not spent yet.
        "tessera.entry.redeem" if event.data["points"]["redeemable"].as_i64().is_some_and(|points| points < 0) => {
            vec!["Points Redeemed"]
        }
        "tessera.coupon.available" if is_birthday => vec!["Birthday Reward Issued", "Coupon Assigned"],
        "tessera.coupon.available" => vec!["Reward Issued", "Coupon Assigned"],
        "tessera.coupon.used" => vec!["Coupon Used"],
        "tessera.referral.pending" => vec!["Referral Started"],
        "tessera.referral.rewarded" => vec!["Referral Completed"],
        "tessera.referral_event.share" => vec!["Referral Shared"],
        "tessera.referral_event.progress" => vec!["Referral Progress"],
        "tessera.referral_event.reminder" => vec!["Referral Reminder"],
        "tessera.notice.points_expiring" => vec!["Points Expiring"],
        "tessera.notice.coupon_expiring" => vec!["Reward Expiring"],
        // Other types change the profile alone.
        _ => Vec::new(),
    }
}

/// Whether the tier after is above the one before. A tier outside the ladder is above all of it.
fn is_rise(event: &Event, program: &CompiledProgram) -> bool {
    let ladder = program.program.tiers.as_ref().map_or(&[][..], |tiers| &tiers.ladder);
    let step = |field: &str| {
        let id = event.data[field].as_str().unwrap_or_default();
        ladder.iter().position(|tier| tier.id.as_str() == id).unwrap_or(usize::MAX)
    };
    step("after") > step("before")
}

/// The properties of a metric.
pub(super) fn properties(event: &Event, metric: &str, coupons: &[Coupon]) -> Value {
    let mut properties = json!({ "Event": event.kind });
    let mut set = |name: &str, value: &Value| {
        if !value.is_null() {
            properties[name] = value.clone();
        }
    };
    let data = &event.data;
    set("Points", &data["points"]["redeemable"]);
    // Those of a notice are a number.
    set("Points", if data["points"].is_number() { &data["points"] } else { &Value::Null });
    set("Expires On", &data["on"]);
    set("Friends", &data["friends"]);
    set("Channel", &data["channel"]);
    set("Qualifying Points", &data["points"]["qualifying"]);
    set("Balance", &data["balance"]);
    set("Previous Tier", &data["before"]);
    set("Tier", &data["after"]);
    set("Reward", &data["reward"]);
    set("Referral", &data["id"].as_str().filter(|_| event.kind.starts_with("tessera.referral")).into());
    for (name, field) in [("Receipt", "receipt"), ("Rule", "rule"), ("Reward", "reward")] {
        set(name, &data["source"][field]);
    }
    let code = data["code"].as_str().filter(|_| !event.kind.starts_with("tessera.referral"));
    let Some(code) = code.or_else(|| data["coupon"].as_str()) else { return properties };
    properties["Code"] = json!(code);
    if metric == "Coupon Assigned" {
        // What fills Klaviyo's own coupon wallet.
        properties["Coupon ID"] = data["reward"].clone();
        properties["Unique Code"] = json!(code);
    }
    let coupon = coupons.iter().find(|coupon| coupon.code.as_str() == code);
    if let Some(expires) = coupon.and_then(|coupon| coupon.expires_at) {
        properties["Expiration"] = json!(expires.to_string());
    }
    properties
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tessera_domain::program::SubmittedProgram;
    use tessera_lambda::connection::{EVENT_PROPERTIES, METRICS};

    use super::*;

    fn event(kind: &str, data: Value) -> Event {
        Event { id: "E~0".to_owned(), kind: kind.to_owned(), at: Timestamp::UNIX_EPOCH, data }
    }

    fn program() -> CompiledProgram {
        let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "tiers": {
            "ladder": [{ "id": "base", "name": "B", "threshold": 0 }, { "id": "gold", "name": "G", "threshold": 9 }],
            "vip": [{ "id": "vip", "name": "V" }] } });
        CompiledProgram::new(SubmittedProgram::read(&document).unwrap(), 1)
    }

    #[test]
    fn a_tier_is_achieved_upwards_and_lost_downwards() {
        let of_change = |before: &str, after: &str| {
            of(&event("tessera.tier.changed", json!({ "before": before, "after": after })), &program())
        };
        assert_eq!(of_change("base", "gold"), ["Tier Achieved"]);
        assert_eq!(of_change("gold", "base"), ["Tier Lost"]);
        assert_eq!(of_change("gold", "vip"), ["Tier Achieved"]);
        assert_eq!(of_change("vip", "gold"), ["Tier Lost"]);
    }

    #[test]
    fn points_that_are_set_aside_are_not_spent() {
        let redeemed =
            |points: i64| has_metric(&event("tessera.entry.redeem", json!({ "points": { "redeemable": points } })));
        assert!(redeemed(-100) && !redeemed(0));
    }

    #[test]
    fn a_coupon_fills_the_wallet() {
        let data = json!({ "code": "ADA-1", "reward": "five-off", "source": { "receipt": "r-1" } });
        let assigned = event("tessera.coupon.available", data);
        assert_eq!(of(&assigned, &program()), ["Reward Issued", "Coupon Assigned"]);
        let properties = properties(&assigned, "Coupon Assigned", &[]);
        assert_eq!((&properties["Coupon ID"], &properties["Unique Code"]), (&json!("five-off"), &json!("ADA-1")));
        assert_eq!(properties["Receipt"], "r-1");
    }

    #[test]
    fn what_a_mail_shows_is_there() {
        let of = |kind: &str, data: Value| properties(&event(kind, data), "x", &[]);
        let expiring = of("tessera.notice.points_expiring", json!({ "points": 120, "on": "2026-03-31" }));
        assert_eq!((&expiring["Points"], &expiring["Expires On"]), (&json!(120), &json!("2026-03-31")));
        let coupon = of("tessera.notice.coupon_expiring", json!({ "coupon": "ADA-1", "reward": "five-off" }));
        assert_eq!((&coupon["Code"], &coupon["Reward"]), (&json!("ADA-1"), &json!("five-off")));
        assert_eq!(of("tessera.referral_event.progress", json!({ "friends": 2 }))["Friends"], 2);
        let shared = of("tessera.referral_event.share", json!({ "channel": "whatsapp", "code": "ADA4" }));
        assert_eq!((&shared["Channel"], shared.get("Code")), (&json!("whatsapp"), None));
        for properties in [expiring, coupon, shared] {
            assert!(properties.as_object().unwrap().keys().all(|name| EVENT_PROPERTIES.contains(&name.as_str())));
        }
    }

    #[test]
    fn every_metric_belongs_to_a_known_type() {
        for kind in [
            "tessera.coupon.used",
            "tessera.referral.pending",
            "tessera.referral.rewarded",
            "tessera.referral_event.share",
            "tessera.referral_event.progress",
            "tessera.referral_event.reminder",
            "tessera.notice.points_expiring",
            "tessera.notice.coupon_expiring",
            "tessera.entry.earn",
        ] {
            assert!(tessera_domain::event::EventType::named(kind).is_some(), "{kind}");
            assert!(has_metric(&event(kind, json!({}))), "{kind}");
            assert!(by_kind(&event(kind, json!({}))).iter().all(|metric| METRICS.contains(metric)), "{kind}");
        }
    }
}
