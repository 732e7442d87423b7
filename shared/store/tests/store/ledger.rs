use std::convert::Infallible;

use tessera_domain::fact::Fact;
use tessera_domain::ids::{ReceiptId, RefundId};
use tessera_store::{Commit, EntryKey, Party, ScanCursor};

use crate::bench::Bench;
use crate::shop::{at, config, for_receipt, member, one_point, program, receipt};

/// Three receipts on three days, and a refund of the second.
async fn fill(bench: &Bench) {
    let (program, config, owner) = (program(), config(5), member("m_1"));
    let second = ReceiptId::new("r2").unwrap();
    let mut keys: Vec<EntryKey> = (1..=3)
        .map(|day| {
            EntryKey::receipt(at(&format!("2026-03-0{day}T09:00:00Z")), &ReceiptId::new(format!("r{day}")).unwrap())
        })
        .collect();
    keys.push(EntryKey::refund(at("2026-03-02T09:00:00Z"), &second, &RefundId::new("f").unwrap()));
    keys.push(EntryKey::enrollment(at("2026-03-02T12:00:00Z"), "1"));
    for key in &keys {
        let commit = Commit::for_one(&program, &config, Party::new(&owner, key));
        let end = bench.store.commit(&commit, |seen| Ok::<_, Infallible>(one_point(seen.account, for_receipt("r"))));
        end.await.unwrap();
    }
}

#[tokio::test]
async fn entries_come_newest_first_in_pages() {
    let bench = Bench::start().await;
    fill(&bench).await;
    let (program, owner) = (program(), member("m_1"));
    let mut sequences = Vec::new();
    let mut cursor = None;
    loop {
        let page = bench.store.entries(&program, std::slice::from_ref(&owner), 2, cursor.as_deref()).await.unwrap();
        assert!(page.items.len() <= 2);
        sequences.extend(page.items.iter().map(|stored| stored.entry.sequence));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sequences, [3, 5, 4, 2, 1]);
    let receipts = bench.store.member_receipts(&program, std::slice::from_ref(&owner), 10, None).await.unwrap();
    assert_eq!(receipts.items.iter().map(|stored| stored.entry.sequence).collect::<Vec<_>>(), [3, 2, 1]);
    let key = &receipts.items[0].key;
    let entry = bench.store.get_entry(&program, &owner, key).await.unwrap();
    assert_eq!(entry.as_ref(), Some(&receipts.items[0].entry));
    assert_eq!(EntryKey::from_text(key.as_str()).as_ref(), Some(key));
}

#[tokio::test]
async fn a_whole_table_can_be_read() {
    let bench = Bench::start().await;
    fill(&bench).await;
    let owner = member("m_1");
    bench
        .store
        .put_fact(&program(), Some(&owner), &Fact::Receipt(receipt("r1", "1.00")), at("2026-03-01T09:00:00Z"))
        .await
        .unwrap();
    bench
        .store
        .put_fact(&program(), None, &Fact::Receipt(receipt("r2", "1.00")), at("2026-03-01T09:00:00Z"))
        .await
        .unwrap();
    for segments in [1, 3] {
        let (mut entries, mut accounts, mut facts) = (0, 0, Vec::new());
        for segment in 0..segments {
            let mut from = Some(ScanCursor::default());
            while let Some(cursor) = from {
                let page = bench.store.scan_members(segment, segments, cursor).await.unwrap();
                for scanned in page.members {
                    assert_eq!((&scanned.program, &scanned.member), (&program(), &owner));
                    entries += scanned.entries.len();
                    accounts += usize::from(scanned.account.is_some());
                }
                from = page.next;
            }
            facts.extend(bench.store.scan_facts(segment, segments, ScanCursor::default()).await.unwrap().facts);
        }
        assert_eq!((entries, accounts), (5, 1));
        assert!(matches!(&*facts, [image] if image.member == owner), "{facts:?}");
    }
}
