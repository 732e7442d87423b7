//! What moves have in common: their body, and the member who gets what was booked on the wrong person.

use serde_json::{Value, json};
use tessera_domain::ids::MemberId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_store::ActiveProgram;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::services::Services;

/// The longest reason, in bytes.
const MOST_REASON_BYTES: usize = 500;

/// Where a receipt or a coupon belongs.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Move), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_move` reads")]
pub struct MoveBody {
    /// The member who gets it.
    member: MoveTarget,
    /// Why it is moved; the ledger keeps it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

impl MoveBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "member": { "id": "c-43" }, "reason": "booked on the wrong account" })
    }
}

/// A member who must exist: a reference, or a text in one of the forms that a path takes.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(untagged))]
#[derive(Debug, Clone)]
pub enum MoveTarget {
    /// By identifiers.
    Reference(Box<MemberRef>),
    /// As in a path.
    Path(String),
}

/// A request to move something.
#[derive(Debug, Clone)]
pub struct MoveRequest {
    /// The member who gets it.
    pub member: MoveTarget,
    /// Why.
    pub reason: String,
}

/// Reads the body of a move.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_move(body: &Value) -> Result<MoveRequest, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let member = object.required("member", read_target);
        let reason = object.required("reason", |reason| reason.filled(MOST_REASON_BYTES));
        object.finish();
        Some(MoveRequest { member: member?, reason: reason? })
    })
}

fn read_target(node: &Node<'_>) -> Option<MoveTarget> {
    match node.value {
        Value::String(path) => Some(MoveTarget::Path(path.clone())),
        _ => MemberRef::read(node).map(|reference| MoveTarget::Reference(Box::new(reference))),
    }
}

impl Services {
    /// The member who gets what is moved, as it is now.
    ///
    /// # Errors
    /// 404 when there is no such member; 400 when the text cannot be a name.
    pub async fn move_target(
        &self,
        caller: &Caller,
        program: &ActiveProgram,
        target: MoveTarget,
    ) -> Result<MemberId, Problem> {
        let found = match target {
            MoveTarget::Path(path) => self.member_named(program, &path).await?,
            MoveTarget::Reference(reference) => {
                let reference = caller.verified(program, *reference)?;
                self.store.resolve(&program.id, &program.head.identity_key, &reference, false).await?.member
            }
        };
        let found = found.ok_or_else(Problem::unknown_member)?;
        let found = self.store.current_member(&program.id, &found).await?;
        // Our own ids are not looked up before: a move must not create an account.
        self.store.get_profile(&program.id, &found).await?.ok_or_else(Problem::unknown_member)?;
        Ok(found)
    }
}
