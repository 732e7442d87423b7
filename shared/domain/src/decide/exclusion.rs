//! Exclusion from the program, and its end.

use serde_json::{Value, json};

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, Status};
use crate::input::{self, Fault};
use crate::ledger::Cause;

/// An exclusion by a person, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// True to exclude the member.
    pub excluded: bool,
    /// The reason that the person gave.
    pub reason: String,
}

/// Whether a member is excluded, and why.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Exclusion), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_exclusion` reads")]
pub struct ExclusionBody {
    /// True: the member earns and redeems nothing from now on.
    excluded: bool,
    /// Why.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

impl ExclusionBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "excluded": true, "reason": "resells coupons" })
    }
}

/// Reads the body of `PUT /v1/members/{member}/exclusion`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_exclusion(body: &Value) -> Result<Exclusion, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let excluded = object.required("excluded", input::Node::boolean);
        let reason = object.required("reason", |n| {
            n.text(500).filter(|text| !text.trim().is_empty()).or_else(|| n.refuse("must say why"))
        });
        object.finish();
        Some(Exclusion { excluded: excluded?, reason: reason? })
    })
}

/// Decides on an exclusion by `actor`; `None` if the member stands so already.
///
/// The end of an exclusion makes a member of who had enrolled, and a visitor of anybody else.
pub fn decide_exclusion(
    context: &Context<'_>,
    account: &Account,
    exclusion: &Exclusion,
    actor: &str,
) -> Option<Decision> {
    if exclusion.excluded == (account.status == Status::Excluded) {
        return None;
    }
    let cause = Cause::Adjustment { actor: actor.to_owned(), reason: exclusion.reason.clone() };
    let mut draft = Draft::new(context, account, context.now, cause);
    draft.account.status = match (exclusion.excluded, draft.account.enrolled_at) {
        (true, _) => Status::Excluded,
        (false, Some(_)) => Status::Member,
        (false, None) => Status::Visitor,
    };
    Some(draft.finish())
}
