use serde_json::json;

use super::*;
use crate::ids::{CouponCode, RewardId, TierId};
use crate::ledger::NamedCoupon;
use crate::program::SubmittedProgram;

fn program() -> CompiledProgram {
    let document = json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": {
            "it": { "one": "punto", "other": "punti" }, "en": { "one": "point", "other": "points" },
            "ro": { "one": "punct", "few": "puncte", "other": "de puncte" },
            "ru": { "one": "балл", "few": "балла", "many": "баллов", "other": "балла" } } },
        "tiers": { "ladder": [{ "id": "base", "name": "Base", "threshold": 0 },
            { "id": "gold", "name": { "it": "Oro", "en": "Gold", "ro": "Aur", "ru": "Золото" }, "threshold": 10 }] },
        "rules": [{ "id": "every", "name": "Every 50", "status": "active", "starts_at": "2026-01-01", "tiers": ["gold"],
            "limit": { "times": 2, "per": "day" }, "on": { "receipt": { "spend": { "every": "50.00" } } },
            "then": [{ "credit": { "points": 10 } }] },
            { "id": "third", "name": "Third", "status": "active", "starts_at": "2026-01-01",
            "on": { "receipt": { "receipts": { "every": 3 } } }, "then": [{ "credit": { "points": 10 } }] }],
    });
    CompiledProgram::new(SubmittedProgram::read(&document).unwrap(), 1)
}

fn id(rule: &str) -> RuleId {
    RuleId::new(rule).unwrap()
}

fn said(explain: impl Fn(&Explainer<'_>) -> Explanation) -> [String; 4] {
    let program = program();
    ["en", "it", "ro", "ru"].map(|language| explain(&Explainer::new(&program, language)).text)
}

#[test]
fn a_rule_that_fired_says_from_what_and_what_was_lost() {
    let fixed = Both { redeemable: Points::new(20), ..Both::ZERO };
    let outcome = Outcome {
        firings: 2,
        lost: 1,
        fixed,
        counted: 12_000,
        before: Some(4_500),
        ..Outcome::nothing(id("every"), 1)
    };
    assert_eq!(
        said(|explainer| explainer.outcome(&outcome)),
        [
            "Every 50: 120.00 EUR counted on top of 45.00 EUR before, applied 2 times, giving 20 points. More was due (once), but the limit is reached: 2 times a day.",
            "Every 50: contati 120.00 EUR oltre ai 45.00 EUR di prima, applicata 2 volte, dà 20 punti. Ne spettavano altre (una volta), ma il limite è raggiunto: 2 volte al giorno.",
            "Every 50: s-au socotit 120.00 EUR peste 45.00 EUR de dinainte, s-a aplicat de 2 ori, dând 20 de puncte. Se mai cuveneau (o dată), dar limita este atinsă: de 2 ori pe zi.",
            "Every 50: учтено 120.00 EUR сверх прежних 45.00 EUR, сработало 2 раза, начислено: 20 баллов. Полагалось ещё 1 раз, но достигнут предел: 2 раза в день.",
        ]
    );
}

#[test]
fn what_is_given_is_told_whatever_it_is() {
    let extra = Both { redeemable: Points::new(3), qualifying: Points::new(1) };
    let debited = Both { redeemable: Points::new(22), ..Both::ZERO };
    let outcome = Outcome {
        firings: 1,
        extra,
        debited,
        vip: Some(TierId::new("gold").unwrap()),
        coupons: vec![NamedCoupon { code: CouponCode::new("A").unwrap(), reward: RewardId::new("gift").unwrap() }],
        ..Outcome::nothing(id("gone"), 1)
    };
    assert_eq!(
        said(|explainer| explainer.outcome(&outcome)),
        [
            "gone: applied once, giving 3 points, 1 qualifying point more by multiplying, 22 points taken away, tier Gold, 1 coupon.",
            "gone: applicata una volta, dà 3 punti, 1 punto qualificante in più per il moltiplicatore, 22 punti tolti, livello Oro, 1 buono.",
            "gone: s-a aplicat o dată, dând 3 puncte, 1 punct de calificare în plus prin multiplicare, 22 de puncte scăzute, nivelul Aur, 1 cupon.",
            "gone: сработало 1 раз, начислено: 3 балла, 1 статусный балл дополнительно за счёт множителя, списано 22 балла, уровень Золото, 1 купон.",
        ]
    );
}

#[test]
fn a_return_says_what_was_taken_back_and_what_could_not_be() {
    let fixed = Both { redeemable: Points::new(-10), ..Both::ZERO };
    let outcome = Outcome { firings: -1, unrecoverable: 2, fixed, ..Outcome::nothing(id("third"), 1) };
    assert_eq!(
        said(|explainer| explainer.outcome(&outcome))[0],
        "Third: taken back once after the return: -10 points. Not taken back (2 times): the reward has been used."
    );
    let less = Outcome { fixed, ..Outcome::nothing(id("third"), 1) };
    assert_eq!(said(|explainer| explainer.outcome(&less))[3], "Third: пересчитано по тому, что осталось: -10 баллов.");
}

#[test]
fn a_rule_that_gave_nothing_says_why_and_how_much_was_missing() {
    let skipped = |rule: &str, reason, missing: Option<&str>| {
        let skipped = Skipped { rule: id(rule), reason, missing: missing.map(str::to_owned) };
        said(move |explainer| explainer.skipped(&skipped))
    };
    assert_eq!(
        skipped("every", SkipReason::BelowThreshold, Some("15.00")),
        [
            "Every 50: nothing, because 15.00 EUR more would have been needed.",
            "Every 50: niente, perché mancavano 15.00 EUR.",
            "Every 50: nimic, pentru că mai lipseau 15.00 EUR.",
            "Every 50: ничего, потому что не хватило 15.00 EUR.",
        ]
    );
    assert_eq!(
        skipped("third", SkipReason::BelowThreshold, Some("2"))[3],
        "Third: ничего, потому что не хватило 2 чека."
    );
    assert_eq!(
        skipped("every", SkipReason::TierOutOfScope, None),
        [
            "Every 50: nothing, because it is for the tiers Gold.",
            "Every 50: niente, perché vale per i livelli Oro.",
            "Every 50: nimic, pentru că este pentru nivelurile Aur.",
            "Every 50: ничего, потому что правило для уровней Золото.",
        ]
    );
    assert_eq!(
        skipped("every", SkipReason::LimitReached, None)[1],
        "Every 50: niente, perché il limite è raggiunto: 2 volte al giorno."
    );
    assert_eq!(skipped("third", SkipReason::LimitReached, None)[2], "Third: nimic, pentru că s-a acordat deja.");
}

#[test]
fn no_sentence_has_a_hole() {
    use SkipReason::{
        BelowThreshold, Duplicate, FilterNotMet, LimitReached, MemberExcluded, OtherTrigger, OutOfStock,
        OutsideCalendar, OutsideRange, OutsideWindow, PredicateNotMet, TierOutOfScope,
    };
    for reason in [
        BelowThreshold,
        Duplicate,
        FilterNotMet,
        LimitReached,
        MemberExcluded,
        OtherTrigger,
        OutOfStock,
        OutsideCalendar,
        OutsideRange,
        OutsideWindow,
        PredicateNotMet,
        TierOutOfScope,
    ] {
        for text in said(|explainer| explainer.skipped(&Skipped { rule: id("every"), reason, missing: None })) {
            assert!(!text.contains(['{', '}']) && !text.contains("  ") && text.ends_with('.'), "{text}");
        }
    }
}
