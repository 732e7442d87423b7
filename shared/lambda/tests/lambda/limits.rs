//! Limits of several instances of a function over one table.

use futures::future::join_all;
use jiff::{Timestamp, ToSpan};
use tessera_lambda::limits::{
    LookUp, MEMBER_PER_MINUTE, MEMBER_UNMETERED, MISSES_PER_MINUTE, RateLimiter, misses_of, misses_of_programs,
};
use tessera_lambda::{Caller, Problem};
use tessera_store::{Store, Tables};

use crate::bench::{Bench, source};

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

async fn key(bench: &Bench, name: &str, per_minute: Option<u32>) -> Caller {
    let mut caller = bench.caller(&bench.program.admin_key).await.unwrap();
    (caller.key, caller.per_minute) = (Some(name.to_owned()), per_minute);
    caller
}

async fn member(bench: &Bench) -> Caller {
    bench.caller(&bench.token(&serde_json::json!({}), "HS256")).await.unwrap()
}

/// A store whose every request fails.
fn broken(bench: &Bench) -> Store {
    let gone = || "gone".to_owned();
    bench.store_of(Tables { members: gone(), facts: gone(), programs: gone(), credentials: gone() })
}

/// How many of some requests are admitted, sent to the instances in turn, `at_once` at a time.
async fn admitted(store: &Store, instances: &[RateLimiter], caller: &Caller, requests: usize, at_once: usize) -> usize {
    let mut admitted = 0;
    let numbers: Vec<usize> = (0..requests).collect();
    for batch in numbers.chunks(at_once) {
        let sent = batch.iter().map(|number| instances[number % instances.len()].admit(store, caller, noon()));
        admitted += join_all(sent).await.iter().filter(|outcome| outcome.is_ok()).count();
    }
    admitted
}

fn instances(count: usize) -> Vec<RateLimiter> {
    (0..count).map(|_| RateLimiter::default()).collect()
}

#[tokio::test]
async fn one_instance_admits_exactly_what_a_minute_allows() {
    let bench = Bench::start().await;
    let store = &bench.services.store;
    for per_minute in [1, 7, 25, 100] {
        let caller = key(&bench, &format!("key_{per_minute}"), Some(per_minute)).await;
        let requests = usize::try_from(per_minute).unwrap() + 20;
        assert_eq!(admitted(store, &instances(1), &caller, requests, 1).await, requests - 20);
    }
}

#[tokio::test]
async fn all_instances_together_never_admit_more() {
    let bench = Bench::start().await;
    let store = &bench.services.store;
    for (per_minute, count, at_once) in [(3, 5, 40), (30, 4, 7), (100, 3, 50), (100, 10, 1), (250, 8, 64)] {
        let caller = key(&bench, &format!("key_{per_minute}_{count}_{at_once}"), Some(per_minute)).await;
        let requests = usize::try_from(per_minute).unwrap() * 2 + 50;
        let admitted = admitted(store, &instances(count), &caller, requests, at_once).await;
        let most = usize::try_from(per_minute).unwrap();
        // What an instance took and did not use is lost to the others: at most a chunk for each.
        let least = most.saturating_sub(count * (most / 10).max(1));
        assert!((least..=most).contains(&admitted), "{admitted} of {per_minute} by {count} instances");
    }
}

#[tokio::test]
async fn a_minute_later_the_key_is_let_in_again() {
    let bench = Bench::start().await;
    let (store, caller) = (&bench.services.store, key(&bench, "key_1", Some(2)).await);
    let limits = RateLimiter::default();
    let at = |seconds: i64| noon() + seconds.seconds();
    assert!(limits.admit(store, &caller, at(0)).await.is_ok());
    assert!(limits.admit(store, &caller, at(18)).await.is_ok());
    let refused = limits.admit(store, &caller, at(18)).await.unwrap_err();
    assert_eq!((refused.status(), refused.retry_after()), (429, Some(42)));
    assert_eq!(limits.admit(store, &caller, at(59)).await.unwrap_err().retry_after(), Some(1));
    assert!(limits.admit(store, &caller, at(60)).await.is_ok());
}

#[tokio::test]
async fn a_key_without_a_rate_has_no_budget() {
    let bench = Bench::start().await;
    let caller = key(&bench, "key_1", None).await;
    assert_eq!(admitted(&broken(&bench), &instances(1), &caller, 2_000, 100).await, 2_000);
}

#[tokio::test]
async fn a_members_first_requests_in_an_instance_take_nothing_from_the_budget() {
    let bench = Bench::start().await;
    let (store, caller) = (&bench.services.store, member(&bench).await);
    let (most, unmetered) = (usize::try_from(MEMBER_PER_MINUTE).unwrap(), usize::try_from(MEMBER_UNMETERED).unwrap());
    assert_eq!(admitted(store, &instances(1), &caller, most * 2, 1).await, most);
    // The budget is spent: another instance admits what it does not meter, and no more.
    assert_eq!(admitted(store, &instances(1), &caller, most, 1).await, unmetered);
}

#[tokio::test]
async fn when_the_table_fails_requests_are_admitted_and_misses_are_not_told() {
    let bench = Bench::start().await;
    let (broken, caller) = (broken(&bench), key(&bench, "key_1", Some(10)).await);
    assert_eq!(admitted(&broken, &instances(1), &caller, 50, 5).await, 50);
    let limits = RateLimiter::default();
    let counter = misses_of(&caller, None, &source("203.0.113.7"));
    let look_up = limits.begin(&broken, counter, noon()).unwrap();
    let problem = look_up.missed(Problem::not_found("nothing")).await;
    assert_eq!((problem.status(), problem.retry_after()), (503, Some(1)));
}

/// The statuses of some misses.
async fn miss(begin: impl Fn() -> Result<LookUp<'static>, Problem>, count: u32) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(match begin() {
            Ok(look_up) => look_up.missed(Problem::not_found("nothing")).await.status(),
            Err(problem) => problem.status(),
        });
    }
    statuses
}

#[tokio::test]
async fn after_thirty_misses_the_rest_of_the_minute_is_refused() {
    let bench = Bench::start().await;
    let store: &'static Store = Box::leak(Box::new(bench.services.store.clone()));
    let [first, second]: [&'static RateLimiter; 2] = [0, 1].map(|_| &*Box::leak(Box::new(RateLimiter::default())));
    let caller = member(&bench).await;
    let counter = |address: &str| misses_of(&caller, None, &source(address));
    let guess = |limits: &'static RateLimiter, address: &str, seconds: i64| {
        limits.begin(store, counter(address), noon() + seconds.seconds())
    };

    let statuses = miss(|| guess(first, "203.0.113.7", 3), MISSES_PER_MINUTE + 5).await;
    assert_eq!(statuses, [vec![404; 30], vec![429; 5]].concat());
    // Nothing is looked up any more, so a right guess learns nothing.
    let refused = guess(first, "203.0.113.7", 3).unwrap_err();
    assert_eq!((refused.status(), refused.retry_after()), (429, Some(57)));
    // Another instance learns of it at its first miss.
    let statuses = miss(|| guess(second, "203.0.113.7", 3), 3).await;
    assert_eq!(statuses, [429; 3]);
    // Others, and the next minute, are free.
    assert_eq!(miss(|| guess(first, "203.0.113.8", 3), 1).await, [404]);
    assert_eq!(miss(|| guess(first, "203.0.113.7", 60), 1).await, [404]);
}

#[tokio::test]
async fn misses_of_a_key_count_by_client_and_of_others_by_source() {
    let bench = Bench::start().await;
    let (key, member) = (key(&bench, "key_1", None).await, member(&bench).await);
    let (one, two) = (source("203.0.113.7"), source("203.0.113.8"));
    // A shopper whom the key names counts wherever the request comes from.
    assert_eq!(misses_of(&key, Some("c-1"), &one), misses_of(&key, Some("c-1"), &two));
    let different = [
        misses_of(&key, Some("c-1"), &one),
        misses_of(&key, Some("c-2"), &one),
        misses_of(&key, Some(one.as_str()), &one),
        misses_of(&key, None, &one),
        misses_of(&key, None, &two),
        misses_of(&member, None, &one),
        misses_of(&member, None, &two),
        misses_of_programs(&one),
    ];
    for (place, counter) in different.iter().enumerate() {
        assert!(!different[..place].contains(counter), "{place}");
    }
    // A member token cannot spread its misses over names.
    assert_eq!(misses_of(&member, Some("c-1"), &one), misses_of(&member, Some("c-2"), &one));
}

#[tokio::test]
async fn a_credential_that_was_accepted_is_looked_up_while_its_source_is_blocked() {
    let bench = Bench::start().await;
    let store: &'static Store = Box::leak(Box::new(bench.services.store.clone()));
    let limits: &'static RateLimiter = Box::leak(Box::new(RateLimiter::default()));
    let here = source("203.0.113.7");
    limits.accept_credential("tsk_good", noon() - 70.minutes());
    let statuses = miss(|| limits.begin_credential(store, &here, "tsk_bad", noon()), 32).await;
    assert_eq!(statuses, [vec![404; 30], vec![429; 2]].concat());
    assert!(limits.begin_credential(store, &here, "tsk_good", noon()).is_ok());
    limits.accept_credential("tsk_other", noon());
    assert!(limits.begin_credential(store, &here, "tsk_good", noon()).is_ok());
    // Two periods later it is forgotten.
    limits.accept_credential("tsk_other", noon() + 61.minutes());
    assert!(limits.begin_credential(store, &here, "tsk_good", noon()).is_err());
}
