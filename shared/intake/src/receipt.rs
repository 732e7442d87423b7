//! Intake of receipts.

use tessera_domain::fact::Receipt;
use tessera_domain::ids::MemberId;
use tessera_domain::member::MemberRef;
use tessera_store::{IdentityError, PutReceipt, StoreError};

use crate::canonical::canonical_receipt;
use crate::{IdentityNotes, Intake, IntakeOutcome};

impl Intake<'_> {
    /// Stores a receipt once. `reference`: the buyer; `None` for an anonymous receipt. One read of guards and one write
    /// for a buyer who is known.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] when the buyer would have too many identifiers; when DynamoDB fails.
    pub async fn receipt(
        &self,
        receipt: Receipt,
        reference: Option<&MemberRef>,
    ) -> Result<IntakeOutcome<PutReceipt>, IdentityError> {
        let receipt = canonical_receipt(receipt);
        self.programs.mark_in_use(self.program).await?;
        let Some(reference) = reference else {
            return Ok(IntakeOutcome { put: self.put_receipt(&receipt, None).await?, notes: IdentityNotes::default() });
        };
        let known = self.look_up(reference, false).await?;
        if let Some(member) = known.member.as_ref().filter(|_| known.settled) {
            let put = self.put_receipt(&receipt, Some(member)).await?;
            return Ok(IntakeOutcome { put, notes: IdentityNotes::from(&known) });
        }
        // A member is about to be created or changed: not for a receipt that is then refused.
        if let Some(stored) = self.store.get_receipt_with_refunds(&self.program.id, &receipt.id).await? {
            let known = self.look_up(reference, true).await?;
            let is_same = known.member.is_some() && known.member == stored.member && stored.receipt == receipt;
            if !is_same {
                return Ok(IntakeOutcome { put: PutReceipt::Different, notes: IdentityNotes::default() });
            }
            let notes = self.identify_again(reference, &known).await?;
            return Ok(IntakeOutcome { put: PutReceipt::Same, notes });
        }
        let found = self.identify(reference).await?;
        let put = self.put_receipt(&receipt, Some(&found.member)).await?;
        Ok(IntakeOutcome { put, notes: IdentityNotes::from(&found) })
    }

    async fn put_receipt(&self, receipt: &Receipt, member: Option<&MemberId>) -> Result<PutReceipt, StoreError> {
        self.store.put_receipt(&self.program.id, member, receipt, self.now).await
    }
}
