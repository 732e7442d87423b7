//! How far a member is on a way to earn.

use jiff::Timestamp;
use serde::Serialize;

use crate::account::{Account, Counter, Status, When};
use crate::money::Money;
use crate::program::CompiledProgram;
use crate::rule::{CompiledRule, Form, Frame, SpendRange, Trigger, Unit};
use crate::time::Day;

/// What is missing to the next firing of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Missing {
    /// Money in the program's currency.
    Money(String),
    /// Receipts or items.
    Count(u64),
}

/// How far a member is on a way to earn.
#[derive(Debug, Default)]
pub(super) struct WayProgress {
    /// What is missing to the next firing, where purchases add up to it.
    pub missing: Option<Missing>,
    /// True when the rule cannot fire now: its total was reached, a limit is used up, or it happens once and did.
    pub completed: bool,
    /// When it was completed, where the account remembers that.
    pub completed_at: Option<Timestamp>,
}

impl WayProgress {
    /// The progress of a member; `None` for a way that this member can never take.
    pub fn of(
        program: &CompiledProgram,
        rule: &CompiledRule,
        account: &Account,
        day: Day,
        now: Timestamp,
    ) -> Option<Self> {
        let own = account.counters.get(&rule.rule.id);
        let blank = Counter::new(rule.generation());
        let counter = own.filter(|counter| counter.generation == rule.generation()).unwrap_or(&blank);
        match once(rule, account, counter) {
            Once::Done(at) => return Some(Self { missing: None, completed: true, completed_at: Some(at) }),
            Once::Never => return None,
            Once::Open => {}
        }
        let when = When { at: now, day, zone: &program.zone };
        if is_reached(rule, counter) || counter.uses.room(rule, when) == Some(0) {
            let last = counter.runs.iter().filter_map(|run| run.day).max();
            let completed_at = last.map(|day| day.start(&program.zone));
            return Some(Self { missing: None, completed: true, completed_at });
        }
        let missing = missing(rule, counter, day).and_then(|missing| match rule.measure().0 {
            Unit::Money => Some(Missing::Money(Money::new(missing, program.program.currency).to_string())),
            Unit::Receipts | Unit::Items => u64::try_from(missing).ok().map(Missing::Count),
        });
        Some(Self { missing, ..Self::default() })
    }
}

/// Whether a rule that fires once for a member did.
enum Once {
    /// It fired at this moment.
    Done(Timestamp),
    /// It can never fire for this member.
    Never,
    /// It may still fire, or fires more than once.
    Open,
}

fn once(rule: &CompiledRule, account: &Account, counter: &Counter) -> Once {
    match &rule.rule.on {
        // Whoever enrolled before the rule began does not enrol again.
        Trigger::Enrollment {} if account.status == Status::Member => {
            account.enrolled_at.filter(|at| rule.covers(*at)).map_or(Once::Never, Once::Done)
        }
        Trigger::ListSubscription { .. } | Trigger::Profile(_) if rule.rule.limit.is_empty() => {
            let fired = counter.marks.iter().map(|(_, at)| *at).max();
            fired.and_then(|second| Timestamp::from_second(second).ok()).map_or(Once::Open, Once::Done)
        }
        Trigger::Receipt(_)
        | Trigger::Interaction(_)
        | Trigger::EmailOpened(_)
        | Trigger::EmailClicked(_)
        | Trigger::Birthday(_)
        | Trigger::Enrollment {}
        | Trigger::Inactivity { .. }
        | Trigger::TierChange(_)
        | Trigger::ListSubscription { .. }
        | Trigger::Profile(_)
        | Trigger::Referral { .. } => Once::Open,
    }
}

/// True when a total was reached that is not counted anew.
fn is_reached(rule: &CompiledRule, counter: &Counter) -> bool {
    let (_, form) = rule.measure();
    let moves_on = matches!(rule.frame(), Some(Frame::Rolling(_) | Frame::FirstReceipt(_)));
    form.is_cumulative() && !moves_on && counter.due() > 0 && form.due(i64::MAX) <= counter.due()
}

/// What purchases still have to add up to; `None` when the next firing does not depend on earlier ones.
fn missing(rule: &CompiledRule, counter: &Counter, day: Day) -> Option<i64> {
    let (_, form) = rule.measure();
    if !matches!(form, Form::TotalAtLeast(_) | Form::Every(_)) {
        return None;
    }
    let so_far = match rule.frame() {
        None => counter.sum,
        Some(Frame::Fixed(first, last)) => {
            if day < first || last < day {
                return None;
            }
            counter.sum
        }
        Some(Frame::Rolling(length)) => {
            let before = i32::try_from(length.saturating_sub(1)).unwrap_or(i32::MAX);
            match rule.range().filter(|range| range.meant == SpendRange::Band) {
                Some(range) => range.inside(counter.spent_between(day.offset(-before), day)),
                None => counter.sum_of_days(day.offset(-before), day),
            }
        }
        Some(Frame::FirstReceipt(length)) => {
            let is_open = counter.opened.is_some_and(|opened| opened <= day && day < opened.plus_days(length));
            if is_open { counter.sum } else { 0 }
        }
    };
    let spent = match rule.frame() {
        Some(Frame::Rolling(length)) => {
            let before = i32::try_from(length.saturating_sub(1)).unwrap_or(i32::MAX);
            counter.spent_between(day.offset(-before), day)
        }
        Some(Frame::FirstReceipt(_) | Frame::Fixed(..)) | None => counter.total,
    };
    let missing = match rule.range() {
        None => form.missing(so_far),
        // A gate looks at the total after each receipt: what a receipt must be depends on the receipt.
        Some(range) if range.meant == SpendRange::Gate => return None,
        Some(range) => form.missing(so_far).saturating_add(range.before(spent)),
    };
    (missing > 0).then_some(missing)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::{HubView, Visitor};
    use crate::account::Account;
    use crate::decide::{Context, ReceiptContext, Seed, Supply, decide_enrollment, decide_profile, decide_receipt};
    use crate::fact::read_receipt;
    use crate::ids::{CustomerId, MemberId};
    use crate::member::{MemberRef, Profile};
    use crate::program::{CompiledProgram, SubmittedProgram};
    use jiff::Timestamp;

    fn program() -> CompiledProgram {
        let rule = |id: &str, on: Value, more: Value| {
            let mut rule = json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
                                   "then": [{ "credit": { "points": 10 } }], "storefront": { "visible": true } });
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rule
        };
        let spend = |measure: Value| json!({ "receipt": { "spend": measure } });
        let rules = json!([
            rule("every", spend(json!({ "every": "50.00" })), json!({})),
            rule("total", spend(json!({ "total_at_least": "100.00" })), json!({})),
            rule(
                "band",
                spend(json!({ "every": "50.00", "from": "60.00", "up_to": "200.00", "range": "band" })),
                json!({})
            ),
            rule("gate", spend(json!({ "every": "50.00", "from": "60.00", "up_to": "200.00" })), json!({})),
            rule("third", json!({ "receipt": { "receipts": { "every": 3 } } }), json!({})),
            rule(
                "week",
                json!({ "receipt": { "spend": { "total_at_least": "90.00" }, "within": { "days": 7 } } }),
                json!({})
            ),
            rule(
                "basket",
                spend(json!({ "per_receipt_at_least": "80.00" })),
                json!({ "limit": { "times": 1, "per": "day" } })
            ),
            rule("welcome", json!({ "enrollment": {} }), json!({})),
            rule("late", json!({ "enrollment": {} }), json!({ "starts_at": "2026-03-02T00:00:00" })),
            rule("letter", json!({ "list_subscription": { "list": "news" } }), json!({})),
        ]);
        let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
                               "points": { "name": { "one": "punto", "other": "punti" } }, "rules": rules });
        CompiledProgram::new(SubmittedProgram::read(&document).unwrap(), 1)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn profile(lists: &[&str]) -> Profile {
        let mut profile = Profile::new(&MemberRef::of_id(CustomerId::new("c-1").unwrap()), at("2026-03-01T09:00:00Z"));
        profile.lists = lists.iter().map(|list| (*list).to_owned()).collect();
        profile
    }

    fn decided(
        program: &CompiledProgram,
        account: &Account,
        lists: &[&str],
        now: &str,
        decide: impl Fn(&Context<'_>, &Account) -> Account,
    ) -> Account {
        let (member, supply, profile) = (MemberId::new("m_1").unwrap(), Supply::default(), profile(lists));
        let seed = Seed([1; 32]);
        let context =
            Context { program, member: &member, profile: Some(&profile), now: at(now), seed, supply: &supply };
        decide(&context, account)
    }

    fn bought(program: &CompiledProgram, account: &Account, day: &str, total: &str) -> Account {
        let body = json!({ "id": format!("r-{day}"), "occurred_at": format!("{day}T10:00:00+01:00"), "member": { "id": "c-1" },
                           "currency": "EUR", "total": total });
        let receipt = read_receipt(&body, program.program.currency).unwrap().receipt;
        let fact = ReceiptContext { receipt: &receipt, coupons: &[] };
        decided(program, account, &[], &format!("{day}T10:00:01+01:00"), |context, account| {
            decide_receipt(context, account, &fact).account
        })
    }

    /// The fields that a way has of `missing` and `completed_at`, and whether it is completed, by rule.
    fn ways(program: &CompiledProgram, account: Option<&Account>, now: &str) -> Value {
        let visitor = account.map(|account| Visitor { profile: None, account, coupons: &[] });
        let hub = HubView::new(program, visitor.as_ref(), &BTreeSet::new(), at(now), "it");
        let shown = hub.ways_to_earn.into_iter().map(|way| {
            let way = serde_json::to_value(way).unwrap();
            let field = |name: &str| way.get(name).cloned();
            let told = field("missing").or_else(|| field("completed_at")).unwrap_or_else(|| way["completed"].clone());
            (way["rule"].as_str().unwrap().to_owned(), told)
        });
        Value::Object(shown.collect())
    }

    #[test]
    fn the_ways_say_what_purchases_lack() {
        let program = program();
        let enrolled = decided(&program, &Account::default(), &[], "2026-03-01T09:00:00Z", |context, account| {
            decide_enrollment(context, account).unwrap().account
        });
        let fresh = ways(&program, Some(&enrolled), "2026-03-01T10:00:00Z");
        assert_eq!(
            fresh,
            json!({ "every": "50.00", "total": "100.00", "band": "110.00", "gate": false, "third": 3, "week": "90.00",
                    "basket": false, "welcome": "2026-03-01T09:00:00Z", "letter": false })
        );
        let spent = bought(&program, &enrolled, "2026-03-02", "85.00");
        let told = ways(&program, Some(&spent), "2026-03-02T12:00:00Z");
        assert_eq!(
            told,
            json!({ "every": "15.00", "total": "15.00", "band": "25.00", "gate": false, "third": 2, "week": "5.00",
                    "basket": true, "welcome": "2026-03-01T09:00:00Z", "letter": false })
        );
        let spent = bought(&program, &spent, "2026-03-03", "30.00");
        let told = ways(&program, Some(&spent), "2026-03-12T12:00:00Z");
        assert_eq!((&told["total"], &told["third"]), (&json!(true), &json!(1)));
        assert_eq!((&told["week"], &told["basket"]), (&json!("90.00"), &json!(false)), "both count anew");
    }

    #[test]
    fn what_happens_once_is_completed_with_its_time() {
        let program = program();
        let subscribed =
            decided(&program, &Account::default(), &["news"], "2026-03-01T09:00:00Z", |context, account| {
                decide_profile(context, account).unwrap().account
            });
        assert_eq!(ways(&program, Some(&subscribed), "2026-03-02T09:00:00Z")["letter"], "2026-03-01T09:00:00Z");
    }

    #[test]
    fn strangers_see_no_progress() {
        let told = ways(&program(), None, "2026-03-01T10:00:00Z");
        assert_eq!(told["every"], false);
        assert_eq!(told["late"], Value::Null, "it has not begun");
    }
}
