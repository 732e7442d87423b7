//! Warnings before points expire, as notices.

use tessera_domain::ids::MemberId;
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_store::ActiveProgram;

use crate::EvaluationError;

/// Gives the warnings that are due for a member, before the decision that notes them as given: a fault between the two
/// gives the same notices again, which are the same items.
pub(crate) async fn give(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
) -> Result<(), EvaluationError> {
    let (now, zone) = (services.clock.now(), &program.compiled.zone);
    let found = services.store.get_account(&program.id, member).await?;
    let Some(account) = found.filter(|account| account.due.is_some_and(|due| due.day <= Day::of(now, zone))) else {
        return Ok(());
    };
    for warning in account.expiry_warnings(&program.compiled, now) {
        let content =
            NoticeContent::PointsExpiring { member: member.clone(), on: warning.last_day, points: warning.points };
        let notice = Notice { at: warning.due.start(zone), content };
        services.store.give_notice(&program.id, &notice).await?;
    }
    Ok(())
}
