//! Conversions: attributes friends to the codes that they named, and gives or takes back what their orders are worth.
//!
//! Everything is judged anew from what is stored, so that a message may arrive any number of times and in any order.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::ProgramId;
use tessera_lambda::message::MessageError;
use tessera_lambda::referrals::{AttributionError, NamedCode, ReferralContext, ReferralMessage};
use tessera_lambda::{Services, Variable, batch};
use tessera_store::StoreError;

/// Why a friend was not evaluated. The message is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum ConversionError {
    /// This version does not know the message.
    #[error("the message cannot be understood: {0}")]
    Message(#[from] MessageError),
    /// The message names a program that does not exist.
    #[error("there is no program {0}")]
    UnknownProgram(ProgramId),
    /// The store failed.
    #[error("the referrals of a friend cannot be evaluated: {0}")]
    Store(#[from] StoreError),
}

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Evaluates the friends of a batch of messages. The response names the messages to retry.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    batch::queue(event, async |message: SqsMessage| Box::pin(evaluate(services, &message)).await).await
}

async fn evaluate(services: &Services, message: &SqsMessage) -> Result<(), ConversionError> {
    let message = ReferralMessage::parse(message.body.as_deref().unwrap_or_default())?;
    let found = services.programs.get(&message.program).await?;
    let program = found.ok_or_else(|| ConversionError::UnknownProgram(message.program.clone()))?;
    if let (Some(code), Some(at)) = (message.code.as_deref().and_then(FoldedCode::parse), message.at) {
        let named = NamedCode { code, at, click: message.click.clone(), context: ReferralContext::default() };
        match services.attribute(&program, &message.friend, &named).await {
            Ok(_) => {}
            // A receipt or an enrolment is never refused for its code.
            Err(AttributionError::Fault(fault)) => {
                tracing::info!(program = %program.id, friend = %message.friend, %fault, "a referral code was ignored");
            }
            Err(AttributionError::Store(error)) => return Err(error.into()),
        }
    }
    services.evaluate_friend(&program, &message.friend).await?;
    tracing::info!(program = %program.id, friend = %message.friend, "the referrals of a friend were evaluated");
    Ok(())
}
