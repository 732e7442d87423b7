//! The end of a merge: what came since, and its decisions for the member that each fact named.
//!
//! The commit that undoes a merge marks the facts since. Their decisions follow, each with a key of its own, so that all of
//! them may be repeated; the stream of the marks leads to them as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use tessera_domain::account::Account;
use tessera_domain::decide::{
    Context, DepartureContext, EntrySince, InteractionContext, KeptMerge, MOST_REPLAYED, ReceiptContext, RefundContext,
    SinceMerge, Supply, UnmergeFault, decide_arrival, decide_departure, decide_interaction_by, decide_refund,
};
use tessera_domain::fact::{Fact, FactId, Refund};
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::ledger::{Cause, Entry};
use tessera_domain::program::CompiledProgram;
use tessera_intake::refunds_in_order;
use tessera_lambda::Services;
use tessera_store::{ActiveProgram, AnewFact, OpenedMember, ReceiptHistory, StoredEntry, StoredReceipt};

use crate::{EvaluationError, complete_move, evaluate_alone};

/// What came since a merge.
#[derive(Debug, Clone, Default)]
pub struct MergeReplay {
    /// What was written for the target.
    pub since: SinceMerge,
    /// The facts that are decided anew, in the order of their decisions.
    pub facts: Vec<AnewFact>,
}

/// Reads what came since a merge: the target's entries, and the facts that they decided.
///
/// # Errors
/// When the store fails; [`UnmergeFault::TooMuch`] inside when it is more than one transaction hands on.
pub async fn read_since(
    services: &Services,
    program: &ActiveProgram,
    source: &MemberId,
    kept: &KeptMerge,
) -> Result<Result<MergeReplay, UnmergeFault>, EvaluationError> {
    let store = &services.store;
    let entries = store.entries_after(&program.id, &kept.into, kept.version).await?;
    // After the end of the merge, what came since is what came before it.
    let is_end = |cause: &Cause| matches!(cause, Cause::Unmerge { other, .. } if other == source);
    let entries: Vec<_> = entries.into_iter().take_while(|stored| !is_end(&stored.entry.cause)).collect();
    let version = entries.last().map_or(kept.version, |last| last.entry.sequence);
    let mut replay = MergeReplay { since: SinceMerge { version, ..SinceMerge::default() }, facts: Vec::new() };
    let mut receipts: BTreeMap<ReceiptId, StoredReceipt> = BTreeMap::new();
    for stored in entries {
        let entry = stored.entry;
        let mut since = EntrySince { happened_at: entry.at, interaction: None, entry };
        let cause = since.entry.cause.clone();
        let receipt = cause.receipt().or_else(|| cause.refund().map(|(receipt, _)| receipt));
        if let Some(id) = receipt {
            if !receipts.contains_key(id) {
                if replay.facts.len() >= MOST_REPLAYED {
                    return Ok(Err(UnmergeFault::TooMuch));
                }
                let found = store.get_receipt_with_refunds(&program.id, id).await?;
                let receipt =
                    found.ok_or_else(|| EvaluationError::UnknownFact(FactId::Receipt { receipt: id.clone() }))?;
                let owner = receipt.member.clone().unwrap_or_else(|| kept.into.clone());
                // What was decided before the merge stands with its own member.
                let from = if cause.receipt().is_some() { kept.into.clone() } else { owner };
                replay.facts.push(AnewFact::Receipt(Box::new(receipt.clone()), from));
                receipts.insert(id.clone(), receipt);
            }
            since.happened_at = receipts.get(id).map_or(since.happened_at, |stored| stored.receipt.occurred_at);
        }
        if let Some(fact @ FactId::Interaction { .. }) = cause.fact() {
            let found = store.get_fact(&program.id, fact).await?;
            let found = found.ok_or_else(|| EvaluationError::UnknownFact(fact.clone()))?;
            let (member, decided_by) = (found.member.unwrap_or_else(|| kept.into.clone()), since.entry.program_version);
            if kept.is_of_source(source, &member) {
                if replay.facts.len() >= MOST_REPLAYED {
                    return Ok(Err(UnmergeFault::TooMuch));
                }
                replay.facts.push(AnewFact::Interaction { fact: fact.clone(), member, decided_by });
            } else if let Fact::Interaction(interaction) = found.fact {
                since.interaction = Some((interaction, version_of(services, program, decided_by).await?));
            }
        }
        replay.since.entries.push(since);
    }
    replay.since.facts = replay.facts.len();
    Ok(Ok(replay))
}

/// Decides anew on the facts of a merge that was undone: those that are not decided yet.
///
/// # Errors
/// When the store or the queue of referrals fails. Doing it again goes on.
pub async fn complete(services: &Services, program: &ActiveProgram, facts: &[AnewFact]) -> Result<(), EvaluationError> {
    for fact in facts {
        match fact {
            AnewFact::Receipt(stored, _) => {
                let id = &stored.receipt.id;
                let found = services.store.get_receipt_with_refunds(&program.id, id).await?;
                let unknown = || EvaluationError::UnknownFact(FactId::Receipt { receipt: id.clone() });
                // Boxed, like the next: the futures are large.
                Box::pin(complete_move(services, program, &found.ok_or_else(unknown)?)).await?;
            }
            AnewFact::Interaction { fact, member, decided_by } => {
                let found = services.store.get_fact(&program.id, fact).await?;
                let found = found.ok_or_else(|| EvaluationError::UnknownFact(fact.clone()))?;
                let decided_by = version_of(services, program, *decided_by).await?;
                Box::pin(evaluate_alone(services, program, member, &found.fact, true, Some(&decided_by))).await?;
            }
        }
    }
    Ok(())
}

/// The accounts of both members after the facts were decided anew, without writing anything.
///
/// # Errors
/// When the store fails.
pub async fn foresee(
    services: &Services,
    program: &ActiveProgram,
    [source, target]: [OpenedMember; 2],
    (kept, replay): (&KeptMerge, &MergeReplay),
) -> Result<[OpenedMember; 2], EvaluationError> {
    let mut both = [source, target];
    for fact in &replay.facts {
        let named = match fact {
            AnewFact::Receipt(stored, _) => stored.member.as_ref(),
            AnewFact::Interaction { member, .. } => Some(member),
        };
        let is_of_source = named.is_some_and(|member| kept.is_of_source(&both[0].member, member));
        let owner = &both[usize::from(!is_of_source)];
        let account = match fact {
            AnewFact::Receipt(stored, _) => {
                let case = ForeseenReceipt { services, program, owner, stored };
                case.decide(kept, &replay.since).await?
            }
            AnewFact::Interaction { fact, decided_by, .. } => {
                let found = services.store.get_fact(&program.id, fact).await?;
                let decided_by = version_of(services, program, *decided_by).await?;
                let Some(Fact::Interaction(interaction)) = found.map(|found| found.fact) else { continue };
                let supply = Supply::default();
                let context = context(services, program, owner, &supply)?;
                let fact = InteractionContext { interaction: &interaction, counted_before: false };
                decide_interaction_by(&context, &owner.account, &fact, &decided_by).account
            }
        };
        both[usize::from(!is_of_source)].account = account;
    }
    Ok(both)
}

/// A receipt whose new decision is foreseen.
struct ForeseenReceipt<'a> {
    services: &'a Services,
    program: &'a ActiveProgram,
    owner: &'a OpenedMember,
    stored: &'a StoredReceipt,
}

impl ForeseenReceipt<'_> {
    async fn decide(&self, kept: &KeptMerge, since: &SinceMerge) -> Result<Account, EvaluationError> {
        let Self { services, program, owner, stored, .. } = *self;
        let receipt = &stored.receipt;
        let is_decision = |entry: &&Entry| entry.is_decision_on(&receipt.id);
        let decided_since = since.entries.iter().map(|since| &since.entry).find(is_decision);
        // A decision from before the merge stands with its own member; one since is undone already.
        let earlier = if decided_since.is_none() { self.earlier(kept).await? } else { Vec::new() };
        let decision = decided_since.or_else(|| earlier.iter().find(is_decision));
        let decision = decision.ok_or_else(|| EvaluationError::UnsettledMove(receipt.id.clone()))?;
        let decided_by = version_of(services, program, decision.program_version).await?;
        let (supply, coupons) = (Supply::default(), BTreeMap::new());
        let context = context(services, program, owner, &supply)?;
        let mut account = owner.account.clone();
        let cause = || Cause::from(FactId::Receipt { receipt: receipt.id.clone() });
        if decided_since.is_none() {
            let refund = |entry: &Entry| {
                let (_, id) = entry.cause.refund()?;
                let found = stored.refunds.iter().find(|stored| stored.refund.id == *id)?;
                Some((found.refund.clone(), entry.clone()))
            };
            let refunds: Vec<(Refund, Entry)> = earlier.iter().filter_map(refund).collect();
            let fact = DepartureContext {
                receipt,
                decision,
                refunds: &refunds,
                steps: &[],
                decided_by: &decided_by,
                coupons: &coupons,
            };
            account = decide_departure(&context, &account, &fact, cause()).account;
        }
        let fact = ReceiptContext { receipt, coupons: &[] };
        let arrived = decide_arrival(&context, &account, &fact, &decided_by, cause());
        account = arrived.account;
        let mut decided: Vec<(Refund, Entry)> = Vec::new();
        for refund in refunds_in_order(stored) {
            let fact = RefundContext {
                refund,
                receipt,
                decision: &arrived.entry,
                earlier: &decided,
                decided_by: &decided_by,
                coupons: &coupons,
            };
            let refunded = decide_refund(&context, &account, &fact);
            account = refunded.account;
            decided.push((refund.clone(), refunded.entry));
        }
        Ok(account)
    }

    /// The receipt's entries from before the merge, in the order in which they were decided.
    async fn earlier(&self, kept: &KeptMerge) -> Result<Vec<Entry>, EvaluationError> {
        let (owner, receipt) = (&self.owner.member, &self.stored.receipt);
        let sources = if *owner == kept.into { &kept.target.sources } else { &kept.source.sources };
        let owners: Vec<MemberId> = std::iter::once(owner).chain(sources).cloned().collect();
        let history = ReceiptHistory { at: receipt.occurred_at, receipt: &receipt.id, moves: self.stored.moves() };
        let entries = self.services.store.receipt_entries(&self.program.id, &owners, history).await?;
        let is_since = |known: &StoredEntry| known.member == kept.into && known.entry.sequence > kept.version;
        Ok(entries.into_iter().filter(|known| !is_since(known)).map(|known| known.entry).collect())
    }
}

fn context<'a>(
    services: &Services,
    program: &'a ActiveProgram,
    opened: &'a OpenedMember,
    supply: &'a Supply,
) -> Result<Context<'a>, EvaluationError> {
    let (now, seed) = (services.clock.now(), tessera_store::seed()?);
    let (member, profile) = (&opened.member, Some(&opened.profile));
    Ok(Context { program: &program.compiled, member, profile, now, seed, supply })
}

async fn version_of(
    services: &Services,
    program: &ActiveProgram,
    version: u32,
) -> Result<Arc<CompiledProgram>, EvaluationError> {
    if version == program.compiled.version {
        return Ok(Arc::clone(&program.compiled));
    }
    let found = services.programs.at_version(&program.id, version).await?;
    found.ok_or_else(|| EvaluationError::UnknownVersion { program: program.id.clone(), version })
}
