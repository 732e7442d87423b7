use std::convert::Infallible;

use futures::future::join_all;
use tessera_domain::ids::{ProgramId, ReceiptId};
use tessera_domain::member::{Holding, Identifier, IdentifierKind, MAX_CARDS, MemberRef, Profile, TooMany};
use tessera_store::{CommitError, Committed, EntryKey, Identified, IdentityError, MemberList, ProfileNews, Snapshot};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{KEY, active, customer, for_receipt, noon, one_point, program};

fn with_email(mut reference: MemberRef, email: &str) -> MemberRef {
    reference.email = Some(email.parse().unwrap());
    reference
}

fn by_email(email: &str) -> MemberRef {
    with_email(MemberRef::default(), email)
}

/// The same reference, whose sender has proven every identifier.
fn proven(reference: MemberRef) -> MemberRef {
    MemberRef { verified: Some(IdentifierKind::ALL.into()), ..reference }
}

async fn find(bench: &Bench, reference: &MemberRef) -> Identified {
    bench.store.find_or_create_visitor(&active(), reference, noon()).await.unwrap()
}

async fn profile(bench: &Bench, of: &Identified) -> Profile {
    bench.store.get_profile(&program(), &of.member).await.unwrap().unwrap()
}

fn email_of(profile: &Profile) -> Option<(&str, Holding)> {
    let held = profile.identifiers.iter().find(|held| held.identifier.kind == IdentifierKind::Email);
    held.map(|held| (held.identifier.value.as_str(), held.holding))
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
    let opened = bench.store.open_member(&program(), &first.member).await.unwrap().unwrap();
    let (profile, account) = (opened.profile, opened.account);
    assert_eq!((profile.id, account.version), (customer("c-1").id, 0));
    // Another program knows nobody of them.
    let other = ProgramId::new("prg_2").unwrap();
    assert_eq!(bench.store.resolve(&other, &KEY, &customer("c-1"), true).await.unwrap().member, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_purchases_at_once_make_one_visitor() {
    let bench = Bench::start().await;
    let both = proven(with_email(customer("c-1"), "ada@x.it"));
    let (one, two) = (customer("c-1"), by_email("ada@x.it"));
    let found = join_all((0..24).map(|number| find(&bench, [&both, &one, &both][number % 3]))).await;
    assert!(found.iter().all(|who| who.member == found[0].member), "{found:?}");
    assert_eq!(found.iter().filter(|who| who.created).count(), 1);
    assert_eq!(find(&bench, &two).await.member, found[0].member);
    assert_eq!(email_of(&profile(&bench, &found[0]).await), Some(("ada@x.it", Holding::Verified)));
}

#[tokio::test]
async fn who_proves_the_key_of_a_contact_becomes_it() {
    let bench = Bench::start().await;
    let guest = find(&bench, &by_email("ada@x.it")).await;
    assert_eq!(email_of(&profile(&bench, &guest).await), Some(("ada@x.it", Holding::First)));

    // Mentioned alone, the points stay where they are and are reported.
    let stranger = find(&bench, &with_email(customer("c-2"), "ada@x.it")).await;
    assert!(stranger.created && stranger.member != guest.member);
    assert_eq!((&*stranger.claimable, stranger.conflict.len()), (&[IdentifierKind::Email][..], 0));

    let owner = find(&bench, &proven(with_email(customer("c-1"), "ADA@x.it"))).await;
    assert_eq!((owner.member.clone(), owner.created), (guest.member.clone(), false));
    let found = profile(&bench, &owner).await;
    assert_eq!((found.id.clone(), email_of(&found)), (customer("c-1").id, Some(("ada@x.it", Holding::Verified))));
    assert_eq!(find(&bench, &by_email("ada@x.it")).await.member, owner.member);
    // It has stopped being anyone's contact data.
    assert_eq!(email_of(&profile(&bench, &stranger).await), None);

    // And from now on it stays there.
    let other = find(&bench, &proven(with_email(customer("c-2"), "ada@x.it"))).await;
    assert_eq!((other.member, other.conflict), (stranger.member, vec![IdentifierKind::Email]));
    assert_eq!(find(&bench, &by_email("ada@x.it")).await.member, owner.member);
}

#[tokio::test]
async fn a_contact_that_gets_an_id_keeps_only_proven_keys() {
    let bench = Bench::start().await;
    let mut reference = by_email("ada@x.it");
    reference.phone = "+393331234567".parse().ok();
    reference.verified = Some([IdentifierKind::Phone].into());
    let guest = find(&bench, &reference).await;
    let named = find(&bench, &MemberRef { id: customer("c-1").id, email: None, ..reference.clone() }).await;
    assert_eq!(named.member, guest.member);
    // The unproven address is contact data now, and free for a new contact.
    assert_eq!(email_of(&profile(&bench, &guest).await), Some(("ada@x.it", Holding::ContactData)));
    assert!(find(&bench, &by_email("ada@x.it")).await.created);
}

#[tokio::test]
async fn a_new_address_replaces_the_old_one_and_cards_are_ten() {
    let bench = Bench::start().await;
    let ada = find(&bench, &proven(with_email(customer("c-1"), "ada@x.it"))).await;
    find(&bench, &proven(with_email(customer("c-1"), "countess@x.it"))).await;
    assert_eq!(find(&bench, &by_email("countess@x.it")).await.member, ada.member);
    // The old one belongs to nobody.
    assert!(find(&bench, &by_email("ada@x.it")).await.created);

    let card = |number: usize| proven(MemberRef { card: format!("A-{number}").parse().ok(), ..customer("c-1") });
    for number in 0..MAX_CARDS {
        assert_eq!(find(&bench, &card(number)).await.member, ada.member);
    }
    let eleventh = bench.store.find_or_create_visitor(&active(), &card(MAX_CARDS), noon()).await;
    assert!(matches!(eleventh, Err(IdentityError::TooMany(TooMany::Cards))), "{eleventh:?}");
    let by_card = MemberRef { card: "A-3".parse().ok(), ..MemberRef::default() };
    assert_eq!(find(&bench, &by_card).await.member, ada.member);
}

#[tokio::test]
async fn a_lost_reply_makes_no_second_visitor() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::LostReply);
    assert!(bench.store.find_or_create_visitor(&active(), &customer("c-1"), noon()).await.is_err());
    bench.wire.plan("TransactWriteItems", Fault::Cancelled(vec!["TransactionConflict", "None", "None"]));
    let found = find(&bench, &customer("c-1")).await;
    assert!(!found.created);
    assert_eq!(profile(&bench, &found).await.id, customer("c-1").id);
    assert!(find(&bench, &customer("c-2")).await.created);
    assert!(bench.wire.is_over());
}

#[tokio::test]
async fn a_profile_moves_its_guards() {
    let bench = Bench::start().await;
    let ada = find(&bench, &proven(with_email(customer("c-1"), "ada@x.it"))).await;
    let bob = find(&bench, &proven(with_email(customer("c-2"), "bob@x.it"))).await;
    let before = profile(&bench, &ada).await;
    let replace = |after: Profile| {
        let (store, member, before) = (bench.store.clone(), ada.member.clone(), before.clone());
        async move { store.replace_profile(&program(), &KEY, &member, [&before, &after], ProfileNews::Changes).await }
    };
    let with = |change: &dyn Fn(&mut Profile)| {
        let mut after = before.clone();
        change(&mut after);
        after
    };
    let email = |value: &str| Identifier { kind: IdentifierKind::Email, value: value.to_owned() };
    let taken = replace(with(&|after| after.verify(&email("bob@x.it")).unwrap())).await;
    assert!(matches!(taken, Err(IdentityError::Taken { identifier: "email" })), "{taken:?}");
    let taken = replace(with(&|after| after.set_id(&"c-2".parse().unwrap()).unwrap())).await;
    assert!(matches!(taken, Err(IdentityError::Taken { identifier: "id" })), "{taken:?}");
    assert_eq!(profile(&bench, &ada).await, before);

    let after = with(&|after| {
        after.verify(&email("countess@x.it")).unwrap();
        after.set_id(&"c-9".parse().unwrap()).unwrap();
        after.first_name = Some("Ada".to_owned());
    });
    replace(after.clone()).await.unwrap();
    assert_eq!(profile(&bench, &ada).await, after);
    // The earlier id stays an alias; the address that was given up is free.
    for reference in [by_email("countess@x.it"), customer("c-1"), customer("c-9")] {
        assert_eq!(find(&bench, &reference).await.member, ada.member, "{reference:?}");
    }
    let known = bench.store.resolve(&program(), &KEY, &by_email("ada@x.it"), true).await.unwrap();
    assert_eq!(known.member, None);
    // Who still holds the old profile must read again.
    let stale = replace(with(&|after| after.first_name = Some("Augusta".to_owned()))).await;
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
    find(&bench, &proven(MemberRef { id: customer("c-2").id, ..reference })).await;
    let items =
        bench.dynamodb.scan().table_name("members").return_consumed_capacity("TOTAL".into()).send().await.unwrap();
    for item in items.items() {
        let key = format!("{:?} {:?}", item["pk"], item["sk"]);
        assert!(!key.contains("ada@x.it") && !key.contains("333123"), "{key}");
    }
    assert_eq!(items.items().len(), 8, "two profiles, two ids, two keys, two places in lists");
}

/// Commits one point together with the creation of a contact.
async fn commit_new(bench: &Bench, reference: &MemberRef, receipt: &str) -> Option<Committed> {
    let key = EntryKey::receipt(noon(), &ReceiptId::new(receipt).unwrap());
    let named = |profile: &mut Profile| profile.first_name = Some("Ada".to_owned());
    let decide = |seen: &Snapshot<'_>| Ok::<_, Infallible>(one_point(seen.account, for_receipt(receipt)));
    bench.store.commit_new(&active(), reference, noon(), &named, &key, decide).await.unwrap()
}

#[tokio::test]
async fn a_contact_is_created_with_its_first_entry_in_one_transaction() {
    let bench = Bench::start().await;
    let ada = with_email(customer("c-1"), "ada@x.it");
    let references = [ada.clone(), customer("c-2"), customer("c-1"), MemberRef::default()];
    assert_eq!(bench.store.unknown(&active(), &references).await.unwrap(), [true, true, true, false]);
    bench.wire.forget();
    let committed = commit_new(&bench, &ada, "r1").await;
    assert!(matches!(committed, Some(Committed::Now(_))), "{committed:?}");
    let used = bench.wire.used();
    assert_eq!(used.iter().map(|(name, used)| (&**name, used.calls)).collect::<Vec<_>>(), [("TransactWriteItems", 1)]);

    assert_eq!(bench.store.unknown(&active(), &references).await.unwrap(), [false, true, false, false]);
    let found = find(&bench, &ada).await;
    assert!(!found.created);
    let opened = bench.store.open_member(&program(), &found.member).await.unwrap().unwrap();
    assert_eq!((opened.account.version, opened.account.lifetime_earned.get()), (1, 1));
    assert_eq!(opened.profile.first_name.as_deref(), Some("Ada"));
    let listed = bench.store.list_members(&program(), &MemberList::All, 10, None).await.unwrap();
    assert_eq!(listed.items, [found.member]);
}

#[tokio::test]
async fn somebody_who_is_known_meanwhile_is_not_created_again() {
    let bench = Bench::start().await;
    let known = find(&bench, &by_email("ada@x.it")).await;
    for reference in [by_email("ada@x.it"), with_email(customer("c-1"), "ada@x.it")] {
        let committed = commit_new(&bench, &reference, "r1").await;
        // An unverified address is contact data beside an id, and nobody's key.
        assert_eq!(committed.is_some(), reference.id.is_some(), "{committed:?}");
    }
    let opened = bench.store.open_member(&program(), &known.member).await.unwrap().unwrap();
    assert_eq!(opened.account.version, 0);
}

#[tokio::test]
async fn a_lost_reply_creates_nobody_twice() {
    let bench = Bench::start().await;
    bench.wire.plan("TransactWriteItems", Fault::LostReply);
    let key = EntryKey::receipt(noon(), &ReceiptId::new("r1").unwrap());
    let decide = |seen: &Snapshot<'_>| Ok::<_, Infallible>(one_point(seen.account, for_receipt("r1")));
    let lost = bench.store.commit_new(&active(), &customer("c-1"), noon(), &|_| {}, &key, decide).await;
    assert!(matches!(lost, Err(CommitError::Store(_))), "{lost:?}");
    assert!(commit_new(&bench, &customer("c-1"), "r1").await.is_none(), "the first attempt has created the contact");
    let found = find(&bench, &customer("c-1")).await;
    let opened = bench.store.open_member(&program(), &found.member).await.unwrap().unwrap();
    assert_eq!((found.created, opened.account.version), (false, 1));
}
