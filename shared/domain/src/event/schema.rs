//! The content of events: one schema for each family of types.

use serde_json::{Value, json};

/// What the `data` of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventContent {
    Entry,
    Tier,
    Coupon,
    Referral,
    /// A notice about a member.
    Notice,
    /// A notice about the program.
    ProgramNotice,
    ReferralEvent,
}

fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "required": required });
    schema["properties"] = properties;
    schema
}

impl EventContent {
    pub fn schema(self) -> Value {
        let member = json!({ "type": "string", "description": "The shop's own id of the member, or ours (`m_…`)." });
        let time = json!({ "type": "string", "format": "date-time" });
        let points = object(
            &["redeemable", "qualifying"],
            json!({ "redeemable": { "type": "integer" }, "qualifying": { "type": "integer" } }),
        );
        let source =
            json!({ "type": "object", "description": "The cause: receipt, refund, rule, reward, job, actor, …" });
        match self {
            Self::Entry => object(
                &["member", "id", "at", "type", "points", "moved", "balance", "source", "explanation"],
                json!({
                    "member": member, "id": { "type": "string" }, "at": time, "type": { "type": "string" },
                    "points": points, "moved": points, "balance": { "type": "integer" }, "source": source,
                    "explanation": { "type": "array", "items": { "type": "object" } },
                }),
            ),
            Self::Tier => object(
                &["member", "at", "before", "after", "source"],
                json!({
                    "member": member, "at": time, "before": { "type": "string" }, "after": { "type": "string" },
                    "skipped": { "type": "array", "items": { "type": "string" } }, "source": source,
                }),
            ),
            Self::Coupon => object(
                &["member", "at", "code", "reward", "status"],
                json!({
                    "member": member, "at": time, "code": { "type": "string" }, "reward": { "type": "string" },
                    "status": { "type": "string" }, "receipt": { "type": "string" }, "source": source,
                }),
            ),
            Self::Referral => object(
                &["id", "at", "status", "member"],
                json!({
                    "id": { "type": "string" }, "at": time, "status": { "type": "string" },
                    "member": { "type": "string", "description": "The advocate." },
                    "friend": { "type": "string" },
                }),
            ),
            Self::Notice => object(
                &["id", "at", "type", "member"],
                json!({
                    "id": { "type": "string" }, "at": time, "type": { "type": "string" }, "member": member,
                    "points": { "type": "integer" }, "on": { "type": "string", "format": "date" },
                    "coupon": { "type": "string" }, "reward": { "type": "string" },
                }),
            ),
            Self::ProgramNotice => object(
                &["id", "at", "type"],
                json!({
                    "id": { "type": "string" }, "at": time, "type": { "type": "string" },
                    "reward": { "type": "string" }, "left": { "type": "integer" }, "rule": { "type": "string" },
                    "period": { "type": "string", "format": "date" }, "points": { "type": "integer" },
                    "endpoint": { "type": "string" }, "reason": { "type": "string" },
                    "member": { "type": "string", "description": "Of data requests: who has asked." },
                    "connection": { "type": "string" },
                    "export": { "type": "string", "description": "The path of the data that was asked for." },
                }),
            ),
            Self::ReferralEvent => object(
                &["at", "event", "member"],
                json!({
                    "at": time, "event": { "type": "string" },
                    "member": { "type": "string", "description": "The advocate." },
                    "id": { "type": "string", "description": "The referral, of progress and reminders." },
                    "friend": { "type": "string", "description": "Of progress and reminders." },
                    "friends": { "type": "integer", "description": "Of progress: the friends who count." },
                    "code": { "type": "string", "description": "Of shares and clicks." },
                    "channel": { "type": "string", "description": "Of shares." },
                }),
            ),
        }
    }

    /// An event's id and data; `last` is the last part of the type's name.
    pub fn example(self, last: &str) -> (String, Value) {
        let (entry, at) = ("bV8wMWpucTUyZjljOHQjZSM~0", "2026-03-01T09:15:00Z");
        let source = json!({ "receipt": "0532-0007", "rule": "per-euro" });
        let further = || format!("{entry}:1");
        match self {
            Self::Entry => (
                entry.to_owned(),
                json!({
                    "member": "c-42", "id": entry, "at": at, "type": last,
                    "points": { "redeemable": 20, "qualifying": 0 }, "moved": { "redeemable": 20, "qualifying": 0 },
                    "balance": 340, "source": source,
                    "explanation": [{ "rule": "per-euro", "text": "A point per euro: applied once, giving 20 points." }],
                }),
            ),
            Self::Tier => (
                further(),
                json!({ "member": "c-42", "at": at, "before": "base", "after": "silver", "source": source }),
            ),
            Self::Coupon => (
                further(),
                json!({ "member": "c-42", "at": at, "code": "ADA-7K2M9QXT", "reward": "five-off", "status": last }),
            ),
            Self::Referral => {
                (further(), json!({ "id": "ref_01jnq5", "at": at, "status": last, "member": "c-42", "friend": "c-77" }))
            }
            Self::Notice | Self::ProgramNotice => {
                let mut data = json!({ "id": "ntc_01jnq5", "at": at, "type": last });
                for (name, value) in Self::notice_example(last) {
                    data[name] = value;
                }
                ("ntc_01jnq5".to_owned(), data)
            }
            Self::ReferralEvent => ("rev_01jnq5".to_owned(), json!({ "at": at, "event": last, "member": "c-42" })),
        }
    }

    /// The fields that a type of notice has besides id, time and type.
    fn notice_example(kind: &str) -> Vec<(&'static str, Value)> {
        match kind {
            "points_expiring" => {
                vec![("member", json!("c-42")), ("points", json!(120)), ("on", json!("2026-03-31"))]
            }
            "coupon_expiring" => vec![
                ("member", json!("c-42")),
                ("coupon", json!("ADA-7K2M9QXT")),
                ("reward", json!("five-off")),
                ("on", json!("2026-03-08")),
            ],
            "low_stock" => vec![("reward", json!("five-off")), ("left", json!(100))],
            "budget" => {
                vec![("rule", json!("per-euro")), ("period", json!("2026-03-01")), ("points", json!(50_000))]
            }
            "data_request" => vec![
                ("member", json!("c-42")),
                ("connection", json!("shopify")),
                ("export", json!("/v1/members/m_01jnq52f9c8t/export")),
            ],
            "shop_left" => vec![("connection", json!("shopify"))],
            _ => vec![("endpoint", json!("whe_01jnq5")), ("reason", json!("410 Gone"))],
        }
    }
}
