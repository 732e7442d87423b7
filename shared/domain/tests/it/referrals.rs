//! Referrals: what each is worth by the friend's orders, and what milestones give and take back.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::decide::{AdvocateChange, FriendChange, ReferralChange};
use tessera_domain::ids::{MemberId, ReceiptId, ReferralId};
use tessera_domain::program::CompiledProgram;
use tessera_domain::referral::{
    Conversions, Judgement, Order, Referral, ReferralReason, ReferralStatus, Review, judge,
};

use crate::book::Book;

const NOW: &str = "2026-03-01T12:00:00Z";

fn document(referral: &Value) -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "points": {},
        "rewards": [{ "id": "tea", "name": "Tea", "type": "custom", "cost": 0, "code": { "pattern": "TEA-########" } },
                    { "id": "cup", "name": "Cup", "type": "custom", "cost": 0, "code": { "pattern": "CUP-########" } }],
        "referral": referral,
    })
}

fn referral(conversion: &Value, advocate: &Value) -> Value {
    json!({ "conversion": conversion, "attribution_days": 30, "hold_days": 14, "advocate": advocate,
            "friend": { "on": "qualified", "then": [{ "credit": { "points": 5 } }] } })
}

fn over_60() -> Value {
    json!({ "receipt": { "spend_over": "60.00", "first_only": true } })
}

fn compiled(conversion: &Value) -> CompiledProgram {
    Book::open(&document(&referral(conversion, &Value::Null)), NOW.parse().unwrap()).unwrap().program
}

fn at(day: u32) -> Timestamp {
    // 10:00 in Rome, of a day of March 2026.
    format!("2026-03-{day:02}T09:00:00Z").parse().unwrap()
}

fn named(code: &str, day: u32) -> Referral {
    let id = ReferralId::new(format!("ref_{code}")).unwrap();
    Referral::new(id, code.to_owned(), MemberId::new(format!("m_{code}")).unwrap(), at(day))
}

fn order(id: &str, day: u32, sold: i64, left: i64) -> Order {
    let receipt = ReceiptId::new(id).unwrap();
    Order { receipt, at: at(day), is_returned: left == 0, sold: Some(sold), left: Some(left) }
}

fn judged(program: &CompiledProgram, referrals: &[Referral], orders: &[Order], today: u32) -> Vec<Judgement> {
    let known = Conversions { enrolled_at: None, orders, events: &[] };
    judge(referrals, &known, program, program.referral.as_ref().unwrap(), at(today))
}

fn standing(program: &CompiledProgram, orders: &[Order], today: u32) -> (ReferralStatus, Option<ReferralReason>) {
    let one = judged(program, &[named("A", 2)], orders, today)[0];
    (one.status, one.reason)
}

#[test]
fn more_than_sixty_is_not_sixty() {
    use ReferralStatus::{Pending, Qualified, Rejected};
    let program = compiled(&over_60());
    assert_eq!(standing(&program, &[], 5), (Pending, None));
    assert_eq!(standing(&program, &[order("1", 3, 6001, 6001)], 5), (Qualified, None));
    let below = Some(ReferralReason::FirstOrderBelow);
    assert_eq!(standing(&program, &[order("1", 3, 6000, 6000)], 5), (Rejected, below));
    let program = compiled(&json!({ "receipt": { "spend_at_least": "60.00", "first_only": false } }));
    assert_eq!(standing(&program, &[order("1", 3, 5999, 5999)], 5), (Pending, None));
    assert_eq!(standing(&program, &[order("1", 3, 5999, 5999), order("2", 4, 6000, 6000)], 5), (Qualified, None));
}

#[test]
fn the_rewards_are_due_when_the_hold_is_over() {
    let program = compiled(&over_60());
    let orders = [order("1", 3, 7000, 7000)];
    assert_eq!(standing(&program, &orders, 16).0, ReferralStatus::Qualified);
    assert_eq!(standing(&program, &orders, 17).0, ReferralStatus::Rewarded);
}

#[test]
fn a_return_and_a_late_order_change_the_first_order_both_ways() {
    use ReferralStatus::{Qualified, Rejected, Reversed};
    let program = compiled(&over_60());
    // The small first order is wholly returned: the large one is the first.
    let below = Some(ReferralReason::FirstOrderBelow);
    assert_eq!(standing(&program, &[order("1", 3, 2000, 2000), order("2", 4, 7000, 7000)], 5), (Rejected, below));
    assert_eq!(standing(&program, &[order("1", 3, 2000, 0), order("2", 4, 7000, 7000)], 5), (Qualified, None));
    // The large order is returned, in whole or in part.
    let returned = Some(ReferralReason::OrderReturned);
    assert_eq!(standing(&program, &[order("1", 3, 7000, 0)], 5), (Reversed, returned));
    assert_eq!(standing(&program, &[order("1", 3, 7000, 6000)], 5), (Reversed, returned));
    assert_eq!(standing(&program, &[order("1", 3, 7000, 6001)], 5), (Qualified, None));
}

#[test]
fn who_bought_or_was_a_member_before_does_not_count() {
    let program = compiled(&over_60());
    let before = Some(ReferralReason::BoughtBefore);
    let orders = [order("0", 1, 100, 100), order("1", 3, 7000, 7000)];
    assert_eq!(standing(&program, &orders, 5), (ReferralStatus::Rejected, before));
    assert_eq!(standing(&program, &[order("0", 1, 100, 0), order("1", 3, 7000, 7000)], 5).0, ReferralStatus::Qualified);
    // A click that was handed over is the earliest sign.
    let mut clicked = named("A", 4);
    clicked.name_again(at(4), Some(at(2)));
    assert_eq!(judged(&program, &[clicked], &orders[1..], 5)[0].status, ReferralStatus::Qualified);
    let known = Conversions { enrolled_at: Some(at(1)), orders: &orders[1..], events: &[] };
    let judged = judge(&[named("A", 2)], &known, &program, program.referral.as_ref().unwrap(), at(5));
    assert_eq!(judged[0].reason, Some(ReferralReason::WasMember));
}

#[test]
fn the_last_valid_code_within_the_attribution_days_wins() {
    let program = compiled(&over_60());
    let orders = [order("1", 6, 7000, 7000)];
    let two = [named("A", 2), named("B", 5)];
    let statuses = |referrals: &[Referral]| -> Vec<ReferralStatus> {
        judged(&program, referrals, &orders, 7).iter().map(|one| one.status).collect()
    };
    assert_eq!(statuses(&two), [ReferralStatus::Rejected, ReferralStatus::Qualified]);
    // A refused code is not valid; one that was named after the order comes too late.
    let mut refused = two.clone();
    refused[1].refused = Some(ReferralReason::SameEmail);
    assert_eq!(statuses(&refused), [ReferralStatus::Qualified, ReferralStatus::Rejected]);
    let late = [named("A", 2), named("B", 7)];
    assert_eq!(statuses(&late), [ReferralStatus::Qualified, ReferralStatus::Rejected]);
    // After the attribution days the friend is nobody's.
    let mut old = named("A", 2);
    (old.first_at, old.at) = ("2026-01-01T09:00:00Z".parse().unwrap(), "2026-01-01T09:00:00Z".parse().unwrap());
    assert_eq!(statuses(&[old]), [ReferralStatus::Pending]);
}

#[test]
fn a_suspicious_referral_waits_for_a_person() {
    let program = compiled(&over_60());
    let orders = [order("1", 3, 7000, 7000)];
    let mut flagged = named("A", 2);
    flagged.score = 50;
    let status = |one: &Referral| judged(&program, std::slice::from_ref(one), &orders, 20)[0].status;
    assert_eq!(status(&flagged), ReferralStatus::Flagged);
    let review = |approved| Review { approved, actor: "ada".into(), reason: "known".into(), at: at(4) };
    flagged.review = Some(review(true));
    assert_eq!(status(&flagged), ReferralStatus::Rewarded);
    flagged.review = Some(review(false));
    assert_eq!(status(&flagged), ReferralStatus::Rejected);
}

#[test]
fn a_named_event_converts_too() {
    let program = compiled(&json!({ "interaction": "profile_completed" }));
    let judged = |events: &[Timestamp]| {
        let known = Conversions { enrolled_at: None, orders: &[], events };
        judge(&[named("A", 2)], &known, &program, program.referral.as_ref().unwrap(), at(5))[0].status
    };
    assert_eq!(judged(&[at(1)]), ReferralStatus::Pending);
    assert_eq!(judged(&[at(1), at(3)]), ReferralStatus::Qualified);
}

fn milestones(mode: &str) -> Value {
    json!({ "mode": mode, "milestones": [
        { "at": 1, "then": [{ "credit": { "points": 10 } }, { "reward": "tea" }] },
        { "at": 3, "then": [{ "credit": { "points": 50 } }, { "reward": "cup" }] },
    ] })
}

fn book(mode: &str) -> Book {
    Book::open(&document(&referral(&over_60(), &milestones(mode))), NOW.parse().unwrap()).unwrap()
}

fn counts(book: &mut Book, times: usize) {
    let change = ReferralChange { advocate: Some(AdvocateChange::Counts), ..ReferralChange::default() };
    for n in 0..times {
        book.change_referral("a", &format!("ref_{n}"), &change);
    }
}

fn counts_no_more(book: &mut Book) {
    let change = ReferralChange { advocate: Some(AdvocateChange::CountsNoMore(&[])), ..ReferralChange::default() };
    book.change_referral("a", "ref_0", &change);
}

/// The advocate's points, and the usable coupons by reward.
fn has(book: &mut Book) -> (i64, Vec<String>) {
    let usable =
        book.coupons.values().filter(|coupon| coupon.status == tessera_domain::coupon::CouponStatus::Available);
    let mut rewards: Vec<String> = usable.map(|coupon| coupon.reward.to_string()).collect();
    rewards.sort();
    (book.view("a").available().get(), rewards)
}

#[test]
fn additive_milestones_add_up() {
    let mut book = book("additive");
    counts(&mut book, 1);
    assert_eq!(has(&mut book), (10, vec!["tea".into()]));
    counts(&mut book, 2);
    assert_eq!(has(&mut book), (60, vec!["cup".into(), "tea".into()]));
}

#[test]
fn replacing_milestones_top_up() {
    let mut book = book("replace");
    counts(&mut book, 3);
    assert_eq!(has(&mut book), (50, vec!["cup".into()]));
    // The state of two friends again.
    counts_no_more(&mut book);
    assert_eq!(has(&mut book), (10, vec!["tea".into()]));
    counts(&mut book, 1);
    assert_eq!(has(&mut book), (50, vec!["cup".into()]));
}

#[test]
fn a_milestone_that_more_friends_reach_stands() {
    let mut book = book("additive");
    counts(&mut book, 4);
    counts_no_more(&mut book);
    assert_eq!(has(&mut book).0, 60);
    counts_no_more(&mut book);
    assert_eq!(has(&mut book), (10, vec!["tea".into()]));
}

#[test]
fn a_reward_carries_the_time_at_which_it_fell_due() {
    let mut document = document(&referral(&over_60(), &milestones("additive")));
    document["points"]["expiry"] = json!({ "after_months": 1 });
    let mut book = Book::open(&document, "2026-04-02T08:00:00Z".parse().unwrap()).unwrap();
    let due_at: Timestamp = "2026-03-30T22:00:00Z".parse().unwrap();
    let advocate = Some(AdvocateChange::Counts);
    let change = ReferralChange { due_at: Some(due_at), advocate, ..ReferralChange::default() };
    let entry = book.change_referral("a", "ref_0", &change);
    assert_eq!((entry.at, entry.decided_at), (due_at, book.now));
    book.now = "2026-04-30T12:00:00Z".parse().unwrap();
    assert_eq!(has(&mut book).0, 10);
    book.now = "2026-04-30T22:00:00Z".parse().unwrap();
    assert_eq!(has(&mut book).0, 0);
    book.check();
}

#[test]
fn the_friends_reward_is_an_entry_of_the_referral_and_goes_with_it() {
    let mut book = book("additive");
    let given = ReferralChange {
        friend: Some(FriendChange { gives_reward: true, fires_rules: true, ..FriendChange::default() }),
        ..ReferralChange::default()
    };
    let entry = book.change_referral("f", "ref_1", &given);
    assert_eq!(book.view("f").available().get(), 5);
    let outcome = &entry.outcomes[0];
    let gift = tessera_domain::account::Gift {
        rule: outcome.rule.clone(),
        rule_version: outcome.rule_version,
        at: entry.at,
        firings: 1,
        points: outcome.credits(),
        lot: entry.lot,
        coupons: Vec::new(),
    };
    let back = FriendChange { takes_back: std::slice::from_ref(&gift), ..FriendChange::default() };
    book.change_referral("f", "ref_1", &ReferralChange { friend: Some(back), ..ReferralChange::default() });
    let settled = book.view("f");
    assert_eq!((settled.available().get(), settled.lifetime_earned.get()), (0, 0));
}

proptest! {
    /// The judgement of a set of codes and orders does not depend on the order in which they became known.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        codes in proptest::collection::vec((0_usize..3, 1_u32..28), 1..5),
        orders in proptest::collection::vec((1_u32..28, 1_i64..12, 0_i64..12), 0..5),
        seed in any::<u64>(),
        first_only in any::<bool>(),
    ) {
        let conversion = json!({ "receipt": { "spend_over": "60.00", "first_only": first_only } });
        let program = compiled(&conversion);
        let names = ["A", "B", "C"];
        let arrive = |codes: &[(usize, u32)]| {
            let mut referrals: Vec<Referral> = Vec::new();
            for (name, day) in codes {
                match referrals.iter_mut().find(|one| one.code == names[*name]) {
                    Some(known) => known.name_again(at(*day), None),
                    None => referrals.push(named(names[*name], *day)),
                }
            }
            referrals
        };
        let mut sorted: Vec<Order> = orders
            .iter()
            .enumerate()
            .map(|(n, (day, sold, back))| order(&n.to_string(), *day, sold * 1000, (sold - back).max(0) * 1000))
            .collect();
        sorted.sort_by(|one, other| (one.at, &one.receipt).cmp(&(other.at, &other.receipt)));
        let by_code = |codes: &[(usize, u32)]| {
            let referrals = arrive(codes);
            let judged = judged(&program, &referrals, &sorted, 28);
            let mut judged: Vec<(String, Judgement)> =
                referrals.into_iter().map(|one| one.code).zip(judged).collect();
            judged.sort_by(|(one, _), (other, _)| one.cmp(other));
            judged
        };
        let mut shuffled = codes.clone();
        let turn = usize::try_from(seed % 7).unwrap() % codes.len();
        shuffled.rotate_left(turn);
        shuffled.extend_from_slice(&codes[..1]);
        prop_assert_eq!(by_code(&codes), by_code(&shuffled));
        // One friend converts once.
        let converted = by_code(&codes);
        let count = converted.iter().filter(|(_, one)| one.conversion.is_some()).count();
        prop_assert!(count <= 1);
    }

    /// Milestones after any sequence are those of the final number of friends.
    #[test]
    fn milestones_follow_the_number_of_friends(steps in proptest::collection::vec(any::<bool>(), 1..12), replace in any::<bool>()) {
        let mode = if replace { "replace" } else { "additive" };
        let mut book = book(mode);
        let mut friends = 0_usize;
        for more in steps {
            if more {
                counts(&mut book, 1);
                friends += 1;
            } else if friends > 0 {
                counts_no_more(&mut book);
                friends -= 1;
            }
        }
        let mut direct = crate::referrals::book(mode);
        counts(&mut direct, friends);
        prop_assert_eq!(has(&mut book), has(&mut direct));
    }
}
