//! Every key of every item. A partition key begins with the program, except where a caller is yet to be recognised by an
//! API key; identifiers inside keys are escaped, so that no text of a shop's can be taken for a key of another kind.

mod administration;
mod coupons;
mod facts;
mod import;
mod lists;
mod outgoing;
mod programs;
mod referrals;
mod supply;

use jiff::Timestamp;
use tessera_domain::account::Due;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::time::Day;

pub(crate) use administration::*;
pub(crate) use coupons::*;
pub(crate) use facts::*;
pub(crate) use import::*;
pub(crate) use lists::*;
pub(crate) use outgoing::*;
pub(crate) use programs::*;
pub(crate) use referrals::*;
pub(crate) use supply::*;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// The sort key of an account.
pub(crate) const ACCOUNT: &str = "account";
/// The sort key of an alias.
pub(crate) const ALIAS: &str = "alias";
/// The sort key of a profile.
pub(crate) const PROFILE: &str = "profile";
/// What all sort keys of guards of what counts only once begin with.
pub(crate) const MARKS: &str = "o#";
/// What all entries' sort keys begin with.
pub(crate) const ENTRIES: &str = "e#";
/// What all coupons' sort keys under a member begin with.
pub(crate) const COUPONS: &str = "c#";
/// What all notices' sort keys begin with.
pub(crate) const NOTICES: &str = "notice#";
/// What all API keys' sort keys under a program begin with.
pub(crate) const API_KEYS: &str = "key#";
/// The partition of the list of all programs: no program's, because it is what leads to them.
pub(crate) const PROGRAMS: &str = "#programs";
/// Over how many partitions of the index `due` the members of a program are spread.
pub(crate) const DUE_SHARDS: u32 = 8;

/// Makes a text safe inside a key: `#` separates, `%` escapes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

/// The reverse of [`escape`].
fn unescape(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}

/// A time as it stands in keys: sorts like the time itself between the years 0 and 9999.
pub(crate) fn time(at: Timestamp) -> String {
    let whole = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    format!("{whole:.3}")
}

/// The partition of a member.
pub(crate) fn member_partition(program: &ProgramId, member: &MemberId) -> String {
    format!("{}#m#{}", escape(program.as_str()), escape(member.as_str()))
}

/// The program and member of a partition that [`member_partition`] made.
pub(crate) fn parse_member_partition(pk: &str) -> Option<(ProgramId, MemberId)> {
    let (program, member) = parse(pk, "m")?;
    Some((ProgramId::new(program).ok()?, MemberId::new(member).ok()?))
}

fn parse(pk: &str, kind: &str) -> Option<(String, String)> {
    let mut parts = pk.split('#');
    let (program, found, id) = (parts.next()?, parts.next()?, parts.next()?);
    (found == kind && parts.next().is_none()).then(|| (unescape(program), unescape(id)))
}

pub(crate) fn account(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), ACCOUNT)
}

/// The item that says which member a member is part of now.
pub(crate) fn alias(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), ALIAS)
}

pub(crate) fn profile(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), PROFILE)
}

pub(crate) fn entry(program: &ProgramId, member: &MemberId, sort: &str) -> Key {
    Key::new(member_partition(program, member), sort)
}

/// The guard of what counts only once for a member.
pub(crate) fn mark(program: &ProgramId, member: &MemberId, hash: &str) -> Key {
    Key::new(member_partition(program, member), format!("{MARKS}{hash}"))
}

/// The guard that leads from an identifier to a member; `value` is a hash where the identifier is personal.
pub(crate) fn identity_guard(program: &ProgramId, kind: &str, value: &str) -> Key {
    Key::new(format!("{}#g#{kind}#{}", escape(program.as_str()), escape(value)), "guard")
}

/// What the sort keys of all records of contact data begin with, in the partition of the identifier's guard.
pub(crate) const CONTACT_DATA: &str = "c#";

/// The record that a member has the identifier of a guard as contact data.
pub(crate) fn contact_data(guard: &Key, member: &MemberId) -> Key {
    Key::new(guard.pk.clone(), format!("{CONTACT_DATA}{}", escape(member.as_str())))
}

/// The partition of a program's notices.
pub(crate) fn notices(program: &ProgramId) -> String {
    format!("{}#n", escape(program.as_str()))
}

/// A notice; notices sort by time.
pub(crate) fn notice(program: &ProgramId, at: Timestamp, id: &str) -> Key {
    Key::new(notices(program), format!("{NOTICES}{}#{}", time(at), escape(id)))
}

/// The partition of the index of birthdays: everyone of a program who was born on a day of any year.
pub(crate) fn birthdays(program: &ProgramId, month: i8, day: i8) -> String {
    format!("{}#b#{month:02}-{day:02}", escape(program.as_str()))
}

/// A partition of the index of what comes due.
pub(crate) fn due(program: &ProgramId, shard: u32) -> String {
    format!("{}#d#{shard}", escape(program.as_str()))
}

/// A sort key of the index `due`: the day, then the kind.
pub(crate) fn due_on(due: Due) -> String {
    format!("{}#{}", due.day, due.kind.letter())
}

/// The day of a sort key that [`due_on`] made.
pub(crate) fn parse_due_on(sort: &str) -> Option<Day> {
    sort.split_once('#')?.0.parse().ok().map(Day::from_date)
}

/// The partition of the index `due` that a member stands in: any spread does, as long as it stays.
pub(crate) fn due_shard(member: &MemberId) -> u32 {
    let hash =
        member.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % DUE_SHARDS
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use tessera_domain::coupon::{FoldedCode, PoolId};
    use tessera_domain::fact::{FactId, FactKind};
    use tessera_domain::ids::{CouponCode, ReceiptId, RewardId};
    use tessera_domain::rule::BudgetPeriod;
    use tessera_domain::time::Day;

    use super::*;

    /// Texts that try to be taken for keys of another kind.
    fn hostile() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["#", "%", "23", "25", "%23", "a", "m", "r", "F", "guard", "é", "0"]),
            1..7,
        )
        .prop_map(|parts| parts.concat())
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[expect(clippy::too_many_lines, reason = "one list of all keys")]
    /// Every kind of key, from the same few texts; with a description that is different for different items.
    fn all(program: &str, a: &str, b: &str, minute: i64) -> Vec<(String, Key)> {
        let at = at(minute);
        let p = ProgramId::new(program).unwrap();
        let (member, code) = (MemberId::new(a).unwrap(), CouponCode::new(b).unwrap());
        let folded = FoldedCode::from(&code);
        let receipt_id = ReceiptId::new(a).unwrap();
        let named = |kind, key: &[&str]| {
            let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
            FactId::from_natural_key(kind, &key).unwrap()
        };
        let of_b = named(FactKind::Receipt, &[b]);
        let refund_of_b = named(FactKind::Refund, &[b, b]);
        let interaction_b = named(FactKind::Interaction, &[b]);
        let reward = RewardId::new(a).unwrap();
        let day = Day::of(at, &jiff::tz::TimeZone::UTC).plus_days(u32::try_from(minute).unwrap());
        let keys: Vec<(String, Key)> = vec![
            (format!("account {a:?}"), account(&p, &member)),
            (format!("profile {a:?}"), profile(&p, &member)),
            (format!("alias {a:?}"), alias(&p, &member)),
            (format!("entry R {a:?} {b:?} {minute}"), entry(&p, &member, &fact_entry(at, &of_b))),
            (format!("entry F {a:?} {b:?} {minute}"), entry(&p, &member, &fact_entry(at, &refund_of_b))),
            (format!("entry C {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'C', b))),
            (format!("entry A {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'A', b))),
            (format!("entry I {a:?} {b:?} {minute}"), entry(&p, &member, &fact_entry(at, &interaction_b))),
            (format!("entry N {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'N', b))),
            (format!("entry P {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'P', b))),
            (format!("entry B {a:?} {day}"), entry(&p, &member, &fact_entry(at, &FactId::Birthday { day }))),
            (format!("entry D {a:?} {day}"), entry(&p, &member, &fact_entry(at, &FactId::Due { day }))),
            (
                format!("entry RT1 {a:?} {b:?} {minute}"),
                entry(&p, &member, &tier_change_entry(&fact_entry(at, &of_b), 1)),
            ),
            (
                format!("entry RT2 {a:?} {b:?} {minute}"),
                entry(&p, &member, &tier_change_entry(&fact_entry(at, &of_b), 2)),
            ),
            (format!("entry FT1 {a:?} {b:?} {minute}"), {
                entry(&p, &member, &tier_change_entry(&fact_entry(at, &refund_of_b), 1))
            }),
            (format!("entry IT1 {a:?} {b:?} {minute}"), {
                entry(&p, &member, &tier_change_entry(&fact_entry(at, &interaction_b), 1))
            }),
            (format!("mark {a:?} {b:?}"), mark(&p, &member, &escape(b))),
            (format!("coupon {a:?} {b:?} {minute}"), coupon(&p, &member, at, &code)),
            (format!("code {folded:?}"), coupon_guard(&p, &folded)),
            (format!("use {a:?} {folded:?}"), use_link(&p, &receipt_id, &folded)),
            (format!("id {a:?}"), identity_guard(&p, "id", a)),
            (format!("card {a:?}"), identity_guard(&p, "card", a)),
            (format!("contact data {a:?} {b:?}"), contact_data(&identity_guard(&p, "card", b), &member)),
            ("sold out".to_owned(), sold_out(&p)),
            (format!("budget {a:?} {day}"), {
                let rule = Some(tessera_domain::ids::RuleId::new(a).unwrap());
                budget(&p, &BudgetPeriod { rule, start: Some(day) }, 3)
            }),
            ("budget of the programme".to_owned(), budget(&p, &BudgetPeriod { rule: None, start: None }, 3)),
            (format!("notice {a:?} {minute}"), notice(&p, at, a)),
            (format!("audit {a:?} {minute}"), audit_entry(&p, at, a)),
            (format!("stock {a:?}"), stock(&p, &reward, 3)),
            (format!("stock 12 {a:?}"), stock(&p, &reward, 12)),
            (format!("pool count {a:?}"), pool_count(&p, &PoolId::loaded(reward.clone()), 3)),
            (format!("pool code {a:?}"), pool_code(&p, &PoolId::loaded(reward.clone()), 3, 7)),
            (format!("created code {a:?} {b:?}"), {
                pool_code(&p, &PoolId { reward: reward.clone(), discount: Some(b.to_owned()) }, 3, 7)
            }),
            (format!("shop pool {a:?} {b:?}"), {
                shop_pool(&p, a, &PoolId { reward: reward.clone(), discount: Some(b.to_owned()) })
            }),
            (format!("shop batch {a:?} {b:?}"), {
                shop_batch(&p, a, &PoolId { reward: reward.clone(), discount: Some(b.to_owned()) }, b, 1)
            }),
            (format!("shop token {a:?}"), shop_token(&p, a)),
            (format!("shop token lease {a:?}"), shop_token_lease(&p, a)),
            (format!("low stock {a:?}"), low_stock(&p, &reward, 's', 7)),
            (format!("low pool {a:?}"), low_stock(&p, &reward, 'p', 7)),
            (format!("receipt {a:?}"), fact(&p, &named(FactKind::Receipt, &[a]))),
            (format!("refund {a:?} {b:?}"), fact(&p, &named(FactKind::Refund, &[a, b]))),
            (format!("interaction {a:?}"), fact(&p, &named(FactKind::Interaction, &[a]))),
            ("listed".to_owned(), listed(&p)),
            (format!("job {a:?}"), job(&p, a)),
            ("head".to_owned(), head(&p)),
            (format!("figures {day}"), figures_of(&p, day)),
            ("position".to_owned(), position(&p)),
            ("storefront".to_owned(), storefront(&p)),
            ("version".to_owned(), version(&p, 1)),
            (format!("chunk {a:?}"), chunk(&p, a, 2)),
            (format!("draft {a:?}"), draft(&p, a)),
            (format!("scheduled {a:?} {minute}"), scheduled(&p, at, a)),
            (format!("api key {a:?}"), api_key(&p, a)),
            ("admin keys".to_owned(), admin_keys(&p)),
            (format!("limit {minute}"), limit(Some(&p), "0", minute)),
            (format!("task {a:?}"), task(&p, "backtest", a)),
            (format!("task result {a:?}"), task_result(&p, &task_result_sort("backtest", a))),
            ("restore".to_owned(), restore(&p)),
            (format!("import chunk {a:?}"), import_chunk(&p, a, 2, 3)),
            (format!("import error {a:?}"), import_error(&p, a, 'i', 7)),
            ("task count".to_owned(), task_count(&p, "backtest")),
            (format!("target {a:?}"), target(&p, a)),
            (format!("target secrets {a:?}"), target_secrets(&p, a)),
            (format!("target health {a:?}"), target_health(&p, a)),
            (format!("bucket {a:?}"), bucket(&p, a, "events")),
            (format!("delivery {a:?} {b:?}"), delivery(&p, a, b)),
            (format!("due delivery {a:?} {b:?} {minute}"), due_delivery(&p, at, a, b)),
        ];
        let keys = keys.into_iter().chain(referrals::samples(&p, a, b, at, day)).chain(lists::samples(&p, a, b));
        keys.map(|(what, key)| (format!("{program:?} {what}"), key)).collect()
    }

    proptest! {
        #[test]
        fn escaping_is_injective_and_leaves_no_separator(a in hostile(), b in hostile()) {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
            prop_assert!(!escape(&a).contains('#'));
            prop_assert_eq!(unescape(&escape(&a)), a);
        }

        #[test]
        fn different_items_have_different_keys(
            texts in prop::collection::vec((hostile(), hostile(), hostile(), 0_i64..3), 1..6)
        ) {
            let mut seen: HashMap<Key, String> = HashMap::new();
            for (program, a, b, minute) in texts {
                for (what, key) in all(&program, &a, &b, minute) {
                    let before = seen.insert(key.clone(), what.clone());
                    prop_assert!(before.is_none_or(|before| before == what), "{what} has another's key {key:?}");
                }
            }
        }

        #[test]
        fn partitions_tell_what_they_were_made_from(program in hostile(), id in hostile()) {
            let program = ProgramId::new(program).unwrap();
            let member = MemberId::new(id.clone()).unwrap();
            let partition = member_partition(&program, &member);
            prop_assert_eq!(parse_fact(&partition, "receipt"), None);
            prop_assert_eq!(parse_member_partition(&partition), Some((program.clone(), member)));
            let keys = [vec![id.clone()], vec![id.clone(), id.clone()]];
            for kind in FactKind::ALL.iter().filter(|kind| kind.is_stored()) {
                let named = keys.iter().find_map(|key| FactId::from_natural_key(*kind, key)).unwrap();
                let key = fact(&program, &named);
                prop_assert_eq!(parse_fact(&key.pk, &key.sk), Some((program.clone(), named)));
                prop_assert_eq!(parse_member_partition(&key.pk), None);
                prop_assert_eq!(parse_fact(&key.pk, "unknown"), None);
            }
            let due = due_delivery(&program, at(1), &id, &id);
            prop_assert_eq!(parse_due_delivery(&due.sk), Some((at(1), id.clone(), id.clone())));
            prop_assert_eq!(parse_audit_entry(&audit_entry(&program, at(1), &id).sk), Some((at(1), id)));
            prop_assert_eq!(parse_program(&partition), Some(program.clone()));
            prop_assert_eq!(parse_listed(&listed(&program).sk), Some(program));
        }

        #[test]
        fn times_sort_as_text(a in 0_i64..253_402_207_200_000, b in 0_i64..253_402_207_200_000) {
            let text = |ms| time(Timestamp::from_millisecond(ms).unwrap());
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }
    }

    #[test]
    fn members_are_spread_over_what_comes_due() {
        let shards = (0..1_000).map(|number| due_shard(&MemberId::new(format!("m_{number}")).unwrap()));
        let mut counts = [0; DUE_SHARDS as usize];
        shards.for_each(|shard| counts[shard as usize] += 1);
        assert!(counts.iter().all(|count| (60..200).contains(count)), "{counts:?}");
    }

    #[test]
    fn days_sort_among_the_moments() {
        let day = Day::from_date(jiff::civil::date(2026, 3, 10));
        let entry = fact_entry(at(1), &FactId::Birthday { day });
        assert_eq!(entry, "e#2026-03-10T00:00:00.000Z#B#2026-03-10#");
        let visit = FactId::from_natural_key(FactKind::Interaction, &["1".to_owned()]).unwrap();
        let at = |text: &str| fact_entry(text.parse().unwrap(), &visit);
        assert!(at("2026-03-09T23:59:59Z") < entry && entry < at("2026-03-10T00:00:01Z"));
    }

    #[test]
    fn a_receipts_refunds_extend_its_key() {
        let named = |kind, key: &[&str]| {
            let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
            FactId::from_natural_key(kind, &key).unwrap()
        };
        let own = fact_entry(at(1), &named(FactKind::Receipt, &["7"]));
        assert_eq!(own, "e#1970-01-01T00:01:00.000Z#R#7#");
        assert!(fact_entry(at(1), &named(FactKind::Refund, &["7", "1"])).starts_with(&own));
        // Receipt 7 does not see the entries of receipt 77.
        assert!(!fact_entry(at(1), &named(FactKind::Receipt, &["77"])).starts_with(&own));
    }
}
