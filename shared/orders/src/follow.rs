//! Stores the facts of deliveries, and makes what is stored agree with an order.

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::{read_early_refund, read_interaction, read_receipt, read_refund_of};
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::Fault;
use tessera_domain::member::MemberRef;
use tessera_domain::money::Currency;
use tessera_intake::{Intake, RefundError, TimeLimit, refunds_in_order};
use tessera_lambda::Services;
use tessera_shops::{
    ShopFact, ShopOrder, ShopRefund, SoldReceipt, deleted_refunds, early_refund, next_facts, refund_facts,
};
use tessera_store::{ActiveProgram, HealthChange, IdentityError, PutFact, StoreError, StoredReceipt, TargetId};

use crate::message::InboundWork;
use crate::record::{count, report};

/// The most edits of an order that are followed.
const MOST_EDITS: u32 = 100;

/// Why a delivery was not stored.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It will never be stored as it is.
    #[error("{0}")]
    Unusable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FollowError {
    /// Why it will never be stored.
    ///
    /// # Errors
    /// When it may be stored later: what the store said.
    pub fn unusable(self) -> Result<String, StoreError> {
        match self {
            Self::Unusable(reason) => Ok(reason),
            Self::Store(StoreError::Erased { .. }) => Ok("erased".to_owned()),
            Self::Store(error) => Err(error),
        }
    }
}

/// How an order was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// What is stored agrees with it.
    Done,
    /// It is from before the connection, and nothing is stored of it.
    TooOld,
}

impl Followed {
    /// Why an order that is too old is of no use.
    pub const TOO_OLD: &'static str = "an order from before orders_since";
}

/// Which refunds an order names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedRefunds {
    /// Those that it had when its payload was written.
    Delivered,
    /// All that it has now.
    All,
    /// Some of those that it has now.
    Some,
}

/// Stores what a connection of a program delivers.
#[derive(Debug, Clone, Copy)]
pub struct Follower<'a> {
    /// What it works with.
    pub services: &'a Services,
    /// The program.
    pub program: &'a ActiveProgram,
    /// The connection.
    pub connection: &'a TargetId,
    /// Orders from before this moment earn nothing when a change of them is the first that is seen of them.
    pub orders_since: Option<Timestamp>,
}

fn unusable(error: impl std::fmt::Display) -> FollowError {
    FollowError::Unusable(error.to_string())
}

/// Every fault of a body, in one line.
fn faults(faults: &[Fault]) -> FollowError {
    let texts: Vec<String> = faults.iter().take(5).map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
    FollowError::Unusable(texts.join("; "))
}

fn identity(error: IdentityError) -> FollowError {
    match error {
        IdentityError::Store(error) => FollowError::Store(error),
        other => unusable(other),
    }
}

impl Follower<'_> {
    fn intake(&self) -> Intake<'_> {
        let (store, programs) = (&self.services.store, &self.services.programs);
        Intake { store, programs, program: self.program, now: self.services.clock.now() }
    }

    /// The kinds that the program takes as verified, where the delivery does not say.
    fn verified(&self, reference: MemberRef) -> MemberRef {
        let default = || self.program.compiled.program.identity.verified.clone();
        let verified = reference.verified.clone().unwrap_or_else(default);
        MemberRef { verified: Some(verified), ..reference }
    }

    /// Stores a fact.
    ///
    /// # Errors
    /// [`FollowError::Unusable`] when it can never be stored; when DynamoDB fails.
    pub async fn put(&self, fact: &ShopFact) -> Result<PutFact, FollowError> {
        match fact {
            ShopFact::Receipt(body) => Box::pin(self.put_receipt(body)).await,
            ShopFact::Refund { receipt, body } => {
                let receipt = ReceiptId::new(receipt.as_str()).map_err(unusable)?;
                let stored = self.intake().refunded_receipt(&receipt).await?;
                Box::pin(self.put_refund(&receipt, stored.as_ref(), body)).await
            }
            ShopFact::Interaction(body) => {
                let limit = TimeLimit::live(self.services.clock.now());
                let input = limit.check_body(read_interaction(body), body).map_err(|found| faults(&found))?;
                let reference = self.verified(input.member);
                let intake = self.intake();
                let put = Box::pin(intake.interaction(input.interaction, &reference)).await;
                Ok(put.map_err(identity)?.put)
            }
        }
    }

    async fn put_receipt(&self, body: &Value) -> Result<PutFact, FollowError> {
        let limit = TimeLimit::live(self.services.clock.now());
        let read = read_receipt(body, self.program.compiled.program.currency);
        let input = limit.check_body(read, body).map_err(|found| faults(&found))?;
        let reference = input.member.map(|member| self.verified(member));
        let intake = self.intake();
        let put = Box::pin(intake.receipt(input.receipt, reference.as_ref())).await;
        Ok(put.map_err(identity)?.put)
    }

    async fn put_refund(
        &self,
        receipt: &ReceiptId,
        stored: Option<&StoredReceipt>,
        body: &Value,
    ) -> Result<PutFact, FollowError> {
        let read = match stored {
            Some(stored) => read_refund_of(body, &stored.receipt),
            None => read_early_refund(body),
        };
        let limit = TimeLimit::live(self.services.clock.now());
        let refund = limit.check_body(read, body).map_err(|found| faults(&found))?;
        let intake = self.intake();
        Box::pin(intake.refund(receipt, stored, refund)).await.map_err(|error| match error {
            RefundError::Refused { detail, .. } => FollowError::Unusable(detail),
            RefundError::Store(error) => FollowError::Store(error),
        })
    }

    /// Stores a refund whose order did not come with it.
    ///
    /// # Errors
    /// As [`Follower::put`].
    pub async fn refund(&self, receipt: &str, refund: &ShopRefund, currency: Currency) -> Result<(), FollowError> {
        let id = ReceiptId::new(receipt).map_err(unusable)?;
        let sold = self.sold(&id).await?;
        let facts = if sold.is_empty() { early_refund(receipt, refund, currency) } else { refund_facts(refund, &sold) };
        self.put_all(&facts).await
    }

    async fn put_all(&self, facts: &[ShopFact]) -> Result<(), FollowError> {
        for fact in facts {
            if Box::pin(self.put(fact)).await? == PutFact::Different {
                tracing::warn!(program = %self.program.id, connection = %self.connection, "a fact was sent before with other content");
            }
        }
        Ok(())
    }

    /// True for an order from before the connection.
    pub(crate) fn is_too_old(&self, order: &ShopOrder) -> bool {
        self.orders_since.zip(order.ordered_at()).is_some_and(|(since, ordered)| ordered < since)
    }

    /// Makes what is stored agree with an order.
    ///
    /// # Errors
    /// As [`Follower::put`].
    pub async fn follow(&self, order: &ShopOrder, refunds: NamedRefunds) -> Result<Followed, FollowError> {
        let id = order.receipt.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = ReceiptId::new(id).map_err(unusable)?;
        let (store, program) = (&self.services.store, &self.program.id);
        let decided_until = store.order_followed_until(program, self.connection, id.as_str()).await?;
        let mut sold = self.sold(&id).await?;
        if sold.is_empty() {
            let first = next_facts(order, &sold, decided_until);
            if first.is_empty() {
                return Ok(Followed::Done);
            }
            if self.is_too_old(order) {
                let change = HealthChange { old_orders: 1, ..HealthChange::default() };
                count(self.services, program, self.connection, &change).await;
                return Ok(Followed::TooOld);
            }
            self.put_all(&first).await?;
            sold = self.sold(&id).await?;
        }
        let mut facts = next_facts(order, &sold, decided_until);
        self.put_all(&facts).await?;
        if !order.refunds.is_empty() && facts.iter().any(|fact| matches!(fact, ShopFact::Receipt(_))) {
            // A refund may be of what was not ordered before: an increase, or an order that was restored.
            sold = self.sold(&id).await?;
            let refunds = next_facts(order, &sold, decided_until);
            self.put_all(&refunds).await?;
            facts.extend(refunds);
        }
        // A state that changed nothing is noted too: a retry of an older one must change nothing after it. What is not paid
        // decides nothing.
        let is_newer = decided_until.is_none_or(|until| order.updated_at.as_millisecond() > until.as_millisecond());
        if is_newer && (order.is_paid || order.cancelled_at.is_some()) {
            store.follow_order_until(program, self.connection, id.as_str(), order.updated_at).await?;
        }
        let edits = edits(&facts, &id);
        if edits != HealthChange::default() {
            count(self.services, program, self.connection, &edits).await;
        }
        if refunds != NamedRefunds::Some {
            self.report_deleted(order, &sold, refunds == NamedRefunds::All).await?;
        }
        Ok(Followed::Done)
    }

    /// Shows refunds that were deleted in the shop, each of them once.
    async fn report_deleted(
        &self,
        order: &ShopOrder,
        sold: &[SoldReceipt],
        is_current: bool,
    ) -> Result<(), FollowError> {
        for (refund, at) in deleted_refunds(order, sold, is_current) {
            let of = order.receipt.get("id").and_then(Value::as_str).unwrap_or_default();
            let reason = format!("the refund {refund} of {of} was deleted in the shop: what it took stays taken");
            // Tried again, it changes nothing, and is not listed any more: a state this old says nothing of later refunds.
            let mut again = ShopOrder { is_paid: false, updated_at: Timestamp::UNIX_EPOCH, ..order.clone() };
            if let Some(receipt) = again.receipt.as_object_mut() {
                receipt.retain(|name, _| name == "id");
            }
            let work = InboundWork::Order { order: Box::new(again) };
            report(self.services, &self.program.id, self.connection, &reason, Some(at), &work).await?;
        }
        Ok(())
    }

    /// The stored receipts of an order: the first one, and those of its edits.
    async fn sold(&self, first: &ReceiptId) -> Result<Vec<SoldReceipt>, FollowError> {
        let intake = self.intake();
        let Some(stored) = intake.refunded_receipt(first).await? else { return Ok(Vec::new()) };
        let mut sold = vec![sold_receipt(&stored)];
        for number in 1..=MOST_EDITS {
            let id = ReceiptId::new(format!("{first}:edit-{number}")).map_err(unusable)?;
            if let Some(stored) = intake.refunded_receipt(&id).await? {
                sold.push(sold_receipt(&stored));
                continue;
            }
            // An edit that took something away is a refund.
            let mut refunds = sold.iter().flat_map(|sold| &sold.refunds);
            if !refunds.any(|refund| refund.id.as_str() == id.as_str()) {
                break;
            }
        }
        Ok(sold)
    }
}

/// How facts of an order edit it. A decrease may be refunds of several receipts.
fn edits(facts: &[ShopFact], order: &ReceiptId) -> HealthChange {
    let prefix = format!("{order}:edit-");
    let is_edit = |body: &Value| body.get("id").and_then(Value::as_str).is_some_and(|id| id.starts_with(&prefix));
    let is_increase = |fact: &ShopFact| matches!(fact, ShopFact::Receipt(body) if is_edit(body));
    let is_decrease = |fact: &ShopFact| matches!(fact, ShopFact::Refund { body, .. } if is_edit(body));
    HealthChange {
        increases: u64::from(facts.iter().any(is_increase)),
        decreases: u64::from(facts.iter().any(is_decrease)),
        ..HealthChange::default()
    }
}

fn sold_receipt(stored: &StoredReceipt) -> SoldReceipt {
    SoldReceipt { receipt: stored.receipt.clone(), refunds: refunds_in_order(stored).cloned().collect() }
}
