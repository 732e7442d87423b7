//! Intake of interactions.

use tessera_domain::fact::Interaction;
use tessera_domain::member::MemberRef;
use tessera_store::{IdentityError, PutInteraction};

use crate::canonical::canonical_interaction;
use crate::{IdentityNotes, Intake, IntakeOutcome};

impl Intake<'_> {
    /// Stores an interaction once. One read of guards and one write for a person who is known.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] when the person would have too many identifiers; when DynamoDB fails.
    pub async fn interaction(
        &self,
        interaction: Interaction,
        reference: &MemberRef,
    ) -> Result<IntakeOutcome<PutInteraction>, IdentityError> {
        let interaction = canonical_interaction(interaction);
        let program = &self.program.id;
        self.programs.mark_in_use(self.program).await?;
        let known = self.look_up(reference, false).await?;
        if let Some(member) = known.member.as_ref().filter(|_| known.settled) {
            let put = self.store.put_interaction(program, member, &interaction, self.now).await?;
            return Ok(IntakeOutcome { put, notes: IdentityNotes::from(&known) });
        }
        // A member is about to be created or changed: not for an interaction that is then refused.
        if let Some(stored) = self.store.get_interaction(program, &interaction.id).await? {
            let known = self.look_up(reference, true).await?;
            let is_same = known.member.as_ref() == Some(&stored.member) && stored.interaction == interaction;
            if !is_same {
                return Ok(IntakeOutcome { put: PutInteraction::Different, notes: IdentityNotes::default() });
            }
            let notes = self.identify_again(reference, &known).await?;
            return Ok(IntakeOutcome { put: PutInteraction::Same, notes });
        }
        let found = self.identify(reference).await?;
        let put = self.store.put_interaction(program, &found.member, &interaction, self.now).await?;
        Ok(IntakeOutcome { put, notes: IdentityNotes::from(&found) })
    }
}
