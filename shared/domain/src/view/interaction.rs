//! An interaction as shown: what was decided on it.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::Explainer;
use super::receipt::{DecisionView, FactStatus, status};
use crate::fact::Interaction;
use crate::ids::InteractionId;
use crate::ledger::{Entry, Rejection};

/// An interaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionView {
    /// As the shop numbered it.
    pub id: InteractionId,
    /// How far it has come.
    pub status: FactStatus,
    /// Why it could not be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Rejection>,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    /// What it is called.
    pub name: String,
    /// What was decided, once it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
}

impl InteractionView {
    /// An interaction, and the entry that was made of it if there is one already.
    pub fn new(interaction: &Interaction, entry: Option<&Entry>, explainer: &Explainer<'_>) -> Self {
        Self {
            id: interaction.id.clone(),
            status: status(entry),
            reason: entry.and_then(|entry| entry.rejected),
            occurred_at: interaction.occurred_at,
            name: interaction.name.clone(),
            decision: entry.map(|entry| DecisionView::of(entry, explainer)),
        }
    }
}
