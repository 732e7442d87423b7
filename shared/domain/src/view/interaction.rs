//! The view of an interaction and its decision.

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
    /// Its identifier, by the shop's number.
    pub id: InteractionId,
    /// Its status.
    pub status: FactStatus,
    /// The reason for which it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Rejection>,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    /// Its name.
    pub name: String,
    /// The decision, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
}

impl InteractionView {
    /// The view of an interaction and of its entry, if there is one already.
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
