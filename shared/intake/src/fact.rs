//! Intake of facts that name their own member: receipts and interactions.

use tessera_domain::fact::{Fact, Interaction, Receipt};
use tessera_domain::member::MemberRef;
use tessera_store::{IdentityError, ProfileNews, PutFact};

use crate::canonical::{canonical_interaction, canonical_receipt};
use crate::{IdentityNotes, Intake, IntakeOutcome};

impl Intake<'_> {
    /// Stores a receipt once. `reference`: the buyer; `None` for an anonymous receipt.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] when the buyer would have too many identifiers; when DynamoDB fails.
    pub async fn receipt(
        &self,
        receipt: Receipt,
        reference: Option<&MemberRef>,
    ) -> Result<IntakeOutcome<PutFact>, IdentityError> {
        self.fact(&Fact::Receipt(canonical_receipt(receipt)), reference).await
    }

    /// True when a receipt of this id is stored with other content, or for somebody else. Writes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn conflicts(&self, receipt: Receipt, reference: &MemberRef) -> Result<bool, IdentityError> {
        let fact = Fact::Receipt(canonical_receipt(receipt));
        let Some(stored) = self.store.get_fact(&self.program.id, &fact.id()).await? else { return Ok(false) };
        let known = self.look_up(reference, true).await?;
        let is_owner = match &stored.member {
            Some(owner) => self.is_of(&known, owner).await?,
            None => false,
        };
        Ok(!is_owner || stored.fact != fact)
    }

    /// Stores an interaction once.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] when the person would have too many identifiers; when DynamoDB fails.
    pub async fn interaction(
        &self,
        interaction: Interaction,
        reference: &MemberRef,
    ) -> Result<IntakeOutcome<PutFact>, IdentityError> {
        self.fact(&Fact::Interaction(canonical_interaction(interaction)), Some(reference)).await
    }

    /// Stores a canonical fact once. One read of guards and one write for a person who is known.
    async fn fact(&self, fact: &Fact, reference: Option<&MemberRef>) -> Result<IntakeOutcome<PutFact>, IdentityError> {
        let program = &self.program.id;
        self.programs.mark_in_use(self.program).await?;
        let Some(reference) = reference else {
            let put = self.store.put_fact(program, None, fact, self.now).await?;
            return Ok(IntakeOutcome { put, notes: IdentityNotes::default() });
        };
        // Nobody is notified of what an import brings.
        let is_import = matches!(fact, Fact::Receipt(receipt) if receipt.history);
        let news = if is_import { ProfileNews::None } else { ProfileNews::Changes };
        let known = self.look_up(reference, false).await?;
        if let Some(member) = known.member.as_ref().filter(|_| known.settled) {
            let put = self.store.put_fact(program, Some(member), fact, self.now).await?;
            return Ok(IntakeOutcome { put, notes: IdentityNotes::from(&known) });
        }
        // A member is about to be created or changed: not for a fact that is then refused.
        if let Some(stored) = self.store.get_fact(program, &fact.id()).await? {
            let known = self.look_up(reference, true).await?;
            let is_owner = match &stored.member {
                Some(owner) => self.is_of(&known, owner).await?,
                None => false,
            };
            if !is_owner || stored.fact != *fact {
                return Ok(IntakeOutcome { put: PutFact::Different, notes: IdentityNotes::default() });
            }
            let notes = self.identify_again(reference, &known, news).await?;
            return Ok(IntakeOutcome { put: PutFact::Same, notes });
        }
        let found = self.identify(reference, news).await?;
        let put = self.store.put_fact(program, Some(&found.member), fact, self.now).await?;
        Ok(IntakeOutcome { put, notes: IdentityNotes::from(&found) })
    }
}
