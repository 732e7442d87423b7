//! All facts of a program, brought together by member.

use std::sync::{Mutex, PoisonError};

use futures::future::try_join_all;
use tessera_backtest::{Partitions, Spill, SpillError};
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_domain::pack::{PackError, pack};
use tessera_store::{FactImage, ScanCursor, Store, StoreError};

/// Why facts could not be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The table of facts cannot be read.
    #[error("the stored facts cannot be read: {0}")]
    Store(#[from] StoreError),
    /// They cannot be put aside.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A refund that waited for its receipt cannot be put aside.
    #[error("a refund cannot be packed: {0}")]
    Pack(#[from] PackError),
}

/// Reads the whole table of facts, in so many segments at once, and puts the receipts and refunds of a program's members
/// aside by member. What is in memory is a page of each segment.
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
            // Refunds that came before their receipt have no member of their own.
            let Some(stored) = store.get_receipt_with_refunds(program, &receipt).await? else { continue };
            let mut spill = spill.lock().unwrap_or_else(PoisonError::into_inner);
            for refund in stored.refunds.iter().filter(|stored_refund| stored.early.contains(&stored_refund.refund.id))
            {
                spill.refund(member.as_str(), &receipt, &pack(&refund.refund)?)?;
            }
        }
        cursor = page.next;
    }
    Ok(())
}

/// Puts the facts of a page aside; tells the receipts whose refunds came before them.
fn put_aside(
    facts: Vec<FactImage>,
    program: &ProgramId,
    spill: &mut Spill,
) -> Result<Vec<(MemberId, ReceiptId)>, SpillError> {
    let mut waited = Vec::new();
    for fact in facts {
        match fact {
            FactImage::Receipt { program: of, member, receipt, packed, early, .. } if of == *program => {
                spill.receipt(member.as_str(), &packed)?;
                if !early.is_empty() {
                    waited.push((member, receipt));
                }
            }
            FactImage::Refund { program: of, member, receipt, packed, .. } if of == *program => {
                spill.refund(member.as_str(), &receipt, &packed)?;
            }
            _ => {}
        }
    }
    Ok(waited)
}
