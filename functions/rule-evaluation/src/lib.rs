//! Decides on facts: takes a batch of messages, each naming a fact of a member, and commits what it does to them.
//!
//! A fact that was decided before changes nothing, so a message may come any number of times. What cannot be decided is
//! logged and left to come again; after a few times it lies in the dead-letter queue.

mod day;
mod error;
mod interaction;
mod receipt;
mod refund;
mod rejection;

pub use error::EvaluationError;

use std::error::Error as _;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tessera_domain::fact::Receipt;
use tessera_domain::ids::{ProgramId, ReceiptId};
use tessera_domain::pack::unpack;
use tessera_lambda::message::{Fact, FactMessage};
use tessera_lambda::{Services, Variable, batch};
use tessera_store::Committed;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[];

/// Decides on every fact of a batch, one member's in their order. The answer names the messages that are to come again.
pub async fn handle(services: &Services, event: SqsEvent) -> SqsBatchResponse {
    batch::queue(event, async |message: SqsMessage| {
        // Boxed: all that a decision may have to look up makes a future of 20 KB.
        Box::pin(evaluate(services, &message)).await.map_err(|error| with_causes(&error))
    })
    .await
}

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is decided now.
    Decided,
    /// It had been decided before, and nothing was written.
    DecidedBefore,
    /// It does nothing, and nothing was written.
    Nothing,
}

impl Outcome {
    fn of(committed: &Committed) -> Self {
        match committed {
            Committed::Now(_) => Self::Decided,
            Committed::Already(_) => Self::DecidedBefore,
        }
    }
}

async fn evaluate(services: &Services, message: &SqsMessage) -> Result<(), EvaluationError> {
    let text = message.body.as_deref().unwrap_or_default();
    let FactMessage { program, member, fact, .. } = FactMessage::parse(text)?;
    let found = services.programs.get(&program).await?;
    let active = found.ok_or_else(|| EvaluationError::UnknownProgram(program.clone()))?;
    let outcome = match &fact {
        Fact::Receipt { receipt, .. } => {
            let receipt = carried(services, &program, receipt, &fact).await?;
            Outcome::of(&receipt::evaluate(services, &active, &member, &receipt).await?)
        }
        Fact::Interaction { interaction, .. } => {
            let interaction = interaction::carried(services, &program, interaction, &fact).await?;
            Outcome::of(&interaction::evaluate(services, &active, &member, &interaction).await?)
        }
        Fact::Birthday { day } => day::birthday(services, &active, &member, *day).await?,
        Fact::Due { day } => day::due(services, &active, &member, *day).await?,
        Fact::Refund { receipt, refund } => refund::evaluate(services, &active, &member, receipt, refund).await?,
    };
    tracing::info!(%program, %member, ?outcome, "a fact was taken");
    Ok(())
}

/// The receipt of a message: as a rule the message carries it; a long one is read from where it is stored.
async fn carried(
    services: &Services,
    program: &ProgramId,
    named: &ReceiptId,
    fact: &Fact,
) -> Result<Receipt, EvaluationError> {
    let Some(packed) = fact.packed()? else {
        let stored = services.store.get_receipt_with_refunds(program, named).await?;
        return stored.map(|stored| stored.receipt).ok_or_else(|| EvaluationError::UnknownReceipt(named.clone()));
    };
    let receipt: Receipt = unpack(&packed)?;
    if receipt.id == *named {
        Ok(receipt)
    } else {
        Err(EvaluationError::OtherReceipt { named: named.clone(), carried: receipt.id })
    }
}

/// An error with all its causes, for the one line that is logged of it.
fn with_causes(error: &EvaluationError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_understood_is_told_with_its_cause() {
        let error = EvaluationError::from(FactMessage::parse("{}").unwrap_err());
        let told = with_causes(&error);
        assert!(told.starts_with("the message cannot be understood: not a message of facts"), "{told}");
    }
}
