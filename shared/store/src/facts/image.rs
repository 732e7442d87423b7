//! What a record of the facts table's stream says.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::{InteractionId, MemberId, ProgramId, ReceiptId, RefundId};

use super::receipt::{early, member_of};
use crate::StoreError;
use crate::items::{Reader, name};
use crate::keys::{self, INTERACTION, RECEIPT};

const READ: &str = "reading a record of the facts";

/// A fact in a record of the facts table's stream that concerns a member. A fact shows once in the stream with a member:
/// when it is stored, or when its receipt is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactImage {
    /// A receipt that now has a member.
    Receipt {
        /// The tenant.
        program: ProgramId,
        /// Whose it is.
        member: MemberId,
        /// Its identifier.
        receipt: ReceiptId,
        /// When it was taken from its sender.
        accepted_at: Timestamp,
        /// The packed [`tessera_domain::fact::Receipt`].
        packed: Vec<u8>,
        /// Refunds that came before and are due now, in the order of their arrival.
        early: Vec<RefundId>,
    },
    /// A refund of a receipt that has a member.
    Refund {
        /// The tenant.
        program: ProgramId,
        /// Whose the receipt is.
        member: MemberId,
        /// The receipt.
        receipt: ReceiptId,
        /// Its identifier.
        refund: RefundId,
        /// When it was taken from its sender.
        accepted_at: Timestamp,
        /// The packed [`tessera_domain::fact::Refund`].
        packed: Vec<u8>,
    },
    /// An interaction.
    Interaction {
        /// The tenant.
        program: ProgramId,
        /// Who did it.
        member: MemberId,
        /// Its identifier.
        interaction: InteractionId,
        /// When it was taken from its sender.
        accepted_at: Timestamp,
        /// The packed [`tessera_domain::fact::Interaction`].
        packed: Vec<u8>,
    },
}

impl FactImage {
    /// When the fact was taken from its sender; a receipt that was claimed keeps the time at which it came.
    pub const fn accepted_at(&self) -> Timestamp {
        match self {
            Self::Receipt { accepted_at, .. }
            | Self::Refund { accepted_at, .. }
            | Self::Interaction { accepted_at, .. } => *accepted_at,
        }
    }

    /// Reads the new image of an INSERT or MODIFY record (`record.change.new_image`, as it is). `None`: nothing to do (an
    /// anonymous receipt, a refund that waits, a marker of one).
    ///
    /// # Errors
    /// When the image is not one of the facts table's.
    pub fn read(image: impl Into<HashMap<String, AttributeValue>>) -> Result<Option<Self>, StoreError> {
        let image = image.into();
        let reader = Reader::new(READ, &image);
        let Some(member) = member_of(reader)? else { return Ok(None) };
        if !reader.has(name::BODY) {
            return Ok(None);
        }
        let strange = |attribute| StoreError::Item { operation: READ, attribute };
        let (partition, sort) = (reader.text(name::PK)?, reader.text(name::SK)?);
        let accepted_at = reader.moment(name::SINCE)?;
        let packed = reader.bytes(name::BODY)?.to_vec();
        if sort == INTERACTION {
            let parsed = keys::parse_interaction_partition(partition);
            let (program, interaction) = parsed.ok_or_else(|| strange(name::PK))?;
            return Ok(Some(Self::Interaction { program, member, interaction, accepted_at, packed }));
        }
        let parsed = keys::parse_receipt_partition(partition);
        let (program, receipt) = parsed.ok_or_else(|| strange(name::PK))?;
        if sort == RECEIPT {
            return Ok(Some(Self::Receipt { program, member, receipt, accepted_at, packed, early: early(reader)? }));
        }
        let refund = keys::parse_refund(sort).ok_or_else(|| strange(name::SK))?;
        Ok(Some(Self::Refund { program, member, receipt, refund, accepted_at, packed }))
    }
}
