use futures::future::join_all;
use tessera_domain::ids::ProgramId;
use tessera_domain::member::{MemberRef, Profile};
use tessera_store::{Identified, IdentityError};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{KEY, customer, noon, program};

fn with_email(mut reference: MemberRef, email: &str) -> MemberRef {
    reference.email = Some(email.parse().unwrap());
    reference
}

fn by_email(email: &str) -> MemberRef {
    with_email(MemberRef::default(), email)
}

async fn find(bench: &Bench, reference: &MemberRef) -> Identified {
    bench.store.find_or_create_visitor(&program(), KEY, reference, noon()).await.unwrap()
}

async fn profile(bench: &Bench, of: &Identified) -> Profile {
    bench.store.get_profile(&program(), &of.member).await.unwrap().unwrap()
}

#[tokio::test]
async fn whoever_is_unknown_becomes_a_visitor_once() {
    let bench = Bench::start().await;
    let first = find(&bench, &customer("c-1")).await;
    assert!(first.created && first.member.as_str().starts_with("m_"));
    bench.wire.forget();
    let second = find(&bench, &customer("c-1")).await;
    assert_eq!(second, Identified { created: false, ..first.clone() });
    assert_eq!(
        bench.wire.used().into_iter().map(|(name, used)| (name, used.calls)).collect::<Vec<_>>(),
        [("GetItem".to_owned(), 1)]
    );
    assert_ne!(find(&bench, &customer("c-2")).await.member, first.member);
    let (profile, account) = bench.store.get_member(&program(), &first.member).await.unwrap().unwrap();
    assert_eq!((profile.reference(), account.version), (customer("c-1"), 0));
    // Another program knows nobody of them.
    let other = ProgramId::new("prg_2").unwrap();
    assert_eq!(bench.store.resolve(&other, KEY, &customer("c-1"), true).await.unwrap().member, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_purchases_at_once_make_one_visitor() {
    let bench = Bench::start().await;
    let both = with_email(customer("c-1"), "ada@x.it");
    let (one, two) = (customer("c-1"), by_email("ada@x.it"));
    let found = join_all((0..24).map(|number| find(&bench, [&both, &one, &both][number % 3]))).await;
    assert!(found.iter().all(|who| who.member == found[0].member), "{found:?}");
    assert_eq!(found.iter().filter(|who| who.created).count(), 1);
    assert_eq!(find(&bench, &two).await.member, found[0].member);
    assert_eq!(profile(&bench, &found[0]).await.reference(), both);
}

#[tokio::test]
async fn unknown_identifiers_are_attached_to_the_first_that_is_known() {
    let bench = Bench::start().await;
    let visitor = find(&bench, &by_email("ada@x.it")).await;
    let named = find(&bench, &with_email(customer("c-1"), "ADA@x.it")).await;
    assert_eq!((named.member.clone(), named.created, named.conflict), (visitor.member.clone(), false, false));
    assert_eq!(find(&bench, &customer("c-1")).await.member, visitor.member);
    // A second address leads to the same member, and the profile keeps showing the first.
    find(&bench, &with_email(customer("c-1"), "countess@x.it")).await;
    assert_eq!(find(&bench, &by_email("countess@x.it")).await.member, visitor.member);
    assert_eq!(profile(&bench, &visitor).await.reference(), with_email(customer("c-1"), "ada@x.it"));
}

#[tokio::test]
async fn an_identifier_of_someone_else_stays_there() {
    let bench = Bench::start().await;
    let ada = find(&bench, &with_email(customer("c-1"), "ada@x.it")).await;
    let bob = find(&bench, &customer("c-2")).await;
    let mixed = find(&bench, &with_email(customer("c-2"), "ada@x.it")).await;
    assert_eq!(mixed, Identified { member: bob.member, created: false, conflict: true });
    assert_eq!(find(&bench, &by_email("ada@x.it")).await.member, ada.member);
}

#[tokio::test]
async fn a_lost_reply_makes_no_second_visitor() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::LostReply);
    assert!(bench.store.find_or_create_visitor(&program(), KEY, &customer("c-1"), noon()).await.is_err());
    bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["TransactionConflict", "None"]));
    let found = find(&bench, &customer("c-1")).await;
    assert!(!found.created);
    assert_eq!(profile(&bench, &found).await.reference(), customer("c-1"));
    assert!(find(&bench, &customer("c-2")).await.created);
    assert!(bench.wire.is_over());
}

#[tokio::test]
async fn a_profile_moves_its_guards() {
    let bench = Bench::start().await;
    let ada = find(&bench, &with_email(customer("c-1"), "ada@x.it")).await;
    let bob = find(&bench, &by_email("bob@x.it")).await;
    let before = profile(&bench, &ada).await;
    let replace = |after: Profile| {
        let (store, member, before) = (bench.store.clone(), ada.member.clone(), before.clone());
        async move { store.replace_profile(&program(), KEY, &member, &before, &after).await }
    };
    let taken = replace(Profile { email: Some("bob@x.it".parse().unwrap()), ..before.clone() }).await;
    assert!(matches!(taken, Err(IdentityError::Taken { identifier: "email" })), "{taken:?}");
    assert_eq!(profile(&bench, &ada).await, before);

    let after =
        Profile { email: Some("countess@x.it".parse().unwrap()), first_name: Some("Ada".to_owned()), ..before.clone() };
    replace(after.clone()).await.unwrap();
    assert_eq!(profile(&bench, &ada).await, after);
    assert_eq!(find(&bench, &by_email("countess@x.it")).await.member, ada.member);
    // The address that was given up is free; and who still holds the old profile must read again.
    let known = bench.store.resolve(&program(), KEY, &by_email("ada@x.it"), true).await.unwrap();
    assert_eq!((known.member, known.unknown), (None, by_email("ada@x.it")));
    let stale = replace(Profile { first_name: Some("Augusta".to_owned()), ..before.clone() }).await;
    assert!(matches!(stale, Err(IdentityError::Changed)), "{stale:?}");
    // Writing the same again is no fault: the reply of the first may have been lost.
    replace(after).await.unwrap();
    assert_eq!(find(&bench, &by_email("bob@x.it")).await.member, bob.member);
}

#[tokio::test]
async fn personal_identifiers_do_not_stand_in_keys() {
    let bench = Bench::start().await;
    let mut reference = with_email(customer("c-1"), "ada@x.it");
    reference.phone = Some("+393331234567".parse().unwrap());
    find(&bench, &reference).await;
    let items =
        bench.dynamodb.scan().table_name("members").return_consumed_capacity("TOTAL".into()).send().await.unwrap();
    for item in items.items() {
        let key = format!("{:?} {:?}", item["pk"], item["sk"]);
        assert!(!key.contains("ada@x.it") && !key.contains("333123"), "{key}");
    }
    assert_eq!(items.items().len(), 4);
}
