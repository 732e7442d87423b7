//! Verification: balances rebuilt from entries are compared with the stored account.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::Entry;
use super::posting::{Bucket, LotChange, sum_by_months};
use crate::account::Account;
use crate::points::{Both, Kind, Points};

/// A disagreement between entries and accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// The member.
    pub member: String,
    /// The disagreement, with its numbers.
    pub what: String,
}

/// The sum of postings into each bucket, by kind of points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    buckets: BTreeMap<(Bucket, Kind), i64>,
}

impl Totals {
    /// Adds the postings of an entry.
    pub fn add(&mut self, entry: &Entry) {
        for posting in entry.movements.iter().flat_map(|movement| &movement.postings) {
            *self.buckets.entry((posting.from, posting.kind)).or_default() -= posting.amount.get();
            *self.buckets.entry((posting.to, posting.kind)).or_default() += posting.amount.get();
        }
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        for (place, points) in &other.buckets {
            *self.buckets.entry(*place).or_default() += points;
        }
    }

    /// The sum of a bucket.
    pub fn of(&self, bucket: Bucket, kind: Kind) -> i64 {
        self.buckets.get(&(bucket, kind)).copied().unwrap_or(0)
    }

    /// The balances of members, of one kind.
    pub fn balance(&self, kind: Kind) -> i64 {
        let own = self.buckets.iter().filter(|((bucket, k), _)| bucket.is_members() && *k == kind);
        own.map(|(_, points)| points).sum()
    }
}

/// The sums of one member's entries, in any order.
#[derive(Debug, Clone, Default)]
pub struct MemberAudit {
    totals: Totals,
    lots: Vec<LotChange>,
    steps: Vec<BalanceStep>,
}

/// What an entry says of the balance.
#[derive(Debug, Clone, Copy)]
struct BalanceStep {
    sequence: u64,
    /// The sum of its postings.
    change: i64,
    /// The balance after it.
    balance: Points,
}

impl MemberAudit {
    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) {
        let mut own = Totals::default();
        own.add(entry);
        self.totals.merge(&own);
        let changes = entry.movements.iter().flat_map(|movement| &movement.lots).chain(&entry.extended);
        self.lots = sum_by_months(std::mem::take(&mut self.lots).into_iter().chain(changes.copied()));
        let change = own.balance(Kind::Redeemable);
        self.steps.push(BalanceStep { sequence: entry.sequence, change, balance: entry.balance });
    }

    /// The sums of the postings.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Compares with the account: lots, debt, version, and the balance after each entry (invariants 1, 2, 6). Returns the
    /// disagreements.
    pub fn compare(&self, account: &Account) -> Vec<String> {
        let of = |bucket| self.totals.of(bucket, Kind::Redeemable);
        let stored = Both { redeemable: account.balance(), qualifying: account.qualifying_total() };
        let expected = [
            ("balance", self.totals.balance(Kind::Redeemable), stored.redeemable.get()),
            ("qualifying", self.totals.balance(Kind::Qualifying), stored.qualifying.get()),
            ("pending", of(Bucket::Pending), account.pending().get()),
            ("reserved", of(Bucket::Reserved), account.reserved().get()),
            ("debt", -of(Bucket::Debt), account.debt.get()),
        ];
        let mut wrong: Vec<String> = expected
            .into_iter()
            .filter(|(_, entries, account)| entries != account)
            .map(|(what, entries, account)| format!("{what}: entries say {entries}, the account {account}"))
            .collect();
        let lots = account.lots.by_months();
        if lots != self.lots {
            wrong.push(format!("lots: entries say {:?}, the account {lots:?}", self.lots));
        }
        let entries = self.steps.len();
        if u64::try_from(entries) != Ok(account.version) {
            wrong.push(format!("{entries} entries, but the account's version is {}", account.version));
        }
        wrong.extend(self.broken_step());
        wrong
    }

    /// The first entry whose number or balance does not follow from the one before.
    fn broken_step(&self) -> Option<String> {
        let mut steps = self.steps.clone();
        steps.sort_unstable_by_key(|step| step.sequence);
        let mut running = 0;
        steps.into_iter().zip(1_u64..).find_map(|(BalanceStep { sequence, change, balance }, expected)| {
            running += change;
            if sequence != expected {
                return Some(format!("entry {expected} is missing or stands twice: the next one is {sequence}"));
            }
            (balance.get() != running)
                .then(|| format!("the balance after entry {sequence} is {balance}, by postings {running}"))
        })
    }
}
