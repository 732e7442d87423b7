//! Jobs that are interrupted, late, repeated or disturbed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tessera_domain::fact::FactId;
use tessera_domain::ids::{CustomerId, ProgramId};
use tessera_domain::member::MemberRef;
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::job::{Deadline, Job, JobReport, MissedDays, run_job};
use tessera_store::{ActiveProgram, FoundMembers, JobPosition, ProfileNews, StoreError};

use crate::bench::Bench;
use crate::queue::Queue;

/// Dates of birth, and members born on each.
const DATES: u32 = 6;
const MEMBERS: u32 = 3;

/// Hands over the members born on the first days of January, every day. Each date is a shard, and so a page.
struct January;

impl Job for January {
    const NAME: &'static str = "january";
    const MISSED_DAYS: MissedDays = MissedDays::Each;

    fn shards(&self, _program: &ActiveProgram, _day: Day) -> Vec<u32> {
        (1..=DATES).collect()
    }

    async fn members(
        &self,
        services: &Services,
        program: &ProgramId,
        _day: Day,
        JobPosition { shard, cursor }: JobPosition,
    ) -> Result<FoundMembers, StoreError> {
        services.store.members_born(program, 1, i8::try_from(shard).unwrap(), cursor).await
    }

    fn fact(&self, day: Day) -> FactId {
        FactId::Birthday { day }
    }
}

/// A program in Rome with members, at noon on 1 March 2026.
struct Shop {
    bench: Bench,
    queue: Queue,
}

impl Shop {
    async fn open() -> Self {
        let (mut bench, queue) = (Bench::start().await, Queue::default());
        bench.services.sqs = queue.client();
        let store = &bench.services.store;
        let program = &bench.program.id;
        let active = bench.services.programs.get(program).await.unwrap().unwrap();
        let key = &active.head.identity_key;
        for number in 0..DATES * MEMBERS {
            let reference = MemberRef::of_id(CustomerId::new(format!("c-{number}")).unwrap());
            let now = bench.services.clock.now();
            let found = store.find_or_create_visitor(&active, &reference, now).await.unwrap();
            let before = store.get_profile(program, &found.member).await.unwrap().unwrap();
            let mut after = before.clone();
            after.birth_date = Some(format!("--01-{:02}", 1 + number % DATES).parse().unwrap());
            store.replace_profile(program, key, &found.member, [&before, &after], ProfileNews::Changes).await.unwrap();
        }
        Self { bench, queue }
    }

    async fn run(&self, deadline: &Deadline) -> Result<JobReport, String> {
        run_job(&self.bench.services, &January, deadline).await
    }

    async fn run_to_the_end(&self) -> JobReport {
        self.run(&Deadline::after(Duration::from_mins(15))).await.unwrap()
    }

    /// The messages that were taken: job, day and member of each.
    fn handed(&self) -> Vec<String> {
        self.queue.taken("MessageDeduplicationId")
    }
}

/// A deadline that is near after some checks.
fn after_checks(checks: u32) -> Deadline {
    let left = Arc::new(AtomicU32::new(checks));
    Deadline::new(move || {
        let is_left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_left { Duration::from_mins(5) } else { Duration::ZERO }
    })
}

fn distinct(handed: &[String]) -> usize {
    handed.iter().collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_run_that_stops_after_each_page_resumes_and_hands_everybody_over_once() {
    let shop = Shop::open().await;
    shop.bench.pass(2 * 24 * 60 * 60);
    shop.run_to_the_end().await;
    shop.bench.pass(2 * 24 * 60 * 60);
    let before = shop.handed().len();
    // One check begins the program, one begins a page.
    let mut runs = 0;
    while shop.run(&after_checks(2)).await.unwrap().unfinished > 0 {
        runs += 1;
        assert_eq!(shop.handed().len() - before, (runs * MEMBERS) as usize, "one page in each run");
        assert!(runs <= 2 * DATES, "it starts a day again");
    }
    let handed = shop.handed();
    assert_eq!((handed.len() - before, distinct(&handed)), ((2 * DATES * MEMBERS) as usize, handed.len()));
    assert_eq!(shop.run_to_the_end().await, JobReport::default(), "a repeated run does nothing");
}

#[tokio::test]
async fn missed_days_are_served_one_by_one_across_a_change_of_the_clocks() {
    let shop = Shop::open().await;
    let set = |text: &str| {
        let to = text.parse::<jiff::Timestamp>().unwrap().as_second();
        shop.bench.pass(to - shop.bench.now());
    };
    let days = |handed: &[String]| -> BTreeSet<String> {
        handed.iter().map(|key| key["january-".len()..][..10].to_owned()).collect()
    };
    set("2026-03-27T12:00:00Z");
    shop.run_to_the_end().await;
    // In Rome, 29 March has 23 hours: it begins at 23:00 and ends at 22:00 UTC.
    set("2026-03-29T21:59:59Z");
    assert_eq!(shop.run_to_the_end().await.members, u64::from(2 * DATES * MEMBERS));
    set("2026-03-29T22:00:00Z");
    assert_eq!(shop.run_to_the_end().await.members, u64::from(DATES * MEMBERS));
    let expected = ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30"].map(str::to_owned);
    assert_eq!(days(&shop.handed()), BTreeSet::from(expected));
    // A clock that is set back finds nothing to do, and loses no day later.
    set("2026-03-20T12:00:00Z");
    assert_eq!(shop.run_to_the_end().await, JobReport::default());
    set("2026-03-31T12:00:00Z");
    assert_eq!(shop.run_to_the_end().await.members, u64::from(DATES * MEMBERS));
    assert_eq!(distinct(&shop.handed()), shop.handed().len());
}

#[tokio::test]
async fn a_run_that_fails_resumes_at_the_page_that_failed() {
    let shop = Shop::open().await;
    for failing in 0..DATES {
        shop.bench.pass(24 * 60 * 60);
        let before = shop.handed().len();
        assert!(shop.run(&after_checks(1 + failing)).await.unwrap().unfinished == 1);
        // All three attempts at a whole page are refused.
        shop.queue.refuse("", 3 * MEMBERS);
        shop.run(&Deadline::after(Duration::from_mins(15))).await.unwrap_err();
        assert_eq!(shop.handed().len() - before, (failing * MEMBERS) as usize);
        shop.run_to_the_end().await;
        assert_eq!(shop.handed().len() - before, (DATES * MEMBERS) as usize, "failing at page {failing}");
    }
    assert_eq!(distinct(&shop.handed()), shop.handed().len());
}

#[tokio::test]
async fn of_two_runs_at_once_one_stops_and_nobody_is_missed() {
    let shop = Shop::open().await;
    let deadline = Deadline::after(Duration::from_mins(15));
    let (first, second) = tokio::join!(shop.run(&deadline), shop.run(&deadline));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.unfinished + second.unfinished + first.programs + second.programs, 2, "{first:?} {second:?}");
    shop.run_to_the_end().await;
    assert_eq!(distinct(&shop.handed()), (DATES * MEMBERS) as usize);
}
