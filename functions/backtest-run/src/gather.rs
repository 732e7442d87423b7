//! Collects the facts of a program by member.

use std::sync::{Mutex, PoisonError};

use futures::future::try_join_all;
use jiff::tz::TimeZone;
use tessera_backtest::{Partitions, Spill, SpillError};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_domain::pack::{PackError, pack};
use tessera_domain::rule::ReferralRole;
use tessera_store::{FactImage, ScanCursor, Store, StoreError, StoredRefund};

/// Why facts could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The facts table cannot be read.
    #[error("the stored facts cannot be read: {0}")]
    Store(#[from] StoreError),
    /// A temporary file failed.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A refund that waited for its receipt cannot be packed.
    #[error("a refund cannot be packed: {0}")]
    Pack(#[from] PackError),
}

/// Reads the whole facts table, all segments at once, and writes the receipts and refunds of a program's members to files by
/// member. Memory holds one page of each segment. With a time zone, rewarded
/// referrals are read too.
///
/// # Errors
/// When the table or a file fails.
pub async fn gather(
    store: &Store,
    program: &ProgramId,
    segments: u32,
    referrals: Option<&TimeZone>,
    mut spill: Spill,
) -> Result<Partitions, GatherError> {
    if let Some(zone) = referrals {
        gather_referrals(store, program, segments, zone, &mut spill).await?;
    }
    let spill = Mutex::new(spill);
    try_join_all((0..segments).map(|segment| gather_segment(store, program, (segment, segments), &spill))).await?;
    Ok(spill.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?)
}

/// Reads the whole table of members, and writes the rewarded referrals of a program, one record each for advocate and friend.
/// A referral is rewarded on the day on which its hold ends.
///
/// # Errors
/// When the table or a file fails.
async fn gather_referrals(
    store: &Store,
    program: &ProgramId,
    segments: u32,
    zone: &TimeZone,
    spill: &mut Spill,
) -> Result<(), GatherError> {
    for segment in 0..segments {
        let mut cursor = Some(ScanCursor::default());
        while let Some(from) = cursor {
            let page = store.scan_members(segment, segments, from).await?;
            for scanned in page.members.iter().filter(|scanned| scanned.program == *program) {
                let Some(known) = &scanned.friend else { continue };
                for one in known.referrals.iter().filter(|one| one.counted) {
                    let Some(conversion) = one.conversion else { continue };
                    let at = conversion.at.max(conversion.due.start(zone));
                    spill.referral(scanned.member.as_str(), ReferralRole::Friend, at)?;
                    spill.referral(one.advocate.as_str(), ReferralRole::Advocate, at)?;
                }
            }
            cursor = page.next;
        }
    }
    Ok(())
}

async fn gather_segment(
    store: &Store,
    program: &ProgramId,
    (segment, segments): (u32, u32),
    spill: &Mutex<Spill>,
) -> Result<(), GatherError> {
    let mut cursor = Some(ScanCursor::default());
    while let Some(from) = cursor {
        let page = store.scan_facts(segment, segments, from).await?;
        let waited = put_aside(page.facts, program, &mut spill.lock().unwrap_or_else(PoisonError::into_inner))?;
        for (member, receipt) in waited {
            // Refunds that waited have no member of their own; those before a move have the receipt's former one.
            let Some(stored) = store.get_receipt_with_refunds(program, &receipt).await? else { continue };
            let mut spill = spill.lock().unwrap_or_else(PoisonError::into_inner);
            let is_apart = |of: &&StoredRefund| of.member.as_ref() != Some(&member);
            for refund in stored.refunds.iter().filter(is_apart) {
                spill.refund(member.as_str(), &receipt, &pack(&refund.refund)?)?;
            }
        }
        cursor = page.next;
    }
    Ok(())
}

/// Writes the facts of a page; returns the receipts with refunds that have another member, or none.
fn put_aside(
    facts: Vec<FactImage>,
    program: &ProgramId,
    spill: &mut Spill,
) -> Result<Vec<(MemberId, ReceiptId)>, SpillError> {
    let mut waited = Vec::new();
    for image in facts {
        if image.program != *program || !image.fact.kind().is_replayed() {
            continue;
        }
        spill.fact(image.member.as_str(), &image.fact, &image.packed)?;
        let has_others = !image.waiting.is_empty() || image.moves > 0;
        if let (FactId::Receipt { receipt }, true) = (image.fact, has_others) {
            waited.push((image.member, receipt));
        }
    }
    Ok(waited)
}
