//! Hands friends on whose hold ends, or who are to be reminded.

use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::Services;
use tessera_lambda::job::Deadline;
use tessera_lambda::referrals::ReferralMessage;
use tessera_store::DUE_SHARDS;

use crate::programs::serve_all;

/// Asks for the evaluation of every friend for whom something falls due, until the deadline is near. Those who are not reached
/// stay in the index, and the next run finds them.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub(crate) async fn ask_due(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "referrals that fall due", |program| async move {
        ask_due_of(services, &program, deadline).await
    })
    .await
}

async fn ask_due_of(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, String> {
    let text = |error: tessera_store::StoreError| error.to_string();
    let Some(active) = services.programs.get(program).await.map_err(text)? else { return Ok(0) };
    if active.compiled.referral.is_none() {
        return Ok(0);
    }
    let now = services.clock.now();
    let today = Day::of(now, &active.compiled.zone);
    let mut asked = 0;
    for shard in 0..DUE_SHARDS {
        let mut cursor = None;
        loop {
            let page = services.store.referrals_due(program, today, shard, cursor).await.map_err(text)?;
            for friend in page.members {
                let message = ReferralMessage::new(program.clone(), friend);
                services.ask_referral(&message, &format!("due {}", now.as_second())).await?;
                asked += 1;
            }
            cursor = page.next;
            if cursor.is_none() || deadline.is_near() {
                break;
            }
        }
    }
    Ok(asked)
}
