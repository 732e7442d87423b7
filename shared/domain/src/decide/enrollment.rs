//! Enrolment and invitation.

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::Occasion;
use super::{Context, Decision};
use crate::account::{Account, Status};
use crate::ledger::Cause;
use crate::rule::Waiting;

/// Decides on an enrolment; `None` if the member is enrolled already, or excluded.
///
/// The contact becomes a member and keeps all points. The rules for enrolment, lists and attributes fire.
pub fn decide_enrollment(context: &Context<'_>, account: &Account) -> Option<Decision> {
    match account.status {
        Status::Member | Status::Excluded => return None,
        Status::Visitor | Status::Pending => {}
    }
    let mut draft = Draft::new(context, account, context.now, Cause::Enrollment);
    draft.account.status = Status::Member;
    draft.account.enrolled_at = Some(context.now);
    let occasion = Occasion::new(context, &draft.account, context.now);
    for rule in context.program.rules.waiting(&Waiting::Enrollment).filter(|rule| rule.covers(context.now)) {
        draft.consider(rule, &occasion, NO_AMOUNT);
    }
    draft.consider_profile();
    draft.apply(&occasion);
    draft.account.touch(context.program, context.now);
    Some(draft.finish())
}

/// Decides on the invitation of a visitor by `actor`; `None` for anybody else.
pub fn decide_invitation(context: &Context<'_>, account: &Account, actor: &str) -> Option<Decision> {
    if account.status != Status::Visitor {
        return None;
    }
    let cause = Cause::Adjustment { actor: actor.to_owned(), reason: "invited".to_owned() };
    let mut draft = Draft::new(context, account, context.now, cause);
    draft.account.status = Status::Pending;
    Some(draft.finish())
}
