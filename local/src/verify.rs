//! Verifies a store: every balance follows from its entries, every fact has exactly one decision, referrals and merges agree on
//! both sides.

mod members;
mod moves;
mod referrals;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Bucket;
use tessera_domain::points::Kind;
use tessera_store::{ScanCursor, Store, StoreError};

use self::members::{Member, MemberKey, Members, ProgramTotals};
use self::moves::Moves;

/// The result of a verification.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Verification {
    /// Accounts.
    pub members: u64,
    /// Entries.
    pub entries: u64,
    /// Facts with a member.
    pub facts: u64,
    /// The sums of all postings by program.
    pub programs: BTreeMap<String, LedgerSums>,
    /// The contradictions found; empty when the store is sound.
    pub discrepancies: Vec<String>,
}

/// The terms of invariant 2 for a program: issued + forgiven + moved in − moved out = balance + redeemed + expired +
/// reversed + removed.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSums {
    /// Redeemable points issued.
    pub issued: i64,
    /// Debts written off.
    pub forgiven: i64,
    /// Points moved in by merges, less those moved out: 0 over a whole program.
    #[serde(default)]
    pub moved: i64,
    /// The sum of all balances, including pending and reserved points, less debts.
    pub balance: i64,
    /// Redeemed points less restored ones.
    pub redeemed: i64,
    /// Expired points.
    pub expired: i64,
    /// Points reversed by refunds.
    pub reversed: i64,
    /// Points removed by adjustments or rules.
    pub removed: i64,
}

impl LedgerSums {
    const fn agrees(&self) -> bool {
        self.moved == 0
            && self.issued + self.forgiven + self.moved
                == self.balance + self.redeemed + self.expired + self.reversed + self.removed
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} members, {} entries, {} facts", self.members, self.entries, self.facts)?;
        for (program, sums) in &self.programs {
            let LedgerSums { issued, forgiven, moved, balance, redeemed, expired, reversed, removed } = sums;
            writeln!(
                f,
                "{program}: issued {issued} + forgiven {forgiven} + moved {moved} = balance {balance} + redeemed {redeemed} + \
                 expired {expired} + reversed {reversed} + removed {removed}"
            )?;
        }
        for discrepancy in &self.discrepancies {
            writeln!(f, "WRONG {discrepancy}")?;
        }
        if self.discrepancies.is_empty() { writeln!(f, "every balance is proven") } else { Ok(()) }
    }
}

/// Reads and verifies all tables.
///
/// # Errors
/// When the store fails. A contradiction in the data is a discrepancy, not an error.
pub async fn verify(store: &Store) -> Result<Verification, StoreError> {
    let mut report = Verification::default();
    let mut members = Members::read(store, &mut report).await?;
    members.moves.forget_departed(&mut members.known);
    let anew = read_facts(store, &mut members, &mut report).await?;
    report.discrepancies.extend(referrals::referrals(&members.known));
    report.discrepancies.extend(referrals::merges(&members.known));
    for ((program, member), found) in &members.known {
        let without = found.decided.iter().filter(|(fact, _)| !anew.contains(&(program.clone(), fact.clone())));
        report
            .discrepancies
            .extend(without.map(|(fact, _)| format!("{program} {member}: {fact} has an entry but no fact")));
    }
    for (program, ProgramTotals { totals, balance }) in members.programs {
        let of = |bucket| totals.of(bucket, Kind::Redeemable);
        let sums = LedgerSums {
            issued: -of(Bucket::Issued),
            forgiven: -of(Bucket::Forgiven),
            moved: -of(Bucket::Moved),
            balance,
            redeemed: of(Bucket::Redeemed),
            expired: of(Bucket::Expired),
            reversed: of(Bucket::Reversed),
            removed: of(Bucket::Removed),
        };
        if !sums.agrees() || totals.of(Bucket::Moved, Kind::Qualifying) != 0 {
            report.discrepancies.push(format!("{program}: the sums do not agree: {sums:?}"));
        }
        report.programs.insert(program.to_string(), sums);
    }
    Ok(report)
}

/// Matches facts with their decisions. A fact without one is a discrepancy. Returns the facts that were decided anew when a
/// merge was undone: the member who had everything until then has an entry of each too.
async fn read_facts(
    store: &Store,
    members: &mut Members,
    report: &mut Verification,
) -> Result<HashSet<(ProgramId, FactId)>, StoreError> {
    let mut anew = HashSet::new();
    let mut cursor = Some(ScanCursor::default());
    while let Some(from) = cursor {
        let page = store.scan_facts(0, 1, from).await?;
        for image in page.facts {
            let (member, before) = members.moves.owner(&image);
            let owners = with_targets(&members.known, &image.program, member);
            for fact in image.facts() {
                report.facts += 1;
                let decision = (fact.clone(), before);
                let mut decided = 0;
                for owner in &owners {
                    let found = members.known.get_mut(owner);
                    decided += u32::from(found.is_some_and(|member| member.decided.remove(&decision)));
                }
                let is_anew = image.decided_by.is_some();
                if is_anew {
                    anew.insert((image.program.clone(), fact.clone()));
                }
                if decided > 1 && !is_anew {
                    report.discrepancies.push(format!("{fact} was decided twice"));
                }
                if decided == 0 {
                    report.discrepancies.push(format!("{fact} has no decision"));
                }
            }
        }
        cursor = page.next;
    }
    Ok(anew)
}

/// The owner of a fact, and the members that the owner's account became part of: any of them may have decided it.
fn with_targets(members: &HashMap<MemberKey, Member>, program: &ProgramId, owner: &MemberId) -> Vec<MemberKey> {
    let mut owners = vec![(program.clone(), owner.clone())];
    while let Some(target) = owners.last().and_then(|last| members.get(last)?.account.merged_into.clone()) {
        let target = (program.clone(), target);
        if owners.contains(&target) {
            break;
        }
        owners.push(target);
    }
    owners
}
