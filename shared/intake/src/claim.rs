//! Claims: an anonymous receipt gets its member, once and forever.

use tessera_domain::ids::ReceiptId;
use tessera_domain::member::MemberRef;
use tessera_store::{Claim, IdentityError, ProfileNews};

use crate::{IdentityNotes, Intake, IntakeOutcome};

impl Intake<'_> {
    /// Gives an anonymous receipt to the person of a reference.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] when the person would have too many identifiers; when DynamoDB fails.
    pub async fn claim(
        &self,
        receipt: &ReceiptId,
        reference: &MemberRef,
    ) -> Result<IntakeOutcome<Claim>, IdentityError> {
        let refused = |put| Ok(IntakeOutcome { put, notes: IdentityNotes::default() });
        let Some(stored) = self.store.get_receipt_with_refunds(&self.program.id, receipt).await? else {
            return refused(Claim::Unknown);
        };
        if let Some(owner) = stored.member {
            // The receipt has an owner already: anybody else is neither created nor changed.
            let known = self.look_up(reference, true).await?;
            if !self.is_of(&known, &owner).await? {
                return refused(Claim::Other);
            }
            let notes = self.identify_again(reference, &known, ProfileNews::Changes).await?;
            return Ok(IntakeOutcome { put: Claim::Already, notes });
        }
        let found = self.identify(reference, ProfileNews::Changes).await?;
        let put = self.store.claim_receipt(&self.program.id, receipt, &found.member).await?;
        Ok(IntakeOutcome { put, notes: IdentityNotes::from(&found) })
    }
}
