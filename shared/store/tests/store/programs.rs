use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use jiff::ToSpan;
use serde_json::json;
use tessera_domain::ids::{ProgramId, RuleId};
use tessera_domain::member::{IdentifierKind, MemberRef};
use tessera_domain::program::SubmittedProgram;
use tessera_store::{
    ActiveProgram, CreateProgramError, KeyCreation, KeyDeletion, KeyGrant, NewProgram, ProgramCache, PutProgramError,
    Rotation, SecretsKey, SecretsSource,
};

use crate::bench::Bench;
use crate::shop::{AUDIT, customer, document, noon, read};

fn secrets() -> SecretsKey {
    SecretsKey::new([9; 32])
}

async fn create(bench: &Bench) -> NewProgram {
    bench.store.create_program(&read(&document(5)), None, &secrets(), noon()).await.unwrap()
}

fn cache(bench: &Bench, recheck: u64) -> ProgramCache {
    ProgramCache::new(bench.store.clone(), Duration::from_millis(recheck))
}

fn renamed(name: &str) -> SubmittedProgram {
    let mut renamed = document(5);
    renamed["name"] = json!(name);
    read(&renamed)
}

#[tokio::test]
async fn a_program_is_created_with_a_key_and_a_secret() {
    let bench = Bench::start().await;
    let new = create(&bench).await;
    assert!(new.id.as_str().starts_with("prg_") && new.admin_key.starts_with("tsk_") && new.admin_key.len() == 44);
    let found = bench.store.find_api_key(&new.admin_key).await.unwrap().unwrap();
    assert_eq!((found.program, found.key.scopes), (new.id.clone(), vec!["admin".to_owned()]));
    assert_eq!(bench.store.find_api_key("tsk_other").await.unwrap(), None);
    let active = cache(&bench, 0).get(&new.id).await.unwrap().unwrap();
    assert_eq!((active.head.version, active.compiled.version, active.head.in_use), (1, 1, false));
    assert_eq!(&active.compiled.program, read(&document(5)).program());
    // Whoever reads the table alone has no key to try addresses with.
    let key = active.head.identity_key.open().await.unwrap();
    assert_eq!(key.len(), 43);
    let other = bench.store.clone().with_secrets(SecretsKey::new([8; 32]));
    let head = other.load_head(&new.id).await.unwrap().unwrap();
    assert!(head.identity_key.open().await.is_err());
    let unknown = ProgramId::new("prg_none").unwrap();
    assert!(cache(&bench, 0).get(&unknown).await.unwrap().is_none());
    // What is shown once is nowhere.
    let items =
        bench.dynamodb.scan().table_name("programs").return_consumed_capacity("TOTAL".into()).send().await.unwrap();
    let all = format!("{:?}", items.items());
    assert!(!all.contains(&new.admin_key) && !all.contains(&new.storefront_secret));
}

#[tokio::test]
async fn a_given_admin_key_belongs_to_one_program() {
    let bench = Bench::start().await;
    let program = read(&document(5));
    let first = bench.store.create_program(&program, Some("tsk_given"), &secrets(), noon()).await.unwrap();
    assert_eq!(first.admin_key, "tsk_given");
    let second = bench.store.create_program(&program, Some("tsk_given"), &secrets(), noon()).await;
    assert!(matches!(second, Err(CreateProgramError::KeyTaken(id)) if id == first.id));
}

#[tokio::test]
async fn versions_are_kept_and_a_put_that_changes_nothing_makes_none() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let put = |program: SubmittedProgram, expected| {
        let store = bench.store.clone();
        let id = id.clone();
        async move { store.put_program(&id, &program, expected, noon() + 1.hour(), &AUDIT).await }
    };
    assert_eq!(put(renamed("Club"), None).await.unwrap().version, 1);
    let second = put(renamed("Other"), Some(1)).await.unwrap();
    assert_eq!((second.version, second.updated_at), (2, noon() + 1.hour()));
    assert_eq!(put(renamed("Other"), Some(2)).await.unwrap().version, 2);
    assert!(matches!(put(renamed("Third"), Some(1)).await, Err(PutProgramError::Stale { current: 2 })));
    assert_eq!(bench.store.try_program(&id, &renamed("Third"), None).await.unwrap(), 3);
    assert_eq!(bench.store.load_head(&id).await.unwrap().unwrap().version, 2);
    let name = |version| {
        let (store, id) = (bench.store.clone(), id.clone());
        async move { store.load_program(&id, version).await.unwrap().map(|compiled| compiled.program.name) }
    };
    assert_eq!(
        (name(1).await.as_deref(), name(2).await.as_deref(), name(3).await),
        (Some("Club"), Some("Other"), None)
    );
    let unknown = ProgramId::new("prg_none").unwrap();
    let end = bench.store.put_program(&unknown, &renamed("x"), None, noon(), &AUDIT).await;
    assert!(matches!(end, Err(PutProgramError::Unknown)));
}

#[tokio::test]
async fn only_a_changed_supply_costs_further_calls() {
    let bench = Bench::start().await;
    let mut document = document(5);
    let reward = json!({ "id": "few", "name": "Few", "type": "custom", "cost": 5, "stock": 3,
                         "code": { "pattern": "FEW-########" } });
    document["rewards"] = json!([reward]);
    let new = bench.store.create_program(&read(&document), None, &secrets(), noon()).await.unwrap();
    let mut calls = Vec::new();
    for (field, value) in [("cost", json!(6)), ("stock", json!(2)), ("code", json!({ "pool": true }))] {
        document["rewards"][0][field] = value;
        bench.wire.forget();
        bench.store.put_program(&new.id, &read(&document), None, noon(), &AUDIT).await.unwrap();
        let used = bench.wire.used();
        let count = |call: &str| used.get(call).map_or(0, |used| used.calls);
        calls.push([count("GetItem"), count("BatchGetItem"), count("Query")]);
    }
    // The head; the list of sold-out rewards; the counters; the document, and the shards of the pool.
    assert_eq!(calls, [[1, 0, 1], [2, 1, 1], [2, 0, 17]]);
    let config = bench.store.load_program(&new.id, 4).await.unwrap().unwrap();
    assert_eq!(bench.store.sold_out(&new.id, &config).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_rule_keeps_its_version_until_it_changes() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let mut changed = document(5);
    let mut second = changed["rules"][0].clone();
    second["id"] = json!("second");
    changed["rules"].as_array_mut().unwrap().push(second);
    bench.store.put_program(&id, &read(&changed), None, noon(), &AUDIT).await.unwrap();
    changed["rules"][1]["name"] = json!("Renamed");
    bench.store.put_program(&id, &read(&changed), None, noon(), &AUDIT).await.unwrap();
    let compiled = bench.store.load_program(&id, 3).await.unwrap().unwrap();
    let version = |id: &str| compiled.rules.get(&RuleId::new(id).unwrap()).map(|rule| rule.version);
    assert_eq!((version("base"), version("second")), (Some(1), Some(3)));
}

#[tokio::test]
async fn work_that_a_new_version_asked_for_finds_it_whatever_is_remembered() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let cache = cache(&bench, 60_000);
    assert_eq!(cache.get(&id).await.unwrap().unwrap().head.version, 1);
    bench.store.put_program(&id, &renamed("Other"), None, noon(), &AUDIT).await.unwrap();
    assert_eq!(cache.get(&id).await.unwrap().unwrap().head.version, 1);
    let current = cache.current(&id).await.unwrap().unwrap();
    assert_eq!((current.head.version, current.compiled.program.name.as_str()), (2, "Other"));
    assert_eq!(cache.get(&id).await.unwrap().unwrap().head.version, 2);
    assert!(cache.current(&ProgramId::new("prg_none").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let mut changed = document(5);
    changed["currency"] = json!("USD");
    changed["timezone"] = json!("Europe/London");
    changed["rewards"] = json!([]);
    changed["tiers"]["ladder"].as_array_mut().unwrap().pop();
    assert_eq!(bench.store.try_program(&id, &read(&changed), None).await.unwrap(), 2);

    let cache = cache(&bench, 60_000);
    let active = cache.get(&id).await.unwrap().unwrap();
    cache.mark_in_use(&active).await.unwrap();
    let active = cache.get(&id).await.unwrap().unwrap();
    assert!(active.head.in_use);
    bench.wire.forget();
    cache.mark_in_use(&active).await.unwrap();
    assert!(bench.wire.used().is_empty());

    let Err(PutProgramError::InUse { faults }) =
        bench.store.put_program(&id, &read(&changed), None, noon(), &AUDIT).await
    else {
        panic!("it was replaced")
    };
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/currency", "/timezone", "/tiers", "/rewards"]);
    // Everything else may change.
    assert_eq!(bench.store.put_program(&id, &renamed("Other"), None, noon(), &AUDIT).await.unwrap().version, 2);
    assert!(bench.store.load_head(&id).await.unwrap().unwrap().in_use);
}

/// 160 hexadecimal digits in which no two rules agree for long.
fn noise(number: u64) -> String {
    let step = |seed: u64| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let seeds = std::iter::successors(Some(step(step(number + 1))), |seed| Some(step(*seed)));
    let words: Vec<String> = seeds.take(10).map(|seed| format!("{:016x}", seed ^ (seed >> 29))).collect();
    words.concat()
}

#[tokio::test]
async fn a_large_program_is_kept_in_parts() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let mut large = document(5);
    let rule = large["rules"][0].clone();
    let rules = (0..3_000).map(|number| {
        let mut rule = rule.clone();
        rule["id"] = json!(format!("rule-{number}"));
        // The stored form is compressed: only names that have nothing in common make it large.
        rule["name"] = json!(noise(number));
        rule["status"] = json!("draft");
        rule
    });
    large["rules"] = rules.collect();
    let large = read(&large);
    let head = bench.store.put_program(&id, &large, None, noon(), &AUDIT).await.unwrap();
    assert!(head.chunks > 1, "{} parts", head.chunks);
    assert_eq!(bench.store.load_program(&id, 2).await.unwrap().unwrap().program, *large.program());
    assert_eq!(bench.store.put_program(&id, &large, Some(2), noon(), &AUDIT).await.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_make_versions_one_after_the_other() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let names: Vec<String> = (0..8).map(|number| format!("Club {number}")).collect();
    let programs: Vec<SubmittedProgram> = names.iter().map(|name| renamed(name)).collect();
    let ends =
        join_all(programs.iter().map(|program| bench.store.put_program(&id, program, None, noon(), &AUDIT))).await;
    let mut versions: Vec<u32> = ends.iter().map(|end| end.as_ref().unwrap().version).collect();
    for (program, end) in programs.iter().zip(&ends) {
        let version = end.as_ref().unwrap().version;
        assert_eq!(bench.store.load_program(&id, version).await.unwrap().unwrap().program, *program.program());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>());
    let stale = renamed("Stale");
    let ends = join_all((0..4).map(|_| bench.store.put_program(&id, &stale, Some(9), noon(), &AUDIT))).await;
    let head = bench.store.load_head(&id).await.unwrap().unwrap();
    // All of them wanted the same: one wrote it, the others found it written or found it stale.
    assert_eq!(head.version, 10);
    assert!(ends.iter().any(Result::is_ok));
}

#[tokio::test]
async fn a_put_reads_the_head_alone_where_the_program_is_cached() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let cache = cache(&bench, 60_000);
    cache.get(&id).await.unwrap();
    bench.wire.forget();
    let active = cache.put(&id, &renamed("Second"), None, noon(), &AUDIT).await.unwrap();
    let used = bench.wire.used();
    let calls: Vec<(&str, u32)> = used.iter().map(|(operation, used)| (&**operation, used.calls)).collect();
    assert_eq!(calls, [("GetItem", 1), ("PutItem", 1), ("TransactWriteItems", 1)]);
    let stored = bench.store.load_program(&id, 2).await.unwrap().unwrap();
    assert_eq!(stored.program, active.compiled.program);
}

#[tokio::test]
async fn a_warm_function_reads_no_configuration() {
    let bench = Bench::start().await;
    let id = create(&bench).await.id;
    let warm = cache(&bench, 60_000);
    warm.get(&id).await.unwrap();
    bench.wire.forget();
    warm.get(&id).await.unwrap();
    assert!(bench.wire.used().is_empty());
    // What is put through it, it holds at once; what another puts, after its time.
    assert_eq!(warm.put(&id, &renamed("Second"), None, noon(), &AUDIT).await.unwrap().compiled.program.name, "Second");
    assert_eq!(warm.get(&id).await.unwrap().unwrap().head.version, 2);
    bench.store.put_program(&id, &renamed("Third"), None, noon(), &AUDIT).await.unwrap();
    assert_eq!(warm.get(&id).await.unwrap().unwrap().head.version, 2);
    let eager = cache(&bench, 0);
    assert_eq!(eager.get(&id).await.unwrap().unwrap().head.version, 3);
    bench.wire.forget();
    assert_eq!(eager.get(&id).await.unwrap().unwrap().head.version, 3);
    // A look at an unchanged head is one read.
    let used = bench.wire.used();
    assert_eq!((used.len(), used["GetItem"].calls), (1, 1));
    assert_eq!(eager.at_version(&id, 1).await.unwrap().unwrap().program.name, "Club");
    bench.wire.forget();
    eager.at_version(&id, 1).await.unwrap();
    eager.at_version(&id, 3).await.unwrap();
    assert!(bench.wire.used().is_empty());
    assert!(eager.at_version(&id, 4).await.unwrap().is_none());
}

#[tokio::test]
async fn api_keys_are_made_listed_and_deleted() {
    let bench = Bench::start().await;
    let new = create(&bench).await;
    let grant = KeyGrant {
        name: "till".to_owned(),
        scopes: vec!["receipts:write".to_owned(), "members:read".to_owned()],
        verifies: Some(vec![IdentifierKind::Card]),
        per_minute: Some(600),
        creators: vec!["key_root".to_owned()],
    };
    let create_once = || bench.store.create_api_key(&new.id, &grant, "request-1", noon(), &AUDIT);
    let KeyCreation::Created(made) = create_once().await.unwrap() else { panic!("nobody asked before") };
    // The request repeated, because its response was lost.
    assert_eq!(create_once().await.unwrap(), KeyCreation::Already(made.key.clone()));
    let found = bench.store.find_api_key(&made.secret).await.unwrap().unwrap();
    assert_eq!((&found.program, &found.key), (&new.id, &made.key));
    let listed = bench.store.list_api_keys(&new.id).await.unwrap();
    let names: BTreeSet<&str> = listed.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["admin", "till"].into());
    assert!(!format!("{made:?}").contains(&made.secret));
    // Another program's key cannot be deleted, nor one twice.
    for (program, ends) in [
        (&create(&bench).await.id, KeyDeletion::Unknown),
        (&new.id, KeyDeletion::Deleted),
        (&new.id, KeyDeletion::Unknown),
    ] {
        assert_eq!(bench.store.delete_api_key(program, &made.key.id, &AUDIT).await.unwrap(), ends);
    }
    assert_eq!(bench.store.find_api_key(&made.secret).await.unwrap(), None);
}

async fn rotate(bench: &Bench, program: &ProgramId, request: &str, revoke_previous: bool) -> Option<String> {
    let rotation = Rotation { natural_key: request, revoke_previous, now: noon() };
    let rotated = bench.store.rotate_storefront_secret(program, &secrets(), rotation, &AUDIT).await.unwrap();
    rotated.map(|(secret, _)| secret)
}

#[tokio::test]
async fn a_rotated_secret_works_for_one_more_day() {
    let bench = Bench::start().await;
    let new = create(&bench).await;
    let rotated = rotate(&bench, &new.id, "r-1", false).await.unwrap();
    let found = bench.store.storefront_secrets(&new.id, &secrets()).await.unwrap().unwrap();
    assert_eq!(found.valid_at(noon() + 23.hours()), [&*rotated, &*new.storefront_secret]);
    assert_eq!(found.valid_at(noon() + 24.hours()), [&*rotated]);
    assert!(bench.store.storefront_secrets(&new.id, &SecretsKey::new([8; 32])).await.is_err());
    let unknown = ProgramId::new("prg_none").unwrap();
    assert!(bench.store.storefront_secrets(&unknown, &secrets()).await.unwrap().is_none());
    assert_eq!(rotate(&bench, &unknown, "r-1", false).await, None);
    // A new version of the program keeps the secrets.
    bench.store.put_program(&new.id, &renamed("Other"), None, noon(), &AUDIT).await.unwrap();
    assert_eq!(bench.store.storefront_secrets(&new.id, &secrets()).await.unwrap().unwrap().current, rotated);
}

#[tokio::test]
async fn repeated_rotations_keep_the_secret_in_use_valid_and_a_revocation_ends_it() {
    let bench = Bench::start().await;
    let new = create(&bench).await;
    let stored = async || bench.store.storefront_secrets(&new.id, &secrets()).await.unwrap().unwrap();
    // Each response is lost, and each repetition is a request of its own.
    let mut made = vec![new.storefront_secret.clone()];
    for request in ["r-1", "r-2", "r-3"] {
        made.insert(0, rotate(&bench, &new.id, request, false).await.unwrap());
        assert_eq!(stored().await.valid_at(noon()), made);
    }
    // The same request rotates once, however often it is carried out.
    for (request, secret) in [("r-3", &made[0]), ("r-1", &made[2])] {
        assert_eq!(rotate(&bench, &new.id, request, false).await.as_ref(), Some(secret));
        assert_eq!(stored().await.valid_at(noon()), made);
    }
    // A fourth old one would be too many.
    made.insert(0, rotate(&bench, &new.id, "r-4", false).await.unwrap());
    assert_eq!(stored().await.valid_at(noon()), made[..4]);
    let emergency = rotate(&bench, &new.id, "r-5", true).await.unwrap();
    assert_eq!(stored().await.valid_at(noon()), [&*emergency]);
    assert_eq!(rotate(&bench, &new.id, "r-5", true).await, Some(emergency));
}

#[tokio::test]
async fn two_deletions_at_once_leave_an_admin_key() {
    let bench = Bench::start().await;
    for _ in 0..20 {
        let new = create(&bench).await;
        let grant = KeyGrant { name: "second".to_owned(), scopes: vec!["admin".to_owned()], ..KeyGrant::default() };
        bench.store.create_api_key(&new.id, &grant, "request-2", noon(), &AUDIT).await.unwrap();
        let keys = bench.store.list_api_keys(&new.id).await.unwrap();
        let deletions = keys.iter().map(|key| bench.store.delete_api_key(&new.id, &key.id, &AUDIT));
        let mut ends: Vec<KeyDeletion> = join_all(deletions).await.into_iter().map(Result::unwrap).collect();
        ends.sort_unstable_by_key(|end| *end == KeyDeletion::LastAdmin);
        assert_eq!(ends, [KeyDeletion::Deleted, KeyDeletion::LastAdmin]);
        let left = bench.store.list_api_keys(&new.id).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(bench.store.delete_api_key(&new.id, &left[0].id, &AUDIT).await.unwrap(), KeyDeletion::LastAdmin);
    }
}

/// A source that counts how often it is asked.
#[derive(Debug)]
struct Counting(Arc<AtomicU32>);

impl SecretsSource for Counting {
    fn secrets_key(&self) -> Pin<Box<dyn Future<Output = Option<SecretsKey>> + Send + '_>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Some(secrets())))
    }
}

#[tokio::test]
async fn the_identity_key_is_decrypted_only_to_hash_an_address_or_a_number() {
    let bench = Bench::start().await;
    let new = create(&bench).await;
    let asked = Arc::new(AtomicU32::new(0));
    let store = bench.store.clone().with_secrets(Counting(Arc::clone(&asked)));
    let head = store.load_head(&new.id).await.unwrap().unwrap();
    let active = ActiveProgram { id: new.id.clone(), head, compiled: Arc::new(crate::shop::config(5)) };
    let key = &active.head.identity_key;
    for strong in [false, true] {
        store.find_or_create_visitor(&active, &customer("c-1"), noon()).await.unwrap();
        store.resolve(&new.id, key, &customer("c-1"), strong).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let address = MemberRef { email: Some("ada@x.it".parse().unwrap()), ..MemberRef::default() };
    store.resolve(&new.id, key, &address, true).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
