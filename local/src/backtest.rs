//! Reads receipts and refunds from files and groups them by member, for `tessera backtest`.

use std::io;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use tessera_backtest::{Join, Partitions, Spill};
use tessera_domain::fact::{read_early_refund, read_receipt};
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::Fault;
use tessera_domain::member::MemberRef;
use tessera_domain::money::Currency;
use tessera_domain::pack::pack;

use crate::replay::ReplayRequest;

/// Facts by member, with counts over all of them.
#[derive(Debug)]
pub struct FileFacts {
    /// The facts.
    pub facts: Partitions,
    /// The time of the last fact.
    pub last: Timestamp,
    /// Receipts without a member, which are left out.
    pub anonymous: u64,
    /// Refunds without their receipt, which are left out.
    pub without_receipt: u64,
}

/// Collects facts while they are read.
struct Collector {
    currency: Currency,
    spill: Spill,
    join: Join,
    last: Timestamp,
    anonymous: u64,
}

impl FileFacts {
    /// Reads the lines of a file: receipts as they are sent to the API, and refunds as `{ "refund": { "receipt", … } }`. Creates
    /// files in `folder`, which the caller removes.
    ///
    /// # Errors
    /// The first line that is neither, with its number and its faults.
    pub fn lines(
        lines: impl Iterator<Item = io::Result<String>>,
        currency: Currency,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut taking = Collector::new(currency, folder)?;
        for (number, line) in (1..).zip(lines) {
            let line = line.context("the receipts cannot be read")?;
            if !line.trim().is_empty() {
                taking.line(&line).with_context(|| format!("line {number}"))?;
            }
        }
        taking.finish()
    }

    /// Collects the receipts and refunds of a file of orders.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn orders(operations: Vec<ReplayRequest>, currency: Currency, folder: &Path) -> anyhow::Result<Self> {
        let mut taking = Collector::new(currency, folder)?;
        for operation in operations {
            match operation {
                ReplayRequest::Receipt { body } => taking.receipt(&body)?,
                ReplayRequest::Refund { receipt, body } => taking.refund(&receipt, &body)?,
            }
        }
        taking.finish()
    }
}

impl Collector {
    fn new(currency: Currency, folder: &Path) -> anyhow::Result<Self> {
        let (spill, join) = (Spill::new(folder)?, Join::new(folder)?);
        Ok(Self { currency, spill, join, last: Timestamp::UNIX_EPOCH, anonymous: 0 })
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        let mut body: Value = serde_json::from_str(line).context("not JSON")?;
        let Some(refund) = body.get_mut("refund") else { return self.receipt(&body) };
        let Value::Object(fields) = refund else { anyhow::bail!("/refund: must be an object") };
        let receipt = fields.remove("receipt").and_then(|receipt| receipt.as_str().map(str::to_owned));
        let receipt = receipt.context("/refund/receipt: must be the receipt's id")?;
        let refund = refund.take();
        self.refund(&receipt, &refund)
    }

    fn receipt(&mut self, body: &Value) -> anyhow::Result<()> {
        let read = read_receipt(body, self.currency).map_err(|faults| told(&faults))?;
        self.last = self.last.max(read.receipt.occurred_at);
        let Some(member) = &read.member else {
            self.anonymous += 1;
            return Ok(());
        };
        let member = key(member);
        self.spill.receipt(&member, &pack(&read.receipt)?)?;
        Ok(self.join.receipt(&read.receipt.id, &member)?)
    }

    fn refund(&mut self, receipt: &str, body: &Value) -> anyhow::Result<()> {
        // The receipt, and with it the currency, may follow later.
        let refund = read_early_refund(body).map_err(|faults| told(&faults))?;
        self.last = self.last.max(refund.occurred_at);
        Ok(self.join.refund(&ReceiptId::new(receipt)?, &pack(&refund)?)?)
    }

    fn finish(mut self) -> anyhow::Result<FileFacts> {
        let without_receipt = self.join.finish(&mut self.spill)?;
        let facts = self.spill.finish()?;
        Ok(FileFacts { facts, last: self.last, anonymous: self.anonymous, without_receipt })
    }
}

/// The name of a member of a file: the first identifier that is present.
fn key(member: &MemberRef) -> String {
    let MemberRef { id, card, email, phone, .. } = member;
    let id = id.as_ref().map(|id| format!("id:{id}"));
    let card = card.as_ref().map(|card| format!("card:{}", card.as_str()));
    let email = email.as_ref().map(|email| format!("email:{}", email.as_str()));
    let phone = phone.as_ref().map(|phone| format!("phone:{}", phone.as_str()));
    id.or(card).or(email).or(phone).unwrap_or_else(|| "nobody".to_owned())
}

fn told(faults: &[Fault]) -> anyhow::Error {
    let faults: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
    anyhow::anyhow!(faults.join("; "))
}
