//! Facts that may concern a referral are handed on, after their decision.

use tessera_domain::fact::{Fact, ReferralConcern};
use tessera_domain::time::Day;
use tessera_evaluation::{DispatchOutcome, EvaluationError};
use tessera_lambda::Services;
use tessera_lambda::message::FactMessage;
use tessera_lambda::referrals::ReferralMessage;
use tessera_store::ActiveProgram;

use crate::load;

/// Asks for the evaluation of the member's referrals, if the fact may change one. An ordinary purchase costs nothing here.
///
/// A message that comes again asks again: the first attempt may have died before it asked.
pub(crate) async fn ask(
    services: &Services,
    program: &ActiveProgram,
    message: &FactMessage,
    outcome: DispatchOutcome,
) -> Result<(), EvaluationError> {
    let concern = message.fact.kind().referrals();
    // A return takes back what a referral program gave that was removed since.
    if program.compiled.referral.is_none() && concern != ReferralConcern::TakesBack {
        return Ok(());
    }
    let until = match outcome {
        DispatchOutcome::Decided(until) => until,
        DispatchOutcome::DecidedBefore => Some(Day::from_date(jiff::civil::Date::MAX)),
        DispatchOutcome::Nothing | DispatchOutcome::Rearmed => None,
    };
    let mut asked = ReferralMessage::new(program.id.clone(), message.member.clone());
    let is_concerned = match concern {
        ReferralConcern::Qualifies => {
            let fact = load(services, message).await?;
            if let Fact::Receipt(receipt) = &fact {
                asked.code.clone_from(&receipt.referral_code);
                asked.click.clone_from(&receipt.click);
                asked.at = receipt.referral_code.as_ref().map(|_| receipt.occurred_at);
            }
            let day = Day::of(fact.occurred_at(&program.compiled.zone), &program.compiled.zone);
            asked.code.is_some() || until.is_some_and(|until| day <= until)
        }
        ReferralConcern::TakesBack => until.is_some(),
        ReferralConcern::Nothing => false,
    };
    if !is_concerned {
        return Ok(());
    }
    services.ask_referral(&asked, &message.fact.to_string()).await.map_err(EvaluationError::Referral)
}
