//! The only ledger write: one transaction with the entry, the account and whatever the decision grants.

mod key;
mod lapse;
mod sold_out;
mod stock;
mod transaction;

pub use key::EntryKey;

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::account::Account;
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{Decision, Seed, Supply};
use tessera_domain::ids::{CouponCode, MemberId, ProgramId, ReceiptId, RewardId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;
use tessera_domain::program::CompiledProgram;

use self::stock::Stocks;
use self::transaction::{Attempt, Plan};
use crate::items::{Reader, name};
use crate::keys::{self, Key};
use crate::{Store, StoreError, hashes, random, retry};

/// How often a decision is made again because stocks or the transaction have no room for what it gives.
const MOST_PLANS: usize = 16;

const COMMIT: &str = "committing a decision";
const LOAD: &str = "reading what a decision must see";

/// What is to be decided, and what the decision must see besides the account.
#[derive(Debug, Clone)]
pub struct Commit<'a> {
    /// The tenant.
    pub program: &'a ProgramId,
    /// Its configuration: where the stocks of rewards are looked up.
    pub config: &'a CompiledProgram,
    /// Whose account it is.
    pub member: &'a MemberId,
    /// The entry's key: there is exactly one entry under it, for ever.
    pub key: &'a EntryKey,
    /// Coupons that the decision must see; empty for none, which costs nothing.
    pub coupons: &'a [CouponCode],
    /// The text of what counts only once for the member: the decision must see whether it counted, and takes its mark
    /// when it counts it. `None` for none, which costs nothing.
    pub mark: Option<&'a str>,
    /// True when the decision must see the profile. With a mark or the profile the account is read in one call with
    /// them.
    pub profile: bool,
    /// A receipt whose entries (its decision and its refunds) the decision must see, with its time; and every coupon of
    /// the member that undoing them may touch. `None` for none, which costs nothing.
    pub history: Option<(Timestamp, &'a ReceiptId)>,
}

impl<'a> Commit<'a> {
    /// A decision that needs to see the account alone.
    pub fn new(program: &'a ProgramId, config: &'a CompiledProgram, member: &'a MemberId, key: &'a EntryKey) -> Self {
        Self { program, config, member, key, coupons: &[], mark: None, profile: false, history: None }
    }
}

/// What a decision is made from, read anew for each attempt.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// The account; a blank visitor's of version 0 when nothing is stored.
    pub account: &'a Account,
    /// Fresh randomness.
    pub seed: Seed,
    /// What the decision may give away.
    pub supply: &'a Supply,
    /// True when what counts only once has counted: there is a mark of the text that was asked for.
    pub marked: bool,
    /// The profile, where it was asked for and there is one.
    pub profile: Option<&'a Profile>,
    /// The coupons that were asked for and exist, whoever's they are; with a history, all of the member's.
    pub coupons: &'a [Coupon],
    /// The entries of the receipt that was asked for, by sequence.
    pub history: &'a [Entry],
}

/// How a commit ended.
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
    /// The store failed; whether it was written is unknown, and committing again tells.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Loads the account, decides, and writes all that follows in one transaction, or nothing. When someone else wrote
    /// the account, a coupon or a code meanwhile, or a stock is used up, all is read and decided anew. One strongly
    /// consistent read and one transaction when nothing interferes.
    ///
    /// # Errors
    /// [`CommitError::Refused`] with the error of `decide`; [`CommitError::Store`] when DynamoDB fails or others keep
    /// being faster.
    pub async fn commit<E, F>(&self, commit: &Commit<'_>, decide: F) -> Result<Committed, CommitError<E>>
    where
        F: Fn(&Seen<'_>) -> Result<Decision, E>,
    {
        let mut stocks = Stocks::default();
        let mut seed = random::seed()?;
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let loaded = self.load_for(commit).await?;
            let (decision, plan) = match self.plan(commit, &loaded, seed, &mut stocks, &decide) {
                Ok(planned) => planned,
                // What a repeated call wants may be impossible just because the first one did it.
                Err(CommitError::Refused(refused)) => {
                    let entry = self.get_entry(commit.program, commit.member, commit.key).await?;
                    return entry.map(|entry| Committed::Already(Box::new(entry))).ok_or(CommitError::Refused(refused));
                }
                Err(failed) => return Err(failed),
            };
            if !self.claim_codes(&plan).await? {
                seed = random::seed()?;
                continue;
            }
            // Claimed codes are used by the next attempt; others are drawn anew, in case one of them was taken.
            if !plan.claims_codes() {
                seed = random::seed()?;
            }
            let last_units = plan.last_units().clone();
            match self.write_plan(commit, plan).await? {
                Attempt::Written => {
                    self.note_last_units(commit.program, commit.config, last_units).await;
                    return Ok(Committed::Now(Box::new(decision)));
                }
                Attempt::Exists(entry) => return Ok(Committed::Already(entry)),
                Attempt::Again => {}
                Attempt::UsedUp(rewards) => {
                    for reward in rewards {
                        let stock = commit.config.reward(&reward).and_then(|reward| reward.stock).unwrap_or_default();
                        let now = decision.entry.decided_at;
                        self.look_at_stock(commit.program, &reward, stock, now, &mut stocks).await?;
                    }
                }
            }
        }
        Err(StoreError::Contended { operation: COMMIT, tries: retry::TRIES }.into())
    }

    /// Decides, and plans the writes. Decides again with a smaller supply while a stock has fewer units, or the
    /// transaction less room, than the decision takes.
    fn plan<E>(
        &self,
        commit: &Commit<'_>,
        loaded: &Loaded,
        seed: Seed,
        stocks: &mut Stocks,
        decide: &impl Fn(&Seen<'_>) -> Result<Decision, E>,
    ) -> Result<(Decision, Plan), CommitError<E>> {
        let stock_of = |reward: &RewardId| commit.config.reward(reward).and_then(|reward| reward.stock);
        for _ in 0..MOST_PLANS {
            let input = Seen {
                account: &loaded.account,
                seed,
                supply: &stocks.supply,
                marked: loaded.marked,
                profile: loaded.profile.as_ref(),
                coupons: &loaded.coupons,
                history: &loaded.history,
            };
            let decision = decide(&input).map_err(CommitError::Refused)?;
            let start = u32::from(seed.0[0]);
            let Some(takes) = stocks.choose_all(&decision.stock, stock_of, start) else { continue };
            let plan = self.writes(commit, loaded, &decision, &takes)?;
            match plan.coupons_too_many() {
                0 => return Ok((decision, plan)),
                excess => {
                    let fewer = decision.deferrable_coupons().checked_sub(excess);
                    let fewer = fewer.ok_or_else(|| StoreError::AccountFull {
                        operation: COMMIT,
                        what: "a transaction without coupons".to_owned(),
                    })?;
                    stocks.supply.coupons = fewer;
                }
            }
        }
        let what = "a decision that ignores its supply".to_owned();
        Err(StoreError::AccountFull { operation: COMMIT, what }.into())
    }

    /// Reads what a decision must see. The account comes first: whatever is read after it and then changes, changes it.
    async fn load_for(&self, commit: &Commit<'_>) -> Result<Loaded, StoreError> {
        let Commit { program, member, .. } = commit;
        let person = self.load_person(commit).await?;
        let mut history = Vec::new();
        let mut stored = self.stored_coupons(program, commit.coupons.iter().map(FoldedCode::from)).await?;
        if let Some((at, receipt)) = commit.history {
            let entries = self.receipt_entries(program, member, at, receipt).await?;
            history.extend(entries.into_iter().map(|stored| stored.entry));
            // Any of them may have been given by a rule that is recounted, or have paid for the receipt.
            stored = self.all_coupons(program, member).await?;
        }
        let mut packed = BTreeMap::new();
        let mut coupons = Vec::new();
        for stored in stored {
            if packed.insert(stored.coupon.code.clone(), stored.packed).is_none() {
                coupons.push(stored.coupon);
            }
        }
        Ok(Loaded { history, coupons, packed, ..person })
    }

    /// Reads the account, and what else of the member's the decision must see, in one call.
    async fn load_person(&self, commit: &Commit<'_>) -> Result<Loaded, StoreError> {
        let Commit { program, member, .. } = commit;
        let mut loaded = Loaded::default();
        if commit.mark.is_none() && !commit.profile {
            loaded.account = self.get_account(program, member).await?.unwrap_or_default();
            return Ok(loaded);
        }
        let profile = commit.profile.then(|| keys::profile(program, member));
        let mark = commit.mark.map(|text| mark_key(program, member, text));
        let wanted: Vec<Key> = [keys::account(program, member)].into_iter().chain(profile).chain(mark).collect();
        for item in self.get_many(LOAD, &self.tables.members, &wanted, true).await? {
            let reader = Reader::new(LOAD, &item);
            match reader.text(name::SK)? {
                keys::ACCOUNT => loaded.account = reader.body()?,
                keys::PROFILE => loaded.profile = Some(reader.body()?),
                _ => loaded.marked = true,
            }
        }
        Ok(loaded)
    }
}

/// Where the mark of a text stands: texts of any length are hashed.
fn mark_key(program: &ProgramId, member: &MemberId, text: &str) -> Key {
    keys::mark(program, member, &hashes::sha256_hex(text.as_bytes()))
}

/// What was read for a decision.
#[derive(Default)]
struct Loaded {
    account: Account,
    profile: Option<Profile>,
    marked: bool,
    history: Vec<Entry>,
    coupons: Vec<Coupon>,
    /// The coupons' bytes, which their change is conditional on.
    packed: BTreeMap<CouponCode, Vec<u8>>,
}
