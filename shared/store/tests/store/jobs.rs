//! What jobs work from: programs, marks, and the indexes of members.

use std::collections::BTreeSet;

use tessera_domain::ids::MemberId;
use tessera_domain::time::Day;
use tessera_store::SecretsKey;

use crate::bench::Bench;
use crate::shop::{KEY, customer, document, noon, program, read};

fn day(text: &str) -> Day {
    Day::from_date(text.parse().unwrap())
}

/// A visitor with a day of birth.
async fn born(bench: &Bench, id: &str, birth_date: Option<&str>) -> MemberId {
    let found = bench.store.find_or_create_visitor(&program(), KEY, &customer(id), noon()).await.unwrap();
    let before = bench.store.get_profile(&program(), &found.member).await.unwrap().unwrap();
    let mut after = before.clone();
    after.birth_date = birth_date.map(|text| text.parse().unwrap());
    bench.store.replace_profile(&program(), KEY, &found.member, &before, &after).await.unwrap();
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
