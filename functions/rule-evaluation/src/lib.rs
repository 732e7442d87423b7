//! Evaluation: decides on the facts of a batch of messages and commits the decisions.
//!
//! A fact is decided once, so that a message may arrive any number of times. A message that fails is logged and retried;
//! after a few attempts it is in the dead-letter queue.

mod referral;
mod warnings;

use std::error::Error as _;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tessera_domain::fact::{Fact, FactError, FactId};
use tessera_domain::ids::{ProgramId, ReceiptId};
use tessera_domain::program::{Asked, CompiledProgram};
use tessera_evaluation::{
    DispatchOutcome, EvaluationError, complete_move, evaluate_alone, evaluate_receipt, evaluate_refund, use_coupons,
};
use tessera_lambda::message::{AnonymousMessage, FactMessage, FactsMessage};
use tessera_lambda::{Queue, Services, Variable, batch};
use tessera_store::ActiveProgram;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Referrals), Variable::QueueUrl(Queue::Codes)];

/// Decides on every fact of a batch, those of one member in their order. The response names the messages to retry.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    batch::queue(event, async |message: SqsMessage| {
        // Boxed: the future has 20 KB.
        Box::pin(evaluate(services, &message)).await.map_err(|error| with_causes(&error))
    })
    .await
}

async fn evaluate(services: &Services, message: &SqsMessage) -> Result<(), EvaluationError> {
    match FactsMessage::parse(message.body.as_deref().unwrap_or_default())? {
        FactsMessage::Fact(message) => decide(services, message).await,
        FactsMessage::Anonymous(AnonymousMessage { program, receipt, .. }) => {
            use_anonymously(services, &program, &receipt).await
        }
    }
}

/// The program in force.
async fn active(services: &Services, program: &ProgramId) -> Result<Arc<ActiveProgram>, EvaluationError> {
    let found = services.programs.get(program).await?;
    found.ok_or_else(|| EvaluationError::UnknownProgram(program.clone()))
}

/// Uses the coupons of an anonymous receipt. One that was claimed meanwhile is decided with its member's facts.
async fn use_anonymously(services: &Services, id: &ProgramId, receipt: &ReceiptId) -> Result<(), EvaluationError> {
    let program = active(services, id).await?;
    let fact = FactId::Receipt { receipt: receipt.clone() };
    let found = services.store.get_fact(id, &fact).await?.ok_or_else(|| EvaluationError::UnknownFact(fact.clone()))?;
    match found.fact {
        Fact::Receipt(receipt) if found.member.is_none() => use_coupons(services, &program, &receipt).await,
        Fact::Receipt(_) => Ok(()),
        other => Err(FactError::OtherFact { named: fact, found: other.id() }.into()),
    }
}

/// Decides on a fact of a member.
async fn decide(services: &Services, message: FactMessage) -> Result<(), EvaluationError> {
    let FactMessage { program, member, fact: id, .. } = &message;
    let active = active(services, program).await?;
    let asks_profile = |asked| active.compiled.asks_profile(asked);
    let outcome = match id {
        FactId::Receipt { receipt } if message.moves > 0 => moved(services, &active, receipt).await?,
        FactId::Receipt { .. } => match load(services, &message).await? {
            Fact::Receipt(receipt) => {
                let committed = evaluate_receipt(services, &active, member, &receipt).await?;
                if committed.entry().rejected.is_some() {
                    use_coupons(services, &active, &receipt).await?;
                }
                DispatchOutcome::of(&committed)
            }
            other => return Err(FactError::OtherFact { named: id.clone(), found: other.id() }.into()),
        },
        FactId::Refund { receipt, refund } => evaluate_refund(services, &active, member, receipt, refund).await?,
        FactId::Interaction { .. } => {
            let fact = load(services, &message).await?;
            let decided_by = version(services, &active, message.decided_by).await?;
            let profile = asks_profile(Asked::Interaction) || decided_by.is_some();
            Box::pin(evaluate_alone(services, &active, member, &fact, profile, decided_by.as_deref())).await?
        }
        FactId::Birthday { day } => {
            Box::pin(evaluate_alone(services, &active, member, &Fact::Birthday(*day), true, None)).await?
        }
        FactId::Due { day } => {
            warnings::give(services, &active, member).await?;
            Box::pin(evaluate_alone(services, &active, member, &Fact::Due(*day), asks_profile(Asked::Due), None))
                .await?
        }
    };
    referral::ask(services, &active, &message, outcome).await?;
    tracing::info!(%program, %member, fact = id.kind().name(), ?outcome, "a fact was taken");
    Ok(())
}

/// The version of the program that a message asks for.
async fn version(
    services: &Services,
    program: &ActiveProgram,
    version: Option<u32>,
) -> Result<Option<Arc<CompiledProgram>>, EvaluationError> {
    let Some(version) = version else { return Ok(None) };
    let found = services.programs.at_version(&program.id, version).await?;
    found.map(Some).ok_or_else(|| EvaluationError::UnknownVersion { program: program.id.clone(), version })
}

/// Completes the move of a receipt, which asks for the referrals itself.
async fn moved(
    services: &Services,
    program: &ActiveProgram,
    receipt: &ReceiptId,
) -> Result<DispatchOutcome, EvaluationError> {
    let found = services.store.get_receipt_with_refunds(&program.id, receipt).await?;
    let stored = found.ok_or_else(|| EvaluationError::UnknownFact(FactId::Receipt { receipt: receipt.clone() }))?;
    complete_move(services, program, &stored).await?;
    Ok(DispatchOutcome::Nothing)
}

/// The fact of a message. As a rule the message carries it; a long one is read from the table.
async fn load(services: &Services, message: &FactMessage) -> Result<Fact, EvaluationError> {
    if let Some(packed) = message.packed()? {
        return Ok(Fact::unpack(&message.fact, &packed)?);
    }
    let stored = services.store.get_fact(&message.program, &message.fact).await?;
    stored.map(|stored| stored.fact).ok_or_else(|| EvaluationError::UnknownFact(message.fact.clone()))
}

/// Formats an error with all its causes, for one log line.
fn with_causes(error: &EvaluationError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_message_is_logged_with_its_cause() {
        let error = EvaluationError::from(FactMessage::parse("{}").unwrap_err());
        let text = with_causes(&error);
        assert!(text.starts_with("the message cannot be understood: not a message of facts"), "{text}");
    }
}
