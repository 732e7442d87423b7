//! Interactions.

use jiff::Timestamp;
use tessera_domain::fact::Interaction;
use tessera_domain::ids::{InteractionId, MemberId, ProgramId};

use super::receipt::is_same;
use crate::items::{Reader, bytes, item, moment, name, packed, text};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys, retry};

const PUT: &str = "storing an interaction";
const READ: &str = "reading an interaction";

/// How storing an interaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutInteraction {
    /// It is stored now.
    Stored,
    /// It was there, with the same content and member.
    Same,
    /// It was there, with other content or another member.
    Different,
}

/// An interaction as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredInteraction {
    /// What was done.
    pub interaction: Interaction,
    /// By whom.
    pub member: MemberId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

impl Store {
    /// Stores an interaction unless it is there. One write unit for each begun KB.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_interaction(
        &self,
        program: &ProgramId,
        member: &MemberId,
        interaction: &Interaction,
        accepted_at: Timestamp,
    ) -> Result<PutInteraction, StoreError> {
        let body = packed(PUT, interaction)?;
        let new = item(
            &keys::interaction(program, &interaction.id),
            [(name::BODY, bytes(&*body)), (name::SINCE, moment(accepted_at)), (name::MEMBER, text(member.as_str()))],
        );
        let write = Write::put(&self.tables.facts, new).when(ABSENT);
        for attempt in 1..=retry::TRIES {
            match self.write(PUT, &write).await? {
                Written::Done => return Ok(PutInteraction::Stored),
                Written::Refused(Some(found)) => {
                    let reader = Reader::new(PUT, &found);
                    let owner: MemberId = reader.parsed(name::MEMBER)?;
                    let same = is_same::<Interaction>(PUT, reader, &body)? && owner == *member;
                    return Ok(if same { PutInteraction::Same } else { PutInteraction::Different });
                }
                Written::Refused(None) => retry::pause(attempt).await,
            }
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES })
    }

    /// One interaction, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_interaction(
        &self,
        program: &ProgramId,
        interaction: &InteractionId,
    ) -> Result<Option<StoredInteraction>, StoreError> {
        let key = keys::interaction(program, interaction);
        let Some(found) = self.get(READ, &self.tables.facts, &key, true).await? else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        Ok(Some(StoredInteraction {
            interaction: reader.body()?,
            member: reader.parsed(name::MEMBER)?,
            accepted_at: reader.moment(name::SINCE)?,
        }))
    }
}
