//! A friend's history: orders less their returns, and the interactions that convert.

use std::collections::HashSet;

use jiff::Timestamp;
use tessera_domain::fact::{Fact, FactId, Remaining};
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::ledger::{Cause, Entry};
use tessera_domain::program::{CompiledReferral, Conversion};
use tessera_domain::referral::Order;
use tessera_store::{ActiveProgram, StoreError};

use crate::services::Services;

/// The most orders and interactions that are looked at for one friend.
const MAX_LOOKED_AT: usize = 200;

/// What is known of a friend.
#[derive(Debug, Default)]
pub(super) struct FriendHistory {
    pub orders: Vec<Order>,
    pub events: Vec<Timestamp>,
}

impl Services {
    /// Reads the history of a friend in the order of time, from the referrals' start up to a time; from the first order on
    /// where it matters whether the friend had bought before.
    pub(super) async fn friend_history(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        owners: &[MemberId],
        (since, until): (Timestamp, Timestamp),
    ) -> Result<FriendHistory, StoreError> {
        let is_first_asked = matches!(&referral.program.conversion, Conversion::Receipt(receipt) if receipt.first_only);
        let from = Some(since).filter(|_| !is_first_asked);
        let entries = self.store.history(&program.id, owners, from, until).await?;
        match &referral.program.conversion {
            Conversion::Receipt(receipt) => {
                let orders = self.orders(program, referral, receipt.first_only, (owners, &entries)).await?;
                Ok(FriendHistory { orders, ..FriendHistory::default() })
            }
            Conversion::Interaction(name) => {
                let mut events = Vec::new();
                for entry in &entries {
                    let Cause::Fact(id @ FactId::Interaction { .. }) = &entry.cause else { continue };
                    let stored = self.store.get_fact(&program.id, id).await?;
                    // What another member did while the two were one stands in this ledger too.
                    let stored = stored.filter(|stored| stored.member.as_ref().is_some_and(|of| owners.contains(of)));
                    if let Some(Fact::Interaction(interaction)) = stored.map(|stored| stored.fact)
                        && interaction.name == *name
                    {
                        events.push(interaction.occurred_at);
                    }
                    if events.len() >= MAX_LOOKED_AT {
                        break;
                    }
                }
                Ok(FriendHistory { events, ..FriendHistory::default() })
            }
        }
    }

    /// The orders that were decided. With `first_only`, those after the first that is not wholly returned do not matter.
    async fn orders(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        first_only: bool,
        (owners, entries): (&[MemberId], &[Entry]),
    ) -> Result<Vec<Order>, StoreError> {
        let mut orders = Vec::new();
        let decided = entries.iter().filter(|entry| entry.rejected.is_none());
        let mut seen = HashSet::new();
        // A receipt that was moved back was decided twice.
        let receipts = decided.filter_map(|entry| entry.cause.receipt()).filter(|receipt| seen.insert(*receipt));
        let receipts: Vec<&ReceiptId> = receipts.take(MAX_LOOKED_AT).collect();
        for receipt in receipts {
            let Some(order) = self.order(program, referral, receipt, (owners, entries)).await? else { continue };
            let stands = !order.is_returned;
            orders.push(order);
            if first_only && stands {
                break;
            }
        }
        Ok(orders)
    }

    async fn order(
        &self,
        program: &ActiveProgram,
        referral: &CompiledReferral,
        id: &ReceiptId,
        (owners, entries): (&[MemberId], &[Entry]),
    ) -> Result<Option<Order>, StoreError> {
        let Some(stored) = self.store.get_receipt_with_refunds(&program.id, id).await? else { return Ok(None) };
        if stored.moved.is_some() && !stored.member.as_ref().is_some_and(|member| owners.contains(member)) {
            return Ok(None);
        }
        let accepted = entries.iter().filter(|entry| entry.rejected.is_none());
        let accepted = accepted.filter_map(|entry| entry.cause.refund());
        let accepted = accepted.filter(|(receipt, _)| *receipt == id).map(|(_, refund)| refund);
        let mut refunds: Vec<_> =
            accepted.filter_map(|id| stored.refunds.iter().find(|stored| stored.refund.id == *id)).collect();
        let mut seen = HashSet::new();
        refunds.retain(|stored| seen.insert(&stored.refund.id));
        let whole = Remaining::whole(&stored.receipt);
        let left = Remaining::after(&stored.receipt, refunds.iter().map(|stored| &stored.refund));
        let counted = |remaining| referral.counted(&program.compiled.program, &stored.receipt, remaining);
        Ok(Some(Order {
            receipt: id.clone(),
            at: stored.receipt.occurred_at,
            is_returned: !refunds.is_empty() && left.is_empty(),
            sold: counted(&whole),
            left: counted(&left),
        }))
    }
}
