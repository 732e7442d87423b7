//! Finding out whose refunds are, where only their receipts say so: both are dealt out by receipt, in files.

use std::collections::HashMap;
use std::path::Path;

use tessera_domain::ids::ReceiptId;

use crate::{Spill, SpillError};

/// Receipts with their members, and refunds without.
#[derive(Debug)]
pub struct Join(Spill);

impl Join {
    /// Opens its files in a folder that is there, and is the caller's to remove.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn new(folder: &Path) -> Result<Self, SpillError> {
        Spill::open(folder, "refunds".to_owned(), 0).map(Self)
    }

    /// Notes whose a receipt is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn receipt(&mut self, receipt: &ReceiptId, member: &str) -> Result<(), SpillError> {
        self.0.receipt(receipt.as_str(), member.as_bytes())
    }

    /// Takes a packed refund.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn refund(&mut self, receipt: &ReceiptId, packed: &[u8]) -> Result<(), SpillError> {
        self.0.refund(receipt.as_str(), receipt, packed)
    }

    /// Hands every refund on with its member; tells how many have no receipt. What is in memory at a time are the
    /// identifiers of a part of the receipts.
    ///
    /// # Errors
    /// When a file fails.
    pub fn finish(self, to: &mut Spill) -> Result<u64, SpillError> {
        let parts = self.0.finish()?;
        let mut without = 0;
        for part in 0..parts.parts() {
            let mut members: HashMap<Vec<u8>, String> = HashMap::new();
            let mut refunds: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            parts.records(part, |record| {
                if record.receipt.is_empty() {
                    let member = String::from_utf8_lossy(record.packed).into_owned();
                    // The first that was sent is the one that counts.
                    members.entry(record.member.to_vec()).or_insert(member);
                } else {
                    refunds.push((record.receipt.to_vec(), record.packed.to_vec()));
                }
                Ok(())
            })?;
            for (receipt, packed) in refunds {
                match members.get(&receipt) {
                    Some(member) => to.refund(member, &ReceiptId::new(String::from_utf8_lossy(&receipt))?, &packed)?,
                    None => without += 1,
                }
            }
        }
        Ok(without)
    }
}
