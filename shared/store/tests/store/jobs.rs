//! What jobs work from: programs, marks, and the indexes of members.

use std::collections::BTreeSet;
use std::convert::Infallible;

use tessera_domain::account::{Account, Due, DueKind};
use tessera_domain::ids::MemberId;
use tessera_domain::time::Day;
use tessera_store::{Commit, DUE_SHARDS, EntryKey, INDEX_PAGE, JobPosition, Party, ProfileNews, SecretsKey, Snapshot};

use crate::bench::Bench;
use crate::shop::{KEY, active, config, customer, document, for_receipt, member, noon, one_point, program, read};

fn day(text: &str) -> Day {
    Day::from_date(text.parse().unwrap())
}

/// A visitor with a day of birth.
async fn born(bench: &Bench, id: &str, birth_date: Option<&str>) -> MemberId {
    let found = bench.store.find_or_create_visitor(&active(), &customer(id), noon()).await.unwrap();
    let before = bench.store.get_profile(&program(), &found.member).await.unwrap().unwrap();
    let mut after = before.clone();
    after.birth_date = birth_date.map(|text| text.parse().unwrap());
    bench
        .store
        .replace_profile(&program(), &KEY, &found.member, [&before, &after], ProfileNews::Changes)
        .await
        .unwrap();
    found.member
}

async fn found(bench: &Bench, month: i8, day: i8) -> BTreeSet<MemberId> {
    let (mut all, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = bench.store.members_born(&program(), month, day, cursor).await.unwrap();
        all.extend(page.members);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn members_are_found_by_their_birthday_whatever_the_year() {
    let bench = Bench::start().await;
    let ada = born(&bench, "c-1", Some("1990-03-10")).await;
    let bob = born(&bench, "c-2", Some("--03-10")).await;
    let leap = born(&bench, "c-3", Some("1992-02-29")).await;
    born(&bench, "c-4", None).await;
    assert_eq!(found(&bench, 3, 10).await, BTreeSet::from([ada.clone(), bob.clone()]));
    assert_eq!(found(&bench, 2, 29).await, BTreeSet::from([leap]));
    assert!(found(&bench, 10, 3).await.is_empty());
    // A birthday that is corrected moves, one that is taken away is gone.
    born(&bench, "c-1", Some("1990-03-11")).await;
    born(&bench, "c-2", None).await;
    assert!(found(&bench, 3, 10).await.is_empty());
    assert_eq!(found(&bench, 3, 11).await, BTreeSet::from([ada]));
}

/// Commits a decision that arms the account for a day.
async fn arm(bench: &Bench, who: &MemberId, fact: &str, due: Option<Day>) {
    let (program, config, key) = (program(), config(5), EntryKey::adjustment(noon(), fact));
    let commit = Commit::for_one(&program, &config, Party::new(who, &key));
    let decide = |seen: &Snapshot<'_>| {
        let mut decision = one_point(seen.account, for_receipt(fact));
        decision.account.due = due.map(|day| Due { day, kind: DueKind::Lapse });
        Ok::<_, Infallible>(decision)
    };
    bench.store.commit(&commit, decide).await.unwrap();
}

async fn due(bench: &Bench, until: &str) -> BTreeSet<MemberId> {
    let mut all = BTreeSet::new();
    for shard in 0..DUE_SHARDS {
        let page = bench.store.members_due(&program(), day(until), shard, None).await.unwrap();
        assert!(page.next.is_none());
        all.extend(page.members);
    }
    all
}

#[tokio::test]
async fn members_are_found_when_something_comes_due() {
    let bench = Bench::start().await;
    let members: Vec<MemberId> = (0..20).map(|number| member(&format!("m_{number}"))).collect();
    for (place, who) in members.iter().enumerate() {
        arm(&bench, who, "r1", Some(day(if place < 10 { "2026-07-09" } else { "2026-12-31" }))).await;
    }
    assert!(due(&bench, "2026-07-08").await.is_empty());
    let early: BTreeSet<MemberId> = members[..10].iter().cloned().collect();
    assert_eq!(due(&bench, "2026-07-09").await, early);
    assert_eq!(due(&bench, "2027-01-01").await, members.iter().cloned().collect());
    // Whoever waits for nothing any more is no longer found; who is armed anew is found later.
    arm(&bench, &members[0], "r2", None).await;
    arm(&bench, &members[1], "r2", Some(day("2027-03-01"))).await;
    assert_eq!(due(&bench, "2026-12-30").await, members[2..10].iter().cloned().collect());
}

#[tokio::test]
async fn a_day_that_stays_costs_nothing() {
    let bench = Bench::start().await;
    let (ada, bob) = (member("m_1"), member("m_2"));
    arm(&bench, &ada, "r1", Some(day("2026-07-09"))).await;
    arm(&bench, &bob, "r1", None).await;
    bench.wire.forget();
    arm(&bench, &ada, "r2", Some(day("2026-07-09"))).await;
    let armed = bench.wire.used()["TransactWriteItems"];
    bench.wire.forget();
    arm(&bench, &bob, "r2", None).await;
    assert_eq!(bench.wire.used()["TransactWriteItems"], armed);
    assert_eq!(armed.halves, 8, "the entry and the account: four units");
}

#[tokio::test]
async fn every_program_is_on_the_list() {
    let bench = Bench::start().await;
    let secrets = SecretsKey::new([1; 32]);
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        let new = bench.store.create_program(&read(&document(5)), None, &secrets, noon()).await.unwrap();
        made.insert(new.id);
    }
    let (mut listed, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = bench.store.programs(2, cursor.as_deref()).await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, made.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn of_two_runs_one_moves_a_jobs_marker() {
    let bench = Bench::start().await;
    let store = &bench.store;
    assert_eq!(store.job_marker(&program(), "birthdays").await.unwrap(), None);
    let at = |shard| Some(JobPosition { shard, cursor: None });
    let first = store.move_job_marker(&program(), "birthdays", None, day("2026-03-10"), at(3)).await.unwrap();
    assert_eq!(store.move_job_marker(&program(), "birthdays", None, day("2026-03-10"), at(1)).await.unwrap(), None);
    let first = first.unwrap();
    assert_eq!((first.day, first.position.clone()), (day("2026-03-10"), at(3)));
    assert_eq!(store.job_marker(&program(), "birthdays").await.unwrap().as_ref(), Some(&first));
    let second = store.move_job_marker(&program(), "birthdays", Some(&first), day("2026-03-10"), None).await.unwrap();
    assert_eq!(second.unwrap().position, None);
    let late = store.move_job_marker(&program(), "birthdays", Some(&first), day("2026-03-11"), None).await.unwrap();
    assert_eq!(late, None);
    assert_eq!(store.job_marker(&program(), "inactivity").await.unwrap(), None);
}

#[tokio::test]
async fn a_long_page_goes_on_from_a_stored_marker() {
    let bench = Bench::start().await;
    let mut expected = BTreeSet::new();
    for number in 0..INDEX_PAGE + 5 {
        expected.insert(born(&bench, &format!("c-{number}"), Some("1990-03-10")).await);
    }
    let first = bench.store.members_born(&program(), 3, 10, None).await.unwrap();
    assert_eq!(first.members.len(), usize::try_from(INDEX_PAGE).unwrap());
    let position = Some(JobPosition { shard: 310, cursor: first.next });
    bench.store.move_job_marker(&program(), "birthdays", None, day("2026-03-10"), position).await.unwrap();
    let marker = bench.store.job_marker(&program(), "birthdays").await.unwrap().unwrap();
    let rest = bench.store.members_born(&program(), 3, 10, marker.position.unwrap().cursor).await.unwrap();
    assert_eq!((rest.members.len(), rest.next), (5, None));
    assert_eq!(first.members.into_iter().chain(rest.members).collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn re_arming_is_one_conditional_write_and_no_entry() {
    let bench = Bench::start().await;
    let who = member("m_1");
    arm(&bench, &who, "r1", Some(day("2026-07-09"))).await;
    let before = bench.store.get_account(&program(), &who).await.unwrap().unwrap();
    let entries = bench.store.entries(&program(), std::slice::from_ref(&who), 10, None).await.unwrap().items.len();
    bench.wire.forget();
    let next = Some(Due { day: day("2026-08-01"), kind: DueKind::TierReview });
    assert!(bench.store.rearm(&program(), &who, &Account { due: next, ..before.clone() }).await.unwrap());
    let used = bench.wire.used();
    assert_eq!(used.keys().collect::<Vec<_>>(), ["UpdateItem"], "{used:?}");
    // The index moves; the account is the same but for its due day.
    assert_eq!((due(&bench, "2026-07-31").await.len(), due(&bench, "2026-08-01").await.len()), (0, 1));
    let after = bench.store.get_account(&program(), &who).await.unwrap().unwrap();
    assert_eq!(after, Account { due: next, ..before.clone() });
    assert_eq!(
        bench.store.entries(&program(), std::slice::from_ref(&who), 10, None).await.unwrap().items.len(),
        entries
    );
    // A decision that came in between has armed the account itself.
    arm(&bench, &who, "r2", Some(day("2026-09-01"))).await;
    assert!(!bench.store.rearm(&program(), &who, &Account { due: None, ..after }).await.unwrap());
    assert_eq!(due(&bench, "2026-09-01").await.len(), 1);
    let armed = bench.store.get_account(&program(), &who).await.unwrap().unwrap();
    assert!(bench.store.rearm(&program(), &who, &Account { due: None, ..armed }).await.unwrap());
    assert!(due(&bench, "2027-09-01").await.is_empty());
}
