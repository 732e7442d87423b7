//! What jobs work from: programs, marks, and the indexes of members.

use std::collections::BTreeSet;
use std::convert::Infallible;

use tessera_domain::ids::MemberId;
use tessera_domain::time::Day;
use tessera_store::{Commit, DUE_SHARDS, EntryKey, Party, SecretsKey, Snapshot};

use crate::bench::Bench;
use crate::shop::{KEY, config, customer, document, for_receipt, member, noon, one_point, program, read};

fn day(text: &str) -> Day {
    Day::from_date(text.parse().unwrap())
}

/// A visitor with a day of birth.
async fn born(bench: &Bench, id: &str, birth_date: Option<&str>) -> MemberId {
    let found = bench.store.find_or_create_visitor(&program(), &KEY, &customer(id), noon()).await.unwrap();
    let before = bench.store.get_profile(&program(), &found.member).await.unwrap().unwrap();
    let mut after = before.clone();
    after.birth_date = birth_date.map(|text| text.parse().unwrap());
    bench.store.replace_profile(&program(), &KEY, &found.member, &before, &after).await.unwrap();
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
        decision.account.due = due;
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
async fn a_jobs_mark_only_moves_forward() {
    let bench = Bench::start().await;
    let mark = async |job: &str| bench.store.job_mark(&program(), job).await.unwrap();
    assert_eq!(mark("birthdays").await, None);
    for (served, then) in [("2026-03-10", "2026-03-10"), ("2026-03-09", "2026-03-10"), ("2027-01-01", "2027-01-01")] {
        bench.store.move_job_mark(&program(), "birthdays", day(served)).await.unwrap();
        assert_eq!(mark("birthdays").await, Some(day(then)));
    }
    assert_eq!(mark("inactivity").await, None);
}
