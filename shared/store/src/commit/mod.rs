//! The only ledger write: one transaction with every party's entry and account, and whatever the decisions grant.

mod budget;
mod foresee;
mod key;
mod lapse;
mod load;
mod low;
mod sold_out;
mod spread;
mod stock;
mod transaction;

pub use key::EntryKey;
pub use load::Snapshot;

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::audit::AuditChange;
use tessera_domain::coupon::{Coupon, PoolId};
use tessera_domain::decide::{BudgetDraws, Decision, Seed, Supply};
use tessera_domain::ids::{CouponCode, MemberId, ProgramId, ReceiptId, RewardId};
use tessera_domain::ledger::Entry;
use tessera_domain::money::Currency;
use tessera_domain::points::Points;
use tessera_domain::program::{CompiledProgram, Provider, Reward};

use self::foresee::Foreseen;
use self::load::LoadedParty;
use self::low::TakenSupplies;
use self::spread::{Spread, given_by};
use self::stock::{Stocks, Take};
use self::transaction::{Attempt, Transaction};
use crate::pools::PoolCodes;
use crate::writes::Write;
use crate::{Audit, Store, StoreError, random, retry};

/// How often a decision is made again because a stock, or the transaction, has less room than it takes.
const MAX_DECISIONS: usize = 16;

const COMMIT: &str = "committing a decision";

/// A decision to commit: under which program, and the parties whose accounts it changes.
///
/// A decision has one party as a rule. What concerns two members has two parties, and is written for both or for neither.
#[derive(Debug, Clone)]
pub struct Commit<'a, const N: usize = 1> {
    /// The tenant.
    pub program: &'a ProgramId,
    /// Its configuration: says which rewards have a stock.
    pub config: &'a CompiledProgram,
    /// The parties.
    pub parties: [Party<'a>; N],
}

impl<'a> Commit<'a> {
    /// A decision that changes one account.
    pub const fn for_one(program: &'a ProgramId, config: &'a CompiledProgram, party: Party<'a>) -> Self {
        Self { program, config, parties: [party] }
    }
}

/// A member whose account a decision changes, and what the decision must know of that member.
#[derive(Debug, Clone)]
pub struct Party<'a> {
    /// The member.
    pub member: &'a MemberId,
    /// The key of the member's entry: at most one entry is ever written under it.
    pub key: &'a EntryKey,
    /// Codes of coupons to load, whoever owns them. None costs no read.
    pub coupons: &'a [CouponCode],
    /// Optional once-only key. The decision learns whether it was used before; using it writes a marker in the same
    /// transaction. `None` costs no read.
    pub mark: Option<&'a str>,
    /// Loads the profile too. The account, the profile and the marker are read in one call.
    pub profile: bool,
    /// A reward that the decision will take a unit or a code of: both are looked up together with the account. Without it, a
    /// decision that takes a code costs one more round trip. `None` costs no read.
    pub takes: Option<Taking<'a>>,
    /// A receipt whose entries and refund entries are loaded, and with them all coupons of the member. `None` costs no read.
    pub history: Option<ReceiptHistory<'a>>,
    /// Which account is loaded.
    pub account: PartyAccount,
    /// Decides on an erased member too; otherwise that is [`StoreError::Erased`].
    pub even_erased: bool,
}

impl<'a> Party<'a> {
    /// A party of whom only the account is loaded.
    pub const fn new(member: &'a MemberId, key: &'a EntryKey) -> Self {
        Self {
            member,
            key,
            coupons: &[],
            mark: None,
            profile: false,
            takes: None,
            history: None,
            account: PartyAccount::Current,
            even_erased: false,
        }
    }
}

/// Which account of a party is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyAccount {
    /// The one that the member is part of now.
    Current,
    /// The member's own, even if it is part of another one now.
    Own,
    /// None: the same transaction creates the member, and the member's place in the lists. For [`Store::commit_new`] alone.
    New,
}

/// What was decided on a receipt and its refunds, for one member.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptHistory<'a> {
    /// When the receipt occurred.
    pub at: Timestamp,
    /// The receipt.
    pub receipt: &'a ReceiptId,
    /// How often it was moved before it came to the member.
    pub moves: u32,
}

/// What a decision is about to take of a reward.
#[derive(Debug, Clone, Copy)]
pub struct Taking<'a> {
    /// The reward.
    pub reward: &'a RewardId,
    /// When the coupon gets its code.
    pub code: TakingCode<'a>,
}

/// When a coupon gets its code.
#[derive(Debug, Clone, Copy)]
pub enum TakingCode<'a> {
    /// Later: it is reserved.
    Later,
    /// Now. The coupon costs this many points; `None` where the reward's own cost applies.
    Now(Option<Points>),
    /// Now, in place of the handle of this reservation.
    For(&'a Coupon),
}

impl Taking<'_> {
    /// The pool that the code is drawn from.
    fn pool(&self, reward: &Reward, currency: Currency) -> Option<PoolId> {
        match self.code {
            TakingCode::Later => None,
            TakingCode::Now(points) => {
                PoolId::of_points(reward, points.unwrap_or_else(|| reward.cost.lowest()), currency)
            }
            TakingCode::For(Coupon { provider: Some(_), reward, discount, .. }) => {
                Some(PoolId::created(reward.clone(), discount))
            }
            TakingCode::For(_) => reward.code.is_drawn().then(|| PoolId::loaded(reward.id.clone())),
        }
    }

    /// Whose codes are in that pool; `None` for codes that were loaded.
    const fn provider(&self, reward: &Reward) -> Option<Provider> {
        match self.code {
            TakingCode::For(coupon) => coupon.provider,
            TakingCode::Later | TakingCode::Now(_) => reward.code.provider(),
        }
    }
}

/// How a commit ended for one party.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// The decision was written now.
    Now(Box<Decision>),
    /// It had been written before, by this caller or another; this is the entry that stands.
    Already(Box<Entry>),
}

impl Committed {
    /// The entry that stands.
    pub fn entry(&self) -> &Entry {
        match self {
            Self::Now(decision) => &decision.entry,
            Self::Already(entry) => entry,
        }
    }
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// The decision was refused, and nothing is written.
    #[error("the decision was refused")]
    Refused(E),
    /// The store failed. Whether the decision was written is unknown; committing again finds out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Loads one party, decides, and writes everything that follows in one transaction, or nothing. When somebody else
    /// changes the account, a coupon, a code or a stock meanwhile, it loads and decides again. Without such interference
    /// this takes one strongly consistent read and one transaction.
    ///
    /// # Errors
    /// [`CommitError::Refused`] with the error of `decide`; [`CommitError::Store`] when DynamoDB fails or the account
    /// stays contended.
    pub async fn commit<E, F>(&self, commit: &Commit<'_>, decide: F) -> Result<Committed, CommitError<E>>
    where
        F: Fn(&Snapshot<'_>) -> Result<Decision, E>,
    {
        let decide = |[party]: &[Snapshot<'_>; 1]| decide(party).map(|decision| [decision]);
        let [committed] = self.commit_all(commit, decide).await?;
        Ok(committed)
    }

    /// As [`Store::commit`], for several parties: `decide` sees all of them and returns a decision for each, in the same
    /// order. The parties must be different members.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_all<const N: usize, E, F>(
        &self,
        commit: &Commit<'_, N>,
        decide: F,
    ) -> Result<[Committed; N], CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; N]) -> Result<[Decision; N], E>,
    {
        self.commit_audited(commit, None, decide).await
    }

    /// As [`Store::commit_all`], for a correction by hand: the transaction records who made it, why, and what it changed.
    /// Without an audit, it is [`Store::commit_all`].
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_audited<const N: usize, E, F>(
        &self,
        commit: &Commit<'_, N>,
        audit: Option<&Audit>,
        decide: F,
    ) -> Result<[Committed; N], CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; N]) -> Result<[Decision; N], E>,
    {
        let further = |seen: &[Snapshot<'_>; N], decisions: &[Decision; N]| {
            let Some(audit) = audit else { return Ok(Vec::new()) };
            let changes = AuditChange::of_decisions(seen.iter().map(|party| party.member).zip(decisions));
            Ok(vec![self.audit_write(commit.program, audit, changes)?])
        };
        // Boxed, so that what waits for a commit stays small, whatever a commit does.
        let committed = Box::pin(self.commit_with(commit, further, decide)).await?;
        committed.ok_or_else(|| StoreError::Contended { operation: COMMIT, tries: 1 }.into())
    }

    /// As [`Store::commit_all`], with further writes in the same transaction, made from what was decided. `None`, and nothing
    /// written, when the condition of one of them does not hold.
    pub(crate) async fn commit_with<const N: usize, E, F>(
        &self,
        commit: &Commit<'_, N>,
        further: impl Fn(&[Snapshot<'_>; N], &[Decision; N]) -> Result<Vec<Write>, StoreError>,
        decide: F,
    ) -> Result<Option<[Committed; N]>, CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; N]) -> Result<[Decision; N], E>,
    {
        let mut stocks = Stocks::default();
        let mut seeds = random_seeds(N)?;
        stocks.supplies.resize_with(N, Supply::default);
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let (loaded, mut foreseen) =
                tokio::try_join!(Box::pin(self.load_parties(commit)), Box::pin(self.foresee(commit, &seeds)))?;
            if loaded.iter().any(|party| party.decided.is_some()) {
                let known = loaded.iter().map(|party| party.decided.clone()).collect();
                let standing = self.standing_entries(commit.program, keys_of(commit, &loaded), known).await?;
                return Ok(standing.map(already));
            }
            if loaded.iter().zip(&commit.parties).any(|(loaded, party)| !party.even_erased && loaded.is_erased()) {
                // What was decided before the erasure stands.
                let standing = self.standing_entries(commit.program, keys_of(commit, &loaded), Vec::new()).await?;
                let erased = || StoreError::Erased { operation: COMMIT }.into();
                return standing.map(already).map(Some).ok_or_else(erased);
            }
            let planned = loop {
                foreseen.supply(&mut stocks.supplies);
                match self.plan(commit, &loaded, &seeds, &mut stocks, &foreseen.codes, &decide) {
                    Ok(Planned::Lacks(codes)) => self.find_lacking(commit, &codes, &seeds, &mut foreseen).await?,
                    Ok(Planned::Ready(decisions, transaction)) => break Ok((decisions, transaction)),
                    Err(refused) => break Err(refused),
                }
            };
            let (decisions, mut transaction) = match planned {
                Ok(planned) => planned,
                // A repeated request may be refused just because its first attempt was committed.
                Err(CommitError::Refused(refused)) => {
                    self.note_empty_pools(commit, &foreseen).await;
                    let keys = keys_of(commit, &loaded);
                    let standing = self.standing_entries(commit.program, keys, Vec::new()).await?;
                    return standing.map(already).map(Some).ok_or(CommitError::Refused(refused));
                }
                Err(failed) => return Err(failed),
            };
            if !self.claim_codes(&transaction).await? {
                seeds = random_seeds(N)?;
                continue;
            }
            // Claimed codes are used by the next attempt; others are drawn anew, in case one of them was taken.
            if !transaction.claims_codes() {
                seeds = random_seeds(N)?;
            }
            let seen = std::array::from_fn(|n| loaded[n].snapshot(seeds[n], &stocks.supplies[n]));
            transaction.add_further(&further(&seen, &decisions)?)?;
            let last_units = transaction.last_units().clone();
            let (stock_takes, places) = transaction.taken();
            let now = decisions.first().map_or(Timestamp::UNIX_EPOCH, |decision| decision.entry.decided_at);
            match self.write_transaction(commit.program, transaction).await? {
                Attempt::Written => {
                    self.note_last_units(commit.program, commit.config, last_units).await;
                    let Foreseen { codes, counters } = &foreseen;
                    let taken =
                        TakenSupplies { takes: &stock_takes, drawn: places, glimpsed: counters, codes, at: now };
                    self.note_low(commit.program, commit.config, &taken).await;
                    self.note_used_up_budgets(commit.program, commit.config, &stocks.budgets, &decisions, now).await;
                    return Ok(Some(decisions.map(|decision| Committed::Now(Box::new(decision)))));
                }
                Attempt::EntryExists(entries) => return Ok(Some(already(entries))),
                Attempt::Outdated => return Ok(None),
                Attempt::Conflict => {}
                Attempt::OverBudget(periods) => {
                    for period in periods {
                        self.refresh_budget(commit.program, commit.config, &period, now, &mut stocks.budgets).await?;
                    }
                }
                Attempt::OutOfStock(rewards) => {
                    for reward in rewards {
                        let stock = commit.config.reward(&reward).and_then(|reward| reward.stock).unwrap_or_default();
                        self.refresh_stock(commit.program, &reward, stock, now, &mut stocks).await?;
                    }
                }
            }
        }
        Err(StoreError::Contended { operation: COMMIT, tries: retry::TRIES }.into())
    }

    /// Decides, and builds the transaction. Decides again with smaller supplies while a stock, or the transaction, has
    /// less room than the decisions take.
    fn plan<const N: usize, E>(
        &self,
        commit: &Commit<'_, N>,
        loaded: &[LoadedParty; N],
        seeds: &[Seed],
        stocks: &mut Stocks,
        codes: &PoolCodes,
        decide: &impl Fn(&[Snapshot<'_>; N]) -> Result<[Decision; N], E>,
    ) -> Result<Planned<N>, CommitError<E>> {
        let stock_of = |reward: &RewardId| commit.config.reward(reward).and_then(|reward| reward.stock);
        for _ in 0..MAX_DECISIONS {
            let snapshots = std::array::from_fn(|n| loaded[n].snapshot(seeds[n], &stocks.supplies[n]));
            let decisions = decide(&snapshots).map_err(CommitError::Refused)?;
            let lacking = lacking_codes(&decisions, codes);
            if !lacking.is_empty() {
                return Ok(Planned::Lacks(lacking));
            }
            let start = foresee::start_of(seeds);
            let wanted: Vec<&[RewardId]> = decisions.iter().map(|decision| &*decision.stock).collect();
            let Some(takes) = stocks.choose_all(&wanted, stock_of, start) else { continue };
            let draws: Vec<&BudgetDraws> = decisions.iter().map(|decision| &decision.budgets).collect();
            let Some(budgets) = stocks.budgets.choose(&draws, commit.config, start, &mut stocks.supplies) else {
                continue;
            };
            let transaction = self.transaction(commit, loaded, &decisions, &takes, codes, &budgets)?;
            let excess = transaction.excess_coupons();
            if excess == 0 {
                return Ok(Planned::Ready(decisions, transaction));
            }
            let deferrable: Vec<usize> = decisions.iter().map(Decision::deferrable_coupons).collect();
            stocks.give_room_back(excess, &deferrable).ok_or_else(|| StoreError::AccountFull {
                operation: COMMIT,
                what: "a transaction without coupons".to_owned(),
            })?;
        }
        let what = "a decision that ignores its supply".to_owned();
        Err(StoreError::AccountFull { operation: COMMIT, what }.into())
    }

    /// The entries that stand under some keys. They were written together, so there are all of them or none.
    ///
    /// `known` holds, by party, those that need no read.
    async fn standing_entries<const N: usize>(
        &self,
        program: &ProgramId,
        keys: Vec<(MemberId, EntryKey)>,
        known: Vec<Option<Entry>>,
    ) -> Result<Option<[Entry; N]>, StoreError> {
        let mut entries = Vec::with_capacity(N);
        for ((member, key), known) in keys.iter().zip(known.into_iter().chain(std::iter::repeat(None))) {
            match known {
                Some(entry) => entries.push(entry),
                None => entries.extend(self.get_entry(program, member, key).await?),
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let incomplete = |_| StoreError::Item { operation: COMMIT, attribute: "the entry of each party" };
        <[Entry; N]>::try_from(entries).map(Some).map_err(incomplete)
    }
}

/// The result of making decisions.
#[allow(clippy::large_enum_variant, reason = "it is unpacked at once")]
enum Planned<const N: usize> {
    /// They can be written.
    Ready([Decision; N], Transaction),
    /// They take this many codes of pools that were not looked up.
    Lacks(BTreeMap<PoolId, usize>),
}

/// The codes that decisions take of pools of which too few were looked up.
fn lacking_codes(decisions: &[Decision], codes: &PoolCodes) -> BTreeMap<PoolId, usize> {
    let mut wanted: BTreeMap<PoolId, usize> = BTreeMap::new();
    for pool in decisions.iter().flat_map(|decision| &decision.drawn) {
        *wanted.entry(pool.clone()).or_default() += 1;
    }
    wanted.retain(|pool, units| !codes.knows(pool, *units));
    wanted
}

/// The place of each party's entry.
fn keys_of<const N: usize>(commit: &Commit<'_, N>, loaded: &[LoadedParty; N]) -> Vec<(MemberId, EntryKey)> {
    let parties = loaded.iter().zip(&commit.parties);
    parties.map(|(loaded, party)| (loaded.member.clone(), party.key.clone())).collect()
}

fn already<const N: usize>(entries: [Entry; N]) -> [Committed; N] {
    entries.map(|entry| Committed::Already(Box::new(entry)))
}

/// Randomness of its own for each party: two parties never draw the same codes.
fn random_seeds(parties: usize) -> Result<Vec<Seed>, StoreError> {
    (0..parties).map(|_| random::seed()).collect()
}
