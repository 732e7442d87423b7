//! Events of real decisions, and the examples, against the schemas.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::account::Account;
use crate::coupon::{Coupon, CouponStatus};
use crate::decide::{
    Context, ReceiptContext, Redemption, Seed, Supply, decide_enrollment, decide_receipt, decide_redemption,
};
use crate::fact::read_receipt;
use crate::ids::{CouponCode, MemberId, RewardId};
use crate::ledger::{Cause, Entry, LotChange};
use crate::notice::{Notice, NoticeContent};
use crate::points::Points;
use crate::program::{CompiledProgram, SubmittedProgram};
use crate::time::Day;
use crate::view::Explainer;

/// The faults of a value by a schema, for the few keywords that the schemas of events use.
fn faults(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { panic!("{at}: no schema") };
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "type" => {
                let fits = match wanted.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64(),
                    other => panic!("{other}"),
                };
                if !fits {
                    found.push(format!("{at}: not {wanted}"));
                }
            }
            "const" if value != wanted => found.push(format!("{at}: not {wanted}")),
            "const" | "$schema" | "$id" | "title" | "description" => {}
            "format" => {
                let text = value.as_str().unwrap_or_default();
                let fits = match wanted.as_str().unwrap() {
                    "date-time" => text.parse::<Timestamp>().is_ok(),
                    "date" => text.parse::<jiff::civil::Date>().is_ok(),
                    other => panic!("{other}"),
                };
                if !fits {
                    found.push(format!("{at}: no {wanted}"));
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        found.push(format!("{at}: without {name}"));
                    }
                }
            }
            "properties" => {
                for (name, inner) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        faults(inner, value, &format!("{at}/{name}"), found);
                    }
                }
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    faults(wanted, item, &format!("{at}[]"), found);
                }
            }
            other => panic!("{other} is not checked here"),
        }
    }
}

fn assert_fits(event: &Value) {
    let kind = EventType::named(event["type"].as_str().unwrap()).unwrap_or_else(|| panic!("{event}"));
    let mut found = Vec::new();
    faults(&kind.schema(), event, "", &mut found);
    assert!(found.is_empty(), "{found:?} in {event}");
    assert!(event.to_string().len() < 20 * 1024);
}

fn program() -> CompiledProgram {
    let document = json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "tiers": { "ladder": [{ "id": "base", "name": "Base", "threshold": 0 },
                              { "id": "silver", "name": "Silver", "threshold": 500 }] },
        "rewards": [{ "id": "five-off", "name": "Five", "type": "amount_off", "value": "5.00", "cost": 100,
                      "code": { "pattern": "ADA-########" } }],
        "rules": [{ "id": "per-euro", "name": "A point per euro", "status": "active",
                    "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} },
                    "then": [{ "credit": { "per_unit": "1", "kind": "both" } }] },
                  { "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
                    "on": { "receipt": {} }, "then": [{ "reward": { "reward": "five-off" } }] }],
    });
    CompiledProgram::new(SubmittedProgram::read(&document).unwrap(), 1)
}

fn now() -> Timestamp {
    "2026-03-01T11:00:00Z".parse().unwrap()
}

/// Enrolment, a purchase that lifts the tier and gives a coupon, a redemption; with the coupons that they made.
fn story(program: &CompiledProgram) -> (Vec<Entry>, Vec<Coupon>) {
    let (member, supply) = (MemberId::new("m_1").unwrap(), Supply::default());
    let context = |seed: u8| Context {
        program,
        member: &member,
        profile: None,
        now: now(),
        seed: Seed([seed; 32]),
        supply: &supply,
    };
    let body = json!({ "id": "r-1", "occurred_at": "2026-03-01T10:00:00+01:00", "member": { "id": "c-42" },
                       "currency": "EUR", "total": "620.00" });
    let receipt = read_receipt(&body, program.program.currency).unwrap().receipt;
    let fact = ReceiptContext { receipt: &receipt, coupons: &[] };
    let enrolled = decide_enrollment(&context(1), &Account::default()).unwrap();
    let bought = decide_receipt(&context(2), &enrolled.account, &fact);
    let redemption = Redemption {
        reward: RewardId::new("five-off").unwrap(),
        points: None,
        reserve_minutes: None,
        apply: false,
        by_member: false,
    };
    let redeemed = decide_redemption(&context(3), &bought.account, &redemption).unwrap();
    let coupons = bought.issued.into_iter().chain(redeemed.issued).collect();
    (vec![enrolled.entry, bought.entry, redeemed.entry], coupons)
}

fn events(entry: &Entry) -> Vec<Event> {
    let program = program();
    events_of_entry("E", "c-42", entry, &Explainer::new(&program, "en"))
}

#[test]
fn every_type_has_an_example_that_fits_its_schema() {
    for kind in EVENT_TYPES {
        assert_fits(&kind.example());
        assert_eq!(EVENT_TYPES.iter().filter(|other| other.name == kind.name).count(), 1, "{}", kind.name);
        // The schema refuses what is not of the type.
        let mut other = kind.example();
        other["type"] = json!("another");
        other["data"] = json!({});
        let mut found = Vec::new();
        faults(&kind.schema(), &other, "", &mut found);
        assert!(found.len() >= 3, "{found:?}");
    }
}

#[test]
fn an_entry_is_its_lines_then_tier_and_coupons() {
    let (entries, _) = story(&program());
    let names = |entry: &Entry| -> Vec<(String, String)> {
        events(entry).into_iter().map(|event| (event.id, event.kind)).collect()
    };
    let expected =
        [("E~0", "tessera.entry.earn"), ("E~0:1", "tessera.tier.changed"), ("E~0:2", "tessera.coupon.available")];
    assert_eq!(names(&entries[1]), expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    let expected = [("E~0", "tessera.entry.redeem"), ("E~0:1", "tessera.coupon.available")];
    assert_eq!(names(&entries[2]), expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    assert!(events(&entries[0]).is_empty());
}

#[test]
fn an_entry_without_events_updates_the_profile_where_it_shows() {
    let (entries, _) = story(&program());
    // The enrolment fires no rule: only the status changes. The purchase and the redemption have events.
    assert_eq!(entries.iter().map(is_shown_in_profile).collect::<Vec<_>>(), [true, false, false]);
    let quiet = Entry { standing: None, ..entries[0].clone() };
    assert!(!is_shown_in_profile(&quiet), "nothing changed");
    let issued = Day::of(now(), &jiff::tz::TimeZone::UTC).month();
    let extended = LotChange { issued, expires: None, points: Points::new(5) };
    for shown in [
        Entry { extended: vec![extended], ..quiet.clone() },
        Entry {
            cause: Cause::Merge {
                source: MemberId::new("m_2").unwrap(),
                target: MemberId::new("m_1").unwrap(),
                actor: None,
            },
            ..quiet
        },
    ] {
        assert!(is_shown_in_profile(&shown));
        assert!(!is_shown_in_profile(&Entry { history: true, ..shown }), "an import is silent");
    }
}

#[test]
fn the_types_that_select_targets_are_those_of_the_events() {
    let (entries, _) = story(&program());
    for entry in &entries {
        let made: Vec<String> = events(entry).into_iter().map(|event| event.kind).collect();
        assert_eq!(event_types_of_entry(entry), made);
    }
}

#[test]
fn the_data_of_an_entry_event_is_the_line_of_the_ledger_with_its_member() {
    let (entries, _) = story(&program());
    let program = program();
    let explainer = Explainer::new(&program, "en");
    for entry in &entries {
        for line in crate::view::EntryView::of("E", entry, &explainer) {
            let mut expected = json!(line);
            expected["member"] = json!("c-42");
            assert!(events(entry).iter().any(|event| event.id == line.id && event.data == expected));
        }
        let id = ProgramId::new("prg_1").unwrap();
        for event in events(entry) {
            let envelope = event.envelope(&id, false);
            assert_fits(&envelope);
            assert_eq!((&envelope["subject"], envelope.get("test")), (&json!("c-42"), None));
            assert_eq!(event.envelope(&id, true)["test"], true);
        }
    }
}

#[test]
fn a_coupon_announces_what_no_entry_does() {
    let (_, coupons) = story(&program());
    let with = |status, until: Option<Timestamp>| Coupon { status, until, ..coupons[0].clone() };
    let of = |coupon: &Coupon| event_of_coupon("C", "c-42", coupon, now());
    for status in [CouponStatus::Reserved, CouponStatus::Available, CouponStatus::Cancelled] {
        assert_eq!(of(&with(status, Some(now()))), None);
    }
    let id = ProgramId::new("prg_1").unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for status in [CouponStatus::Applied, CouponStatus::Used, CouponStatus::Expired, CouponStatus::Lapsed] {
        let event = of(&with(status, Some(now()))).unwrap();
        assert_fits(&event.envelope(&id, false));
        assert_eq!(event.data["status"], json!(status));
        ids.insert(event.id);
    }
    // A coupon that is put on a cart again has another id.
    ids.insert(of(&with(CouponStatus::Applied, Some(Timestamp::UNIX_EPOCH))).unwrap().id);
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_notice_fits_the_schema_of_its_type() {
    let (member, reward) = (MemberId::new("m_1").unwrap(), RewardId::new("tea").unwrap());
    let on = Day::of(Timestamp::UNIX_EPOCH, &jiff::tz::TimeZone::UTC);
    let code = CouponCode::new("ADA-1").unwrap();
    let contents = [
        NoticeContent::PointsExpiring { member: member.clone(), on, points: Points::new(5) },
        NoticeContent::CouponExpiring { member, code, reward: reward.clone(), on },
        NoticeContent::LowStock { reward, left: 3 },
        NoticeContent::Budget { rule: None, period: Some(on), points: Points::new(5) },
    ];
    for content in contents {
        let about = content.member().is_some();
        let event = event_of_notice("ntc_1".to_owned(), &Notice { at: Timestamp::UNIX_EPOCH, content });
        assert_eq!(EventType::named(&event.kind).unwrap().is_about_a_member(), about);
        assert_fits(&event.envelope(&ProgramId::new("prg_1").unwrap(), false));
    }
}
