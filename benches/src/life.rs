//! Applies decisions to an account, one after the other.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tessera_domain::account::{Account, HeldTier, Status};
use tessera_domain::decide::{Context, Decision, ReceiptContext, Seed, Supply, decide_receipt};
use tessera_domain::fact::{Receipt, read_receipt};
use tessera_domain::ids::{MemberId, TierId};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::time::Day;

use crate::BenchError;

/// A program and its time zone, with functions to decide under it.
pub struct BenchProgram {
    /// The program.
    pub program: CompiledProgram,
    member: MemberId,
    supply: Supply,
}

impl BenchProgram {
    /// Compiles a program document.
    pub fn open(document: &Value) -> Result<Self, BenchError> {
        let program =
            SubmittedProgram::read(document).map_err(|faults| BenchError::Refused { what: "program", faults })?;
        Self::with(CompiledProgram::new(program, 1))
    }

    /// Uses a compiled program.
    pub fn with(program: CompiledProgram) -> Result<Self, BenchError> {
        let member = MemberId::new("c-42").map_err(|why| making("member", why))?;
        Ok(Self { program, member, supply: Supply::default() })
    }

    /// A new account with a tier since `since`, without end.
    pub fn member(tier: &str, since: Day) -> Result<Account, BenchError> {
        let tier = TierId::new(tier).map_err(|why| making("tier", why))?;
        let mut account = Account::new(Status::Member);
        account.tier.held = Some(HeldTier::new(tier, since, None, None));
        Ok(account)
    }

    /// Parses a receipt as ingestion does.
    pub fn receipt(&self, body: &Value) -> Result<Receipt, BenchError> {
        let input = read_receipt(body, self.program.program.currency);
        Ok(input.map_err(|faults| BenchError::Refused { what: "receipt", faults })?.receipt)
    }

    /// Decides on a receipt a minute after the purchase.
    pub fn decide(&self, account: &Account, receipt: &Receipt) -> Decision {
        let context = self.context(receipt.occurred_at + SignedDuration::from_mins(1));
        decide_receipt(&context, account, &ReceiptContext { receipt, coupons: &[] })
    }

    /// The number of rules that the index returns for a receipt, each of which is then verified.
    pub fn candidates(&self, receipt: &Receipt) -> usize {
        let day = Day::of(receipt.occurred_at, &self.program.zone);
        let words = self.program.rules.words(receipt);
        self.program.rules.for_receipt(&words, receipt.occurred_at, day).count()
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            program: &self.program,
            member: &self.member,
            profile: None,
            now,
            seed: Seed([7; 32]),
            supply: &self.supply,
        }
    }
}

fn making(what: &'static str, why: impl std::fmt::Display) -> BenchError {
    BenchError::Making { what, why: why.to_string() }
}
