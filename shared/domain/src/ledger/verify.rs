//! Proving a ledger: balances rebuilt from entries, and compared with what is stored.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::Entry;
use super::posting::Bucket;
use crate::account::Account;
use crate::points::{Both, Kind, Points};

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// Whose account.
    pub member: String,
    /// What is wrong, with the numbers.
    pub what: String,
}

/// What all postings put into each place, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    buckets: BTreeMap<(Bucket, Kind), i64>,
}

impl Totals {
    /// Adds the postings of an entry.
    pub fn add(&mut self, entry: &Entry) {
        for posting in entry.movements.iter().flat_map(|movement| &movement.postings) {
            *self.buckets.entry((posting.0, posting.kind())).or_default() -= posting.3.get();
            *self.buckets.entry((posting.1, posting.kind())).or_default() += posting.3.get();
        }
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        for (place, points) in &other.buckets {
            *self.buckets.entry(*place).or_default() += points;
        }
    }

    /// What is in a place.
    pub fn of(&self, bucket: Bucket, kind: Kind) -> i64 {
        self.buckets.get(&(bucket, kind)).copied().unwrap_or(0)
    }

    /// What members have of a kind.
    pub fn balance(&self, kind: Kind) -> i64 {
        let own = self.buckets.iter().filter(|((bucket, k), _)| bucket.is_members() && *k == kind);
        own.map(|(_, points)| points).sum()
    }
}

/// One member's entries, as they are read.
#[derive(Debug, Clone, Default)]
pub struct MemberAudit {
    totals: Totals,
    last: Option<(u64, Points)>,
    entries: u64,
}

impl MemberAudit {
    /// Reads an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.totals.add(entry);
        self.entries += 1;
        if self.last.is_none_or(|(sequence, _)| sequence < entry.sequence) {
            self.last = Some((entry.sequence, entry.balance));
        }
    }

    /// What the entries put where.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Compares with the account: its lots, its debt, its version and the latest entry's balance (invariants 1, 2, 6).
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
        if account.version != self.entries {
            wrong.push(format!("{} entries, but the account's version is {}", self.entries, account.version));
        }
        if let Some((sequence, balance)) = self.last
            && (sequence, balance) != (account.version, account.balance())
        {
            wrong.push(format!("the latest entry, {sequence}, tells a balance of {balance}"));
        }
        wrong
    }
}
