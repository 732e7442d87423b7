//! The view of an explanation: the outcome of every rule for a receipt.

use serde::Serialize;

use super::explain::Explainer;
use super::receipt::{OutcomeView, SkippedView};
use crate::decide::RuleExplanation;
use crate::ids::{ReceiptId, RuleId};

/// The explanation of a receipt: every rule of the program that decided, in its order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptExplanation {
    /// The receipt.
    pub id: ReceiptId,
    /// The version of the program that decided.
    pub program_version: u32,
    /// The rules.
    pub rules: Vec<RuleView>,
}

/// The outcome of one rule for a receipt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleView {
    /// The rule.
    pub rule: RuleId,
    /// Its outcome, when it fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeView>,
    /// The reason why it gave nothing, or less than was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedView>,
}

impl RuleView {
    /// The view of the outcome of one rule.
    pub fn of(told: &RuleExplanation, explainer: &Explainer<'_>) -> Self {
        Self {
            rule: told.rule.clone(),
            outcome: told.fired.as_ref().map(|outcome| OutcomeView::of(outcome, explainer)),
            skipped: told.skipped.as_ref().map(|skipped| SkippedView::of(skipped, explainer)),
        }
    }
}
