//! Faults at every operation of every function, one at a time.

use super::journeys;
use super::plans::{Run, calls, every_plan, plans};
use super::sender::{Planned, Sender};
use super::state::{end, figures};

/// Stacks that run in parallel. They mostly wait for the SDK's backoff.
const PARALLEL: usize = 24;

/// Functions that work in the same way in every journey, and the one journey that tests their calls.
const TESTED_ONCE: [(&str, &str); 7] = [
    ("authorizer", "members"),
    ("event-relay", "refunds"),
    ("kpi", "refunds"),
    ("birthdays", "days"),
    ("inbound-poll", "days"),
    ("redeliveries", "days"),
    ("retention", "days"),
];

/// `halts`: whether the stack may be killed. The local queues are in memory: after a restart, messages from a stream are
/// sent again, but messages of a job or of the API are lost, which SQS would have stored.
async fn every_fault(name: &str, halts: bool, journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>) {
    let run = async |planned: Option<Planned>| {
        let mut sender = Sender::open(&journeys::full_program(), journeys::CLOCK, planned).await;
        let members = journey(&mut sender).await;
        sender.settle().await;
        let calls = calls(&sender);
        let end = (end(&mut sender, &members).await, figures(&mut sender).await);
        Run::with_calls(end, calls, &sender)
    };
    let choose = |calls| {
        let mut plans = plans(&calls, halts);
        for (function, journey) in TESTED_ONCE {
            assert!(journey != name || plans.iter().any(|planned| planned.function == function), "{name}: {function}");
            plans.retain(|planned| journey == name || planned.function != function);
        }
        plans
    };
    every_plan(name, PARALLEL, choose, run).await;
}

macro_rules! every_fault {
    ($($test:ident: $journey:ident, halts $halts:literal;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            every_fault(stringify!($journey), $halts, journeys::$journey).await;
        }
    )+ };
}

every_fault! {
    members_lose_nothing: members, halts true;
    identities_stay_whole: identities, halts true;
    contacts_join_once: joining, halts true;
    receipts_count_once: receipts, halts true;
    refunds_count_once: refunds, halts true;
    many_coupons_are_cancelled_once: many_coupons, halts true;
    coupons_are_made_once: coupons, halts true;
    codes_of_a_pool_are_drawn_once: pools, halts true;
    referrals_reward_once: referrals, halts false;
    merges_move_once: merges, halts false;
    receipts_move_once: moves, halts true;
    interactions_count_once: interactions, halts true;
    erasure_is_completed: erasure, halts true;
    waits_end_once: holds, halts false;
    warnings_are_given_once: warnings, halts false;
    days_come_once: days, halts false;
    members_are_armed_for_a_changed_program: arming, halts false;
    holds_and_reminders_of_referrals_come_once: referral_days, halts false;
    coupons_and_holds_end_once: endings, halts false;
    a_program_changes_as_a_whole: admin, halts false;
    keys_and_secrets_change_once: access, halts true;
    drafts_are_published_once: drafts, halts false;
    rows_are_imported_once: importing, halts true;
    looking_changes_nothing: views, halts true;
}
