//! Finds the members of refunds through their receipts, with files partitioned by receipt.

use std::collections::HashMap;
use std::path::Path;

use tessera_domain::ids::ReceiptId;

use crate::{Spill, SpillError};

/// Receipts with their members, and refunds without a member.
#[derive(Debug)]
pub struct Join(Spill);

impl Join {
    /// Creates files in an existing folder, which the caller removes.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn new(folder: &Path) -> Result<Self, SpillError> {
        Spill::open(folder, "refunds".to_owned(), 0).map(Self)
    }

    /// Adds the member of a receipt.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn receipt(&mut self, receipt: &ReceiptId, member: &str) -> Result<(), SpillError> {
        self.0.receipt(receipt.as_str(), member.as_bytes())
    }

    /// Adds a packed refund.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn refund(&mut self, receipt: &ReceiptId, packed: &[u8]) -> Result<(), SpillError> {
        self.0.refund(receipt.as_str(), receipt, packed)
    }

    /// Passes every refund with its member to `spill`, and returns the number of refunds without a receipt. Memory holds the
    /// receipt ids of one partition at a time.
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
                    // The first of several duplicates counts.
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
