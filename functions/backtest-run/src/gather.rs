//! Collects the facts of a program by member.

use std::sync::{Mutex, PoisonError};

use futures::future::try_join_all;
use tessera_backtest::{Partitions, Spill, SpillError};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_domain::pack::{PackError, pack};
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
/// member. Memory holds one page of each segment.
///
/// # Errors
/// When the table or a file fails.
pub async fn gather(
    store: &Store,
    program: &ProgramId,
    segments: u32,
    spill: Spill,
) -> Result<Partitions, GatherError> {
    let spill = Mutex::new(spill);
    try_join_all((0..segments).map(|segment| gather_segment(store, program, (segment, segments), &spill))).await?;
    Ok(spill.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?)
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
