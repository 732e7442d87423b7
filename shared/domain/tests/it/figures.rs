//! Figures agree with accounts after any sequence of facts, and reports follow from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tessera_domain::account::Status;
use tessera_domain::figures::{
    FigureHistory, Figures, Flows, Liability, Overview, ReportPeriod, SeriesBucket, Valuation, booking_day,
};
use tessera_domain::ids::TierId;
use tessera_domain::pack::{pack, unpack};
use tessera_domain::time::{Day, Month};

use crate::book::Book;
use crate::rules::{program, rule};

/// The figures of every day of a book, and what they add up to.
pub fn history(book: &Book) -> FigureHistory {
    let mut history = FigureHistory::default();
    for entry in book.entries.values().flatten() {
        history.days.entry(booking_day(entry, &book.program.zone)).or_default().add(entry);
    }
    for figures in history.days.values() {
        assert_eq!(&unpack::<Figures>(&pack(figures).unwrap()).unwrap(), figures);
        history.position.merge(&figures.clone().position());
    }
    history
}

/// Compares the figures of a book's entries with its accounts, which are counted another way.
pub fn compare(book: &Book) {
    let position = history(book).position;
    let standing = book.accounts.values().filter(|account| account.version > 0 && account.merged_into.is_none());
    let (mut balances, mut tiers, mut lots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (mut members, mut visitors, mut pending) = (0, 0, 0);
    for account in standing {
        let tier: Option<TierId> = account.tier.current().cloned();
        *balances.entry(tier.clone()).or_insert(0) += account.balance().get();
        pending += account.pending().get();
        match account.status {
            Status::Member => {
                members += 1;
                if let Some(tier) = tier {
                    *tiers.entry(tier).or_insert(0) += 1;
                }
            }
            Status::Visitor | Status::Pending => visitors += 1,
            Status::Excluded => {}
        }
        for lot in account.lots.by_months() {
            *lots.entry((lot.issued, lot.expires)).or_insert(0) += lot.points.get();
        }
    }
    balances.retain(|_, points| *points != 0);
    let by_tier: BTreeMap<Option<TierId>, i64> =
        position.by_tier.iter().map(|(tier, flows)| (tier.clone(), flows.net())).filter(|(_, net)| *net != 0).collect();
    assert_eq!(by_tier, balances);
    assert_eq!((position.members, position.visitors, position.pending), (members, visitors, pending));
    assert_eq!((&position.members_by_tier, &position.lots), (&tiers, &lots));
    // Both breakdowns have the same columns; what moved between their lines cancels out.
    let sum = |flows: &mut dyn Iterator<Item = &Flows>| {
        let mut sum = Flows::default();
        flows.for_each(|flows| sum.add(flows));
        sum
    };
    let totals = sum(&mut position.by_tier.values());
    assert_eq!(totals, sum(&mut position.by_issue.values()));
    assert_eq!(totals.moved, 0);
    let open = |month: Month| position.by_issue.get(&Some(month)).map_or(0, Flows::net);
    let mut by_issue: BTreeMap<Month, i64> = BTreeMap::new();
    for ((issued, _), points) in &lots {
        *by_issue.entry(*issued).or_default() += points;
    }
    for (month, points) in &by_issue {
        assert_eq!(open(*month), *points, "{month}");
    }
}

/// Cuts a book's history anywhere: the roll-forwards of the parts follow on each other, and the totals of an overview are
/// those of its series.
pub fn reconcile(book: &Book) {
    let history = history(book);
    let valuation = Valuation::of(&book.program.program);
    let (Some(first), Some(last)) = (history.days.keys().next(), history.days.keys().next_back()) else { return };
    let (from, to) = (*first, last.plus_days(1));
    let whole = Liability::new(&history, ReportPeriod::new(from, to).unwrap(), &valuation).roll_forward;
    assert_eq!((whole.opening.points, whole.closing.points), (0, history.position.flows().net()));
    // One cut is enough: the sequences are random.
    if let Some(cut) = history.days.keys().nth(history.days.len() / 2).filter(|day| **day > from) {
        let part = |from, to| Liability::new(&history, ReportPeriod::new(from, to).unwrap(), &valuation).roll_forward;
        let (one, other) = (part(from, *cut), part(*cut, to));
        assert_eq!(one.closing, other.opening);
        assert_eq!(one.issued.points + other.issued.points, whole.issued.points);
        assert_eq!(one.expired.points + other.expired.points, whole.expired.points);
    }
    let overview =
        Overview::new(&history, ReportPeriod::new(from, to).unwrap(), SeriesBucket::Week, &valuation).unwrap();
    let earned: i64 = overview.series.iter().map(|row| row.figures.points_earned).sum();
    assert_eq!(overview.totals.points_earned, earned);
    assert_eq!(overview.totals.points_unredeemed, whole.closing.points);
    assert_eq!(overview.series.last().unwrap().figures.points_unredeemed, whole.closing.points);
}

fn book(changes: &Value) -> Book {
    let mut document =
        program(&json!([rule("base", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1" } }]),)]));
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    Book::open(&document, "2026-03-02T09:00:00Z".parse().unwrap()).unwrap()
}

fn receipt(id: &str, member: &str, total: &str, at: &str) -> Value {
    json!({ "id": id, "occurred_at": at, "member": { "id": member }, "total": total, "currency": "EUR" })
}

fn day(text: &str) -> Day {
    Day::from_date(text.parse().unwrap())
}

#[test]
fn an_overview_of_a_week_by_day() {
    let mut book = book(&json!({}));
    book.enroll(&json!({ "id": "ada" }));
    book.receipt(&receipt("1", "ada", "100.00", "2026-03-02T08:00:00Z")).unwrap();
    book.receipt(&receipt("2", "guest", "30.00", "2026-03-02T08:00:00Z")).unwrap();
    book.pass("2026-03-04T09:00:00Z".parse().unwrap());
    book.receipt(&receipt("3", "ada", "51.00", "2026-03-01T08:00:00Z")).unwrap();
    let period = ReportPeriod::new(day("2026-03-02"), day("2026-03-09")).unwrap();
    let valuation = Valuation::of(&book.program.program);
    let overview = Overview::new(&history(&book), period, SeriesBucket::Day, &valuation).unwrap();
    let shown = serde_json::to_value(&overview).unwrap();
    let totals = &shown["totals"];
    let expected = json!({
        "active_members": 1, "points_earned": 181, "points_redeemed": 0, "redemption_rate": "0.0000",
        "repeat_purchase_rate": "0.5000", "loyalty_revenue": "0.00",
        "average_order_value": { "member": "75.50", "other": "30.00" }, "members": 1, "visitors": 1, "new_members": 1,
        "points_imported": 0, "points_unredeemed": 181, "points_pending": 0, "points_expired": 0, "points_reversed": 0,
        "tiers": {}
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&totals[name], value, "{name}");
    }
    assert_eq!(shown["series"].as_array().unwrap().len(), 7);
    // A late receipt counts on the day on which it was booked.
    assert_eq!(shown["series"][2]["points_earned"], 51);
    assert_eq!((&shown["series"][2]["active_members"], &shown["series"][1]["active_members"]), (&json!(1), &json!(0)));
    assert_eq!(shown["top_rules"], json!([{ "rule": "base", "points": 181, "firings": 3 }]));
    // Six days are no calendar period: nobody knows how many people they had.
    let period = ReportPeriod::new(day("2026-03-02"), day("2026-03-08")).unwrap();
    let overview = Overview::new(&history(&book), period, SeriesBucket::Week, &valuation).unwrap();
    assert_eq!((overview.totals.active_members, overview.totals.repeat_purchase_rate), (None, None));
}

#[test]
fn a_liability_tells_what_became_of_the_points() {
    let points = json!({ "rounding": "floor", "expiry": { "after_months": 1 }, "point_value": "0.005" });
    let mut book = book(&json!({ "points": points }));
    book.enroll(&json!({ "id": "ada" }));
    book.receipt(&receipt("1", "ada", "100.00", "2026-03-02T08:00:00Z")).unwrap();
    book.refund("1", &json!({ "id": "r", "occurred_at": "2026-03-02T08:30:00Z", "amount": "39.00" })).unwrap();
    book.pass("2026-04-10T09:00:00Z".parse().unwrap());
    book.receipt(&receipt("2", "ada", "51.00", "2026-04-10T08:00:00Z")).unwrap();
    let period = ReportPeriod::new(day("2026-04-01"), day("2026-05-01")).unwrap();
    let liability = Liability::new(&history(&book), period, &Valuation::of(&book.program.program));
    let shown = serde_json::to_value(&liability).unwrap();
    assert_eq!(shown["roll_forward"]["opening"], json!({ "points": 61, "money": "0.30" }));
    assert_eq!(shown["roll_forward"]["expired"]["points"], 61);
    assert_eq!(shown["roll_forward"]["closing"], json!({ "points": 51, "money": "0.26" }));
    assert_eq!(shown["forecast"], json!([{ "month": "2026-05", "points": 51, "money": "0.26" }]));
    let march = json!({ "issued_in": "2026-03", "issued": 100, "redeemed": 0, "expired": 61, "taken_back": 39,
        "open": 0, "rate": "0.6100" });
    assert_eq!(shown["breakage"][0], march);
    assert_eq!(shown["point_value"], "0.005");
}

#[test]
fn a_program_without_point_value_says_so() {
    let mut book = book(&json!({ "points": { "point_value": null } }));
    book.receipt(&receipt("1", "guest", "10.00", "2026-03-02T08:00:00Z")).unwrap();
    let period = ReportPeriod::new(day("2026-03-01"), day("2026-04-01")).unwrap();
    let liability = Liability::new(&history(&book), period, &Valuation::of(&book.program.program));
    let shown = serde_json::to_value(&liability).unwrap();
    assert_eq!(
        (&shown["point_value"], &shown["roll_forward"]["closing"]),
        (&Value::Null, &json!({ "points": 10, "money": null }))
    );
}
