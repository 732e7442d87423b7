//! Reports as tables and pages.

use serde_json::json;
use tessera_backtest::{BacktestPeriod, Plan, Report, Tally};
use tessera_domain::ids::RuleId;

use crate::shop::{Purchase, draft, history, present, rule, stored, year};

/// Two members: one buys 100 and 60 € and returns 60 € of it, the other buys 400 € in winter things.
fn report() -> Report {
    let plan = Plan::read(&stored(&present()), &draft(), year()).unwrap();
    let mut tally = Tally::default();
    let ada: &[Purchase] = &[(60, 0, 10_000, None), (70, 0, 6_000, Some((2, 6_000)))];
    let bea: &[Purchase] = &[(110, 39_900, 100, None)];
    plan.replay(&history(1, ada, &year()), &mut tally);
    plan.replay(&history(2, bea, &year()), &mut tally);
    Report::new(&plan, &tally)
}

#[test]
fn worked_numbers() {
    let report = report();
    assert_eq!((report.facts.members, report.facts.receipts, report.facts.refunds), (2, 3, 1));
    assert_eq!(report.facts.net_spend, "500.00");
    // 100 + 20, 60 + 10 and back; 400 + 80.
    assert_eq!((report.present.points.issued, report.present.points.reversed), (120 + 70 + 480, 70));
    // Ada's points of 2 March are spendable from the 5th, and expire in April.
    assert_eq!((report.present.points.expired, report.present.points.balance), (120, 480));
    assert_eq!(report.present.liability.as_deref(), Some("4.80"));
    // The draft: 100 + 25, 60 + 25 and back; 400 + 25 (one a day) + 199 of winter + 50 for silver.
    assert_eq!((report.draft.points.issued, report.draft.points.balance), (125 + 85 + 674, 674));
    assert_eq!(report.difference.cost, "1.94");
    assert_eq!(report.difference.cost_percent.as_deref(), Some("40.42"));
    let limited = report.draft.rules.iter().find(|line| line.rule.as_str() == "every-50").unwrap();
    assert_eq!((limited.firings, limited.cut_by_limits, limited.members), (2, 8, 2));
    assert_eq!(report.not_replayed.iter().map(RuleId::as_str).collect::<Vec<_>>(), ["hello"]);
    assert_eq!(report.present.tiers.iter().map(|line| line.members).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(report.months.len(), 2);
    assert_eq!((report.months[0].month.as_str(), report.months[0].net_spend.as_str()), ("2026-03", "100.00"));
}

#[test]
fn table_and_page_agree_and_texts_are_escaped() {
    let report = report();
    let table = report.table();
    for text in ["Club <Ada>", "The draft would have cost 1.94 EUR more (40.42 %).", "4.80   6.74", "every-50"] {
        assert!(table.contains(text), "{text}\n{table}");
    }
    let page = report.html();
    assert!(page.contains("<th>Present</th><th>Draft</th><th>Difference</th>"));
    assert!(page.contains("Club &lt;Ada&gt;") && !page.contains("<Ada>"));
    assert!(page.contains("The draft would have cost 1.94 EUR more (40.42 %)."));
    for foreign in ["<script", "http:", "https:", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn facts_outside_the_period_are_left_out() {
    let period = BacktestPeriod {
        from: Some("2026-03-10T00:00:00Z".parse().unwrap()),
        to: Some("2026-03-13T00:00:00Z".parse().unwrap()),
        as_of: "2026-03-13T00:00:00Z".parse().unwrap(),
    };
    let plan = Plan::read(&stored(&present()), &draft(), period).unwrap();
    let mut tally = Tally::default();
    // On 2 March, outside the period; on 12 March, returned after its end.
    plan.replay(
        &history(1, &[(60, 0, 10_000, Some((10, 500))), (70, 0, 6_000, Some((2, 6_000)))], &period),
        &mut tally,
    );
    let report = Report::new(&plan, &tally);
    assert_eq!((report.facts.receipts, report.facts.refunds, report.facts.refunds_without_receipt), (1, 0, 0));
    assert_eq!(report.present.points.balance, 70);
}

#[test]
fn faults_of_a_draft_have_pointers() {
    let mut wrong = rule("x", &json!({ "receipt": {} }), &json!([{ "reward": "unknown" }]));
    wrong["status"] = json!("perhaps");
    let faults = Plan::read(&stored(&present()), &json!([wrong]), year()).unwrap_err();
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert!(pointers.contains(&"/rules/0/status"), "{pointers:?}");
    let faults = Plan::read(&stored(&present()), &json!("all"), year()).unwrap_err();
    assert_eq!(faults[0].pointer, "/rules");
}
